// Networks and containers as scenarios make them by the dozen: by Docker's API, which under emulation is several
// times faster than its command line. What a user types is in the scenarios that are about that.
import { docker } from './docker.js';

export interface NetworkOptions {
  /** `-o` options. */
  readonly options?: Record<string, string>;
  readonly driver?: string;
  /** Subnets, each with its gateway if it names one: `10.0.0.0/24` or `10.0.0.0/24 10.0.0.1`. */
  readonly subnets?: readonly string[];
  readonly internal?: boolean;
}

export interface ContainerOptions {
  /** Networks in order, each with the addresses that `--ip` and `--ip6` would give, or none. */
  readonly networks: Readonly<Record<string, { readonly ip?: string; readonly ip6?: string }>>;
  readonly command?: readonly string[];
  /** Published ports: `80/tcp` of the container to a port of the host. */
  readonly ports?: Readonly<Record<string, string>>;
  readonly mac?: string;
  readonly restart?: 'always';
}

/** `docker network create`; returns the id. @throws Error with Docker's own message */
export async function createNetwork(name: string, network: NetworkOptions): Promise<string> {
  const { options = {}, driver = 'dwgd', subnets = [], internal = false } = network;
  const config = subnets.map(text => {
    const [Subnet, Gateway] = text.split(' ');
    return Gateway === undefined ? { Subnet } : { Subnet, Gateway };
  });
  const { Id } = await docker.call<{ Id: string }>('POST', '/networks/create', {
    Name: name,
    Driver: driver,
    CheckDuplicate: true,
    Internal: internal,
    EnableIPv6: subnets.some(subnet => subnet.includes(':')),
    Options: options,
    IPAM: { Config: config },
  });
  return Id;
}

/** `docker network rm`. */
export async function removeNetwork(name: string): Promise<void> {
  await docker.call('DELETE', `/networks/${name}`);
}

/** `docker network connect` with the addresses of `--ip` and `--ip6`. */
export async function connect(network: string, container: string, ip?: string, ip6?: string): Promise<void> {
  await docker.call('POST', `/networks/${network}/connect`, {
    Container: container,
    EndpointConfig: { IPAMConfig: { IPv4Address: ip, IPv6Address: ip6 } },
  });
}

/** `docker network disconnect`. */
export async function disconnect(network: string, container: string): Promise<void> {
  await docker.call('POST', `/networks/${network}/disconnect`, { Container: container });
}

/** `docker run -d` of busybox:local that sleeps; returns the id. @throws Error with Docker's own message */
export async function run(name: string, container: ContainerOptions): Promise<string> {
  const { networks, command = ['sleep', '1000'], ports = {}, mac, restart } = container;
  const [[first, address], ...more] = Object.entries(networks) as [
    [string, { ip?: string; ip6?: string }],
    ...[string, { ip?: string; ip6?: string }][],
  ];
  const { Id } = await docker.call<{ Id: string }>('POST', `/containers/create?name=${name}`, {
    Image: 'busybox:local',
    Cmd: command,
    ...(mac !== undefined && { MacAddress: mac }),
    ExposedPorts: Object.fromEntries(Object.keys(ports).map(port => [port, {}])),
    HostConfig: {
      NetworkMode: first,
      PortBindings: Object.fromEntries(
        Object.entries(ports).map(([port, host]) => [port, [{ HostIp: '', HostPort: host }]]),
      ),
      ...(restart && { RestartPolicy: { Name: restart } }),
    },
    NetworkingConfig: {
      EndpointsConfig: {
        [first]: { IPAMConfig: { IPv4Address: address.ip, IPv6Address: address.ip6 } },
      },
    },
  });
  for (const [network, { ip, ip6 }] of more) await connect(network, Id, ip, ip6);
  await docker.call('POST', `/containers/${Id}/start`);
  return Id;
}

/** `docker stop -t 0`: the process is killed, the container stays. */
export async function stop(name: string): Promise<void> {
  await docker.call('POST', `/containers/${name}/stop?t=0`);
}

/** `docker start`. */
export async function start(name: string): Promise<void> {
  await docker.call('POST', `/containers/${name}/start`);
}

/** `docker rm -f`. */
export async function remove(name: string): Promise<void> {
  await docker.call('DELETE', `/containers/${name}?force=1&v=1`);
}

/** The address that Docker gave a container on a network. */
export async function addressOf(name: string, network: string): Promise<string> {
  const view = await docker.get<{
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
  }>(`/containers/${name}/json`);
  return view.NetworkSettings.Networks[network]?.IPAddress ?? '';
}

/** Three pings from a container, without loss. @throws ShellError otherwise */
export async function ping(container: string, address: string): Promise<void> {
  // The first packet may wait for the handshake, and emulation is slow.
  const output = await docker.within(container, `ping -n -c 3 -i 0.3 -W 10 ${address}`);
  if (!output.includes(' 0% packet loss')) throw new Error(output);
}

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
  /** `--ipam-driver` */
  readonly ipam?: 'null';
}

/** What `--ip`, `--ip6` and `--network-alias` would give. */
export interface Place {
  readonly ip?: string;
  readonly ip6?: string;
  readonly aliases?: readonly string[];
  /** `links:` of a Compose file: `container:name`. */
  readonly links?: readonly string[];
}

export interface ContainerOptions {
  /** Networks in order. */
  readonly networks?: Readonly<Record<string, Place>>;
  /** `--network host`, `none` or `container:NAME`, in place of networks. */
  readonly mode?: string;
  /** By default busybox:local. */
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly env?: readonly string[];
  /** `-v` */
  readonly binds?: readonly string[];
  /** Whatever else of Docker's HostConfig. */
  readonly hostConfig?: object;
  /** `--cap-add NET_ADMIN` */
  readonly netAdmin?: boolean;
  /** `--pid host` */
  readonly pid?: 'host';
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  /** Published ports: `80/tcp` of the container to a port of the host. */
  readonly ports?: Readonly<Record<string, string>>;
  readonly mac?: string;
  readonly restart?: 'always';
}

/** `docker network create`; returns the id. @throws Error with Docker's own message */
export async function createNetwork(name: string, network: NetworkOptions): Promise<string> {
  const { options = {}, driver = 'dwgd', subnets = [], internal = false, ipam } = network;
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
    IPAM: ipam === undefined ? { Config: config } : { Driver: ipam },
  });
  return Id;
}

/** `docker network rm`. */
export async function removeNetwork(name: string): Promise<void> {
  await docker.call('DELETE', `/networks/${name}`);
}

/** `docker network connect` with the addresses of `--ip` and `--ip6`, and `--alias`. */
export async function connect(network: string, container: string, place: Place = {}): Promise<void> {
  await docker.call('POST', `/networks/${network}/connect`, {
    Container: container,
    EndpointConfig: endpointConfig(place),
  });
}

function endpointConfig({ ip, ip6, aliases, links }: Place): object {
  return {
    IPAMConfig: { IPv4Address: ip, IPv6Address: ip6 },
    ...(aliases && { Aliases: aliases }),
    ...(links && { Links: links }),
  };
}

/** `docker network disconnect`. */
export async function disconnect(network: string, container: string): Promise<void> {
  await docker.call('POST', `/networks/${network}/disconnect`, { Container: container });
}

/** `docker run -d` of an image that sleeps; returns the id. @throws Error with Docker's own message */
export async function run(name: string, container: ContainerOptions): Promise<string> {
  const id = await create(name, container);
  await docker.call('POST', `/containers/${id}/start`);
  return id;
}

/** `docker create`; returns the id. @throws Error with Docker's own message */
export async function create(name: string, container: ContainerOptions): Promise<string> {
  const { networks = {}, mode, image = 'busybox:local', command = ['sleep', '1000'], ports = {} } = container;
  const { labels, env, binds, hostConfig, netAdmin, pid, sysctls, mac, restart } = container;
  const [first, ...more] = Object.entries(networks);
  const { Id } = await docker.call<{ Id: string }>('POST', `/containers/create?name=${name}`, {
    Image: image,
    Cmd: command,
    Labels: labels,
    Env: env,
    ...(mac !== undefined && { MacAddress: mac }),
    ExposedPorts: Object.fromEntries(Object.keys(ports).map(port => [port, {}])),
    HostConfig: {
      NetworkMode: mode ?? first?.[0],
      PortBindings: Object.fromEntries(
        Object.entries(ports).map(([port, host]) => [port, [{ HostIp: '', HostPort: host }]]),
      ),
      Binds: binds,
      PidMode: pid,
      Sysctls: sysctls,
      ...(netAdmin && { CapAdd: ['NET_ADMIN'] }),
      ...(restart && { RestartPolicy: { Name: restart } }),
      ...hostConfig,
    },
    ...(first && { NetworkingConfig: { EndpointsConfig: { [first[0]]: endpointConfig(first[1]) } } }),
  });
  for (const [network, place] of more) await connect(network, Id, place);
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

// Plays dockerd's side of the driver protocol: the calls in libnetwork's order, and what libnetwork does with the
// link in between. For what dockerd cannot be made to do on demand, and without the seconds that a container takes.
// Links are real, namespaces are real, packets are real; only the caller is ours.
import { randomBytes } from 'node:crypto';
import { socketPath } from './daemon.js';
import { ask } from './docker.js';
import { sh } from './shell.js';

/** An answer of the driver: its status, its error if it has one, and the rest. */
export interface Answer {
  readonly status: number;
  readonly Err?: string;
  readonly [field: string]: unknown;
}

/** One call of the protocol, such as `NetworkDriver.Join`. */
export async function call(method: string, body: unknown = {}): Promise<Answer> {
  const { status, text } = await ask(socketPath, 'POST', `/${method}`, JSON.stringify(body));
  return { status, ...(JSON.parse(text) as object) };
}

/** A call that must succeed. @throws Error with the driver's own sentence */
export async function demand(method: string, body: unknown = {}): Promise<Answer> {
  const answer = await call(method, body);
  if (answer.status !== 200 || answer.Err !== undefined) throw new Error(`${method}: ${answer.Err}`);
  return answer;
}

/** Sixty-four hexadecimal digits, as Docker's ids are. */
export const newId = (): string => randomBytes(32).toString('hex');

export interface Pools {
  /** `10.0.0.0/24` with the gateway `10.0.0.1/24`. */
  readonly ipv4?: readonly [string, string?];
  readonly ipv6?: readonly [string, string?];
}

/** The body of a CreateNetwork. */
export function networkBody(id: string, options: Record<string, string> | undefined, pools: Pools): object {
  const data = (pool: readonly [string, string?] | undefined): object[] =>
    pool ? [{ AddressSpace: 'LocalDefault', Pool: pool[0], ...(pool[1] && { Gateway: pool[1] }) }] : [];
  return {
    NetworkID: id,
    Options: {
      'com.docker.network.enable_ipv6': pools.ipv6 !== undefined,
      ...(options && { 'com.docker.network.generic': options }),
    },
    IPv4Data: data(pools.ipv4),
    IPv6Data: data(pools.ipv6),
  };
}

/** `docker network create`; the id. */
export async function createNetwork(options: Record<string, string>, pools: Pools): Promise<string> {
  const id = newId();
  await demand('NetworkDriver.CreateNetwork', networkBody(id, options, pools));
  return id;
}

interface JoinAnswer {
  readonly InterfaceName: { readonly SrcName: string; readonly DstPrefix: string };
  readonly Gateway?: string;
  readonly GatewayIPv6?: string;
  readonly StaticRoutes?: readonly { readonly Destination: string }[];
}

/** A container without a process: a network namespace, and an endpoint in it. */
export class Container {
  readonly endpointId = newId();
  readonly #netns: string;

  constructor(
    readonly networkId: string,
    readonly addresses: { readonly ip?: string; readonly ip6?: string },
  ) {
    this.#netns = `c-${this.endpointId.slice(0, 8)}`;
  }

  get sandboxKey(): string {
    return `/run/netns/${this.#netns}`;
  }

  get ids(): { NetworkID: string; EndpointID: string } {
    return { NetworkID: this.networkId, EndpointID: this.endpointId };
  }

  /** CreateEndpoint. */
  create(options: object = {}): Promise<Answer> {
    const { ip, ip6 } = this.addresses;
    const Interface = { ...(ip && { Address: ip }), ...(ip6 && { AddressIPv6: ip6 }) };
    return call('NetworkDriver.CreateEndpoint', { ...this.ids, Interface, Options: options });
  }

  /** Join, without what libnetwork does next. */
  join(): Promise<Answer> {
    return call('NetworkDriver.Join', { ...this.ids, SandboxKey: this.sandboxKey, Options: {} });
  }

  /** `docker start`: endpoint, Join, and the link moved, named, addressed, up and routed. @throws Error */
  async start(): Promise<void> {
    const { ip, ip6 } = this.addresses;
    const created = await this.create();
    if (created.Err) throw new Error(created.Err);
    const answer = await this.join();
    if (answer.Err) throw new Error(answer.Err);
    const { InterfaceName, Gateway, GatewayIPv6, StaticRoutes } = answer as unknown as JoinAnswer;
    const name = `${InterfaceName.DstPrefix}0`;
    await sh(`
      ip netns add ${this.#netns}
      ip link set ${InterfaceName.SrcName} netns ${this.#netns}
      ip -n ${this.#netns} -batch - <<'END'
link set lo up
link set ${InterfaceName.SrcName} name ${name}
${ip ? `addr add ${ip} dev ${name}` : ''}
${ip6 ? `addr add ${ip6} dev ${name} nodad` : ''}
link set ${name} up
${(StaticRoutes ?? []).map(({ Destination }) => `route add ${Destination} dev ${name}`).join('\n')}
${Gateway ? `route add default via ${Gateway}` : ''}
${GatewayIPv6 ? `route add default via ${GatewayIPv6}` : ''}
END`);
  }

  /** `docker stop`: Leave, the link back where it came from, DeleteEndpoint, the namespace gone. */
  async stop(): Promise<void> {
    await demand('NetworkDriver.Leave', this.ids);
    await this.returnLink();
    await demand('NetworkDriver.DeleteEndpoint', this.ids);
    await this.vanish();
  }

  /** What libnetwork does between Leave and DeleteEndpoint. */
  async returnLink(): Promise<void> {
    const source = `wg-${this.endpointId.slice(0, 12)}`;
    await sh(`
      for name in $(ip netns exec ${this.#netns} wg show interfaces); do
        ip -n ${this.#netns} link set $name down
        ip -n ${this.#netns} link set $name name ${source}
        ip -n ${this.#netns} link set ${source} netns 1
      done`);
  }

  /** The namespace goes, and the link in it with it. */
  async vanish(): Promise<void> {
    await sh(`ip netns del ${this.#netns}`);
  }

  /** Runs a bash line in the container's network namespace. */
  exec(command: string): Promise<string> {
    return sh(`ip netns exec ${this.#netns} bash -c '${command.replaceAll("'", "'\\''")}'`);
  }

  /** Pings without loss. @throws ShellError otherwise */
  async ping(address: string): Promise<void> {
    const output = await this.exec(`ping -n -c 2 -i 0.3 -W 10 ${address}`);
    if (!output.includes(' 0% packet loss')) throw new Error(output);
  }
}

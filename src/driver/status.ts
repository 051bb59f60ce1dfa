// The driver's half of what the daemon tells of itself: networks, endpoints, their peers. Not here: how it is asked for
// (control/), exit networks (exit-status.ts), reading the kernel (tunnel/tunnel-readings.ts), names (lifecycle/docker-names.ts).

import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf, UserError } from '../base/errors.js';
import { groupBy } from '../base/group-by.js';
import { formatPrefix } from '../base/ip.js';
import { nearest } from '../base/suggest.js';
import { excerpt } from '../base/text.js';
import type { ComparedPart, FarPeers, HalfHealth, NetworkStatus } from '../control/answers.js';
import type { CallCounts } from '../control/call-counts.js';
import type { Sample } from '../control/exposition.js';
import type { DriverHalf } from '../control/halves.js';
import { endpointStatus, type NamedEndpoint, peerSamples } from './endpoint-status.js';
import { comparedExit, exitSamples, exitStatus, type KnownExit, lostParts } from './exit-status.js';
import { farPeersOf, noFarPeers } from './far-peers.js';
import type { DockerNames, Names } from './lifecycle/docker-names.js';
import type { ExitRouters } from './lifecycle/exit-routers.js';
import type { AssignedPortReading } from './natpmp/assigned-ports.js';
import { formatHostPort } from './spec/host-port.js';
import type { Endpoint, ExitNetwork, Network } from './spec/model.js';
import { shortId } from './spec/protocol.js';
import type { Store } from './store/store.js';
import { compareTunnel } from './tunnel/compare-tunnel.js';
import { readPresharedKey } from './tunnel/secrets.js';
import type { TunnelReading, TunnelReadings } from './tunnel/tunnel-readings.js';

interface StatusParts {
  readonly store: Store;
  readonly readings: Pick<TunnelReadings, 'all'>;
  readonly routers: Pick<ExitRouters, 'reading'>;
  readonly names: Pick<DockerNames, 'find'>;
  readonly calls: CallCounts;
  /** What is wrong with the ports of an endpoint on an exit network. */
  readonly portProblem: (endpoint: Endpoint) => string | undefined;
  /** The port that the provider of an exit network assigns; undefined where none is asked for. */
  readonly assigned: (network: ExitNetwork) => AssignedPortReading | undefined;
  /** The endpoint that gets it. */
  readonly taker: (networkId: string) => string | undefined;
  /** Whether Docker's calls are answered. */
  readonly isListening: () => boolean;
}

/** All that is known of an endpoint. */
interface KnownEndpoint extends NamedEndpoint {
  readonly network: Network;
  readonly reading?: TunnelReading | undefined;
}

/** The shortest beginning of an id that is taken for one. */
const MIN_ID = 4;

export class DriverStatus implements DriverHalf {
  readonly #parts: StatusParts;
  #failing: { readonly reason: string; readonly since: Date } | undefined;

  constructor(parts: StatusParts) {
    this.#parts = parts;
  }

  health(): HalfHealth {
    const reason = this.#whyFailing();
    if (reason === undefined) this.#failing = undefined;
    else if (this.#failing?.reason !== reason) this.#failing = { reason, since: new Date() };
    if (!this.#failing) return { state: 'working' };
    return { state: 'failing', reason: this.#failing.reason, since: this.#failing.since.toISOString() };
  }

  #whyFailing(): string | undefined {
    if (!this.#parts.isListening()) return "Docker's calls are not answered";
    try {
      this.#parts.store.owners();
      return undefined;
    } catch (err) {
      return `the database cannot be read: ${messageOf(err)}`;
    }
  }

  async networks(): Promise<readonly NetworkStatus[]> {
    const { names, facts, exits } = await this.#read();
    const byNetwork = groupBy(facts, ({ network }) => network.id);
    const tunnels = this.#parts.store
      .networks()
      .map(network => networkStatus(network, names, byNetwork.get(network.id) ?? []));
    return [...tunnels, ...exits.map(exitStatus)];
  }

  async inspect(name: string): ReturnType<DriverHalf['inspect']> {
    const { names, facts, exits } = await this.#read();
    const compare = (one: KnownExit): ComparedPart[] => [comparedExit(one, Date.now()), ...lostParts(one)];
    const own = facts.filter(({ container }) => isNamed(name, container));
    const ways = exits.filter(({ endpoints }) => endpoints.some(one => isNamed(name, one.container)));
    const all = [...own, ...ways.flatMap(({ endpoints }) => endpoints)];
    const first = all.find(({ container }) => isNamed(name, container))?.container;
    if (first) {
      const ofIt = ways.map(way => ({
        ...way,
        endpoints: way.endpoints.filter(one => isNamed(name, one.container)),
      }));
      const parts = await Promise.all(own.map(one => comparedPart(one, names)));
      return { kind: 'container', ...first, parts: [...parts, ...ofIt.flatMap(compare)] };
    }
    const network = this.#find(name, names);
    if (!network) return undefined;
    const inside = facts.filter(one => one.network.id === network.id);
    const parts = await Promise.all(inside.map(one => comparedPart(one, names)));
    const tunnels = exits.filter(one => one.network.id === network.id).flatMap(compare);
    return { kind: 'network', ...network, parts: [...parts, ...tunnels] };
  }

  async farPeers(name: string, range: string | undefined): Promise<FarPeers> {
    const { store } = this.#parts;
    const names = await this.#names();
    const found = this.#find(name, names);
    if (!found) {
      const near = nearest(name, [...names.networks.values()]);
      const hint = near === undefined ? 'dwgd status lists them' : `did you mean ${excerpt(near)}?`;
      throw new UserError(`there is no network ${excerpt(name)} of this driver: ${hint}`, { code: 'ENOENT' });
    }
    const network = store.network(found.id);
    if (!network) throw noFarPeers(found.name);
    const containerOf = (id: string): string | undefined =>
      network.owner === 0 ? names.containers.get(id)?.name : undefined;
    const endpoints = store.networkEndpoints(found.id);
    const peers = await farPeersOf(network, found.name, { endpoints, range, containerOf });
    return { ...found, hasPresharedKey: network.presharedKey !== undefined, peers };
  }

  async metrics(): Promise<readonly Sample[]> {
    const { names, facts, exits } = await this.#read();
    const all: readonly NamedEndpoint[] = [...facts, ...exits.flatMap(({ endpoints }) => endpoints)];
    const states = groupBy(all, ({ endpoint }) => endpoint.state);
    return [
      ...facts.flatMap(one => samplesOf(one, names)),
      ...exits.flatMap(exitSamples),
      { name: 'dwgd_networks', value: this.#parts.store.networks().length + exits.length },
      ...[...states].map(
        ([state, { length }]): Sample => ({ name: 'dwgd_endpoints', labels: [state], value: length }),
      ),
      ...this.#parts.calls.samples(),
    ];
  }

  /** A network of any kind, by its name, its id or the beginning of it. */
  #find(name: string, { networks }: Names): Pick<FarPeers, 'id' | 'name'> | undefined {
    const { store } = this.#parts;
    const all = [...store.networks(), ...store.exits()].map(({ id, owner }) => ({
      id,
      name: (owner === 0 ? networks.get(id) : undefined) ?? id,
    }));
    return all.find(network => isNamed(name, network));
  }

  /** Of root's networks, and the containers that are on them. */
  #names(): Promise<Names> {
    const { store, names } = this.#parts;
    const ofRoot = [...store.networks(), ...store.exits()]
      .filter(({ owner }) => owner === 0)
      .map(({ id }) => id);
    const own = new Set(ofRoot);
    const joined = store
      .endpoints('all')
      .filter(({ networkId, state }) => state === 'joined' && own.has(networkId));
    return names.find(
      ofRoot,
      joined.map(({ id }) => id),
    );
  }

  /** Every endpoint of a network that can be read, with all that is known of it, and exit networks with theirs. */
  async #read(): Promise<{
    readonly names: Names;
    readonly facts: readonly KnownEndpoint[];
    readonly exits: readonly KnownExit[];
  }> {
    const { store, readings } = this.#parts;
    const byId = new Map(store.networks().map(network => [network.id, network]));
    const [clients, exits] = [groupBy(store.endpoints('all'), ({ networkId }) => networkId), store.exits()];
    const [read, found] = await Promise.all([readings.all(), this.#names()]);
    const named = (id: string, owner: number): NamedEndpoint[] =>
      (clients.get(id) ?? []).map(endpoint => ({
        endpoint,
        container: owner === 0 ? found.containers.get(endpoint.id) : undefined,
      }));
    const facts = [...byId.values()].flatMap(network =>
      named(network.id, network.owner).map(
        (one): KnownEndpoint => ({
          ...one,
          network,
          reading: read.get(one.endpoint.id),
        }),
      ),
    );
    const known: KnownExit[] = [];
    for (const network of exits) {
      const name = found.networks.get(network.id);
      const endpoints = named(network.id, network.owner).map(one => ({
        ...one,
        problem: this.#parts.portProblem(one.endpoint),
      }));
      const { assigned, taker, routers } = this.#parts;
      const port = { assigned: assigned(network), taker: taker(network.id) };
      known.push({ network, name, endpoints, reading: routers.reading(network), ...port });
      await nextTurn();
    }
    return { names: found, facts, exits: known };
  }
}

/** Whether a name is a thing's own, its id, or the beginning of that. */
function isNamed(name: string, known: { readonly id: string; readonly name: string } | undefined): boolean {
  return (
    known !== undefined &&
    (known.name === name || known.id === name || (name.length >= MIN_ID && known.id.startsWith(name)))
  );
}

function networkStatus(network: Network, names: Names, facts: readonly KnownEndpoint[]): NetworkStatus {
  const { id, owner, mode, ipv4, ipv6 } = network;
  const name = owner === 0 ? names.networks.get(id) : undefined;
  return {
    id,
    ...(name !== undefined && { name }),
    owner,
    mode: mode.kind,
    via: mode.kind === 'ifname' ? mode.ifname : `${mode.publicKey}`,
    ...(mode.endpoint && { endpoint: formatHostPort(mode.endpoint) }),
    subnets: [ipv4, ipv6].flatMap(pool => (pool ? formatPrefix(pool.subnet) : [])),
    endpoints: facts.map(one => endpointStatus(one, one.reading)),
  };
}

function nameOfNetwork({ id, owner }: Network, names: Names): string {
  return (owner === 0 ? names.networks.get(id) : undefined) ?? shortId(id);
}

async function comparedPart(facts: KnownEndpoint, names: Names): Promise<ComparedPart> {
  const { network, endpoint, container, reading = {} } = facts;
  const whose = container?.name ?? `endpoint ${shortId(endpoint.id)}`;
  const title = `tunnel of ${whose} on ${nameOfNetwork(network, names)}`;
  if (endpoint.state !== 'joined')
    return { title, problem: `the endpoint is ${endpoint.state}: it has no tunnel now`, comparisons: [] };
  const { problem, ifname, peer } = reading;
  try {
    const presharedKey = await readPresharedKey(network);
    const comparisons = compareTunnel({ network, endpoint, ifname, peer, presharedKey, now: Date.now() });
    return { title, ...(problem !== undefined && { problem }), comparisons };
  } catch (err) {
    return { title, problem: messageOf(err), comparisons: [] };
  }
}

function samplesOf({ network, endpoint, container, reading = {} }: KnownEndpoint, names: Names): Sample[] {
  const { ifname, peer } = reading;
  if (endpoint.state !== 'joined' || ifname === undefined || !peer) return [];
  const whose = container?.name ?? shortId(endpoint.id);
  return peerSamples([nameOfNetwork(network, names), whose, ifname], peer);
}

// The driver's half of what the daemon tells of itself: networks, endpoints, their peers. Not here: how it is asked for
// (control/), reading the kernel (tunnel/tunnel-readings.ts), names (lifecycle/docker-names.ts).

import { messageOf } from '../base/errors.js';
import { formatPrefix } from '../base/ip.js';
import type {
  ComparedPart,
  EndpointStatus,
  HalfHealth,
  NetworkStatus,
  PeerStatus,
} from '../control/answers.js';
import type { CallCounts } from '../control/call-counts.js';
import type { Sample } from '../control/exposition.js';
import type { DriverHalf } from '../control/halves.js';
import { formatSocketAddress } from '../netlink/wireguard/device.js';
import type { DockerNames, Names } from './lifecycle/docker-names.js';
import { formatHostPort } from './spec/host-port.js';
import type { Endpoint, Network } from './spec/model.js';
import { shortId } from './spec/protocol.js';
import type { Store } from './store/store.js';
import { addressesOf, compareTunnel } from './tunnel/compare-tunnel.js';
import { readPresharedKey } from './tunnel/secrets.js';
import type { TunnelReading, TunnelReadings } from './tunnel/tunnel-readings.js';

interface StatusParts {
  readonly store: Store;
  readonly readings: Pick<TunnelReadings, 'all'>;
  readonly names: Pick<DockerNames, 'find'>;
  readonly calls: CallCounts;
  /** Whether Docker's calls are answered. */
  readonly isListening: () => boolean;
}

/** All that is known of an endpoint. */
interface KnownEndpoint {
  readonly network: Network;
  readonly endpoint: Endpoint;
  readonly container?: { readonly id: string; readonly name: string } | undefined;
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
    const { names, facts } = await this.#read();
    const byNetwork = new Map<string, KnownEndpoint[]>();
    for (const one of facts) {
      const known = byNetwork.get(one.network.id);
      if (known) known.push(one);
      else byNetwork.set(one.network.id, [one]);
    }
    return this.#parts.store
      .networks()
      .map(network => networkStatus(network, names, byNetwork.get(network.id) ?? []));
  }

  async inspect(name: string): ReturnType<DriverHalf['inspect']> {
    const { names, facts } = await this.#read();
    const isNamed = (
      known: { readonly id: string; readonly name?: string | undefined } | undefined,
    ): boolean =>
      known !== undefined &&
      (known.name === name || known.id === name || (name.length >= MIN_ID && known.id.startsWith(name)));
    const own = facts.filter(({ container }) => isNamed(container));
    const [first] = own;
    if (first?.container) {
      const parts = await Promise.all(own.map(one => comparedPart(one, names)));
      return { kind: 'container', ...first.container, parts };
    }
    const network = this.#parts.store
      .networks()
      .find(({ id }) => isNamed({ id, name: names.networks.get(id) }));
    if (!network) return undefined;
    const inside = facts.filter(one => one.network.id === network.id);
    const parts = await Promise.all(inside.map(one => comparedPart(one, names)));
    return { kind: 'network', id: network.id, name: names.networks.get(network.id) ?? network.id, parts };
  }

  async metrics(): Promise<readonly Sample[]> {
    const { names, facts } = await this.#read();
    const states = new Map<string, number>();
    for (const { endpoint } of facts) states.set(endpoint.state, (states.get(endpoint.state) ?? 0) + 1);
    return [
      ...facts.flatMap(one => peerSamples(one, names)),
      { name: 'dwgd_networks', value: this.#parts.store.networks().length },
      ...[...states].map(([state, value]): Sample => ({ name: 'dwgd_endpoints', labels: [state], value })),
      ...this.#parts.calls.samples(),
    ];
  }

  /** Every endpoint of a network that can be read, with all that is known of it. */
  async #read(): Promise<{ readonly names: Names; readonly facts: readonly KnownEndpoint[] }> {
    const { store, readings, names } = this.#parts;
    const [networks, endpoints] = [store.networks(), store.endpoints()];
    const byId = new Map(networks.map(network => [network.id, network]));
    const ofRoot = networks.filter(({ owner }) => owner === 0).map(({ id }) => id);
    const asked = endpoints
      .filter(({ networkId, state }) => state === 'joined' && byId.get(networkId)?.owner === 0)
      .map(({ id }) => id);
    const [read, found] = await Promise.all([readings.all(), names.find(ofRoot, asked)]);
    const facts = endpoints.flatMap((endpoint): KnownEndpoint[] => {
      const network = byId.get(endpoint.networkId);
      if (!network) return [];
      const container = network.owner === 0 ? found.containers.get(endpoint.id) : undefined;
      return [{ network, endpoint, container, reading: read.get(endpoint.id) }];
    });
    return { names: found, facts };
  }
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
    endpoints: facts.map(endpointStatus),
  };
}

function endpointStatus({ endpoint, container, reading }: KnownEndpoint): EndpointStatus {
  const { id, state, publicKey } = endpoint;
  const { problem } = reading ?? {};
  const peer = peerStatus(reading);
  return {
    id,
    ...(container && { container: container.name }),
    addresses: addressesOf(endpoint),
    state,
    ...(publicKey && { publicKey: `${publicKey}` }),
    ...(state === 'joined' && peer && { peer }),
    ...(state === 'joined' && problem !== undefined && { problem }),
  };
}

function peerStatus({ ifname, peer }: TunnelReading = {}): PeerStatus | undefined {
  if (ifname === undefined || !peer) return undefined;
  return {
    interface: ifname,
    publicKey: `${peer.publicKey}`,
    ...(peer.endpoint && { endpoint: formatSocketAddress(peer.endpoint) }),
    ...(peer.lastHandshake > 0 && { lastHandshake: new Date(peer.lastHandshake).toISOString() }),
    receivedBytes: Number(peer.rxBytes),
    sentBytes: Number(peer.txBytes),
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

function peerSamples({ network, endpoint, container, reading }: KnownEndpoint, names: Names): Sample[] {
  const { ifname, peer } = reading ?? {};
  if (endpoint.state !== 'joined' || ifname === undefined || !peer) return [];
  const whose = container?.name ?? shortId(endpoint.id);
  const labels = [nameOfNetwork(network, names), whose, ifname, `${peer.publicKey}`];
  return [
    { name: 'wireguard_peer_receive_bytes_total', labels, value: Number(peer.rxBytes) },
    { name: 'wireguard_peer_transmit_bytes_total', labels, value: Number(peer.txBytes) },
    { name: 'wireguard_peer_last_handshake_seconds', labels, value: peer.lastHandshake / 1000 },
  ];
}

// Of the daemon's status, a cell for each container, network, gateway elsewhere, and the links between them. Pure. Not here:
// which cells are drawn as one (graph.ts), what is told of one beside the picture (details.ts).

import type {
  EndpointStatus,
  LabelledStatus,
  LabelProblem,
  NetworkStatus,
  PeerStatus,
} from '../../control/answers.js';
import { count, formatAge, shortBytes } from './words.js';

type CellKind = 'container' | 'network' | 'address' | 'exit' | 'host' | 'nowhere';
/** `broken`: something of it is not in force. */
type CellState = 'well' | 'broken' | 'warned' | 'waiting' | 'stopped';

/** A container's place on a network of the driver. */
export interface Tunnel {
  readonly network: string;
  readonly endpoint: EndpointStatus;
  /** Whether the tunnel is the network's, and no peer the container's own. */
  readonly isShared?: true;
}

/** What can be looked at. */
export interface GraphCell {
  readonly id: string;
  readonly kind: CellKind;
  readonly name: string;
  readonly state: CellState;
  /** One line: the reason where it is broken. */
  readonly detail: string;
  readonly problems: readonly LabelProblem[];
  readonly tunnels: readonly Tunnel[];
  readonly labelled?: LabelledStatus;
  readonly network?: NetworkStatus;
}

export type LinkKind = 'route' | 'forward' | 'tunnel' | 'exit' | 'host-route';

/** What leads from one cell to another. */
export interface GraphLink {
  readonly kind: LinkKind;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly isBroken?: true;
}

const NOWHERE = 'nowhere';
const HOST = 'host';
/** What a problem of an exit network is about. */
const OF_EXIT = { label: 'tunnel', since: '' };
/** What is known of a container before it is a cell. */
interface Known {
  readonly tunnels: Tunnel[];
  readonly name: string;
  labelled?: LabelledStatus;
}

export class Cells {
  readonly #now: number;
  readonly #containers = new Map<string, Known>();
  readonly #others = new Map<string, GraphCell>();
  readonly links: GraphLink[] = [];

  constructor(now: number) {
    this.#now = now;
  }

  get all(): readonly GraphCell[] {
    const containers = [...this.#containers].map(([id, known]) => containerCell(id, known, this.#now));
    return [...containers, ...this.#others.values()];
  }

  addNetwork(network: NetworkStatus): void {
    const id = `network ${network.id}`;
    const name = network.name ?? network.id.slice(0, 12);
    const { exit, endpoint } = network;
    const peers = exit?.peers ?? network.endpoints.flatMap(({ peer }) => peer ?? []);
    const by = exit
      ? `out to ${endpoint ?? network.via}`
      : network.mode === 'ifname'
        ? `by ${network.via}`
        : 'to a peer elsewhere';
    const detail = exit?.problem ?? [by, ...(peers.length > 0 ? [trafficOf(peers)] : [])].join(' · ');
    const reasons = [exit?.problem, exit?.assigned?.problem].filter(reason => reason !== undefined);
    const problems = reasons.map(reason => ({ ...OF_EXIT, reason }));
    const state = problems.length > 0 ? 'broken' : 'well';
    this.#other(id, exit ? 'exit' : 'network', name, detail, { network, problems, state });
    for (const endpoint of network.endpoints) {
      const { container, id: own } = endpoint;
      const from = this.#container(
        container ?? `endpoint ${own}`,
        container ?? `endpoint ${own.slice(0, 12)}`,
      );
      this.#containers.get(from)!.tunnels.push({
        network: name,
        endpoint,
        ...(exit && network.subnets.length > 0 && { isShared: true }),
      });
      const { problem, state } = endpoint;
      this.links.push({
        kind: 'tunnel',
        from,
        to: id,
        text: state === 'joined' ? 'tunnel' : state,
        ...(problem !== undefined && { isBroken: true }),
      });
    }
  }

  addLabels(labelled: LabelledStatus): void {
    const from = this.#container(labelled.name);
    this.#containers.get(from)!.labelled = labelled;
    for (const { network, gateway, container } of labelled.routes ?? []) {
      const to = gateway === undefined ? this.#nowhere() : this.#end(container, gateway);
      const isBroken = isBrokenRoute(labelled, network);
      this.links.push({ kind: 'route', from, to, text: network, ...(isBroken && { isBroken }) });
    }
    for (const { protocol, ports, to, container } of labelled.forwards ?? []) {
      const end = this.#end(container, to[0] ?? '');
      if (end !== from) this.links.push({ kind: 'forward', from, to: end, text: `${ports}/${protocol}` });
    }
    const hasTunnel = this.#containers.get(from)!.tunnels.length > 0;
    for (const name of hasTunnel ? [] : (labelled.natInterfaces ?? [])) {
      const to = `exit ${name} of ${labelled.name}`;
      this.#other(to, 'exit', name, `way out of ${labelled.name}`);
      this.links.push({ kind: 'exit', from, to, text: 'NAT' });
    }
    for (const network of labelled.hostRoutes ?? []) {
      this.#other(HOST, 'host', 'the host', 'routes of the host');
      this.links.push({ kind: 'host-route', from: HOST, to: from, text: network });
    }
  }

  #end(container: string | undefined, address: string): string {
    if (container !== undefined) return this.#container(container);
    return this.#other(`address ${address}`, 'address', address, 'no container of this Docker');
  }

  /** @param shown where it has no name but its id */
  #container(name: string, shown = name): string {
    const id = `container ${name}`;
    if (!this.#containers.has(id)) this.#containers.set(id, { name: shown, tunnels: [] });
    return id;
  }

  #nowhere(): string {
    return this.#other(NOWHERE, 'nowhere', 'unreachable', 'closed: nothing is sent there');
  }

  #other(id: string, kind: CellKind, name: string, detail: string, rest: Partial<GraphCell> = {}): string {
    if (!this.#others.has(id))
      this.#others.set(id, { id, kind, name, detail, state: 'well', problems: [], tunnels: [], ...rest });
    return id;
  }
}

/** Whether a route is closed since its label is not in force. */
function isBrokenRoute({ notInForce, state }: LabelledStatus, network: string): boolean {
  if (state === 'failing') return true;
  return notInForce.some(({ label }) => label === `twine.route.${network}` || label.endsWith(`.${network}`));
}

function containerCell(id: string, { name, tunnels, labelled }: Known, now: number): GraphCell {
  const problems = [...(labelled?.notInForce ?? []), ...tunnels.flatMap(tunnelProblem)];
  const state = stateOf(labelled, problems);
  return {
    id,
    kind: 'container',
    name,
    state,
    detail: detailOf(state, { problems, tunnels, labelled }, now),
    problems,
    tunnels,
    ...(labelled && { labelled }),
  };
}

function tunnelProblem({ network, endpoint: { problem } }: Tunnel): LabelProblem[] {
  return problem === undefined ? [] : [{ label: `tunnel on ${network}`, reason: problem, since: '' }];
}

function stateOf(labelled: LabelledStatus | undefined, problems: readonly LabelProblem[]): CellState {
  if (labelled?.state === 'pending') return 'waiting';
  if (problems.length > 0 || labelled?.isClosed || labelled?.state === 'failing') return 'broken';
  if (labelled?.state === 'stopped') return 'stopped';
  return labelled && labelled.warnings.length > 0 ? 'warned' : 'well';
}

interface Described {
  readonly problems: readonly LabelProblem[];
  readonly tunnels: readonly Tunnel[];
  readonly labelled?: LabelledStatus | undefined;
}

function detailOf(state: CellState, { problems, tunnels, labelled }: Described, now: number): string {
  const [problem] = problems;
  if (state === 'broken') return problem ? problem.reason : 'closed';
  if (state === 'waiting') return 'is being applied';
  if (state === 'stopped') return 'not running';
  const [tunnel] = tunnels;
  const parts = [
    ...(tunnel
      ? [tunnel.isShared ? `out by ${tunnel.network}` : handshakeOf(tunnel.endpoint.peer, now)]
      : []),
    ...(tunnel?.endpoint.peer ? [trafficOf([tunnel.endpoint.peer])] : []),
    ...(labelled && !tunnel ? [count(labelled.inForce, 'label')] : []),
  ];
  return parts.join(' · ') || 'no labels';
}

/** Received and sent, of all peers together. */
function trafficOf(peers: readonly PeerStatus[]): string {
  const sum = (of: (peer: PeerStatus) => number): string =>
    shortBytes(peers.reduce((all, peer) => all + of(peer), 0));
  return `↓${sum(({ receivedBytes }) => receivedBytes)} ↑${sum(({ sentBytes }) => sentBytes)}`;
}

function handshakeOf(peer: PeerStatus | undefined, now: number): string {
  if (!peer) return 'no peer';
  if (peer.lastHandshake === undefined) return 'no handshake yet';
  return `${formatAge(now - Date.parse(peer.lastHandshake))} ago`;
}

// The daemon's status as a graph: a cell for each container, network, gateway elsewhere; links between them; and blocks of
// cells that are linked alike, so that hundreds of clients of one gateway are drawn as one. Pure. Not here: where things
// are drawn (layout.ts), how (picture.ts).

import type {
  EndpointStatus,
  LabelledStatus,
  LabelProblem,
  NetworkStatus,
  PeerStatus,
  Status,
} from '../../control/answers.js';
import { count, formatAge, shortBytes } from './words.js';

type CellKind = 'container' | 'network' | 'address' | 'exit' | 'host' | 'nowhere';
/** `broken`: something of it is not in force. */
type CellState = 'well' | 'broken' | 'warned' | 'waiting' | 'stopped';

/** A container's place on a network of the driver. */
export interface Tunnel {
  readonly network: string;
  readonly endpoint: EndpointStatus;
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

type LinkKind = 'route' | 'forward' | 'tunnel' | 'exit' | 'host-route';

/** What leads from one cell to another. */
interface Link {
  readonly kind: LinkKind;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly isBroken?: true;
}

/** Cells with links of the same kinds to the same others, by their names. */
export interface Block {
  readonly id: string;
  readonly cells: readonly GraphCell[];
}

/** All links between two blocks. */
export interface Edge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly links: readonly Link[];
}

export interface Graph {
  readonly blocks: readonly Block[];
  readonly edges: readonly Edge[];
  readonly links: readonly Link[];
}

const NOWHERE = 'nowhere';
const HOST = 'host';
/** Which way a pair of blocks is laid out, by what is between them: the first that there is. */
const DIRECTIONS: readonly LinkKind[] = ['route', 'tunnel', 'exit', 'host-route', 'forward'];

/** @param now milliseconds since 1970 */
export function graphOf(status: Pick<Status, 'networks' | 'containers'>, now: number): Graph {
  const building = new Building(now);
  for (const network of status.networks) building.addNetwork(network);
  for (const container of status.containers) building.addLabels(container);
  const { cells, links } = building;
  const blocks = blocksOf(cells, links);
  return { blocks, edges: edgesOf(blocks, links), links };
}

/** All problems with their cells, the newest first. */
export function problemsOf({
  blocks,
}: Graph): { readonly cell: GraphCell; readonly problem: LabelProblem }[] {
  return blocks
    .flatMap(({ cells }) => cells.flatMap(cell => cell.problems.map(problem => ({ cell, problem }))))
    .sort((a, b) => (a.problem.since < b.problem.since ? 1 : -1));
}

/** What is known of a container before it is a cell. */
interface Known {
  readonly tunnels: Tunnel[];
  readonly name: string;
  labelled?: LabelledStatus;
}

class Building {
  readonly #now: number;
  readonly #containers = new Map<string, Known>();
  readonly #others = new Map<string, GraphCell>();
  readonly links: Link[] = [];

  constructor(now: number) {
    this.#now = now;
  }

  get cells(): readonly GraphCell[] {
    const containers = [...this.#containers].map(([id, known]) => containerCell(id, known, this.#now));
    return [...containers, ...this.#others.values()];
  }

  addNetwork(network: NetworkStatus): void {
    const id = `network ${network.id}`;
    const name = network.name ?? network.id.slice(0, 12);
    const peers = network.endpoints.flatMap(({ peer }) => peer ?? []);
    const by = network.mode === 'ifname' ? `by ${network.via}` : 'to a peer elsewhere';
    const detail = [by, ...(peers.length > 0 ? [trafficOf(peers)] : [])].join(' · ');
    this.#other(id, 'network', name, detail, { network });
    for (const endpoint of network.endpoints) {
      const { container, id: own } = endpoint;
      const from = this.#container(
        container ?? `endpoint ${own}`,
        container ?? `endpoint ${own.slice(0, 12)}`,
      );
      this.#containers.get(from)!.tunnels.push({ network: name, endpoint });
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
    ...(tunnel ? [handshakeOf(tunnel.endpoint.peer, now)] : []),
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

function blocksOf(cells: readonly GraphCell[], links: readonly Link[]): Block[] {
  const ends = new Map<string, Set<string>>(cells.map(({ id }) => [id, new Set()]));
  for (const { kind, from, to } of links) {
    ends.get(from)!.add(`${kind} > ${to}`);
    ends.get(to)!.add(`${kind} < ${from}`);
  }
  const blocks = new Map<string, GraphCell[]>();
  for (const cell of [...cells].sort(byName)) {
    // No id is empty: to dagre that is none.
    const id = cell.kind === 'container' ? ['links', ...[...ends.get(cell.id)!].sort()].join('\n') : cell.id;
    const known = blocks.get(id);
    if (known) known.push(cell);
    else blocks.set(id, [cell]);
  }
  return [...blocks].map(([id, cells]) => ({ id, cells }));
}

function byName(a: GraphCell, b: GraphCell): number {
  return a.name.localeCompare(b.name, 'en', { numeric: true }) || (a.id < b.id ? -1 : 1);
}

function edgesOf(blocks: readonly Block[], links: readonly Link[]): Edge[] {
  const blockOf = new Map(blocks.flatMap(({ id, cells }) => cells.map(cell => [cell.id, id] as const)));
  const pairs = new Map<string, Link[]>();
  for (const link of links) {
    const ends = [blockOf.get(link.from)!, blockOf.get(link.to)!].sort();
    const key = ends.join('\n\n');
    const known = pairs.get(key);
    if (known) known.push(link);
    else pairs.set(key, [link]);
  }
  return [...pairs].flatMap(([id, links]) => {
    const kinds = DIRECTIONS.filter(kind => links.some(link => link.kind === kind));
    const first = links.find(({ kind }) => kind === kinds[0])!;
    const [from, to] = [blockOf.get(first.from)!, blockOf.get(first.to)!];
    return from === to ? [] : [{ id, from, to, links }];
  });
}

interface Words {
  readonly kind: LinkKind;
  readonly text: string;
}

/** What is written at an edge, a line each kind. */
export function edgeWords({ links }: Edge): Words[] {
  return DIRECTIONS.flatMap((kind): Words[] => {
    const own = links.filter(link => link.kind === kind);
    const texts = [...new Set(own.map(({ text }) => text))];
    if (texts.length === 0) return [];
    // The age of a handshake is at its container.
    if (kind === 'tunnel') return [{ kind, text: own.length > 1 ? count(own.length, 'tunnel') : texts[0]! }];
    const [a, b, ...more] = texts;
    const text =
      [a, ...(b === undefined ? [] : [b])].join(', ') + (more.length > 0 ? ` +${more.length}` : '');
    return [{ kind, text: kind === 'forward' ? `port ${text}` : text }];
  });
}

// The daemon's status as a graph: blocks of cells that are linked alike, so that hundreds of clients of one gateway are drawn
// as one, and edges between them. Pure. Not here: the cells (cells.ts), where things are drawn (layout.ts), how (picture.ts).

import type { LabelProblem, Status } from '../../control/answers.js';
import { Cells, type GraphCell, type GraphLink, type LinkKind } from './cells.js';
import { count } from './words.js';

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
  readonly links: readonly GraphLink[];
}

export interface Graph {
  readonly blocks: readonly Block[];
  readonly edges: readonly Edge[];
  readonly links: readonly GraphLink[];
}

/** Which way a pair of blocks is laid out, by what is between them: the first that there is. */
const DIRECTIONS: readonly LinkKind[] = ['route', 'tunnel', 'exit', 'host-route', 'forward'];

/** @param now milliseconds since 1970 */
export function graphOf(status: Pick<Status, 'networks' | 'containers'>, now: number): Graph {
  const cells = new Cells(now);
  for (const network of status.networks) cells.addNetwork(network);
  for (const container of status.containers) cells.addLabels(container);
  const { all, links } = cells;
  const blocks = blocksOf(all, links);
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

function blocksOf(cells: readonly GraphCell[], links: readonly GraphLink[]): Block[] {
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

function edgesOf(blocks: readonly Block[], links: readonly GraphLink[]): Edge[] {
  const blockOf = new Map(blocks.flatMap(({ id, cells }) => cells.map(cell => [cell.id, id] as const)));
  const pairs = new Map<string, GraphLink[]>();
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

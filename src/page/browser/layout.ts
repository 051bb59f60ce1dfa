// Where the blocks of a graph are drawn, and the cells in them: in ranks, those that send left of what they send by. The ranks are dagre's. Pure. Not here: drawing (picture.ts).

import { Graph as Layered, layout } from '@dagrejs/dagre';
import { type Block, edgeWords, type Graph } from './graph.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A rectangle by its upper left corner. */
export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

/** From the side of one block to that of another, through the place of its words. */
export interface Line {
  readonly from: Point;
  readonly at: Point;
  readonly to: Point;
}

export interface Placed {
  readonly width: number;
  readonly height: number;
  readonly cells: ReadonlyMap<string, Box>;
  /** By the ids of blocks with more than one cell. */
  readonly frames: ReadonlyMap<string, Box>;
  readonly edges: ReadonlyMap<string, Line>;
}

/** Pixels. Of blocks with many cells each cell is one line. */
const CELL = { width: 192, height: 48, gap: 10 };
const NARROW_CELL = { width: 160, height: 48, gap: 8 };
const SMALL_CELL = { width: 156, height: 30, gap: 6 };
/** More cells than these are small ones. */
const FEW = 4;
const PADDING = 12;
const MOST_COLUMNS = 3;
/** Below this width, what is beside each other is nearer. */
const NARROW = 720;
/** Lines that are laid out in layers, and what holds without: columns, and pixels between blocks. */
const [MOST_LAYERED, STACKS, STACK_GAP] = [120, 3, 60] as const;
const LINE = 17;
const CHARACTER = 6.6;

interface Grid {
  readonly cell: typeof CELL;
  readonly columns: number;
  readonly rows: number;
}

/** @param width pixels that there are: where they suffice for fewer columns alone, blocks have fewer */
export function place(graph: Graph, width: number): Placed {
  const isNarrow = width < NARROW;
  const most = isNarrow ? 2 : MOST_COLUMNS;
  const placed = placeIn(graph, most, isNarrow);
  return placed.width <= width || isNarrow ? placed : placeIn(graph, most - 1, isNarrow);
}

function placeIn(graph: Graph, most: number, isNarrow: boolean): Placed {
  const layered = new Layered({ multigraph: true });
  layered.setGraph({ rankdir: 'LR', nodesep: 20, ranksep: isNarrow ? 22 : 44, marginx: 8, marginy: 8 });
  const grids = new Map(graph.blocks.map(block => [block.id, gridOf(block, most, isNarrow)]));
  for (const [id, grid] of grids) layered.setNode(id, sizeOf(grid));
  for (const edge of graph.edges) {
    const words = edgeWords(edge);
    const longest = Math.max(...words.map(({ text }) => text.length));
    layered.setEdge(
      edge.from,
      edge.to,
      { width: longest * CHARACTER + 12, height: words.length * LINE + 6, labelpos: 'c' },
      edge.id,
    );
  }
  if (graph.edges.length <= MOST_LAYERED) layout(layered);
  else stack(layered, graph);
  return read(graph, layered, grids);
}

/** Without layers, whose order takes seconds for so many lines: three columns, and straight lines. */
function stack(layered: Layered, { blocks, edges }: Graph): void {
  const bottoms = Array.from({ length: STACKS }, () => 8);
  const boxes = blocks.map(({ id }) => layered.node(id) as Box);
  const column = Math.max(...boxes.map(({ width }) => width)) + 2 * STACK_GAP;
  for (const box of boxes) {
    const at = bottoms.indexOf(Math.min(...bottoms));
    Object.assign(box, { x: 8 + at * column + box.width / 2, y: bottoms[at]! + box.height / 2 });
    bottoms[at]! += box.height + STACK_GAP;
  }
  for (const { id, from, to } of edges) {
    const [one, other] = [layered.node(from) as Box, layered.node(to) as Box];
    Object.assign(layered.edge({ v: from, w: to, name: id }) as Point, {
      x: (one.x + other.x) / 2,
      y: (one.y + other.y) / 2,
    });
  }
  Object.assign(layered.graph() as Partial<Box>, {
    width: STACKS * column + 16,
    height: Math.max(...bottoms) + 8,
  });
}

function gridOf({ cells }: Block, most: number, isNarrow: boolean): Grid {
  if (cells.length <= FEW) return { cell: isNarrow ? NARROW_CELL : CELL, columns: 1, rows: cells.length };
  const columns = Math.min(most, Math.ceil(cells.length / (isNarrow ? 24 : 8)));
  return { cell: SMALL_CELL, columns, rows: Math.ceil(cells.length / columns) };
}

function sizeOf({ cell, columns, rows }: Grid): { readonly width: number; readonly height: number } {
  const around = columns * rows > 1 ? 2 * PADDING : 0;
  return {
    width: columns * (cell.width + cell.gap) - cell.gap + around,
    height: rows * (cell.height + cell.gap) - cell.gap + around,
  };
}

function read({ blocks, edges }: Graph, layered: Layered, grids: ReadonlyMap<string, Grid>): Placed {
  const cells = new Map<string, Box>();
  const frames = new Map<string, Box>();
  for (const block of blocks) {
    const { cell, columns, rows } = grids.get(block.id)!;
    const { x, y, width, height } = layered.node(block.id) as Box;
    const corner = { x: x - width / 2, y: y - height / 2 };
    const inner = columns * rows > 1 ? PADDING : 0;
    if (inner > 0) frames.set(block.id, { ...corner, width, height });
    for (const [n, { id }] of block.cells.entries()) {
      // Down each column, in the order of the names.
      const [column, row] = [Math.floor(n / rows), n % rows];
      cells.set(id, {
        x: corner.x + inner + column * (cell.width + cell.gap),
        y: corner.y + inner + row * (cell.height + cell.gap),
        width: cell.width,
        height: cell.height,
      });
    }
  }
  const lines = edges.map(({ id, from, to }): [string, Line] => {
    const [one, other] = [layered.node(from) as Box, layered.node(to) as Box];
    const { x, y } = layered.edge({ v: from, w: to, name: id }) as Point;
    const side = other.x >= one.x ? 1 : -1;
    return [
      id,
      {
        from: { x: one.x + (side * one.width) / 2, y: one.y },
        at: { x, y },
        to: { x: other.x - (side * other.width) / 2, y: other.y },
      },
    ];
  });
  const { width = 0, height = 0 } = layered.graph() as Partial<Box>;
  return { width, height, cells, frames, edges: new Map(lines) };
}

// The picture: the graph as SVG, kept up to date in place, with each cell a button that keys and mouse reach. Not here: what
// a cell looks like (boxes.ts), where it is (layout.ts), what is shown beside the picture (details.ts).

import { type Drawn, drawBox, idAt, moveBox, paintBox } from './boxes.js';
import { drawEdge, markers } from './edges.js';
import { setAll, svg } from './elements.js';
import { type Block, edgeWords, type Graph } from './graph.js';
import { type Box, type Placed, place } from './layout.js';

export class Picture {
  readonly #svg: SVGSVGElement;
  readonly #lines = svg('g', { class: 'edges', 'aria-hidden': 'true' });
  readonly #frames = svg('g', { class: 'frames', 'aria-hidden': 'true' });
  readonly #cells = svg('g', { class: 'cells' });
  readonly #drawn = new Map<string, Drawn>();
  readonly #open: (id: string) => void;
  /** What the last layout was made for. */
  #shape = '';
  #placed: Placed | undefined;
  #graph: Graph | undefined;
  #order: readonly string[] = [];
  /** The one cell that the Tab key reaches; arrows go on from there. */
  #current: string | undefined;
  #selected: string | undefined;
  #wanted = '';

  constructor(element: SVGSVGElement, open: (id: string) => void) {
    this.#svg = element;
    this.#open = open;
    element.append(markers(), this.#frames, this.#lines, this.#cells);
    element.addEventListener('keydown', event => this.#key(event));
    element.addEventListener('focusin', event => this.#focused(event.target as Element));
    element.addEventListener('mouseover', event => this.#light(idAt(event.target)));
    element.addEventListener('mouseleave', () => this.#light(undefined));
    element.addEventListener('click', event => {
      const id = idAt(event.target);
      if (id !== undefined) open(id);
    });
  }

  /** @param width pixels that there are */
  show(graph: Graph, width: number): void {
    const shape = JSON.stringify([
      width,
      graph.blocks.map(({ id, cells }) => [id, cells.map(cell => cell.id)]),
      // As long as a label fits its place, nothing moves.
      graph.edges.map(edge => [
        edge.id,
        edgeWords(edge).map(({ kind, text }) => [kind, Math.ceil(text.length / 8)]),
      ]),
    ]);
    this.#graph = graph;
    if (shape !== this.#shape || !this.#placed) {
      const isFirst = !this.#placed;
      this.#shape = shape;
      this.#placed = place(graph, width);
      this.#arrange(graph, this.#placed);
      if (isFirst) this.#scrollToStart(this.#placed);
    }
    for (const { cells } of graph.blocks)
      for (const cell of cells) paintBox(this.#drawn.get(cell.id)!, cell, this.#placed.cells.get(cell.id)!);
    this.#drawEdges(graph, this.#placed);
    this.find(this.#wanted);
  }

  /** Dims all cells but those with these characters in their names; the first of those, if any. */
  find(text: string): string | undefined {
    this.#wanted = text;
    const words = text.trim().toLowerCase();
    let first: string | undefined;
    for (const { id, name } of this.#graph?.blocks.flatMap(({ cells }) => cells) ?? []) {
      const isFound = name.toLowerCase().includes(words);
      this.#drawn.get(id)?.element.classList.toggle('dim', !isFound);
      if (isFound && words !== '') first ??= id;
    }
    return first;
  }

  select(id: string | undefined): void {
    this.#selected = id;
    for (const [one, { element }] of this.#drawn) {
      element.classList.toggle('selected', one === id);
      element.setAttribute('aria-pressed', String(one === id));
    }
  }

  /** Brings a cell into view. */
  reveal(id: string): void {
    this.#drawn.get(id)?.element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  focus(id: string): void {
    this.#drawn.get(id)?.element.focus();
    this.reveal(id);
  }

  #arrange({ blocks }: Graph, placed: Placed): void {
    const focused = idAt(document.activeElement);
    setAll(this.#svg, {
      viewBox: `0 0 ${Math.ceil(placed.width)} ${Math.ceil(placed.height)}`,
      width: Math.ceil(placed.width),
      height: Math.ceil(placed.height),
    });
    this.#frames.replaceChildren(...[...placed.frames].map(([, box]) => svg('rect', { ...box, rx: 14 })));
    this.#order = orderOf(blocks, placed);
    for (const [id, { element }] of this.#drawn) {
      if (placed.cells.has(id)) continue;
      element.remove();
      this.#drawn.delete(id);
    }
    for (const id of this.#order) {
      const drawn = this.#drawn.get(id) ?? drawBox(id);
      this.#drawn.set(id, drawn);
      this.#cells.append(drawn.element);
      moveBox(drawn, placed.cells.get(id)!);
    }
    if (this.#current === undefined || !placed.cells.has(this.#current)) this.#setCurrent(this.#order[0]);
    if (focused !== undefined && placed.cells.has(focused)) this.#drawn.get(focused)!.element.focus();
    this.select(this.#selected);
  }

  /** Where the picture is wider than the window, to the leftmost of what is at its top. */
  #scrollToStart({ cells }: Placed): void {
    const top = [...cells.values()].filter(({ y }) => y < window.innerHeight / 2);
    const frame = this.#svg.parentElement;
    if (frame && top.length > 0) frame.scrollLeft = Math.min(...top.map(({ x }) => x)) - 12;
  }

  #drawEdges({ edges }: Graph, placed: Placed): void {
    const lit = this.#lit;
    this.#lines.replaceChildren(...edges.flatMap(edge => drawEdge(edge, placed.edges.get(edge.id)!)));
    this.#lit = undefined;
    this.#light(lit);
  }

  #lit: string | undefined;

  /** Brings out the edges of a cell's block. */
  #light(id: string | undefined): void {
    if (id === this.#lit) return;
    this.#lit = id;
    const own = new Set(
      this.#graph?.edges
        .filter(({ links }) => links.some(({ from, to }) => from === id || to === id))
        .map(edge => edge.id),
    );
    for (const element of this.#lines.children)
      element.classList.toggle('lit', own.has(element.getAttribute('data-edge') ?? ''));
  }

  #focused(target: Element): void {
    const id = idAt(target);
    if (id === undefined) return;
    this.#setCurrent(id);
    this.#light(id);
  }

  #setCurrent(id: string | undefined): void {
    this.#current = id;
    for (const [one, { element }] of this.#drawn) setAll(element, { tabindex: one === id ? 0 : -1 });
  }

  #key(event: KeyboardEvent): void {
    const at = this.#order.indexOf(this.#current ?? '');
    if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === 'Enter' || event.key === ' ') this.#open(this.#order[at]!);
    else {
      const next = this.#next(event.key, at);
      if (next === undefined) return;
      this.focus(next);
    }
    event.preventDefault();
  }

  /** Up and down, every cell in turn; to the sides, the nearest one. */
  #next(key: string, at: number): string | undefined {
    const order = this.#order;
    if (key === 'ArrowDown') return order[Math.min(at + 1, order.length - 1)];
    if (key === 'ArrowUp') return order[Math.max(at - 1, 0)];
    if (key === 'Home') return order[0];
    if (key === 'End') return order[order.length - 1];
    if (key === 'ArrowRight' || key === 'ArrowLeft')
      return beside(order[at]!, key === 'ArrowRight' ? 1 : -1, this.#placed!.cells);
    return undefined;
  }
}

/** Columns from the left, each from its top. */
function orderOf(blocks: readonly Block[], { cells }: Placed): string[] {
  return [...blocks]
    .sort((a, b) => {
      const [one, other] = [cells.get(a.cells[0]!.id)!, cells.get(b.cells[0]!.id)!];
      return one.x - other.x || one.y - other.y;
    })
    .flatMap(({ cells }) => cells.map(({ id }) => id));
}

function beside(id: string, side: 1 | -1, cells: ReadonlyMap<string, Box>): string {
  const own = cells.get(id)!;
  let nearest = id;
  let least = Number.POSITIVE_INFINITY;
  for (const [other, { x, y }] of cells) {
    const ahead = (x - own.x) * side;
    if (ahead <= 1) continue;
    const distance = ahead + 3 * Math.abs(y - own.y);
    if (distance < least) [nearest, least] = [other, distance];
  }
  return nearest;
}

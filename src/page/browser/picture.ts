// The picture: the graph as SVG, kept up to date in place, with each cell a button that keys and mouse reach. Not here: where
// things are (layout.ts), what is shown of one (details.ts).

import type { GraphCell } from './cells.js';
import { drawEdge, markers } from './edges.js';
import { setAll, setText, svg } from './elements.js';
import { type Block, edgeWords, type Graph } from './graph.js';
import { type Box, type Placed, place } from './layout.js';
import { cutOff } from './words.js';

/** What stands in front of a name, by its state: not by the colour alone. */
const SIGNS: Readonly<Record<GraphCell['state'], string>> = {
  well: '',
  broken: '!',
  warned: '?',
  waiting: '…',
  stopped: '–',
};
const STATES: Readonly<Record<GraphCell['state'], string>> = {
  well: '',
  broken: 'not all in force: ',
  warned: 'with a warning: ',
  waiting: '',
  stopped: '',
};
const KINDS: Readonly<Record<GraphCell['kind'], string>> = {
  container: 'container',
  network: 'network',
  address: 'address',
  exit: 'way out',
  host: 'host',
  nowhere: 'unreachable',
};

interface Drawn {
  readonly element: SVGGElement;
  readonly box: SVGRectElement;
  readonly sign: SVGTextElement;
  readonly name: SVGTextElement;
  readonly detail: SVGTextElement;
  readonly title: SVGTitleElement;
}

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
    for (const { cells } of graph.blocks) for (const cell of cells) this.#paint(cell);
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
      const drawn = this.#drawn.get(id) ?? drawCell(id);
      this.#drawn.set(id, drawn);
      this.#cells.append(drawn.element);
      moveTo(drawn, placed.cells.get(id)!);
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

  #paint({ id, kind, state, name, detail }: GraphCell): void {
    const drawn = this.#drawn.get(id)!;
    const { width, height } = this.#placed!.cells.get(id)!;
    const isSmall = height < 40;
    const sign = SIGNS[state];
    const { classList } = drawn.element;
    setAll(drawn.element, { 'aria-label': `${KINDS[kind]} ${name}, ${STATES[state]}${detail}` });
    for (const one of [...Object.keys(SIGNS), ...Object.keys(KINDS)])
      classList.toggle(one, one === state || one === kind);
    setText(drawn.sign, sign);
    setText(drawn.name, cutOff(name, Math.floor((width - 26 - (sign ? 16 : 0)) / 7.3)));
    setAll(drawn.name, { x: sign ? 28 : 12 });
    setText(drawn.detail, isSmall ? '' : cutOff(detail, Math.floor((width - 20) / 6.4)));
    setText(drawn.title, `${name}: ${detail}`);
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

function idAt(target: EventTarget | null): string | undefined {
  if (!(target instanceof Element)) return undefined;
  return target.closest('.cell')?.getAttribute('data-cell') ?? undefined;
}

function drawCell(id: string): Drawn {
  const box = svg('rect', { rx: 9, class: 'box' });
  const sign = svg('text', { class: 'sign', x: 12 });
  const name = svg('text', { class: 'name' });
  const detail = svg('text', { class: 'detail', x: 12 });
  const title = svg('title');
  const element = svg(
    'g',
    { class: 'cell', 'data-cell': id, role: 'button', tabindex: -1 },
    title,
    box,
    sign,
    name,
    detail,
  );
  return { element, box, sign, name, detail, title };
}

function moveTo({ element, box, sign, name, detail }: Drawn, { x, y, width, height }: Box): void {
  const baseline = height < 40 ? height / 2 + 4.5 : 20;
  setAll(element, { transform: `translate(${x} ${y})` });
  setAll(box, { width, height });
  setAll(sign, { y: baseline });
  setAll(name, { y: baseline });
  setAll(detail, { y: 37 });
}

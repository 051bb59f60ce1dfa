// A cell as it is drawn: a box with a sign, a name and a line below, which is a button. Not here: where it is (layout.ts), the
// picture of all (picture.ts).

import type { GraphCell } from './cells.js';
import { setAll, setText, svg } from './elements.js';
import type { Box } from './layout.js';
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

export interface Drawn {
  readonly element: SVGGElement;
  readonly box: SVGRectElement;
  readonly sign: SVGTextElement;
  readonly name: SVGTextElement;
  readonly detail: SVGTextElement;
  readonly title: SVGTitleElement;
}

export function drawBox(id: string): Drawn {
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

export function moveBox({ element, box, sign, name, detail }: Drawn, { x, y, width, height }: Box): void {
  const baseline = height < 40 ? height / 2 + 4.5 : 20;
  setAll(element, { transform: `translate(${x} ${y})` });
  setAll(box, { width, height });
  setAll(sign, { y: baseline });
  setAll(name, { y: baseline });
  setAll(detail, { y: 37 });
}

/** Shows what is so by now. */
export function paintBox(
  drawn: Drawn,
  { kind, state, name, detail }: GraphCell,
  { width, height }: Box,
): void {
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

/** Of the cell that an event is about. */
export function idAt(target: EventTarget | null): string | undefined {
  if (!(target instanceof Element)) return undefined;
  return target.closest('.cell')?.getAttribute('data-cell') ?? undefined;
}

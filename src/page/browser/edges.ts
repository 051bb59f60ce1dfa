// An edge of the picture as SVG: its line, its words, the tip of its arrow. Not here: between which points (layout.ts).

import { svg } from './elements.js';
import { type Edge, edgeWords } from './graph.js';
import type { Line, Point } from './layout.js';

export function drawEdge(edge: Edge, line: Line): SVGElement[] {
  const words = edgeWords(edge);
  const isBroken = edge.links.some(link => link.isBroken);
  const [main] = words;
  const has = (kind: string): boolean => words.some(word => word.kind === kind);
  const isForwardBack = has('forward') && main!.kind !== 'forward';
  const classes = `edge ${main!.kind}${isBroken ? ' broken' : ''}`;
  const { at } = line;
  const top = at.y - (words.length * 17) / 2;
  const path = svg('path', {
    d: curve(line),
    class: classes,
    'data-edge': edge.id,
    'marker-end': 'url(#end)',
    ...(isForwardBack && { 'marker-start': 'url(#end)' }),
  });
  const texts = words.map(({ kind, text }, n) =>
    svg('text', { class: `word ${kind}`, x: at.x, y: top + n * 17 + 12.5 }, text),
  );
  return [path, svg('g', { class: `words${isBroken ? ' broken' : ''}`, 'data-edge': edge.id }, ...texts)];
}

/** Level at its ends and at its words. */
function curve({ from, at, to }: Line): string {
  const text = (x: number, y: number): string => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
  const bow = (a: Point, b: Point): string => {
    const middle = (a.x + b.x) / 2;
    return `C${text(middle, a.y)} ${text(middle, b.y)} ${text(b.x, b.y)}`;
  };
  return `M${text(from.x, from.y)}${bow(from, at)}${bow(at, to)}`;
}

/** The tip of an arrow, in the colour of its line. */
export function markers(): SVGDefsElement {
  const tip = svg('path', { d: 'M0 0.6L7.4 4L0 7.4Z' });
  const size = { viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 6.5, markerHeight: 6.5 };
  return svg(
    'defs',
    {},
    svg('marker', { id: 'end', class: 'arrow', ...size, orient: 'auto-start-reverse' }, tip),
  );
}

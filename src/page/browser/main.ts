// The page as a whole: asks the daemon each second while it is looked at, and hands its answer to the parts. Not here: the
// parts (picture.ts, details.ts).

import type { Status } from '../../control/answers.js';
import type { GraphCell } from './cells.js';
import { Details } from './details.js';
import { byId, html, setText } from './elements.js';
import { type Graph, graphOf, problemsOf } from './graph.js';
import { Picture } from './picture.js';
import { Rates } from './rates.js';
import { count, formatAge } from './words.js';

const PERIOD_MS = 1_000;
const PATIENCE_MS = 10_000;
/** Pixels beside the picture. */
const AROUND = 40;
/** From this width on, details are beside the picture (page/style.ts). */
const BESIDE = 1000;
/** Problems in the list above the picture; the others are in the picture alone. */
const MOST_LISTED = 6;

const search = byId<HTMLInputElement>('search');
const rates = new Rates();
const cells = new Map<string, GraphCell>();
const picture = new Picture(byId<SVGSVGElement>('graph'), open);
const details = new Details(byId<HTMLElement>('details'), close);
let graph: Graph | undefined;
let answered = 0;
let listed = '';

function open(id: string): void {
  const cell = cells.get(id);
  if (!cell) return;
  picture.select(id);
  details.open(cell, rates, Date.now());
  draw();
  if (window.innerWidth >= BESIDE) picture.reveal(id);
}

function close(): void {
  const { id } = details;
  details.close();
  picture.select(undefined);
  draw();
  if (id !== undefined) picture.focus(id);
}

function draw(): void {
  // As if nothing were open beside it: nothing moves when it opens.
  if (graph) picture.show(graph, byId('main').clientWidth - AROUND);
}

function show(status: Status): void {
  const now = Date.now();
  answered = now;
  rates.add(status.networks, now);
  graph = graphOf(status, now);
  cells.clear();
  for (const cell of graph.blocks.flatMap(({ cells }) => cells)) cells.set(cell.id, cell);
  draw();
  byId('empty').toggleAttribute('hidden', cells.size > 0);
  setText(byId('version'), status.version);
  const all = [...cells.values()];
  const containers = all.filter(({ kind }) => kind === 'container').length;
  const tunnels = all.reduce((sum, one) => sum + one.tunnels.length, 0);
  setText(byId('counts'), `${count(containers, 'container')} · ${count(tunnels, 'tunnel')}`);
  showHealth(status);
  showProblems(graph);
  const opened = details.id === undefined ? undefined : cells.get(details.id);
  if (opened) details.update(opened, rates, now);
  else if (details.id !== undefined) close();
}

function showHealth({ driver, labels, healthy }: Status): void {
  const failing = [
    ...(driver.state === 'failing' ? [`driver: ${driver.reason ?? ''}`] : []),
    ...(labels.state === 'failing' ? [`labels: ${labels.reason ?? ''}`] : []),
  ];
  const health = byId('health');
  health.classList.toggle('failing', !healthy);
  setText(health, healthy ? 'working' : failing.join('; '));
}

function showProblems(shown: Graph): void {
  const all = problemsOf(shown);
  const key = JSON.stringify(all.map(({ cell, problem }) => [cell.id, problem]));
  if (key === listed) return;
  listed = key;
  byId('problems').toggleAttribute('hidden', all.length === 0);
  setText(byId('problem-count'), `${all.length} not in force`);
  const items = all.slice(0, MOST_LISTED).map(({ cell, problem: { label, reason } }) => {
    const button = html('button', { type: 'button' }, html('b', {}, cell.name), html('code', {}, label));
    button.addEventListener('click', () => open(cell.id));
    return html('li', {}, button, html('span', {}, reason));
  });
  const more = all.length - items.length;
  if (more > 0) items.push(html('li', {}, `and ${more} more, red in the picture`));
  byId('problem-list').replaceChildren(...items);
}

function showAge(): void {
  const age = Date.now() - answered;
  const isStale = answered > 0 && age > 3 * PERIOD_MS;
  byId('live').classList.toggle('stale', isStale);
  setText(byId('live'), isStale ? `no answer for ${formatAge(age)}` : answered > 0 ? 'live' : 'asking…');
}

async function ask(): Promise<void> {
  if (!document.hidden) {
    try {
      const response = await fetch('v1/status', { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (response.ok) show((await response.json()) as Status);
    } catch {
      // It may be starting again: what was seen last stays, with its age.
    }
    showAge();
  }
  setTimeout(() => void ask(), PERIOD_MS);
}

search.addEventListener('input', () => picture.find(search.value));
search.addEventListener('keydown', ({ key }) => {
  const found = key === 'Enter' ? picture.find(search.value) : undefined;
  if (found !== undefined) picture.focus(found);
});
document.addEventListener('keydown', event => {
  if (event.key !== '/' || event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  search.focus();
});
new ResizeObserver(() => draw()).observe(byId('main'));
void ask();

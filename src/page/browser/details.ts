// What is shown of the cell that was opened: state, what is not in force, tunnels with handshake and traffic, where labels
// lead, and the rules as nft(8) has them. Not here: the picture (picture.ts), the way of a packet (way.ts).

import type {
  ExitStatus,
  LabelledStatus,
  LabelProblem,
  NetworkStatus,
  Rules,
} from '../../control/answers.js';
import type { GraphCell, Tunnel } from './cells.js';
import { html } from './elements.js';
import type { Rates } from './rates.js';
import { wayPart } from './way.js';
import { count, formatAge, shortBytes } from './words.js';

const STATE_WORDS: Readonly<Record<LabelledStatus['state'], string>> = {
  applied: 'applied',
  pending: 'is being applied',
  failing: 'failing, and tried again',
  frozen: 'kept as it was: it is not known which labels count',
  stopped: 'not running',
};

export class Details {
  readonly #element: HTMLElement;
  readonly #close: () => void;
  #id: string | undefined;
  /** What is shown: it is made anew only where it differs. */
  #shown = '';
  readonly #facts = html('div', { class: 'facts' });
  readonly #rules = html('pre', { tabindex: 0, 'aria-label': 'rules as nft text' });
  #rulesOf = '';

  constructor(element: HTMLElement, close: () => void) {
    this.#element = element;
    this.#close = close;
    element.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') close();
    });
  }

  /** The cell that is open. */
  get id(): string | undefined {
    return this.#id;
  }

  open(cell: GraphCell, rates: Rates, now: number): void {
    this.#id = cell.id;
    this.#shown = '';
    this.#rulesOf = '';
    this.#rules.textContent = '';
    const close = html('button', { type: 'button', class: 'close', 'aria-label': 'close' }, '×');
    close.addEventListener('click', this.#close);
    const heading = html('h2', { tabindex: -1, id: 'opened' }, cell.name);
    this.#element.replaceChildren(html('div', { class: 'title' }, heading, close), this.#facts);
    if (cell.kind === 'container')
      this.#element.append(
        wayPart(cell.labelled?.id ?? cell.name),
        html('section', {}, html('h3', {}, 'Rules (nft)'), this.#rules),
      );
    this.#element.hidden = false;
    this.update(cell, rates, now);
    heading.focus();
    if (getComputedStyle(this.#element).position !== 'sticky')
      this.#element.scrollIntoView({ block: 'start' });
  }

  close(): void {
    this.#id = undefined;
    this.#element.hidden = true;
    this.#element.replaceChildren();
  }

  update(cell: GraphCell, rates: Rates, now: number): void {
    const parts = [
      ...stateParts(cell, now),
      ...cell.tunnels.flatMap(tunnel => tunnelParts(tunnel, rates, now)),
      ...(cell.network ? networkParts(cell.network, rates, now) : []),
      ...(cell.labelled ? labelParts(cell.labelled) : []),
    ];
    const text = parts.map(part => part.outerHTML).join('');
    if (text !== this.#shown) this.#facts.replaceChildren(...parts);
    this.#shown = text;
    const key = JSON.stringify(cell.labelled ?? '');
    if (cell.kind !== 'container' || key === this.#rulesOf) return;
    this.#rulesOf = key;
    if (cell.labelled) void this.#load(cell.id, cell.labelled.id);
    else this.#say('No labels: dwgd has no rules here.');
  }

  async #load(id: string, container: string): Promise<void> {
    let text: string;
    try {
      const response = await fetch(`v1/rules/${encodeURIComponent(container)}`);
      const rules = (await response.json()) as Rules & { readonly error?: string };
      text = rules.error ?? rules.nft ?? 'No table: its labels ask for no rules, or it is not running.';
    } catch {
      text = 'The daemon did not answer.';
      this.#rulesOf = '';
    }
    if (this.#id === id) this.#say(text);
  }

  #say(text: string): void {
    if (this.#rules.textContent !== text) this.#rules.textContent = text;
  }
}

function stateParts({ kind, detail, problems, labelled }: GraphCell, now: number): HTMLElement[] {
  const state = labelled
    ? `${STATE_WORDS[labelled.state]}; ${labelled.inForce} of ${count(labelled.labels, 'label')} in force`
    : kind === 'container'
      ? 'no labels'
      : detail;
  return [
    html('p', { class: 'state' }, state),
    ...(labelled?.isClosed
      ? [html('p', { class: 'problem' }, 'Closed by twine.strict: nothing but loopback passes.')]
      : []),
    ...problemList('Not in force', 'problems', problems, now),
    ...problemList('Warnings', 'warnings', labelled?.warnings ?? [], now),
  ];
}

function problemList(
  title: string,
  kind: string,
  problems: readonly LabelProblem[],
  now: number,
): HTMLElement[] {
  if (problems.length === 0) return [];
  const items = problems.map(({ label, reason, since }) =>
    html(
      'li',
      {},
      html('code', {}, label),
      html('span', {}, reason),
      ...(since ? [html('small', {}, `since ${formatAge(now - Date.parse(since))}`)] : []),
    ),
  );
  return [html('h3', {}, title), html('ul', { class: kind }, ...items)];
}

function tunnelParts({ network, endpoint }: Tunnel, rates: Rates, now: number): HTMLElement[] {
  const { peer, addresses, state, publicKey } = endpoint;
  const rate = rates.of(endpoint.id);
  const traffic = (bytes: number, perSecond: number | undefined): string =>
    `${shortBytes(bytes)}${perSecond === undefined ? '' : ` · ${shortBytes(perSecond)}/s`}`;
  return [
    html('h3', {}, `Tunnel on ${network}`),
    table([
      ['State', state],
      ['Addresses', addresses.join(', ')],
      ['Interface', peer?.interface],
      ['Peer at', peer?.endpoint],
      [
        'Handshake',
        peer && (peer.lastHandshake ? `${formatAge(now - Date.parse(peer.lastHandshake))} ago` : 'none yet'),
      ],
      ['Received', peer && traffic(peer.receivedBytes, rate?.received)],
      ['Sent', peer && traffic(peer.sentBytes, rate?.sent)],
      ['Public key', publicKey],
    ]),
  ];
}

function networkParts(network: NetworkStatus, rates: Rates, now: number): HTMLElement[] {
  const { mode, via, endpoint, subnets, endpoints, exit } = network;
  if (exit) return [table(exitRows(network, exit, now))];
  const sum = (
    of: (peer: { readonly receivedBytes: number; readonly sentBytes: number }) => number,
  ): number => endpoints.reduce((all, { peer }) => all + (peer ? of(peer) : 0), 0);
  const rate = endpoints.map(({ id }) => rates.of(id));
  const perSecond = (of: 'received' | 'sent'): string =>
    `${shortBytes(rate.reduce((all, one) => all + (one?.[of] ?? 0), 0))}/s`;
  return [
    table([
      [mode === 'ifname' ? 'Interface' : 'Peer', via],
      ['Peer at', endpoint],
      ['Subnets', subnets.join(', ')],
      ['Tunnels', String(endpoints.length)],
      ['Received', `${shortBytes(sum(({ receivedBytes }) => receivedBytes))} · ${perSecond('received')}`],
      ['Sent', `${shortBytes(sum(({ sentBytes }) => sentBytes))} · ${perSecond('sent')}`],
    ]),
  ];
}

function exitRows(
  { via, endpoint, subnets, endpoints }: NetworkStatus,
  { files, gateways, peers, assigned }: ExitStatus,
  now: number,
): Row[] {
  const latest = peers
    .flatMap(({ lastHandshake }) => lastHandshake ?? [])
    .sort()
    .at(-1);
  return [
    ['File', via],
    ...files.flatMap(({ since, why }): Row[] =>
      since === undefined
        ? []
        : [
            ['In force for', formatAge(now - Date.parse(since))],
            ['Because', why],
          ],
    ),
    ...files.flatMap(({ path, isInForce, problem }): Row[] =>
      isInForce ? [] : [['Another file', problem === undefined ? path : `${path}: ${problem}`]],
    ),
    ['Peer at', endpoint],
    ['Public key', peers.map(({ publicKey }) => publicKey).join(', ')],
    ['Handshake', latest === undefined ? 'none yet' : `${formatAge(now - Date.parse(latest))} ago`],
    ['Gateway', gateways.join(', ')],
    ['Assigned port', assigned && portOf(assigned)],
    ['Subnets', subnets.join(', ')],
    ['Containers', String(endpoints.length)],
    ['Received', shortBytes(peers.reduce((all, { receivedBytes }) => all + receivedBytes, 0))],
    ['Sent', shortBytes(peers.reduce((all, { sentBytes }) => all + sentBytes, 0))],
  ];
}

function portOf({ port, container }: NonNullable<ExitStatus['assigned']>): string {
  if (port === undefined) return 'none';
  return container === undefined ? String(port) : `${port}, of ${container}`;
}

function labelParts({
  routes = [],
  forwards = [],
  natInterfaces = [],
  hostRoutes = [],
}: LabelledStatus): HTMLElement[] {
  const rows = [
    ...routes.map(({ network, gateway, container }): Row => [network, wayOf(gateway, container)]),
    ...forwards.map(
      ({ interface: by, protocol, ports, to, container }): Row => [
        `${by === '+' ? '' : `${by} `}${ports}/${protocol}`,
        `to ${container === undefined ? '' : `${container}, `}${to.join(', ')}`,
      ],
    ),
    ...natInterfaces.map((name): Row => [name, 'NAT and forwarding']),
    ...hostRoutes.map((network): Row => [network, 'routed here by the host']),
  ];
  return rows.length > 0 ? [html('h3', {}, 'Labels lead'), table(rows)] : [];
}

function wayOf(gateway: string | undefined, container: string | undefined): string {
  if (gateway === undefined) return 'unreachable';
  return container === undefined ? `by ${gateway}` : `by ${container}, ${gateway}`;
}

type Row = readonly [name: string, value: string | undefined];

function table(rows: readonly Row[]): HTMLElement {
  return html(
    'dl',
    {},
    ...rows.flatMap(([name, value]) => (value ? [html('dt', {}, name), html('dd', {}, value)] : [])),
  );
}

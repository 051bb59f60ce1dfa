// `dwgd status`: what a running daemon does, as tables or as JSON. Not here: asking it (control-client.ts), the tables' form
// (cli/output/text-table.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { blankUnseen } from '../../base/text.js';
import { checkStatus } from '../../control/answer-shapes.js';
import type {
  HalfHealth,
  HearingStatus,
  LabelledStatus,
  NetworkStatus,
  PeerStatus,
  Status,
} from '../../control/answers.js';
import { hasColours } from '../output/colours.js';
import { ago, type Cell, duration, formatBytes, type Tone, table, toned } from '../output/text-table.js';
import { askDaemon } from './control-client.js';

export interface StatusFlags {
  readonly watch?: true;
  readonly json?: true;
  readonly socket: string;
}

const PERIOD_MS = 1_000;
/** Home, and clear what is below. */
const CLEAR = '\x1b[H\x1b[J';

/** @throws UserError when the daemon cannot be asked */
export async function printStatus({ watch, json, socket }: StatusFlags): Promise<void> {
  const { stdout, env } = process;
  const isTerminal = stdout.isTTY === true;
  do {
    const status = await askDaemon(socket, 'status', checkStatus);
    if (json) stdout.write(`${JSON.stringify(status, undefined, watch ? undefined : 2)}\n`);
    else {
      const text = `${statusLines(status, hasColours(stdout, env), Date.now()).join('\n')}\n`;
      stdout.write(watch && isTerminal ? `${CLEAR}${text}` : text);
      if (watch && !isTerminal) stdout.write('\n');
    }
    if (watch) await sleep(PERIOD_MS);
  } while (watch);
}

/** @param now milliseconds since 1970 */
export function statusLines(status: Status, colours: boolean, now: number): string[] {
  const { version, started, driver, labels, networks, containers, hearing } = status;
  const up = duration(now - Date.parse(started));
  const halves = [half('driver', driver, colours, now), half('labels', labels, colours, now)];
  const sections = [
    [
      `dwgd ${blankUnseen(version)}, up ${up}: ${halves.join(', ')}`,
      ...(hearing ? [hearingLine(hearing)] : []),
    ],
    networks.length > 0 ? networkLines(networks, colours) : [],
    exitLines(networks, colours, now),
    fileLines(networks, colours, now),
    portLines(networks, colours),
    networks.some(({ endpoints }) => endpoints.length > 0) ? endpointLines(networks, colours, now) : [],
    containers.length > 0 ? containerLines(containers, colours) : [],
    problemLines('NOT IN FORCE', containers, ({ notInForce }) => notInForce, colours, now),
    problemLines('WARNING', containers, ({ warnings }) => warnings, colours, now),
  ];
  return sections.filter(lines => lines.length > 0).flatMap((lines, n) => (n === 0 ? lines : ['', ...lines]));
}

function hearingLine({ heard, muted, unheard, reason }: HearingStatus): string {
  const namespaces = (count: number): string => `${count} namespace${count === 1 ? '' : 's'}`;
  if (reason !== undefined)
    return `changes by others are not heard, ${namespaces(unheard)} read every half minute: ${blankUnseen(reason)}`;
  const others = [
    ...(muted > 0 ? [`${muted} that change without end`] : []),
    ...(unheard > 0 ? [`${unheard} that cannot be heard`] : []),
  ];
  const rest = others.length > 0 ? `; read every half minute: ${others.join(', ')}` : '';
  return `changes by others are heard in ${namespaces(heard)}${rest}`;
}

function half(name: string, { state, reason, since }: HalfHealth, colours: boolean, now: number): string {
  const why =
    reason === undefined
      ? ''
      : ` (${blankUnseen(reason)}${since ? `, for ${duration(now - Date.parse(since))}` : ''})`;
  const tone: Tone | undefined = state === 'failing' ? 'bad' : state === 'working' ? 'good' : 'faint';
  return `${name} ${toned(state, tone, colours)}${why}`;
}

function networkLines(networks: readonly NetworkStatus[], colours: boolean): string[] {
  return table(
    ['NETWORK', 'USER', 'MODE', 'VIA', 'ENDPOINT', 'SUBNETS', 'CONTAINERS'],
    networks.map(({ id, name, owner, mode, via, endpoint = '', subnets, endpoints }) => [
      name ?? id.slice(0, 12),
      owner === 0 ? 'root' : String(owner),
      mode,
      via,
      endpoint,
      subnets.join(', '),
      String(endpoints.length),
    ]),
    colours,
  );
}

/** A row for each peer of the tunnel that containers share, and one where there is none. */
function exitLines(networks: readonly NetworkStatus[], colours: boolean, now: number): string[] {
  const rows = networks.flatMap(({ id, name, exit }): Cell[][] => {
    if (!exit) return [];
    const { gateways, problem, peers } = exit;
    const first = [name ?? id.slice(0, 12), gateways.join(', ')];
    const last: Cell = [problem ?? '', problem ? 'bad' : undefined];
    if (peers.length === 0) return [[...first, '', '', '', '', '', last]];
    return peers.map(peer => [...first, peer.publicKey, peer.endpoint ?? '', ...countsOf(peer, now), last]);
  });
  const heads = ['EXIT', 'GATEWAY', 'PEER', 'AT', 'HANDSHAKE', 'RECEIVED', 'SENT', 'PROBLEM'];
  return rows.length > 0 ? table(heads, rows, colours) : [];
}

/** A row for each file where a network has several. */
function fileLines(networks: readonly NetworkStatus[], colours: boolean, now: number): string[] {
  const rows = networks.flatMap(({ id, name, exit: { files } = { files: [] } }) =>
    files.map(({ path, isInForce, since, why, problem }): Cell[] => [
      name ?? id.slice(0, 12),
      path,
      isInForce ? ['yes', 'good'] : 'no',
      since === undefined ? '' : ago(since, now),
      why ?? '',
      [problem ?? '', problem ? 'bad' : undefined],
    ]),
  );
  const isOne = networks.every(({ exit }) => !exit || exit.files.length === 1);
  return isOne ? [] : table(['EXIT', 'FILE', 'IN FORCE', 'SINCE', 'WHY', 'PROBLEM'], rows, colours);
}

/** A row for each network whose provider is asked for a port. */
function portLines(networks: readonly NetworkStatus[], colours: boolean): string[] {
  const rows = networks.flatMap(({ id, name, exit }): Cell[][] => {
    if (!exit?.assigned) return [];
    const { gateway = '', port, container = '', problem = '' } = exit.assigned;
    const shown: Cell = port === undefined ? ['none', 'bad'] : [String(port), 'good'];
    return [[name ?? id.slice(0, 12), shown, gateway, container, [problem, problem ? 'bad' : undefined]]];
  });
  return rows.length > 0 ? table(['EXIT', 'ASSIGNED PORT', 'BY', 'CONTAINER', 'PROBLEM'], rows, colours) : [];
}

function countsOf(peer: PeerStatus, now: number): [string, string, string] {
  return [ago(peer.lastHandshake, now), formatBytes(peer.receivedBytes), formatBytes(peer.sentBytes)];
}

function endpointLines(networks: readonly NetworkStatus[], colours: boolean, now: number): string[] {
  const rows = networks.flatMap(({ id, name, endpoints }) =>
    endpoints.map(({ id: endpointId, container, addresses, state, peer, problem }): Cell[] => [
      container ?? endpointId.slice(0, 12),
      name ?? id.slice(0, 12),
      addresses.join(', '),
      state,
      peer?.interface ?? '',
      ...(peer ? countsOf(peer, now) : ['', '', '']),
      [problem ?? '', problem ? 'bad' : undefined],
    ]),
  );
  const heads = [
    'CONTAINER',
    'NETWORK',
    'ADDRESS',
    'STATE',
    'LINK',
    'HANDSHAKE',
    'RECEIVED',
    'SENT',
    'PROBLEM',
  ];
  return table(heads, rows, colours);
}

function containerLines(containers: readonly LabelledStatus[], colours: boolean): string[] {
  return table(
    ['CONTAINER', 'LABELS', 'IN FORCE', 'STATE'],
    containers.map(({ name, labels, inForce, state, isClosed }) => [
      name,
      String(labels),
      [String(inForce), inForce < labels && state !== 'stopped' ? 'bad' : 'good'],
      [isClosed ? `${state}, closed` : state, state === 'failing' || isClosed ? 'bad' : undefined],
    ]),
    colours,
  );
}

function problemLines(
  head: string,
  containers: readonly LabelledStatus[],
  of: (container: LabelledStatus) => LabelledStatus['notInForce'],
  colours: boolean,
  now: number,
): string[] {
  const rows = containers.flatMap(container =>
    of(container).map(({ label, reason, since }): Cell[] => [
      [container.name, head === 'WARNING' ? undefined : 'bad'],
      label,
      ago(since, now),
      reason,
    ]),
  );
  return rows.length > 0 ? table([head, 'LABEL', 'SINCE', 'REASON'], rows, colours) : [];
}

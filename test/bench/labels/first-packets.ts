// What labels cost a container that starts: how long `docker run` takes, and when a program that sends from its first instruction
// is heard at the other end. Without a daemon, and with one that holds who starts and one that does not, by turns.
import { chmodSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { keeper } from '../../docker/keeper.js';
import { numberOf, sender } from '../../docker/sender.js';
import { connectVpn, FAR, makeVpn, makeWorld, unmakeWorld } from '../../docker/world.js';
import { remove, run } from '../../support/containers.js';
import { daemon, eventually } from '../../support/lab.js';
import { hear, hush } from '../../support/talk.js';
import { figure, median, progress, quantile, table } from '../stats.js';

const PORT = 7100;
const PROGRAM = '/run/lab/sender';
const ROUTER = 'router';
const NAME = 'sends';
const LABELS = { 'twine.route.203.0.113.0/24': ROUTER };
/** Turns of a daemon, in each of which so many of every kind start, behind some that are not counted. */
const [TURNS, STARTS, WARM] = [10, 4, 2];
/** Who is heard within this after its end is another. */
const SETTLE_MS = 100;

/** One start, in milliseconds. */
interface Start {
  /** `docker run -d`: from the call to create it to the answer to the one to start it. */
  readonly run: number;
  /** From the same call to the first datagram that is heard. */
  readonly heard: number;
  /** Datagrams before that one, of which there is one each millisecond. */
  readonly lost: number;
}

const KINDS = {
  without: { what: 'no daemon', args: undefined, labels: {} },
  plain: { what: 'no labels', args: [], labels: {} },
  held: { what: 'labels', args: [], labels: LABELS },
  loose: { what: 'labels, --no-hold', args: ['--no-hold'], labels: LABELS },
} as const;
type Kind = keyof typeof KINDS;
/** What is measured while one daemon runs, or none. */
const STAGES: readonly (readonly Kind[])[] = [['without'], ['plain', 'held'], ['loose']];

/** The first datagram since the last look: when it came, and its number. */
let first: { readonly at: number; readonly number: number } | undefined;

export async function measureFirstPackets(network: string): Promise<void> {
  writeFileSync(PROGRAM, sender([FAR], PORT));
  chmodSync(PROGRAM, 0o755);
  await makeWorld();
  await makeVpn();
  await run(ROUTER, { networks: { [network]: {} }, sysctls: { 'net.ipv4.ip_forward': '1' } });
  await connectVpn(ROUTER);
  for (const where of ['netns:world', 'netns:vpn']) {
    await hear(where, PORT, FAR, datagram => {
      first ??= { at: performance.now(), number: numberOf(datagram) };
    });
  }
  progress(`${TURNS * STARTS} starts of each kind, in ${TURNS} turns of a daemon`);
  const taken: Record<Kind, Start[]> = { without: [], plain: [], held: [], loose: [] };
  for (let turn = 0; turn < TURNS; turn++) {
    const stages = [...STAGES.slice(turn % STAGES.length), ...STAGES.slice(0, turn % STAGES.length)];
    for (const kinds of stages) await oneStage(network, turn, kinds, taken);
  }
  await remove(ROUTER);
  hush();
  await unmakeWorld();
  report(taken);
}

async function oneStage(
  network: string,
  turn: number,
  kinds: readonly Kind[],
  taken: Readonly<Record<Kind, Start[]>>,
): Promise<void> {
  const { args } = KINDS[kinds[0]!];
  if (args) await keeper.start({ flags: [...args] });
  for (let n = -WARM; n < STARTS; n++) {
    for (const kind of (turn + n) % 2 === 0 ? kinds : [...kinds].reverse()) {
      const start = await oneStart(network, KINDS[kind].labels);
      if (n >= 0) taken[kind].push(start);
    }
  }
  if (args) await daemon.stop();
}

async function oneStart(network: string, labels: Readonly<Record<string, string>>): Promise<Start> {
  first = undefined;
  const began = performance.now();
  await run(NAME, {
    ...{ networks: { [network]: {} }, labels },
    ...{ binds: [`${PROGRAM}:/sender`], command: ['/sender'] },
  });
  const answered = performance.now();
  const { at, number } = (await eventually(() => first ?? false, { every: 0.01 })) as NonNullable<
    typeof first
  >;
  await remove(NAME);
  await sleep(SETTLE_MS);
  return { run: answered - began, heard: at - began, lost: number - 1 };
}

function report(taken: Readonly<Record<Kind, readonly Start[]>>): void {
  const quarters = (values: readonly number[]): string =>
    [0.25, 0.75].map(q => signed(quantile(values, q))).join(' to ');
  const rows = (what: string, of: (start: Start) => number): string[][] =>
    (Object.keys(KINDS) as Kind[]).map(kind => {
      const all = taken[kind].map(of);
      const more = all.map((value, n) => value - of(taken.without[n]!));
      const cells = [figure(median(all)), figure(quantile(all, 0.95)), String(all.length)];
      return [`${what}, ${KINDS[kind].what}`, ...cells, signed(median(more)), quarters(more)];
    });
  table(
    'A container that starts, by turns',
    ['ms', 'median', 'p95', 'n', 'more than no daemon', 'half of them'],
    [
      ...rows('docker run', ({ run }) => run),
      ...rows('to the first packet heard', ({ heard }) => heard),
      ...rows('packets lost before it', ({ lost }) => lost),
    ],
  );
  const more = taken.held.map(({ run }, n) => run - taken.without[n]!.run);
  console.log(`RESULT label-run ${median(more)}`);
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${figure(Math.abs(value))}`;
}

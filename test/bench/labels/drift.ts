// What others change in namespaces: how soon it is mended in one of many, also while one of them changes without end, and what
// thousands cost while nothing happens. Namespaces are real, Docker is a stub (standins.ts).
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { daemon, eventually } from '../../support/lab.js';
import { memoryOf } from '../memory.js';
import { figure, median, progress, quantile, table } from '../stats.js';
import { cpuOf, passOver } from './crowd.js';
import { keep } from './kept.js';
import { GATEWAY, ONE, TEN } from './labelled.js';
import { mended } from './mended.js';
import { ofKind, readNotes } from './notes.js';
import { hold, patternOf, SOCKET } from './standins.js';
import { DockerStub, type Standin } from './stub.js';

const [MANY, THOUSANDS] = [500, Number(process.env.BENCH_NAMESPACES ?? 5_000)];
const EACH = 60;
/** Seconds. */
const [FLOOD, LOOK_INTERVAL] = [40, Number(process.env.BENCH_LOOK_INTERVAL ?? 300)];
const STALLS = '/run/bench-stalls';
const FLOODER = 'dist/test/bench/labels/flood';
/** A default route of labels makes policy rules, too. */
const ROUTED = { ...TEN, 'twine.route.0.0.0.0/0': GATEWAY };

const DEEDS: readonly (readonly [what: string, command: readonly string[]])[] = [
  ['nft flush ruleset', ['nft', 'flush', 'ruleset']],
  ['ip route del', ['ip', 'route', 'del', '10.77.0.0/16', 'via', '10.1.0.1']],
  ['ip rule del', ['ip', 'rule', 'del', 'protocol', '229']],
];

function does(path: string, command: readonly string[]): () => void {
  return () => spawn('nsenter', [`--net=${path}`, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** As by turns in random ones of these. @returns milliseconds until it was mended, by deeds */
async function breakSome(
  standins: readonly Standin[],
  each: number,
  breathe: () => Promise<unknown>,
): Promise<number[][]> {
  const taken = DEEDS.map((): number[] => []);
  for (let n = 0; n < each; n++)
    for (const [d, [, command]] of DEEDS.entries()) {
      const { sandboxKey } = standins[1 + Math.floor(Math.random() * (standins.length - 1))]!;
      taken[d]!.push(await mended(sandboxKey, does(sandboxKey, command), breathe));
    }
  return taken;
}

const ROW = (what: string, taken: readonly number[]): string[] => [
  what,
  ...[0.5, 0.99, 1].map(q => figure(quantile(taken, q))),
  String(taken.length),
];
const HEAD = ['ms until mended', 'median', 'p99', 'longest', 'n'];

/** Something of ours goes in one of five hundred. */
export async function measureDrift(network: string): Promise<void> {
  const pattern = await patternOf(network);
  progress(`${MANY} labelled namespaces, of which one is changed at a time`);
  const standins = await hold(MANY + 2);
  const [gateway, ...others] = standins.list;
  const stranger = others.pop()!;
  const list = [gateway!, ...others.map(one => ({ ...one, labels: ROUTED }))];
  const stop = await new DockerStub(pattern, [...list, stranger]).serve(SOCKET);
  await keep({ socket: SOCKET });
  await sleep(1_000);
  const quiet = await breakSome(list, EACH, turn);
  table(`One of ${MANY} labelled namespaces is changed`, HEAD, [
    ...DEEDS.map(([what], n) => ROW(what, quiet[n]!)),
    ROW('all', quiet.flat()),
  ]);
  // The last of them is not broken: it is the one that is flooded.
  const [hostile, rest] = [list.at(-1)!, list.slice(0, -1)];
  const rows: string[][] = [];
  const p99: number[] = [];
  for (const [what, target] of [
    ['beside one that is nothing to the daemon, and changes without end', stranger],
    ['beside a labelled one that changes without end', hostile],
  ] as const) {
    const flood = spawn(FLOODER, [target.sandboxKey, String(FLOOD)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const rate = textOf(flood.stdout);
    await sleep(2_000);
    const before = cpuOf(daemon.pid());
    const began = performance.now();
    const taken: number[] = [];
    while (performance.now() - began < (FLOOD - 8) * 1_000)
      taken.push(...(await breakSome(rest, 1, () => sleep(1))).flat());
    const share = (cpuOf(daemon.pid()) - before) / (performance.now() - began);
    rows.push([...ROW(what, taken), String(Number(await rate)), `${figure(share * 100)} %`]);
    p99.push(quantile(taken, 0.99));
  }
  table(`One of ${MANY - 1} others is changed`, [...HEAD, 'changes a second', 'of a processor'], rows);
  console.log(`RESULT drift ${quantile(quiet.flat(), 0.99)}\nRESULT drift-flooded ${p99[1]! - p99[0]!}`);
  await daemon.stop();
  stop();
  await standins.free();
}

/** Thousands of labelled namespaces: the first pass, then nothing happens, then something in one of them. */
export async function measureThousands(network: string): Promise<void> {
  const pattern = await patternOf(network);
  progress(`${THOUSANDS} labelled namespaces`);
  const standins = await hold(THOUSANDS + 1);
  const list = standins.list.map((one, n) => ({ ...one, labels: n === 0 ? {} : n % 2 === 0 ? ONE : ROUTED }));
  const stub = new DockerStub(pattern, list);
  const stop = await stub.serve(SOCKET);
  progress('the first pass');
  const first = passOver(await keep({ socket: SOCKET, within: 300 }), THOUSANDS);
  const routed = list.filter((_, n) => n % 2 === 1 || n === 0);
  const change = await breakSome(routed, 10, turn);
  const looks = ofKind(readNotes(), 'converge').filter(({ changes }) => changes > 0);
  const starts: number[] = [];
  for (let n = 1; n <= 10; n++) {
    const began = ofKind(readNotes(), 'idle').length;
    const from = performance.now();
    stub.started(list[n * 7]!);
    await eventually(() => ofKind(readNotes(), 'idle').length > began, { within: 30, every: 0.01 });
    starts.push(performance.now() - from);
  }
  await daemon.stop();
  progress('nothing happens');
  await daemon.start({
    args: ['--no-driver', '--look-interval', String(LOOK_INTERVAL), '--docker-host', `unix://${SOCKET}`],
    env: { NODE_OPTIONS: `--import ${join(import.meta.dirname, 'stalls.js')}`, BENCH_STALLS: STALLS },
    ready: () => true,
  });
  const [wait, watched] = [LOOK_INTERVAL + 20, LOOK_INTERVAL];
  await sleep(wait * 1_000);
  const before = cpuOf(daemon.pid());
  const asked = stub.asked;
  await sleep(watched * 1_000);
  const share = (cpuOf(daemon.pid()) - before) / (watched * 1_000);
  const listings = stub.asked - asked;
  const { resident } = memoryOf(daemon.pid());
  rmSync(STALLS, { force: true });
  process.kill(daemon.pid(), 'SIGUSR2');
  await sleep((watched + 10) * 1_000);
  process.kill(daemon.pid(), 'SIGUSR2');
  const { longest, p99 } = (await eventually(() => JSON.parse(readFileSync(STALLS, 'utf8')))) as {
    longest: number;
    p99: number;
  };
  table(
    `${THOUSANDS} labelled namespaces`,
    ['', 'here'],
    [
      ['first pass, s', figure(first / 1_000)],
      [`a processor while nothing happens for ${watched} s, %`, figure(share * 100)],
      ['    questions to Docker meanwhile', String(listings)],
      ['the longest stall of the event loop, ms', figure(longest)],
      ['    p99 of its delays, ms', figure(p99)],
      ['resident memory, MB', figure(resident)],
      ['one is changed, ms until mended: median', figure(median(change.flat()))],
      ['    p99', figure(quantile(change.flat(), 0.99))],
      ['    in the namespace, ms: median', figure(median(looks.map(({ from, end }) => end - from)))],
      ['one starts, ms until the pass has ended: median', figure(median(starts))],
    ],
  );
  console.log(
    `RESULT five-first ${first / 1_000}\nRESULT five-share ${share * 100}\nRESULT five-stall ${longest}`,
  );
  console.log(`RESULT five-memory ${resident}`);
  await daemon.stop();
  stop();
  await standins.free();
}

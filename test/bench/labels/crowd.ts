// Passes over many containers: fifty real ones, and hundreds of stand-ins (standins.ts).
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import { DockerApi } from '../../../src/docker/api-client.js';
import { remove, run } from '../../support/containers.js';
import { daemon, eventually } from '../../support/lab.js';
import { memoryOf } from '../memory.js';
import { figure, median, progress, spread, table } from '../stats.js';
import { follow, keep } from './kept.js';
import { ONE, TEN } from './labelled.js';
import { forgetNotes, type Note, ofKind, readNotes } from './notes.js';
import { hold, labelled, patternOf, SOCKET } from './standins.js';
import { DockerStub } from './stub.js';

const REAL = 50;
const LABELLED = 500;
const QUIET = 1000;
const TURNS = 3;
const LOOKS = 10;
const ASKED = 5;
const EVENTS = 50;
/** As the daemon asks. */
const AT_A_TIME = 16;
const ANSWERED_WITHIN = 30_000;

/** Starts of the daemon beside real containers: everything is new to it, then everything is there. */
export async function measureRealPass(network: string): Promise<void> {
  progress(`a first pass over ${REAL} real containers`);
  const [made, kept, asked, alone]: number[][] = [[], [], [], []];
  const each: number[][] = [[], []];
  for (let turn = 0; turn < TURNS; turn++) {
    for (let n = 0; n < REAL; n++) {
      await run(`labelled-${n}`, { networks: { [network]: {} }, labels: n % 2 === 0 ? ONE : TEN });
    }
    const first = await keep({ transactions: true });
    made!.push(passOver(first, REAL));
    await daemon.stop();
    const taken = await carryOut(ofKind(first, 'transaction').map(({ json }) => json));
    alone!.push(taken.reduce((sum, ms) => sum + ms, 0));
    for (const [n, ms] of taken.entries()) each[n < taken.length / 2 ? 0 : 1]!.push(ms);
    kept!.push(passOver(await keep()));
    await daemon.stop();
    for (let n = 0; n < ASKED; n++) asked!.push(await askDocker());
    for (let n = 0; n < REAL; n++) await remove(`labelled-${n}`);
  }
  table(
    `${REAL} real containers, half with 1 label and half with 10: the first pass of a daemon`,
    ['ms', 'median', 'p95', 'n'],
    [
      ['all to do', ...spread(made!)],
      ['nothing to do: an earlier daemon has made all', ...spread(kept!)],
      ["Docker's listing and inspections alone, asked for by a program that is warm", ...spread(asked!)],
      ['libnftables alone: the same transactions by a C program, in new namespaces', ...spread(alone!)],
      ['    each of 1 label', ...spread(each[0]!)],
      ['    each of 10 labels', ...spread(each[1]!)],
    ],
  );
  console.log(`RESULT pass-fifty ${median(made!)}`);
}

/** Milliseconds that libnftables takes for each transaction by itself, the short ones first. */
async function carryOut(transactions: readonly string[]): Promise<number[]> {
  const sorted = [...transactions].sort((a, b) => a.length - b.length);
  const child = spawn('dist/test/bench/labels/transactions', { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(sorted.map(json => `${json}\n`).join(''));
  const taken = (await textOf(child.stdout)).trim().split('\n').map(Number);
  if (taken.length !== sorted.length) throw new Error('the C program has not carried out all transactions');
  return taken;
}

/** Milliseconds in which Docker answers what a first pass asks. */
async function askDocker(): Promise<number> {
  const api = new DockerApi({ socketPath: '/var/run/docker.sock' });
  const from = performance.now();
  const listed = await api.get<{ Id: string }[]>('/containers/json', ANSWERED_WITHIN, { all: true });
  const work = async (): Promise<void> => {
    for (let next = listed.pop(); next; next = listed.pop()) {
      await api.get(`/containers/${next.Id}/json`, ANSWERED_WITHIN);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  const taken = performance.now() - from;
  api.close();
  return taken;
}

/** Hundreds of namespaces behind the stub. */
export async function measureStubPasses(network: string): Promise<void> {
  const pattern = await patternOf(network);
  progress(`${LABELLED} labelled containers: namespaces, and a stub of Docker's API`);
  const [made, looks, cpu, memory]: number[][] = [[], [], [], []];
  for (let turn = 0; turn < TURNS; turn++) {
    const standins = await hold(LABELLED + 1);
    const stop = await new DockerStub(pattern, labelled(standins.list)).serve(SOCKET);
    made!.push(passOver(await keep({ socket: SOCKET }), LABELLED));
    await daemon.stop();
    await keep({ socket: SOCKET, every: 1 });
    forgetNotes();
    const before = cpuOf(daemon.pid());
    await eventually(() => passes(readNotes()).length >= LOOKS, { within: 120 });
    cpu!.push((cpuOf(daemon.pid()) - before) / passes(readNotes()).length);
    looks!.push(...passes(readNotes()).slice(0, LOOKS).map(durationOf));
    memory!.push(memoryOf(daemon.pid()).resident);
    await daemon.stop();
    stop();
    await standins.free();
  }
  table(
    `${LABELLED} namespaces and a stub, half with 1 label and half with 10`,
    ['ms', 'median', 'p95', 'n'],
    [
      ['first pass, all to do', ...spread(made!)],
      ['periodic look, nothing to do', ...spread(looks!)],
      ['    processor time of it', ...spread(cpu!)],
    ],
  );
  console.log(`  memory of the daemon after that: ${figure(median(memory!))} MB`);
  console.log(`RESULT pass-all ${median(made!)}\nRESULT pass-nothing ${median(looks!)}`);
  console.log(`RESULT labelled ${median(memory!)}`);
}

/** What an event costs that is about none of ours. */
export async function measureQuiet(network: string): Promise<void> {
  const pattern = await patternOf(network);
  progress(`${QUIET} containers without labels`);
  const standins = await hold(QUIET);
  const stub = new DockerStub(pattern, standins.list);
  const stop = await stub.serve(SOCKET);
  await keep({ socket: SOCKET });
  const taken: number[] = [];
  const event = async (n: number): Promise<void> => {
    const notes = await follow(
      async () => stub.started(standins.list[n]!),
      notes => ofKind(notes, 'event').length > 0,
    );
    taken.push(ofKind(notes, 'idle').at(-1)!.at - ofKind(notes, 'event')[0]!.at);
  };
  for (let n = 0; n < 5; n++) await event(n);
  taken.length = 0;
  const before = cpuOf(daemon.pid());
  for (let n = 0; n < EVENTS; n++) await event(n);
  const cpu = (cpuOf(daemon.pid()) - before) / EVENTS;
  table(
    `${QUIET} containers without labels, namespaces and a stub: one of them starts`,
    ['ms', 'median', 'p95', 'n'],
    [['from the event to the end of the pass', ...spread(taken)]],
  );
  console.log(
    `  ${figure(cpu)} ms of processor time an event; memory ${figure(memoryOf(daemon.pid()).resident)} MB`,
  );
  await daemon.stop();
  stop();
  await standins.free();
}

/** All passes, each from its look to the end of what followed. */
function passes(notes: readonly Note[]): Note[][] {
  const found: Note[][] = [];
  for (const [n, note] of notes.entries()) {
    if (note.what !== 'idle') continue;
    const earlier = notes.slice(0, n).findLastIndex(({ what }) => what === 'idle');
    found.push(notes.slice(earlier + 1, n + 1));
  }
  return found.filter(pass => ofKind(pass, 'look').length > 0);
}

function durationOf(pass: readonly Note[]): number {
  return ofKind(pass, 'idle')[0]!.at - ofKind(pass, 'look')[0]!.from;
}

/** Milliseconds of a first pass, which has changed so many namespaces. */
export function passOver(notes: readonly Note[], changed = 0): number {
  const [first] = passes(notes);
  const done = ofKind(first!, 'converge');
  if (done.some(({ failures }) => failures > 0))
    throw new Error(`the daemon could not make the rules: ${daemon.logs()}`);
  const seen = done.filter(({ changes }) => changes > 0).length;
  if (seen !== changed) throw new Error(`the pass changed ${seen} namespaces, not ${changed}`);
  return durationOf(first!);
}

/** Milliseconds of processor time of a process, all its threads. */
export function cpuOf(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const run = tasks.map(task =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return run.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

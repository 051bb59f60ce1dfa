// From exec to a socket that accepts, and what the daemon holds in memory when nothing has happened yet. Run as a
// program it wants a network and a mount namespace of its own, because it covers /run.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Memory, memoryOf } from './memory.js';
import { figure, median, progress, spread, table } from './stats.js';

const SOCKET = '/run/dwgd/dwgd.sock';
const CLI = join(dirname(dirname(import.meta.dirname)), 'src/cli/main.js');
/** Until the work behind READY is done: recovery, the first look, the first tries to reach Docker. */
const SETTLE_MS = 3_000;

function accepts(): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(SOCKET, () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Starts a daemon; milliseconds until its socket accepted. */
async function start(database: string): Promise<{ child: ChildProcess; taken: number }> {
  const began = performance.now();
  const child = spawn(process.execPath, [CLI, '-d', database], { stdio: 'ignore' });
  // A look at the name costs next to nothing; a try to connect only when there is something to connect to.
  while (!existsSync(SOCKET) || !(await accepts())) {
    if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}`);
    await sleep(1);
  }
  return { child, taken: performance.now() - began };
}

/** Starts the daemon so many times, after one that warms the page cache. */
export async function measureStartup(times: number): Promise<number[]> {
  const taken: number[] = [];
  for (let n = 0; n <= times; n++) {
    const run = await start('/run/bench.db');
    await stop(run.child);
    if (n > 0) taken.push(run.taken);
  }
  return taken;
}

/** What a daemon holds a few seconds after its start, without networks and without a Docker. */
export async function measureIdle(): Promise<Memory> {
  const { child } = await start('/run/bench.db');
  await sleep(SETTLE_MS);
  const memory = memoryOf(child.pid!);
  await stop(child);
  return memory;
}

export function printMemory(title: string, rows: readonly (readonly [string, Memory])[]): void {
  table(
    title,
    ['MB', 'VmRSS', 'own', 'of files'],
    rows.map(([what, { resident, own, files }]) => [what, figure(resident), figure(own), figure(files)]),
  );
}

if (import.meta.filename === process.argv[1]) {
  const mounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
  if (mounted.status !== 0) throw new Error(`cannot cover /run: ${mounted.stderr}`);
  progress('start-up on this machine');
  const taken = await measureStartup(15);
  const memory = await measureIdle();
  table(
    'On this machine: from exec to a socket that accepts',
    ['ms', 'median', 'p95', 'n'],
    [['start-up', ...spread(taken)]],
  );
  printMemory('On this machine: memory of an idle daemon', [['idle, no Docker', memory]]);
  console.log(`RESULT startup ${median(taken)}\nRESULT idle ${memory.resident}`);
}

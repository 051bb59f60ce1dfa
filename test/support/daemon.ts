// The daemon under test as a child process of the scenario: start, stop, death, logs. It is run as a user runs
// it; nothing of its source is imported.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually, sh } from './shell.js';
import { unitEnvironment, withUnitCapabilities } from './unit-capabilities.js';

export const socketPath = '/run/dwgd/dwgd.sock';
/** The database that start() names; cleanup() removes it. */
export const database = '/run/lab-dwgd.db';
const log = '/run/lab/dwgd.log';

/** Most scenarios are about the driver. Under emulation the other half would cost each container half a second. */
const driverAlone = ['-d', database, '-v', '--no-labels'];
/** Both halves, as they are installed. */
export const bothHalves = ['-d', database, '-v'];

export interface DaemonOptions {
  /** Arguments; by default a database of the laboratory's own, -v and --no-labels. */
  args?: string[];
  /** Laid over the scenario's environment; undefined removes a variable. */
  env?: Record<string, string | undefined>;
  /** A command to run it under, such as ['strace', '-f', '-o', '/run/lab/trace']. */
  under?: string[];
  /** What tells that it has started, by throwing or returning false until then; by default its socket answers. */
  ready?: () => unknown;
  /** Seconds until it must have started. */
  within?: number;
}

/** For a daemon whose caller is the scenario itself: the engine beside it knows nothing of these networks. */
export const withoutEngine = { DOCKER_HOST: 'unix:///run/no-engine.sock' };

let child: ChildProcess | undefined;
let last: DaemonOptions = {};
/** Where in the log the current process began. */
let began = 0;

function length(): number {
  return existsSync(log) ? readFileSync(log, 'utf8').length : 0;
}

function accepts(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath, () => {
      socket.destroy();
      resolve();
    }).on('error', reject);
  });
}

async function gone(process: ChildProcess): Promise<void> {
  await eventually(() => process.exitCode !== null || process.signalCode !== null, {
    within: 30,
    every: 0.05,
  });
}

/** The one daemon of the guest. */
export const daemon = {
  /** Starts it and waits until it is ready; throws with its log when it ends before that. */
  async start(options: DaemonOptions = {}): Promise<void> {
    if (daemon.running()) throw new Error('the daemon already runs');
    last = options;
    began = length();
    const { args = driverAlone, env = {}, under = [], ready = accepts, within = 120 } = options;
    const [program, ...rest] = [
      ...under,
      // What works here works in the unit.
      ...withUnitCapabilities(),
      process.execPath,
      join(process.env.LAB_ROOT!, 'dist/src/cli/main.js'),
      ...args,
    ];
    const output = openSync(log, 'a');
    const started = spawn(program!, rest, {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...unitEnvironment(), ...env },
    });
    closeSync(output);
    child = started;
    started.on('error', () => {}); // seen below as a process without a pid
    await eventually(
      async () => {
        if (!daemon.running()) return;
        if ((await ready()) === false) throw new Error(`it has not started: ${daemon.logs()}`);
      },
      { within, every: 0.05 },
    );
    if (!daemon.running()) throw new Error(`the daemon ended with ${started.exitCode}: ${daemon.logs()}`);
  },

  /** SIGTERM; returns its exit status. A daemon that does not run is stopped already. */
  async stop(): Promise<number | null> {
    return daemon.signal('SIGTERM');
  },

  /** SIGKILL: no chance to clean up. */
  async kill9(): Promise<void> {
    await daemon.signal('SIGKILL');
  },

  /** Sends a signal that ends it, and waits for that. One that does not end is killed: nothing waits for it for ever. */
  async signal(signal: NodeJS.Signals): Promise<number | null> {
    if (!daemon.running()) return null;
    const ending = child!;
    const pid = daemon.pid();
    process.kill(pid, signal);
    try {
      await gone(ending);
    } catch (err) {
      process.kill(pid, 'SIGKILL');
      throw new Error(`the daemon does not end: ${daemon.logs()}`, { cause: err });
    }
    return ending.exitCode;
  },

  /** Stops it and starts it with the same options, or with others. */
  async restart(options?: DaemonOptions): Promise<void> {
    await daemon.stop();
    await daemon.start(options ?? last);
  },

  running: (): boolean => child?.pid !== undefined && child.exitCode === null && child.signalCode === null,

  /** Its process id; under a wrapper such as strace, that of the wrapped process, unless it took the wrapper's place. */
  pid(): number {
    const pid = child?.pid;
    if (pid === undefined) throw new Error('the daemon does not run');
    if (!last.under?.length) return pid;
    const [wrapped] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return Number(wrapped) || pid;
  },

  /** What the current process, or the last one, has written. The whole of the run is in dwgd.log. */
  logs: (): string => (existsSync(log) ? readFileSync(log, 'utf8').slice(began) : ''),

  /** How many rows a table of its database has; read by the standard tool. */
  async rows(table: 'network' | 'client'): Promise<number> {
    return Number(await sh(`sqlite3 -cmd '.timeout 5000' ${database} 'SELECT count(*) FROM ${table}'`));
  },

  /** Waits until it has deleted what it deletes in the background. */
  async settled(): Promise<void> {
    const query = `SELECT count(*) FROM client WHERE state = 'deleting'`;
    await eventually(async () => (await sh(`sqlite3 -cmd '.timeout 5000' ${database} "${query}"`)) === '0', {
      within: 60,
    });
  },

  /** Removes what a daemon leaves on purpose: its database. */
  forget(): void {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${database}${suffix}`, { force: true });
  },
};

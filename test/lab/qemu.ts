// Boots one guest and waits for its end: the QEMU command line, the run's directory, progress, time-out.
// It does not know what the guest does: that is `job`, which guest-init carries out.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';

/** The checkout (this file runs from dist/test/lab). */
export const root = dirname(dirname(dirname(import.meta.dirname)));
/** Where `prepare` puts kernel, modules, initramfs and image. */
export const cache = process.env.DWGD_LAB_CACHE ?? join(root, '.lab');

export interface Job {
  mode: 'scenarios' | 'exec' | 'shell';
  /** The names of scenarios, or the command; unused by a shell. */
  job: string;
  docker: boolean;
  /** Scenarios that have a long form run that one. */
  long: boolean;
  /** The run's directory: the guest's /run/lab. */
  out: string;
  /** After so many seconds the guest is killed; 0 is never. */
  timeout: number;
  /** MiB. */
  memory: number;
  /** Of the guest: one is slower and steadier than two. */
  cpus: number;
  progress: (line: string) => void;
}

/** What came of a guest: its job's exit status, or a sentence saying why there is none. */
export type Ending = { status: number } | { failure: string };

/** Claims of this process, which end with it. */
const claims: Server[] = [];

/** Makes the first free one of <cache>/out, out.2, … empty and ours: two runs at once do not mix their files. */
export async function claimOut(): Promise<string> {
  for (let n = 1; ; n++) {
    const out = join(cache, n === 1 ? 'out' : `out.${n}`);
    if (!(await claim(out))) continue;
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    return out;
  }
}

/** Whether a path is this process's alone from now on: an abstract socket is one process's, and goes with it. */
async function claim(path: string): Promise<boolean> {
  const name = createHash('sha256').update(path).digest('hex');
  const server = createServer().unref();
  try {
    await once(server.listen(`\0dwgd-lab-${name}`), 'listening');
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw err;
  }
  claims.push(server);
  return true;
}

/** Boots a guest for the job and resolves when it is gone. */
export async function boot(job: Job): Promise<Ending> {
  writeFileSync(join(job.out, 'boot'), bootScript(job));
  const console = join(job.out, 'console.log');
  writeFileSync(console, '');
  const stopProgress = follow(console, job.progress);
  // setpriv: the guest dies with this process, even when that is killed by -9.
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...qemuArguments(job)], {
    stdio: [job.mode === 'shell' ? 'inherit' : 'ignore', 'inherit', 'inherit'],
  });
  const end = await ended(qemu, job.timeout);
  stopProgress();
  const status = join(job.out, 'status');
  if (end === undefined && existsSync(status)) return { status: Number(readFileSync(status, 'utf8')) };
  return {
    failure: `${end ?? 'the guest went away without reporting an end'}; the last of ${console}:\n${tail(console)}`,
  };
}

/** Whether the guest ended because its processors waited for each other for good: see KERNEL_COMMAND_LINE. */
export function lockedUp(out: string): boolean {
  return readFileSync(join(out, 'console.log'), 'utf8').includes('softlockup: hung tasks');
}

/** Resolves to undefined when QEMU ended by itself with status 0, else to the reason. */
function ended(qemu: ChildProcess, timeout: number): Promise<string | undefined> {
  return new Promise(resolve => {
    let reason: string | undefined;
    const kill = (why: string) => {
      reason ??= why;
      qemu.kill('SIGKILL');
    };
    const timer = timeout
      ? setTimeout(() => kill(`the guest took more than ${timeout} s`), timeout * 1000)
      : undefined;
    const interrupted = () => kill('interrupted');
    process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
    qemu.on('error', error => {
      reason ??= `cannot start QEMU: ${error.message}`;
    });
    qemu.on('close', (code, signal) => {
      clearTimeout(timer);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      resolve(reason ?? (code === 0 ? undefined : `QEMU ended with ${code ?? signal}`));
    });
  });
}

/**
 * A guest whose processors wait for each other for good, as emulated ones now and then do on a machine that is
 * overloaded, panics after a minute; one that is merely slow does not.
 */
const KERNEL_COMMAND_LINE =
  'console=ttyS0 quiet panic=-1 oops=panic softlockup_panic=1 watchdog_thresh=30 random.trust_cpu=on' +
  // What protects a kernel from its programs, and costs an emulated one a tenth of its time.
  ' mitigations=off init_on_alloc=0 randomize_kstack_offset=off nokaslr audit=0 transparent_hugepage=always';
/** The plainest that Debian's programs run on: what it lacks, vectors above all, is dear to emulate. */
const CPU = 'Nehalem';

function qemuArguments(job: Job): string[] {
  const share = (path: string, tag: string) =>
    `local,path=${path.replaceAll(',', ',,')},mount_tag=${tag},security_model=none,multidevs=remap`;
  return [
    ...['-accel', 'tcg,thread=multi', '-cpu', CPU, '-smp', String(job.cpus), '-m', String(job.memory)],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-monitor', 'none', '-net', 'none'],
    ...['-kernel', join(cache, 'kernel'), '-initrd', join(cache, 'initramfs')],
    // panic=-1 with -no-reboot: a panic ends QEMU at once, and no status was written.
    ...['-append', KERNEL_COMMAND_LINE],
    ...['-serial', `file:${join(job.out, 'console.log').replaceAll(',', ',,')}`],
    ...[
      '-device',
      'virtio-serial-pci',
      '-chardev',
      'stdio,id=terminal,signal=off',
      '-device',
      'virtconsole,chardev=terminal',
    ],
    ...['-virtfs', `${share('/', 'root')},readonly=on`, '-virtfs', share(job.out, 'lab')],
  ];
}

/** The bash script that the initramfs hands over to: the job as variables, then guest-init. */
function bootScript(job: Job): string {
  const terminal = process.stdout.isTTY;
  const variables = {
    LAB_ROOT: root,
    LAB_CACHE: cache,
    LAB_NODE: process.execPath,
    LAB_DOCKER: job.docker ? '1' : '0',
    LAB_LONG: job.long ? '1' : '0',
    LAB_MODE: job.mode,
    LAB_JOB: job.job,
    LAB_ROWS: String(process.stdout.rows ?? 24),
    LAB_COLS: String(process.stdout.columns ?? 80),
    ...(process.env.SIEGE_SECONDS === undefined ? {} : { SIEGE_SECONDS: process.env.SIEGE_SECONDS }),
    TERM: terminal ? (process.env.TERM ?? 'linux') : 'dumb',
    ...(terminal ? {} : { NO_COLOR: '1', WG_COLOR_MODE: 'never' }),
  };
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}`);
  return [...exports, `exec bash ${quote(join(root, 'test/lab/guest-init'))}`, ''].join('\n');
}

/** One word of a bash line, whatever it holds. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Calls back for every line of the growing file that begins with "lab: "; the result stops it after a last look. */
function follow(file: string, line: (line: string) => void): () => void {
  let seen = 0;
  const look = () => {
    const lines = readFileSync(file, 'utf8').split('\n');
    for (; seen < lines.length - 1; seen++) {
      const text = lines[seen]!.trim();
      if (text.startsWith('lab: ')) line(text.slice(5));
    }
  };
  const timer = setInterval(look, 200);
  return () => {
    clearInterval(timer);
    look();
  };
}

/** What a console says at its end: from the panic on, if there is one. */
function tail(file: string): string {
  const lines = readFileSync(file, 'utf8').trimEnd().split(/\r?\n/);
  const panic = lines.findIndex(line => /Kernel panic|Oops:|BUG:/.test(line));
  return (panic < 0 ? lines.slice(-20) : lines.slice(panic, panic + 20)).join('\n');
}

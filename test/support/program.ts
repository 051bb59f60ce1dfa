// dwgd as it is typed: within this process, as starting Node.js takes longer than most commands do, or as a process of its own.
// Not here: the daemon (daemon.ts).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { main } from '../../src/cli/command-line.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Ending {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Starts the program. */
export function startProgram(
  args: readonly string[],
  options: Surroundings & { readonly uid?: number } = {},
) {
  const { uid, ...rest } = options;
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: 'pipe',
    ...rest,
    ...(uid !== undefined && { uid, gid: uid }),
  });
  let out = '';
  let err = '';
  child.stdout.on('data', data => (out += data));
  child.stderr.on('data', data => (err += data));
  const ending = once(child, 'close').then(([status]): Ending => ({ status: status as number, out, err }));
  return { child, ending };
}

/** Runs the program. @param input what its standard input has */
export function runProgram(
  args: readonly string[],
  { input = '', ...options }: Parameters<typeof startProgram>[1] & { readonly input?: string } = {},
): Promise<Ending> {
  const { child, ending } = startProgram(args, options);
  child.stdin.end(input);
  return ending;
}

/** The command before: what is changed of this process is changed for one at a time. */
let before: Promise<unknown> = Promise.resolve();

/** What the program would print, and its exit status, without a process of its own. Standard input is this process's. */
export function runCommand(args: readonly string[], options: Surroundings = {}): Promise<Ending> {
  const result = before.then(() => command(args, options));
  before = result.catch(() => undefined);
  return result;
}

async function command(args: readonly string[], { env, cwd }: Surroundings): Promise<Ending> {
  const was = {
    argv: process.argv,
    env: process.env,
    cwd: process.cwd(),
    title: process.title,
    exitCode: process.exitCode,
    exit: process.exit,
    stdout: Object.getOwnPropertyDescriptor(process, 'stdout')!,
    stderr: Object.getOwnPropertyDescriptor(process, 'stderr')!,
  };
  const [out, err] = [new Text(), new Text()];
  process.argv = [process.execPath, CLI, ...args];
  if (env) process.env = env;
  if (cwd !== undefined) process.chdir(cwd);
  process.exitCode = 0;
  // The last thing that a command does.
  process.exit = (code => (process.exitCode = code ?? 0)) as typeof process.exit;
  Object.defineProperty(process, 'stdout', { configurable: true, value: out });
  Object.defineProperty(process, 'stderr', { configurable: true, value: err });
  try {
    await main();
    return { status: Number(process.exitCode ?? 0), out: out.text, err: err.text };
  } finally {
    Object.defineProperty(process, 'stdout', was.stdout);
    Object.defineProperty(process, 'stderr', was.stderr);
    process.chdir(was.cwd);
    const { argv, env, title, exit, exitCode } = was;
    Object.assign(process, { argv, env, title, exit, exitCode });
  }
}

/** A stream that keeps what is written, and is no terminal. */
class Text extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

// Command lines and patience: what scenarios say as a user would type it, and how they wait for its effect.
// Nothing here knows Docker or WireGuard.
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** A command line that ended otherwise than the scenario said it would. */
export class ShellError extends Error {
  override name = 'ShellError';
  constructor(
    readonly command: string,
    readonly status: number,
    readonly stdout: string,
    readonly stderr: string,
  ) {
    super(`\`${command}\` ended with ${status}: ${stderr.trim() || stdout.trim() || 'it said nothing'}`);
  }
}

interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

function run(command: string, seconds: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-o', 'pipefail', '-c', command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a process group of its own, so that a time-out reaches what bash started
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    const timer = setTimeout(() => {
      stderr += `\nkilled after ${seconds} s`;
      process.kill(-child.pid!, 'SIGKILL');
    }, seconds * 1000);
    child.on('error', reject);
    child.on('close', code => {
      clearTimeout(timer);
      resolve({ status: code ?? 137, stdout, stderr });
    });
  });
}

/**
 * Runs a bash line (with pipefail) and returns what it wrote to stdout, without the last newline.
 * Throws a ShellError when it fails or takes longer than `within` seconds (default 120).
 */
export async function sh(command: string, { within = 120 } = {}): Promise<string> {
  const { status, stdout, stderr } = await run(command, within);
  if (status !== 0) throw new ShellError(command, status, stdout, stderr);
  return stdout.trimEnd();
}

/** Runs a bash line that must fail; returns its stderr and stdout. Throws when it succeeds. */
sh.fails = async (command: string, { within = 120 } = {}): Promise<string> => {
  const { status, stdout, stderr } = await run(command, within);
  if (status === 0) throw new ShellError(command, status, `it should have failed, and said: ${stdout}`, '');
  return `${stderr}${stdout}`.trimEnd();
};

/**
 * Calls `attempt` until it neither throws nor returns false, and returns its result.
 * After `within` seconds (default 30) it throws the last error.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { within = 30, every = 0.1 } = {},
): Promise<T> {
  const end = Date.now() + within * 1000;
  for (;;) {
    let problem: unknown;
    try {
      const result = await attempt();
      if (result !== false) return result;
      problem = new Error(`still false: ${attempt}`);
    } catch (error) {
      problem = error;
    }
    if (Date.now() > end) throw new Error(`not within ${within} s`, { cause: problem });
    await sleep(every * 1000);
  }
}

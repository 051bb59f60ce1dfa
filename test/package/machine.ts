// A fresh Debian with systemd, in namespaces of its own, for tests of packages: started, asked by bash lines, ended.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** From dist/test/package. */
export const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));

export class Machine {
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#child = child;
  }

  /** Boots a Debian of this name with these files in /mnt/packages; resolves when systemd has started all of it. */
  static async boot(suite: string, files: readonly string[]): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), 'dwgd-machine-'));
    for (const file of files) copyFileSync(file, join(folder, basename(file)));
    const { stdout } = await run('test/package/root', [suite], { cwd: CHECKOUT });
    const child = spawn('test/package/boot', [stdout.trim(), folder], { cwd: CHECKOUT, stdio: 'inherit' });
    const machine = new Machine(folder, child);
    await machine.until('{ systemctl is-system-running || true; } | grep -E "running|degraded"', 60);
    return machine;
  }

  /** What a bash line prints on either output. @throws with that when its status is not 0 */
  async sh(line: string): Promise<string> {
    const pid = readFileSync(join(this.#folder, 'pid'), 'utf8').trim();
    const args = [
      '-t',
      pid,
      '-m',
      '-p',
      '-n',
      '-u',
      '-i',
      '-C',
      '--',
      'bash',
      '-c',
      `exec 2>&1; set -o pipefail; ${line}`,
    ];
    const env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      LC_ALL: 'C.UTF-8',
      DEBIAN_FRONTEND: 'noninteractive',
    };
    try {
      const { stdout } = await run('nsenter', args, { env, maxBuffer: 2 ** 26 });
      return stdout.trimEnd();
    } catch (err) {
      throw new Error(`${line}\n${(err as { stdout?: string }).stdout ?? ''}`, { cause: err });
    }
  }

  /** What a line prints that has to fail. */
  async fails(line: string): Promise<string> {
    return await this.sh(`! { ${line}; }`);
  }

  /** Waits until a line succeeds. @throws with what it printed at last */
  async until(line: string, seconds = 30): Promise<string> {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      try {
        return await this.sh(line);
      } catch (err) {
        if (Date.now() > end) throw err;
        await sleep(200);
      }
    }
  }

  async end(): Promise<void> {
    const pid =
      existsSync(join(this.#folder, 'pid')) && readFileSync(join(this.#folder, 'pid'), 'utf8').trim();
    const closed = once(this.#child, 'close');
    // The first process of a pid namespace takes all others with it.
    if (pid) process.kill(Number(pid), 'SIGKILL');
    await closed;
    rmSync(this.#folder, { recursive: true });
  }
}

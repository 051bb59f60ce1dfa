// A fresh Debian with systemd, in namespaces of its own, for tests of packages: started, asked by bash lines, ended.
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** From dist/test/package. */
export const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));
/** Those on which a package is tried; RELEASE names one of them. */
export const RELEASES = [
  { suite: 'bookworm', debian: '12', needsNode: true },
  { suite: 'trixie', debian: '13', needsNode: false },
].filter(({ suite }) => (process.env.RELEASE || suite) === suite);
/** The laboratory's guest is an emulated machine. */
const PATIENCE = process.env.LAB_ROOT === undefined ? 1 : 8;
/** All that is there but what apt, dpkg, Docker, the journal and sudo keep of anything. */
const LISTING = `find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /mnt \
  -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/lib/docker \
  -o -path /var/lib/containerd -o -path /var/lib/sudo -o -path /var/lib/systemd -o -name __pycache__ \\) -prune -o -print | sort
  find /var/lib/systemd/deb-systemd-helper* -name "*dwgd*"; ls -d /run/dwgd 2> /dev/null || true`;

/** Bash lines that install it: a root folder has no kernel's package, and wireguard-tools would bring one. */
export const KERNEL_PACKAGE = `mkdir -p /tmp/kernel/DEBIAN
  printf '%s\\n' 'Package: kernel' 'Version: 1' 'Architecture: all' 'Provides: wireguard-modules (= 1.0.0)' \
    'Maintainer: dwgd <dwgd@localhost>' 'Description: the kernel that runs' > /tmp/kernel/DEBIAN/control
  dpkg-deb -b /tmp/kernel /tmp/kernel.deb; dpkg -i /tmp/kernel.deb`;

/** A package in dist/packages by how its name begins. */
export function debOf(beginning: string, arch = 'amd64'): string {
  const built = join(CHECKOUT, 'dist/packages');
  const name = readdirSync(built).find(file => file.startsWith(beginning) && file.endsWith(`_${arch}.deb`));
  assert.ok(name, `no ${beginning} for ${arch} in dist/packages: make deb`);
  return join(built, name);
}

/** Makes of the built package the same as a later version, whose name ends with `+later`. */
export function makeLater(file: string): void {
  const root = mkdtempSync(join(tmpdir(), 'dwgd-later-'));
  const shell = `dpkg-deb -R "$1" "$2"
    sed -i 's/^Version: .*/&+later/' "$2/DEBIAN/control"
    sed -i 's/"version": "[^"]*/&+later/' "$2/usr/lib/dwgd/package.json"
    dpkg-deb --root-owner-group -Znone -b "$2" "$3"`;
  execFileSync('bash', ['-ec', shell, 'bash', debOf('dwgd_'), join(root, 'later'), file], {
    stdio: 'ignore',
  });
  rmSync(root, { recursive: true });
}

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
    const args = [
      '-t',
      this.#pid(),
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

  /** What one of this machine's own programs prints, run in the network of that one. */
  async beside(...command: readonly string[]): Promise<string> {
    const { stdout } = await run('nsenter', ['-t', this.#pid(), '-n', '--', ...command], {
      maxBuffer: 2 ** 26,
    });
    return stdout.trimEnd();
  }

  /** Starts one of this machine's own programs in the network of that one. */
  start(...command: readonly string[]): ChildProcess {
    return spawn('nsenter', ['-t', this.#pid(), '-n', '--', ...command], { stdio: 'inherit' });
  }

  /** Where this machine has a path of that one. */
  path(path: string): string {
    return `/proc/${this.#pid()}/root${path}`;
  }

  /** The page of a daemon in there, and all that it names; a line each. @throws where one of them is missing */
  async page(url: string): Promise<string> {
    const { hostname, port } = new URL(url);
    await this.until(`exec 3<> /dev/tcp/${hostname}/${port}`);
    return await this.beside(process.execPath, join(CHECKOUT, 'dist/test/package/page-files.js'), url);
  }

  /** The paths of its files. */
  async files(): Promise<string> {
    return await this.sh(LISTING);
  }

  /** What a line prints that has to fail. */
  async fails(line: string): Promise<string> {
    return await this.sh(`! { ${line}; }`);
  }

  /** Waits until a line succeeds. @throws with what it printed at last */
  async until(line: string, seconds = 30): Promise<string> {
    const end = Date.now() + seconds * 1000 * PATIENCE;
    for (;;) {
      try {
        return await this.sh(line);
      } catch (err) {
        if (Date.now() > end) throw err;
        await sleep(200);
      }
    }
  }

  #pid(): string {
    return readFileSync(join(this.#folder, 'pid'), 'utf8').trim();
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

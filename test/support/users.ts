// Local users as tests play them: files that they keep, programs that they run, namespaces of their own. All of it goes
// with the test.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { RootlessHosts } from '../../src/driver/users/rootless-hosts.js';

export const ALICE = 64_321;
export const BOB = 64_322;

/** Folders that a user keeps files in; they go with the test. */
export class Home {
  readonly root = mkdtempSync(join(tmpdir(), 'dwgd-users-'));
  readonly folder = join(this.root, String(ALICE));
  readonly hosts = new RootlessHosts(this.root);

  constructor(t: TestContext) {
    chmodSync(this.root, 0o755);
    mkdirSync(join(this.folder, 'dockerd-rootless'), { recursive: true });
    for (const path of [this.folder, join(this.folder, 'dockerd-rootless')]) chownSync(path, ALICE, ALICE);
    t.after(() => rmSync(this.root, { recursive: true }));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, content: string | Buffer, uid = ALICE, mode = 0o600): string {
    writeFileSync(this.path(name), content);
    chmodSync(this.path(name), mode);
    chownSync(this.path(name), uid, uid);
    return this.path(name);
  }

  fifo(name: string): string {
    execFileSync('mkfifo', ['-m', '600', this.path(name)]);
    chownSync(this.path(name), ALICE, ALICE);
    return this.path(name);
  }

  link(name: string, target: string): string {
    symlinkSync(target, this.path(name));
    return this.path(name);
  }
}

/** A process of a user; it goes with the test. */
export async function processOf(t: TestContext, uid: number, ...command: string[]): Promise<ChildProcess> {
  const as = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const child = spawn('setpriv', [...as, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  return child;
}

export const READY = 'echo ready; exec sleep 600';

/** A program of a user's. What finds python3 may be root's alone, so the program itself becomes the user. */
export async function pythonOf(
  t: TestContext,
  uid: number,
  program: string,
  path: string,
): Promise<ChildProcess> {
  const become = `import os, socket, sys\nos.setgroups([]); os.setgid(${uid}); os.setuid(${uid})\n`;
  const child = spawn('python3', ['-c', become + program, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  return child;
}

/** Namespaces as a rootless Docker has them. */
export const rootless = (
  t: TestContext,
  script = READY,
  namespaces = '-Urmn',
  uid = ALICE,
): Promise<ChildProcess> => processOf(t, uid, 'unshare', namespaces, 'sh', '-c', script);

/** A tmpfs with sandboxes and what is none, as a user makes it in his mount namespace. */
export const SANDBOXES = `
mount -t tmpfs none /mnt && cd /mnt && mkdir netns
touch netns/own netns/hosts file && mount --bind /proc/self/ns/net netns/own
mkfifo fifo && mknod null c 1 3 2>/dev/null
ln -s netns dir; ln -s /mnt/netns/own absolute; ln -s ../../../../mnt/netns/own relative
ln -s /dev/zero zero; ln -s /proc/1/ns/net host; ln -s loop loop
${READY}`;

/** A program that listens on the path that it is given. */
export const LISTENER = `
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print("ready", flush=True)
while True: s.accept()[0].sendall(b"hello")`;

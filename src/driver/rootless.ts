// Where a user's rootless Docker lives: the process that holds its namespaces, found by the files that it keeps
// under /run/user/UID. These are the user's own, so what they say is checked. Not here: its plugin socket
// (rootless-socket.ts).

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { UserError } from '../errors.js';

/** A running rootless Docker. */
export interface RootlessHost {
  readonly uid: number;
  readonly gid: number;
  /** A process inside its mount namespace (and, but for detach-netns, its network namespace). */
  readonly pid: number;
}

export class RootlessHosts {
  readonly #root: string;
  readonly #serves: (uid: number) => boolean;

  /**
   * @param root the folder of the users' runtime folders: /run/user
   * @param serves whether that user's Docker is served at all: of others nothing is read
   */
  constructor(root = '/run/user', serves: (uid: number) => boolean = () => true) {
    this.#root = root;
    this.#serves = serves;
  }

  /** The rootless Dockers that run now; none where there is no /run/user. */
  list(): RootlessHost[] {
    let names: string[];
    try {
      names = readdirSync(this.#root);
    } catch {
      return [];
    }
    return names.filter(name => /^[1-9]\d*$/.test(name)).flatMap(name => this.#find(Number(name)) ?? []);
  }

  /** The network namespace in which that user's Docker looks for links. @throws UserError when it does not run */
  netnsPath(uid: number): string {
    // RootlessKit with --detach-netns keeps it here; dockerd itself is in the host's then.
    const detached = this.path(uid, `${this.#root}/${uid}/dockerd-rootless/netns`);
    return existsSync(detached) ? detached : `/proc/${this.#get(uid).pid}/ns/net`;
  }

  /** A path as that user's Docker sees it; root's own is what it says. @throws UserError when it does not run */
  path(uid: number, path: string): string {
    return uid === 0 ? path : `/proc/${this.#get(uid).pid}/root${path}`;
  }

  #get(uid: number): RootlessHost {
    const host = this.#find(uid);
    if (!host)
      throw new UserError(`the rootless Docker of user ${uid} does not run, or is not served (-r)`, {
        code: 'ENOENT',
      });
    return host;
  }

  #find(uid: number): RootlessHost | undefined {
    if (!this.#serves(uid)) return undefined;
    for (const file of ['dockerd-rootless/child_pid', 'docker.pid']) {
      const host = readHost(uid, `${this.#root}/${uid}/${file}`);
      if (host) return host;
    }
    return undefined;
  }
}

/** Believes a pid only of a process that is the user's, in a user namespace and a mount namespace of its own. */
function readHost(uid: number, file: string): RootlessHost | undefined {
  try {
    const pid = /^\s*([1-9]\d{0,9})\s*$/.exec(readFileSync(file, 'utf8'))?.[1];
    if (pid === undefined) return undefined;
    const stat = statSync(`/proc/${pid}`);
    const shares = (kind: string): boolean =>
      statSync(`/proc/${pid}/ns/${kind}`).ino === statSync(`/proc/self/ns/${kind}`).ino;
    if (stat.uid !== uid || shares('user') || shares('mnt')) return undefined;
    return { uid, gid: stat.gid, pid: Number(pid) };
  } catch {
    return undefined;
  }
}

// Finds which of the known namespaces a process is in. Docker has no path for a container that shares the namespace of
// another container or of the host, and following /proc/PID/ns/net takes CAP_SYS_PTRACE. But /proc/PID/net/dev can be read
// by anybody, and its inode number differs from namespace to namespace.

import { statSync } from 'node:fs';
import { Netns, type NetnsSwitch } from '../../netlink/netns.js';
import type { NetnsRef } from '../discovery/container.js';

/** A file that every namespace has. */
const FILE = 'net/dev';

export class NetnsLookup {
  readonly #entry: NetnsSwitch;
  readonly #host: NetnsRef;

  constructor(entry: NetnsSwitch, host: NetnsRef) {
    this.#entry = entry;
    this.#host = host;
  }

  /**
   * The namespace of a process, if it is the host's or one of those given, likely ones first.
   * @returns undefined as well for a process that is gone
   */
  find(pid: number, known: Iterable<NetnsRef>): NetnsRef | undefined {
    const number = inodeOf(`/proc/${pid}/${FILE}`);
    if (number === undefined) return undefined;
    const seen = new Set<string>();
    for (const ref of [this.#host, ...known]) {
      if (seen.has(ref.key)) continue;
      seen.add(ref.key);
      // Numbers are given again when their namespace is gone: none is kept.
      if (this.#inodeIn(ref) === number) return ref;
    }
    return undefined;
  }

  #inodeIn(ref: NetnsRef): number | undefined {
    let netns: Netns | undefined;
    try {
      netns = new Netns(ref.path);
      if (netns.key !== ref.key) return undefined;
      return this.#entry.within<{ inode: number | undefined }>(netns, () => ({
        inode: inodeOf(`/proc/thread-self/${FILE}`),
      })).inode;
    } catch {
      // It is gone by now.
      return undefined;
    } finally {
      netns?.close();
    }
  }
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

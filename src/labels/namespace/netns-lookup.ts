// In which of the namespaces that are known a process is, where its own link to it may not be followed: for a container
// that shares another's, or the host's, Docker has no path, and the link takes CAP_SYS_PTRACE. Each namespace has files
// of its own below /proc/PID/net, whose inode numbers are no two namespaces', and which anybody may look at.

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

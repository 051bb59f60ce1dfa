// Sysctls of many namespaces, again and again: what netlink tells is asked for, and a folder of each namespace is kept open. The
// kernel keeps what /proc/sys/net has shown of all namespaces in one chain, and walks it for each path: with thousands of
// namespaces that takes milliseconds. Not here: the files (sysctl-files.ts), which sysctls (labels/diff/sysctls.ts).

import { closeSync } from 'node:fs';
import { duplicateFrom } from '../../../native/libc.js';
import { OpError } from '../../base/errors.js';
import type { Family } from '../../base/ip.js';
import { IP_FORWARD, IPV6_FORWARDING, NF_CONNTRACK_COUNT } from '../diff/sysctls.js';
import {
  hasIPv6,
  openIPv4Folder,
  readSysctl,
  type SysctlFiles,
  type SysctlTeller,
  writeSysctl,
} from './sysctl-files.js';

/** How many are kept open, and the lowest number that one has: libnftables needs those below 1024 for its sockets. */
const [MOST_KEPT, LOWEST] = [8_192, 8_192] as const;

const FORWARDING: ReadonlyMap<string, Family> = new Map([
  [IP_FORWARD.name, 4],
  [IPV6_FORWARDING.name, 6],
]);

export class KeptSysctls implements SysctlFiles {
  /** Descriptors of folders, by the keys of their namespaces. */
  readonly #folders = new Map<string, number>();
  readonly hasIPv6 = hasIPv6;

  read(name: string, teller?: SysctlTeller): string | undefined {
    if (!teller) return readSysctl(name);
    const family = FORWARDING.get(name);
    const told = family && teller.forwarding(family);
    if (told !== undefined) return String(told);
    if (name === NF_CONNTRACK_COUNT) return String(teller.flows());
    const folder = this.#folders.get(teller.netns) ?? this.#open(teller.netns);
    return this.#by(folder, teller.netns, found => readSysctl(name, found)) ?? readSysctl(name);
  }

  write(name: string, value: string, teller?: SysctlTeller): boolean {
    const { netns = '' } = teller ?? {};
    // What is only written once is not worth a folder.
    const folder = this.#folders.get(netns);
    const isWritten = this.#by(folder, netns, found => writeSysctl(name, value, found) || undefined);
    return isWritten ?? writeSysctl(name, value);
  }

  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#folders.keys()) if (!keys.has(key)) this.#forget(key);
  }

  close(): void {
    for (const key of this.#folders.keys()) this.#forget(key);
  }

  /** Undefined where there is no such folder or file: it may be another namespace's, which had the same key before. */
  #by<T>(folder: number | undefined, netns: string, use: (folder: number) => T | undefined): T | undefined {
    const found = folder === undefined ? undefined : use(folder);
    if (found === undefined) this.#forget(netns);
    return found;
  }

  #open(netns: string): number | undefined {
    if (this.#folders.size >= MOST_KEPT) return undefined;
    const fd = openIPv4Folder();
    try {
      const kept = duplicateFrom(fd, LOWEST);
      this.#folders.set(netns, kept);
      return kept;
    } catch (err) {
      // This process may not have so many.
      if (err instanceof OpError) return undefined;
      throw err;
    } finally {
      closeSync(fd);
    }
  }

  #forget(netns: string): void {
    const folder = this.#folders.get(netns);
    if (folder === undefined) return;
    closeSync(folder);
    this.#folders.delete(netns);
  }
}

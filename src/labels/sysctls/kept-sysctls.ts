// Sysctls of many namespaces, read again and again: what netlink tells is asked for, and the files of others are kept open. The
// kernel keeps what /proc/sys/net has shown of all namespaces in one chain, and walks it for each path: with thousands of
// namespaces that takes milliseconds. Not here: the files (sysctl-files.ts), which sysctls (labels/diff/sysctls.ts).

import { closeSync } from 'node:fs';
import { duplicateFrom } from '../../../native/libc.js';
import { OpError } from '../../base/errors.js';
import type { Family } from '../../base/ip.js';
import { IP_FORWARD, IPV6_FORWARDING, isReadOften, NF_CONNTRACK_COUNT } from '../diff/sysctls.js';
import {
  hasIPv6,
  openSysctl,
  readOpened,
  readSysctl,
  type SysctlFiles,
  type SysctlTeller,
  writeSysctl,
} from './sysctl-files.js';

/** How many are kept open, and the lowest number that one has: libnftables needs those below 1024 for its sockets. */
const [MOST_KEPT, LOWEST] = [16_384, 8_192] as const;

const FORWARDING: ReadonlyMap<string, Family> = new Map([
  [IP_FORWARD.name, 4],
  [IPV6_FORWARDING.name, 6],
]);

export class KeptSysctls implements SysctlFiles {
  /** By the keys of their namespaces, then by name. */
  readonly #kept = new Map<string, Map<string, number>>();
  #count = 0;

  readonly write = writeSysctl;
  readonly hasIPv6 = hasIPv6;

  read(name: string, teller?: SysctlTeller): string | undefined {
    if (!teller) return readSysctl(name);
    const family = FORWARDING.get(name);
    if (family) return teller.forwarding(family)?.toString() ?? readSysctl(name);
    if (name === NF_CONNTRACK_COUNT) return String(teller.flows());
    return isReadOften(name) ? this.#readKept(name, teller.netns) : readSysctl(name);
  }

  #readKept(name: string, netns: string): string | undefined {
    const known = this.#kept.get(netns)?.get(name);
    if (known !== undefined) {
      try {
        return readOpened(known, name);
      } catch (err) {
        if (!(err instanceof OpError)) throw err;
        // It was another namespace's, which had the same key before.
        this.#forget(netns);
      }
    }
    const fd = openSysctl(name);
    if (fd === undefined) return undefined;
    try {
      const value = readOpened(fd, name);
      this.#keep(fd, name, netns);
      return value;
    } finally {
      closeSync(fd);
    }
  }

  #keep(fd: number, name: string, netns: string): void {
    if (this.#count >= MOST_KEPT) return;
    let kept: number;
    try {
      kept = duplicateFrom(fd, LOWEST);
    } catch (err) {
      // This process may not have so many.
      if (err instanceof OpError) return;
      throw err;
    }
    const own = this.#kept.get(netns) ?? new Map<string, number>();
    this.#kept.set(netns, own.set(name, kept));
    this.#count++;
  }

  #forget(netns: string): void {
    for (const fd of this.#kept.get(netns)?.values() ?? []) {
      closeSync(fd);
      this.#count--;
    }
    this.#kept.delete(netns);
  }

  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#kept.keys()) if (!keys.has(key)) this.#forget(key);
  }

  close(): void {
    for (const key of this.#kept.keys()) this.#forget(key);
  }
}

// Network namespaces by what /proc shows of processes. Not here: entering one (netlink/netns.ts).

import { statSync } from 'node:fs';
import { isNotFound } from '../errors.js';
import type { NetnsRef } from './words.js';

/** The namespace at a path; undefined where there is none. */
export function netnsAt(path: string): NetnsRef | undefined {
  try {
    const { dev, ino } = statSync(path);
    return { key: `${dev}:${ino}`, path };
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  }
}

/** The namespace of a process; undefined where there is none. */
export function netnsOf(pid: number): NetnsRef | undefined {
  return pid > 0 ? netnsAt(`/proc/${pid}/ns/net`) : undefined;
}

/** Whether the path still leads to the same namespace: the process is not gone, nor is its number another's. */
export function isStill(netns: NetnsRef | undefined): boolean {
  return netns !== undefined && netnsAt(netns.path)?.key === netns.key;
}

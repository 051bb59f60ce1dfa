// Network namespaces by Docker's own paths to them, and by what /proc shows of processes: a process may be gone before
// it is looked at, and its number another's. Not here: entering one (netlink/netns.ts).

import { readFileSync, statSync } from 'node:fs';
import { errorCode, isNotFound } from '../../base/errors.js';
import type { NetnsRef } from './container.js';

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

/** What Docker says of where a container is. */
export interface Whereabouts {
  readonly id: string;
  /** Of its first process; 0 where there is none. */
  readonly pid: number;
  /** Docker's path to its namespace, which pins it; of a container in another's namespace it is empty. */
  readonly sandboxKey?: string | undefined;
}

/**
 * The namespace of a container; undefined where it is not to be seen, or the process is no more the container's.
 * @param lookUp tells the namespace of a process whose link to it may not be followed
 */
export function netnsOfContainer(
  { id, pid, sandboxKey = '' }: Whereabouts,
  lookUp: LookUp = () => undefined,
): NetnsRef | undefined {
  return netnsOfSandbox(sandboxKey) ?? netnsOfProcess(id, pid, lookUp);
}

/** Finds the namespace of a process among others' (labels/namespace/netns-lookup.ts). */
export type LookUp = (pid: number) => NetnsRef | undefined;

/** Whether the path still leads to the same namespace: the process is not gone, nor is its number another's. */
export function isStill(netns: NetnsRef | undefined): boolean {
  return netns !== undefined && netnsAt(netns.path)?.key === netns.key && isSameProcess(netns);
}

/** Whether the process of whose namespace it is still is the one that was looked at; a path of Docker's has none. */
export function isSameProcess({ process }: NetnsRef): boolean {
  return process === undefined || startTimeOf(process.pid) === process.startTime;
}

/** Docker's `default` is the host's namespace, and that is better known from a process in it. */
function netnsOfSandbox(sandboxKey: string): NetnsRef | undefined {
  const [root, ...parts] = sandboxKey.split('/');
  if (root !== '' || parts.length === 0 || parts.at(-1) === 'default') return undefined;
  if (parts.some(part => part === '' || part === '.' || part === '..')) return undefined;
  try {
    const { dev, ino } = statSync(sandboxKey);
    // A file that is no namespace is what is seen where Docker's mounts are not.
    return dev === statSync('/proc/self/ns/net').dev ? { key: `${dev}:${ino}`, path: sandboxKey } : undefined;
  } catch {
    // It may not be shown to dwgd's own container.
    return undefined;
  }
}

function netnsOfProcess(id: string, pid: number, lookUp: LookUp): NetnsRef | undefined {
  const startTime = pid > 0 ? startTimeOf(pid) : undefined;
  if (startTime === undefined) return undefined;
  const process = { pid, startTime };
  const own = netnsByLink(pid);
  const netns = own === 'refused' ? lookUp(pid) : own;
  if (!netns || isOfAnother(id, pid)) return undefined;
  if (!isSameProcess({ ...netns, process })) return undefined;
  // What was found among others' has a path that is not the process's.
  return own === 'refused' ? netns : { ...netns, process };
}

function netnsByLink(pid: number): NetnsRef | 'refused' | undefined {
  try {
    return netnsAt(`/proc/${pid}/ns/net`);
  } catch (err) {
    if (errorCode(err) === 'EACCES' || errorCode(err) === 'EPERM') return 'refused';
    throw err;
  }
}

/** Whether the process is in the cgroup of another container: Docker's answer is older than its number. */
function isOfAnother(id: string, pid: number): boolean {
  const ids: readonly string[] = readProc(pid, 'cgroup')?.match(/[0-9a-f]{64}/g) ?? [];
  return ids.length > 0 && !ids.includes(id);
}

/** When a process began, in clock ticks since the machine did: of two processes with one number it differs. */
function startTimeOf(pid: number): string | undefined {
  const stat = readProc(pid, 'stat');
  // proc_pid_stat(5): field 22. The second is a name in parentheses, which may hold anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  }
}

// Network namespaces by Docker's paths to them, or by processes in /proc: a process may be gone at any time, and its pid
// reused. Not here: entering a namespace (netlink/netns.ts).

import { readFileSync, statSync } from 'node:fs';
import { errorCode, isNotFound } from '../../base/errors.js';
import { startTime } from '../../base/proc-stat.js';
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

/** What Docker says about a container's namespace. */
interface NetnsHints {
  readonly id: string;
  /** Of its first process; 0 where there is none. */
  readonly pid: number;
  /** Docker's path to its namespace, which pins it; empty for a container in another's namespace. */
  readonly sandboxKey?: string | undefined;
}

/**
 * The namespace of a container; undefined where it is not visible, or the process is not the container's any more.
 * @param lookUp tells the namespace of a process whose link to it may not be followed
 */
export function netnsOfContainer(
  { id, pid, sandboxKey = '' }: NetnsHints,
  lookUp: NetnsFinder = () => undefined,
): NetnsRef | undefined {
  return netnsOfSandbox(sandboxKey) ?? netnsOfProcess(id, pid, lookUp);
}

/** Finds the namespace of a process among others' (labels/namespace/netns-lookup.ts). */
type NetnsFinder = (pid: number) => NetnsRef | undefined;

/** What is said of a running container whose namespace cannot be opened. */
export function hiddenNetns(sandboxKey = ''): string {
  const path =
    sandboxKey === '' ? 'Docker has no path to it' : `Docker's path, ${sandboxKey}, leads nowhere here`;
  return `its network namespace is not visible: ${path}, and to follow its process takes CAP_SYS_PTRACE`;
}

/** Whether there is a process of that number. */
export function processExists(pid: number): boolean {
  return startTimeOf(pid) !== undefined;
}

/** Whether the path still leads to the same namespace: its process is not gone, and the pid not reused. */
export function isStill(netns: NetnsRef | undefined): boolean {
  return netns !== undefined && netnsAt(netns.path)?.key === netns.key && isSameProcess(netns);
}

/** Whether the namespace's process is still the same one; true for Docker's own paths, which have none. */
export function isSameProcess({ process }: NetnsRef): boolean {
  return process === undefined || startTimeOf(process.pid) === process.startTime;
}

/** Docker's `default` is the host's namespace, which is better identified by a process in it. */
function netnsOfSandbox(sandboxKey: string): NetnsRef | undefined {
  const [root, ...parts] = sandboxKey.split('/');
  if (root !== '' || parts.length === 0 || parts.at(-1) === 'default') return undefined;
  if (parts.some(part => part === '' || part === '.' || part === '..')) return undefined;
  try {
    const { dev, ino } = statSync(sandboxKey);
    // Where Docker's mounts are not visible, the path is a plain file.
    return dev === statSync('/proc/self/ns/net').dev ? { key: `${dev}:${ino}`, path: sandboxKey } : undefined;
  } catch {
    // It may not be visible in dwgd's own container.
    return undefined;
  }
}

function netnsOfProcess(id: string, pid: number, lookUp: NetnsFinder): NetnsRef | undefined {
  const started = pid > 0 ? startTimeOf(pid) : undefined;
  if (started === undefined) return undefined;
  const process = { pid, startTime: started };
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

/** Whether the process is in another container's cgroup: its pid was reused after Docker's answer. */
function isOfAnother(id: string, pid: number): boolean {
  const ids: readonly string[] = readProc(pid, 'cgroup')?.match(/[0-9a-f]{64}/g) ?? [];
  return ids.length > 0 && !ids.includes(id);
}

/** When a process started, in clock ticks since boot: it distinguishes processes with the same pid. */
function startTimeOf(pid: number): string | undefined {
  const stat = readProc(pid, 'stat');
  return stat === undefined ? undefined : startTime(stat);
}

function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  }
}

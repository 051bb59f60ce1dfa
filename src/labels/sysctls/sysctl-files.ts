// Sysctls as files below /proc/sys/net, those of the namespace of the calling thread. Synchronous, for use inside another
// namespace. Names come from the kernel and from whoever may change a ruleset there: only sysctls that we know are opened.
// Not here: which sysctls (labels/diff/sysctls.ts), their former values (labels/diff/stamp.ts).

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { O_PATH } from '../../../native/open-flags.js';
import { errorCode, isNotFound, OpError } from '../../base/errors.js';
import type { Family } from '../../base/ip.js';
import { faultPoint } from '../../fault/fault-point.js';
import { isChangeable, NF_CONNTRACK_COUNT } from '../diff/sysctls.js';

/** Of a namespace that is looked at often: what netlink tells of it, in place of files. */
export interface SysctlTeller {
  /** The key of the namespace. */
  readonly netns: string;
  /** As RtNetlink has it. */
  readonly forwarding: (family: Family) => number | undefined;
  /** The number of flows. May throw. */
  readonly flows: () => number;
}

/** Sysctls of the namespace of the calling thread. */
export interface SysctlFiles {
  /** As readSysctl. @param teller absent: nothing is known of the namespace */
  read(name: string, teller?: SysctlTeller): string | undefined;
  /** As writeSysctl. @param teller as of read() */
  write(name: string, value: string, teller?: SysctlTeller): boolean;
  /** Whether the kernel has IPv6 at all: what is only disabled still takes routes and rules. */
  hasIPv6(): boolean;
  /** Forgets all other namespaces, by their keys. */
  retainOnly?(keys: ReadonlySet<string>): void;
  close?(): void;
}

const PROC_SYS = '/proc/sys';
const ROOT = `${PROC_SYS}/net`;
/** Of <linux/magic.h>. */
const PROC_SUPER_MAGIC = 0x9fa0;
const { O_RDONLY, O_RDWR, O_NOFOLLOW, O_DIRECTORY } = constants;
const IPV4 = 'ipv4/';
/** A number, as all our sysctls are. */
const VALUE = /^-?\d{1,11}$/;
/** More than the value of any sysctl that a label needs. */
const VALUE_BYTES = 64;
const WRITABLE = "give dwgd's own container `privileged: true`";

/** Whether the kernel has IPv6 at all. */
export function hasIPv6(): boolean {
  return existsSync(`${ROOT}/ipv6`);
}

/**
 * The value of a sysctl without the newline; undefined where there is no such sysctl, as when its link is gone.
 * @param name below /proc/sys/net: `ipv4/ip_forward`
 * @param ipv4 a descriptor of the folder `ipv4` of a namespace; absent: of the one that the calling thread is in
 * @throws OpError; Error for a sysctl that we do not know, or a value that is no number
 */
export function readSysctl(name: string, ipv4?: number): string | undefined {
  const fd = openSysctl(pathOf(name, ipv4), O_RDONLY, 'reading sysctl', name);
  if (fd === undefined) return undefined;
  try {
    const bytes = Buffer.allocUnsafe(VALUE_BYTES);
    const value = bytes.toString('latin1', 0, readSync(fd, bytes)).trimEnd();
    if (!VALUE.test(value)) throw new Error(`reading sysctl ${name}: its value is not a number`);
    return value;
  } catch (err) {
    throw refused('reading sysctl', name, err);
  } finally {
    closeSync(fd);
  }
}

/**
 * Returns false where there is no such sysctl.
 * @param ipv4 as for readSysctl()
 * @throws OpError: EINVAL, EROFS; Error for a sysctl that we do not know
 */
export function writeSysctl(name: string, value: string, ipv4?: number): boolean {
  const fd = openSysctl(pathOf(name, ipv4), O_RDWR, 'setting sysctl', name);
  if (fd === undefined) return false;
  try {
    faultPoint('sysctl');
    writeSync(fd, value);
    return true;
  } catch (err) {
    throw refused('setting sysctl', name, err);
  } finally {
    closeSync(fd);
  }
}

/** A descriptor of the folder `ipv4` of the namespace of the calling thread. @throws OpError; Error where it is no procfs */
export function openIPv4Folder(): number {
  const fd = checked(`${ROOT}/${IPV4}`, O_PATH | O_DIRECTORY, 'opening sysctls', IPV4);
  if (fd === undefined) throw new Error(`opening sysctls ${IPV4}: there are none`);
  return fd;
}

function pathOf(name: string, ipv4: number | undefined): string {
  if (ipv4 === undefined || !name.startsWith(IPV4)) return `${ROOT}/${name}`;
  return `/proc/self/fd/${ipv4}/${name.slice(IPV4.length)}`;
}

function openSysctl(path: string, flags: number, op: string, name: string): number | undefined {
  if (!isChangeable(name) && name !== NF_CONNTRACK_COUNT) {
    throw new Error(`${op} ${JSON.stringify(name)}: dwgd does not use this sysctl`);
  }
  return checked(path, flags, op, name);
}

/** Undefined where it is not there. */
function checked(path: string, flags: number, op: string, name: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, flags | O_NOFOLLOW);
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw refused(op, name, err);
  }
  if (fstatSync(fd).dev === procDevice()) return fd;
  closeSync(fd);
  throw new Error(`${op} ${name}: it is not on a proc file system`);
}

let proc: number | undefined;

/** The device number of /proc, which no other file system has. */
function procDevice(): number {
  if (proc !== undefined) return proc;
  if (statfsSync(PROC_SYS).type !== PROC_SUPER_MAGIC)
    throw new Error(`${PROC_SYS} is not on a proc file system`);
  proc = statSync(PROC_SYS).dev;
  return proc;
}

/** libuv's errno is the kernel's, negative. */
function refused(op: string, name: string, err: unknown): unknown {
  const errno = (err as NodeJS.ErrnoException).errno;
  if (errno === undefined) return err;
  return new OpError(op, name, -errno, {
    cause: err,
    ...(errorCode(err) === 'EROFS' && { advice: WRITABLE }),
  });
}

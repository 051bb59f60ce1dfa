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
import { close } from '../../../native/libc-sockets.js';
import { mountProc } from '../../../native/proc-mount.js';
import { errorCode, isNotFound, OpError } from '../../base/errors.js';
import { faultPoint } from '../../fault/fault-point.js';
import { isChangeable, NF_CONNTRACK_COUNT } from '../diff/sysctls.js';

/** Sysctls of the namespace of the calling thread. */
export interface SysctlFiles {
  /** As readSysctl. */
  read(name: string): string | undefined;
  /** As writeSysctl. */
  write(name: string, value: string): boolean;
  /** Whether the kernel has IPv6 at all. IPv6 that is only disabled still takes routes and rules. */
  hasIPv6(): boolean;
}

/** Where it is seen by everybody. */
const PROC = '/proc';
/**
 * After so many sysctls another procfs is mounted. What one procfs has shown of a namespace the kernel keeps in one chain, which
 * it walks for each path below /proc/sys/net: with thousands of namespaces that takes milliseconds.
 */
const MOST_OPENED = 256;
/** Of <linux/magic.h>. */
const PROC_SUPER_MAGIC = 0x9fa0;
const { O_RDONLY, O_RDWR, O_NOFOLLOW } = constants;
/** A number, as all our sysctls are. */
const VALUE = /^-?\d{1,11}$/;
/** More than the value of any sysctl that a label needs. */
const VALUE_BYTES = 64;
const WRITABLE = "give dwgd's own container `privileged: true`";

/** Those below /proc/sys/net. */
export const PROC_SYSCTLS: SysctlFiles = {
  read: readSysctl,
  write: writeSysctl,
  hasIPv6: () => existsSync(`${procRoot()}/sys/net/ipv6`),
};

/**
 * The value of a sysctl without the newline; undefined where there is no such sysctl, as when its link is gone.
 * @param name below /proc/sys/net: `ipv4/ip_forward`
 * @throws OpError; Error for a sysctl that we do not know, or a value that is no number
 */
export function readSysctl(name: string): string | undefined {
  const fd = openSysctl(name, O_RDONLY, 'reading sysctl');
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

/** Returns false where there is no such sysctl. @throws OpError: EINVAL, EROFS; Error for a sysctl that we do not know */
export function writeSysctl(name: string, value: string): boolean {
  const fd = openSysctl(name, O_RDWR, 'setting sysctl');
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

function openSysctl(name: string, flags: number, op: string): number | undefined {
  if (!isChangeable(name) && name !== NF_CONNTRACK_COUNT) {
    throw new Error(`${op} ${JSON.stringify(name)}: dwgd does not use this sysctl`);
  }
  let fd: number;
  try {
    fd = openSync(`${procRoot()}/sys/net/${name}`, flags | O_NOFOLLOW);
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw refused(op, name, err);
  }
  if (fstatSync(fd).dev === mounted?.device) return fd;
  closeSync(fd);
  throw new Error(`${op} ${name}: it is not on a proc file system`);
}

interface Mounted {
  /** Undefined: it is everybody's. */
  readonly fd?: number;
  readonly path: string;
  /** Its device number, which no other file system has. */
  readonly device: number;
  opened: number;
}

let mounted: Mounted | undefined;

/** The path of a procfs. @throws Error where that is none */
function procRoot(): string {
  if (!mounted || mounted.opened >= MOST_OPENED) {
    const { fd } = mounted ?? {};
    mounted = mount();
    if (fd !== undefined) close(fd);
  }
  mounted.opened++;
  return mounted.path;
}

function mount(): Mounted {
  let fd: number | undefined;
  try {
    fd = mountProc();
  } catch (err) {
    if (!(err instanceof OpError)) throw err;
    // Not allowed, or an old kernel: everybody's is slower, and as good.
  }
  const path = fd === undefined ? PROC : `${PROC}/self/fd/${fd}`;
  if (statfsSync(`${path}/sys`).type !== PROC_SUPER_MAGIC)
    throw new Error(`${PROC}/sys is not on a proc file system`);
  return { path, device: statSync(`${path}/sys`).dev, opened: 0, ...(fd !== undefined && { fd }) };
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

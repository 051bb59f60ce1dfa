// The files of sysctls below /proc/sys/net, of the namespace of the calling thread. Synchronous, for a window of
// another namespace. Not here: which sysctls (sysctl.ts), what they were (stamp.ts).

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { errorCode, isNotFound, OpError } from '../errors.js';

const ROOT = '/proc/sys/net';
/** More than the value of any sysctl that a label needs. */
const VALUE_BYTES = 64;
const WRITABLE = "give dwgd's own container `privileged: true`";

/**
 * What a sysctl is, without its line's end; undefined where there is none, as with those of a link that is gone.
 * @param name below /proc/sys/net: `ipv4/ip_forward`
 * @throws OpError
 */
export function readSysctl(name: string): string | undefined {
  const fd = openSysctl(name, 'r', 'reading sysctl');
  if (fd === undefined) return undefined;
  try {
    const bytes = Buffer.allocUnsafe(VALUE_BYTES);
    return bytes.toString('latin1', 0, readSync(fd, bytes)).trimEnd();
  } catch (err) {
    throw refused('reading sysctl', name, err);
  } finally {
    closeSync(fd);
  }
}

/** Whether there was such a sysctl to be set. @throws OpError: EINVAL, EROFS */
export function writeSysctl(name: string, value: string): boolean {
  const fd = openSysctl(name, 'r+', 'setting sysctl');
  if (fd === undefined) return false;
  try {
    writeSync(fd, value);
    return true;
  } catch (err) {
    throw refused('setting sysctl', name, err);
  } finally {
    closeSync(fd);
  }
}

function openSysctl(name: string, flags: 'r' | 'r+', op: string): number | undefined {
  try {
    return openSync(`${ROOT}/${name}`, flags);
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw refused(op, name, err);
  }
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

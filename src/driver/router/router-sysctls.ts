// Sysctls of a router's namespace, read and written from within. Not here: which ones (desired-router.ts).

import { readFileSync, writeFileSync } from 'node:fs';
import { errorCode, isNotFound, OpError } from '../../base/errors.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { RouterSysctl } from './desired-router.js';

/** Of the namespace of the calling thread; undefined where the kernel has none of that name. @throws OpError */
export function readRouterSysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/${name}`, 'latin1').trimEnd();
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw refused('reading sysctl', name, err);
  }
}

/** Of the namespace of the calling thread. @throws OpError */
export function writeRouterSysctl({ name, value, mayLack }: RouterSysctl): void {
  try {
    faultPoint('router-sysctl');
    writeFileSync(`/proc/sys/net/${name}`, value, { flag: 'r+' });
  } catch (err) {
    if (mayLack && errorCode(err) === 'ENOENT') return;
    throw refused('setting sysctl', name, err);
  }
}

/** libuv's errno is the kernel's, negative. */
function refused(op: string, name: string, err: unknown): unknown {
  const { errno } = err as NodeJS.ErrnoException;
  return errno === undefined ? err : new OpError(op, name, -errno, { cause: err });
}

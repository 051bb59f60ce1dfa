// Sysctls of the network namespace that the calling thread is in, of which a router's may lack some. Not here: which there are
// to be (desired-router.ts).

import { readFileSync, writeFileSync } from 'node:fs';
import { errorCode, isNotFound, OpError } from '../../base/errors.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { RouterSysctl } from './desired-router.js';

/** Of the namespace of the calling thread; undefined where the kernel has none of that name. @throws OpError */
export function routerSysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/${name}`, 'latin1').trimEnd();
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw refused('reading sysctl', name, err);
  }
}

/** @throws OpError */
export function setRouterSysctl({ name, value, mayLack }: RouterSysctl): void {
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

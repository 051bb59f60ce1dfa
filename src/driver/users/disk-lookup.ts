// A thread that looks names up on a disk, in place of the one that all wait for, and as the user whose path they are in:
// then the walk along that path (user-paths.ts) is answered from memory.

import { constants } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { asUser } from '../../../native/libc.js';
import { O_PATH } from '../../../native/open-flags.js';

/** A directory entry that is not in the kernel's dentry cache. */
export interface Uncached {
  /** A file descriptor of the folder. */
  readonly folder: number;
  /** Its name, and those of what follows beneath it. */
  readonly names: readonly string[];
}

/**
 * What the thread does: it looks names up, one beneath the other, as far as they lie on one mount. O_PATH opens none of
 * them, and asks nobody but the file system that the folder is on; beneath a symbolic link it fails. No module is
 * loaded for it: its user may not be able to read ours.
 */
const LOOK_UP = `
const { closeSync, openSync, readFileSync } = require('node:fs');
const { folder, names, flags } = require('node:worker_threads').workerData;
const mountOf = fd => /^mnt_id:.*$/m.exec(readFileSync('/proc/self/fdinfo/' + fd, 'latin1'))[0];
const opened = [folder];
try {
  for (const name of names) {
    opened.push(openSync('/proc/self/fd/' + opened.at(-1) + '/' + name, flags));
    if (mountOf(opened.at(-1)) !== mountOf(folder)) break;
  }
} finally {
  for (const fd of opened.slice(1)) closeSync(fd);
}`;

/** A thread is a whole JavaScript engine, of 7 MB: it needs no room for more than the few lines above. */
const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 8, stackSizeMb: 1 };
/** Milliseconds until the next thread begins though the one before has not ended: what hangs is one user's own loss. */
const MOST_WAIT = 1000;

/** The thread before: ended, or taking too long. */
let before: Promise<unknown> = Promise.resolve();

/**
 * Has a thread look names up, after the one before. A thread keeps the ids with which it is started, so it is the user's
 * for good, and what they may not see is not seen. What comes of it tells the walk, which repeats the look-up.
 */
export function bringIntoMemory(
  { uid, gid }: { readonly uid: number; readonly gid: number },
  where: Uncached,
): Promise<void> {
  const workerData = { ...where, flags: O_PATH | constants.O_NOFOLLOW };
  const start = (): Worker =>
    new Worker(LOOK_UP, { eval: true, execArgv: [], env: {}, workerData, resourceLimits });
  const ended = before.then(() => {
    const worker = uid === process.getuid!() ? start() : asUser(uid, gid, start);
    return new Promise<void>(resolve => {
      worker.once('exit', () => resolve()).on('error', () => undefined);
    });
  });
  const isLong = before.then(() => sleep(MOST_WAIT, undefined, { ref: false }));
  before = Promise.race([ended, isLong]).catch(() => undefined);
  return ended;
}

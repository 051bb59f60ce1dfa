// A lock that the kernel releases however the process ends: flock(2) on a file that no other user can open, in a
// folder where no other user can make one. Not here: what is locked.

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf, UserError } from '../src/base/errors.js';
import { tryLock } from './libc.js';

/** Another process holds the lock. */
export class LockHeldError extends Error {
  constructor(
    path: string,
    /** Process id of the holder, as it wrote it. */
    readonly holder: string,
  ) {
    super(`process ${holder} holds ${path}`);
  }
}

export class LockFile {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Takes a lock and writes the process id into its file. What others have put at the path is replaced, never followed.
   * @throws LockHeldError when another process has it; UserError when folder or file cannot be used
   */
  static take(folder: string, name: string): LockFile {
    const path = join(folder, name);
    const fd = openOwn(folder, path);
    if (!tryLock(fd, path)) {
      const holder = readHolder(fd);
      closeSync(fd);
      throw new LockHeldError(path, holder);
    }
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
    return new LockFile(fd);
  }

  release(): void {
    closeSync(this.#fd);
  }
}

function openOwn(folder: string, path: string): number {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    closeFolder(folder);
    if (!isOwn(path)) rmSync(path, { force: true });
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (err) {
    if (err instanceof UserError) throw err;
    throw new UserError(`cannot use ${folder}: ${messageOf(err)}: start dwgd as root`, { cause: err });
  }
}

/** From here on, no other user can create files in the folder. The original dwgd left it open to everybody. */
function closeFolder(folder: string): void {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const { uid } = fstatSync(fd);
    if (uid !== process.geteuid!()) {
      const remedy = process.geteuid!() === 0 ? 'remove it' : 'start dwgd as root';
      throw new UserError(`cannot use ${folder}: it belongs to user ${uid}: ${remedy}`);
    }
    fchmodSync(fd, 0o755);
  } finally {
    closeSync(fd);
  }
}

/** Whether nothing is at the path, or a file that no other user can have opened, and so locked. */
function isOwn(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return true;
  const isClosed = (found.mode & 0o077) === 0;
  return found.isFile() && found.uid === process.geteuid!() && found.nlink === 1 && isClosed;
}

function readHolder(fd: number): string {
  const text = Buffer.alloc(16);
  return text.toString('latin1', 0, readSync(fd, text, 0, text.length, 0)).trim();
}

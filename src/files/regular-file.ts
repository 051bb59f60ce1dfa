// Regular files as others may have left them: a FIFO does not hold up whoever reads it, a device is not opened, and no more is
// read than is asked for. Not here: what a file may hold, whose it has to be.

import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { O_PATH } from '../../native/open-flags.js';
import { errorCode } from '../base/errors.js';

/** What is at the path is no regular file. */
export class NotAFileError extends Error {
  override readonly name = 'NotAFileError';
  constructor() {
    super('is not a file');
  }
}

/** A file, and its beginning. */
interface FileHead {
  readonly stat: Stats;
  readonly content: Buffer;
}

/**
 * Reads the beginning of a regular file; links are followed.
 * @param most bytes
 * @param check throws where the file is not to be opened
 * @throws NotAFileError; ErrnoException; whatever `check` throws
 */
export function readRegularFile(path: string, most: number, check?: (stat: Stats) => void): FileHead {
  let named: number | undefined;
  let fd: number | undefined;
  try {
    named = openSync(path, O_PATH);
    const stat = fstatSync(named);
    if (!stat.isFile()) throw new NotAFileError();
    check?.(stat);
    fd = openSync(`/proc/self/fd/${named}`, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const content = Buffer.alloc(most);
    return { stat, content: content.subarray(0, readSync(fd, content, 0, most, 0)) };
  } finally {
    if (fd !== undefined) closeSync(fd);
    if (named !== undefined) closeSync(named);
  }
}

/** The beginning as text, a character for each byte; undefined where there is no such file, or it cannot be read. */
export function readHead(path: string, most: number): string | undefined {
  try {
    return readRegularFile(path, most).content.toString('latin1');
  } catch (err) {
    if (err instanceof NotAFileError || errorCode(err) !== undefined) return undefined;
    throw err;
  }
}

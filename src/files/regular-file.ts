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
  const named = openSync(path, O_PATH);
  try {
    return readNamed(named, most, check);
  } finally {
    closeSync(named);
  }
}

/** What stands on the way to a file is a symbolic link. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
  /** @param path of the link */
  constructor(readonly path: string) {
    super(`${path} is a symbolic link`);
  }
}

/**
 * The same, and no link is followed, at the end or before it.
 * @param path absolute
 * @param check throws where the file is not to be opened, or a folder on the way to it not to be passed
 * @throws LinkError; else as readRegularFile() does
 */
export function readUnlinkedFile(
  path: string,
  most: number,
  check: (path: string, stat: Stats) => void,
): FileHead {
  const names = path.split('/').filter(name => name !== '');
  let at = openSync('/', O_PATH);
  try {
    for (let n = 0; n < names.length; n++) {
      const [folder, shown] = [at, `/${names.slice(0, n).join('/')}`];
      check(shown, fstatSync(folder));
      at = openSync(`/proc/self/fd/${folder}/${names[n]}`, O_PATH | constants.O_NOFOLLOW);
      closeSync(folder);
      if (fstatSync(at).isSymbolicLink()) throw new LinkError(`/${names.slice(0, n + 1).join('/')}`);
    }
    return readNamed(at, most, stat => check(path, stat));
  } finally {
    closeSync(at);
  }
}

/** Opens for reading what was opened by name, and is closed by the caller. */
function readNamed(named: number, most: number, check?: (stat: Stats) => void): FileHead {
  const stat = fstatSync(named);
  if (!stat.isFile()) throw new NotAFileError();
  check?.(stat);
  const fd = openSync(
    `/proc/self/fd/${named}`,
    constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
  );
  try {
    const content = Buffer.alloc(most);
    return { stat, content: content.subarray(0, readSync(fd, content, 0, most, 0)) };
  } finally {
    closeSync(fd);
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

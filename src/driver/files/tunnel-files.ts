// Files of tunnels (`dwgd.conf`) as they are on the disk: root's alone, in folders that are root's, by no symbolic link; read
// at every use. Not here: what is in them (driver/exit).

import { lstatSync, type Stats } from 'node:fs';
import { errorCode, isNotFound, messageOf, UserError } from '../../base/errors.js';
import { LinkError, NotAFileError, readUnlinkedFile } from '../../files/regular-file.js';
import { readTunnelFile } from '../exit/read-tunnel-file.js';
import { type FileMistakes, MAX_FILE_BYTES, type Remark, type TunnelFile } from '../exit/tunnel-file.js';

/** Told in one message. */
const MAX_TOLD = 5;
/** The owner of an entry alone may rename or remove it. */
const S_ISVTX = 0o1000;

/**
 * Opens, reads and checks a file.
 * @param path absolute
 * @throws UserError that says in one sentence what is wrong with the file and what to type, or which lines are wrong; it has no
 * secret
 */
export function openTunnelFile(path: string): TunnelFile {
  const found = lookAtTunnelFile(path);
  if (!('mistakes' in found)) return found;
  const told = found.mistakes.slice(0, MAX_TOLD).map(({ line, sentence }) => `line ${line}: ${sentence}`);
  const more = found.mistakes.length > MAX_TOLD ? '; and there are more' : '';
  throw new UserError(`dwgd.conf=${path}, ${told.join('; ')}${more}`);
}

/**
 * The same with the lines that are wrong told each by itself.
 * @throws UserError that says what is wrong with the file as a whole; of the code ENOENT or EACCES where that is so
 */
export function lookAtTunnelFile(path: string): TunnelFile | FileMistakes {
  return readTunnelFile(readText(path));
}

/** What tells one state of a file from another, without its text; undefined where it is not there or cannot be looked at. */
export function stateOfFile(path: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs } = lstatSync(path, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs}`;
  } catch {
    return undefined;
  }
}

/** Whether somebody has written it, or put another in its place, since its state was told. One that is gone is as it was. */
export function hasChanged(path: string, state: string | undefined): boolean {
  const now = stateOfFile(path);
  return now !== undefined && now !== state;
}

/** What the log says of a line that is passed over. */
export function formatRemark(path: string, { line, sentence }: Remark): string {
  return `dwgd.conf=${path}, line ${line}: ${sentence}`;
}

function readText(path: string): string {
  const refuse = (why: string, cause?: unknown): UserError => {
    const code = errorCode(cause);
    return new UserError(`dwgd.conf=${path} ${why}`, { cause, ...(code !== undefined && { code }) });
  };
  try {
    const { content } = readUnlinkedFile(path, MAX_FILE_BYTES + 1, (at, stat) => {
      const why = at === path ? whyNotOurs(path, stat) : whyOpen(at, stat);
      if (why !== undefined) throw refuse(why);
    });
    return content.toString('utf8');
  } catch (err) {
    if (err instanceof UserError) throw err;
    if (err instanceof LinkError)
      throw refuse(
        err.path === path
          ? `is a symbolic link: give the path of the file itself (readlink -f ${path})`
          : `leads by the symbolic link ${err.path}: give the path without it (readlink -f ${path})`,
        err,
      );
    if (err instanceof NotAFileError) throw refuse(`${err.message}: give the path of a file`, err);
    if (isNotFound(err)) throw refuse('is not there: put the file there that the provider hands out', err);
    throw refuse(`cannot be read: ${messageOf(err)}`, err);
  }
}

/** Why the file could be known or changed by others. */
function whyNotOurs(path: string, { uid, mode }: Stats): string | undefined {
  const owner = process.geteuid!();
  if (uid !== owner) return `belongs to user ${uid}: run chown ${nameOf(owner)} ${path}`;
  if ((mode & 0o022) !== 0) return `can be written by others: run chmod 600 ${path}`;
  if ((mode & 0o077) !== 0) return `can be read by others: run chmod 600 ${path}`;
  return undefined;
}

/** Why others could put another file in the place of one in the folder. */
function whyOpen(folder: string, { uid, mode }: Stats): string | undefined {
  const owner = process.geteuid!();
  if (uid !== 0 && uid !== owner)
    return `is below ${folder}, which belongs to user ${uid}: run chown ${nameOf(owner)} ${folder}`;
  if ((mode & 0o022) !== 0 && (mode & S_ISVTX) === 0)
    return `is below ${folder}, where others can write: run chmod go-w ${folder}`;
  return undefined;
}

function nameOf(uid: number): string {
  return uid === 0 ? 'root' : `${uid}`;
}

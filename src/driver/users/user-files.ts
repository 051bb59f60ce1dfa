// Files and sockets of users, which may be anything: a FIFO, a device, a link to /dev/zero, a file without end, a
// socket of somebody else. Looked at before they are opened, never waited for, and read within bounds. Not here: how
// their paths are walked (user-paths.ts).

import { closeSync, constants, fstatSync, openSync, read, readSync, type Stats } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { asUser } from '../../../native/libc.js';
import { peerCredentials } from '../../../native/libc-sockets.js';
import { errorCode, UserError } from '../../base/errors.js';
import { openPath, openPathNow, type UserRoot } from './user-paths.js';

const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
const readOnThread = promisify(read);

/** What is known about a file before it is read. */
export interface FoundFile {
  readonly stat: Stats;
  readonly content: Buffer;
}

/**
 * A small file of the user's own in tmpfs; undefined for anything else.
 * @param most bytes; a larger file is none of those that are looked for
 */
export function readRuntimeFile(root: UserRoot, path: string, most: number): Buffer | undefined {
  let named: number | undefined;
  let fd: number | undefined;
  try {
    named = openPathNow(root, path, 'refuse');
    if (!isOwn(fstatSync(named), root.uid, most)) return undefined;
    fd = reopen(root, named);
    const content = Buffer.alloc(most);
    return content.subarray(0, readSync(fd, content, 0, most, 0));
  } catch {
    return undefined;
  } finally {
    if (named !== undefined) closeSync(named);
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * A file of the user's own, wherever on the host's own disks; undefined for anything else, whatever it is.
 * @param most bytes that are read
 * @param isLate whether nobody waits for it any more
 */
export async function readOwnFile(
  root: UserRoot,
  path: string,
  most: number,
  isLate?: () => boolean,
): Promise<FoundFile | undefined> {
  let named: number | undefined;
  let fd: number | undefined;
  try {
    named = await openPath(root, path, 'follow', isLate);
    const stat = fstatSync(named);
    if (!isOwn(stat, root.uid)) return undefined;
    fd = reopen(root, named);
    const content = Buffer.alloc(most);
    const { bytesRead } = await readOnThread(fd, content, 0, most, 0);
    return { stat, content: content.subarray(0, bytesRead) };
  } catch (err) {
    if (errorCode(err) === undefined) throw err;
    return undefined;
  } finally {
    if (named !== undefined) closeSync(named);
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * Connects to a socket in tmpfs on which the user himself listens. A link to another one is none.
 * @throws UserError when there is none such
 */
export async function connectToUser(root: UserRoot, path: string): Promise<Socket> {
  const refuse = (cause?: unknown): UserError =>
    new UserError(`user ${root.uid} does not listen on ${path}`, { cause, code: 'ENOENT' });
  let named: number;
  try {
    named = openPathNow(root, path, 'refuse');
  } catch (err) {
    throw refuse(err);
  }
  try {
    if (!fstatSync(named).isSocket()) throw refuse();
    // connect(2) happens in here, synchronously.
    const socket = asUser(root.uid, root.gid, () => createConnection(`/proc/self/fd/${named}`));
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).on('error', err => reject(refuse(err)));
    });
    if (peerOf(socket) !== root.uid) {
      socket.destroy();
      throw refuse();
    }
    return socket;
  } finally {
    closeSync(named);
  }
}

/** The user at the other end of a connected unix socket; undefined when that cannot be told. */
export function peerOf(socket: Socket): number | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  try {
    return peerCredentials(fd, 'a socket').uid;
  } catch {
    return undefined;
  }
}

function isOwn(stat: Stats, uid: number, most = Number.POSITIVE_INFINITY): boolean {
  return stat.isFile() && stat.uid === uid && stat.size <= most;
}

/** Opens what is known to be a regular file. */
function reopen({ uid, gid }: UserRoot, named: number): number {
  const open = (): number => openSync(`/proc/self/fd/${named}`, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  return uid === process.getuid!() ? open() : asUser(uid, gid, open);
}

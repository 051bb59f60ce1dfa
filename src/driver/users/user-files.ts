// Files and sockets of users, which may be anything: a FIFO, a device, a link to /dev/zero, a file without end, a
// socket of somebody else. Looked at before they are opened, never waited for, and read within bounds. Not here: how
// their paths are walked (user-paths.ts).

import { closeSync, constants, fstatSync, openSync, read, readSync, type Stats } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { asUser } from '../../../native/libc.js';
import { peerOf } from '../../../native/libc-sockets.js';
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
  const open = new OpenFiles(root);
  try {
    const { fd } = open.reopen(openPathNow(root, path, 'refuse'), most) ?? {};
    if (fd === undefined) return undefined;
    const content = Buffer.alloc(most);
    return content.subarray(0, readSync(fd, content, 0, most, 0));
  } catch {
    return undefined;
  } finally {
    open.close();
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
  const open = new OpenFiles(root);
  try {
    const found = open.reopen(await openPath(root, path, 'follow', isLate));
    if (!found) return undefined;
    const content = Buffer.alloc(most);
    const { bytesRead } = await readOnThread(found.fd, content, 0, most, 0);
    return { stat: found.stat, content: content.subarray(0, bytesRead) };
  } catch (err) {
    if (errorCode(err) === undefined) throw err;
    return undefined;
  } finally {
    open.close();
  }
}

/** What is open while a file of a user is read: its name (O_PATH), and once it is known to be harmless the file itself. */
class OpenFiles {
  readonly #root: UserRoot;
  readonly #fds: number[] = [];

  constructor(root: UserRoot) {
    this.#root = root;
  }

  /**
   * Opens for reading what was opened by name; undefined for all but a regular file of the user's own of at most so many bytes.
   * @param named is closed with the rest
   */
  reopen(
    named: number,
    most = Number.POSITIVE_INFINITY,
  ): { readonly fd: number; readonly stat: Stats } | undefined {
    this.#fds.push(named);
    const stat = fstatSync(named);
    const { uid, gid } = this.#root;
    if (!stat.isFile() || stat.uid !== uid || stat.size > most) return undefined;
    const open = (): number => openSync(`/proc/self/fd/${named}`, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    const fd = uid === process.getuid!() ? open() : asUser(uid, gid, open);
    this.#fds.push(fd);
    return { fd, stat };
  }

  close(): void {
    for (const fd of this.#fds) closeSync(fd);
  }
}

/**
 * Connects to a socket in tmpfs on which the user listens in person. A link to another one is none.
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

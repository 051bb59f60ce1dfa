// Mounts as procfs shows them, and which of them may be read for a user: file systems that the kernel serves by itself.

import { closeSync, openSync, readSync } from 'node:fs';
import { haveMountsChanged } from '../../../native/libc.js';
import { OpError } from '../../base/errors.js';
import { findMount, type Mount, mountsOfDevice, parseMountId } from './mountinfo.js';

const EAGAIN = 11;
const EACCES = 13;
const OWN = '/proc/self/mountinfo';

/**
 * File systems that ask nobody outside the kernel. A user can mount tmpfs, ramfs and overlay in namespaces of their own;
 * an overlay may lie on FUSE, so it has to be one of the host's.
 */
const LOCAL = new Set(
  'bcachefs btrfs erofs exfat ext2 ext3 ext4 f2fs jfs nsfs ramfs reiserfs squashfs tmpfs vfat xfs zfs'.split(
    ' ',
  ),
);

/** Some thousands of mounts; a user's own namespace may have 100,000, and to read those takes a second. */
const MOST_BYTES_OF_USER = 1024 * 1024;
const MOST_BYTES_OF_HOST = 4 * 1024 * 1024;
/**
 * Who copies such namespaces all the time keeps each page of the list waiting for the kernel's one lock of mounts. What is
 * longer than any rootless Docker's is given up after so many milliseconds.
 */
const [BYTES_IN_ANY_TIME, MOST_MS_OF_REST] = [64 * 1024, 250] as const;

/** Of each list, for one path: a user who mounts and unmounts all the time has it read ever again. */
const MOST_READS = 3;

/** A list of mounts, read once, and again only where one came or went meanwhile: its id may be another mount's then. */
class MountList {
  readonly #path: string;
  readonly #most: number;
  readonly #mostMs: number;
  #fd: number | undefined;
  #text = '';
  #reads = 0;

  /**
   * @param path a `mountinfo` of procfs
   * @param most bytes that are read
   */
  constructor(path: string, most: number) {
    this.#path = path;
    this.#most = most;
    // The daemon's own list is no user's to make long, and others depend on it.
    this.#mostMs = path === OWN ? Number.POSITIVE_INFINITY : MOST_MS_OF_REST;
  }

  /** What it says of mounts that were there before this was called. @throws OpError (EAGAIN) where it changes on and on, or takes too long */
  current(): string {
    const isKnown = this.#fd !== undefined && !haveMountsChanged(this.#fd);
    if (isKnown) return this.#text;
    if (++this.#reads > MOST_READS) throw new OpError('reading', this.#path, EAGAIN);
    // A mount that is made from here on is told of when this is next asked for.
    this.#fd ??= openSync(this.#path, 'r');
    const text = readUpTo(this.#fd, this.#most, performance.now() + this.#mostMs);
    if (text === undefined) {
      this.close();
      throw new OpError('reading', this.#path, EAGAIN);
    }
    this.#text = text;
    return this.#text;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** The mounts that a path leads through, and which of them may be looked into. Close it: it keeps the tree's namespace. */
export class Mounts {
  readonly #tree: MountList;
  readonly #host = new MountList(OWN, MOST_BYTES_OF_HOST);

  /** @param mountinfo that of the process in whose tree the path is, in procfs */
  constructor(mountinfo: string) {
    this.#tree = new MountList(mountinfo, MOST_BYTES_OF_USER);
  }

  /**
   * @param fd of a file in that tree
   * @param path for the error
   * @throws OpError (EACCES) for a file system that may ask somebody, or that nobody can tell of
   */
  refuseForeign(fd: number, path: string): void {
    const mount = findMount(this.#tree.current(), mountIdOf(fd));
    if (mount && (LOCAL.has(mount.type) || this.#isOfHost(mount))) return;
    throw new OpError('opening', path, EACCES);
  }

  close(): void {
    this.#tree.close();
    this.#host.close();
  }

  /** An overlay that the host has, too; and what the host itself lives on, without which nothing goes on anyway. */
  #isOfHost({ device, type }: Mount): boolean {
    return mountsOfDevice(this.#host.current(), device).some(
      mount => mount.type === type && (type === 'overlay' || mount.point === '/'),
    );
  }
}

/** The id of the mount that a descriptor is of; empty where the kernel does not tell. */
export function mountIdOf(fd: number): string {
  const info = openSync(`/proc/self/fdinfo/${fd}`, 'r');
  try {
    return parseMountId(readUpTo(info, 4096) ?? '');
  } finally {
    closeSync(info);
  }
}

/**
 * A file of procfs from its beginning, as far as it may be read; undefined where a long one is not read in time.
 * @param most bytes, @param until on the clock of performance.now()
 */
function readUpTo(fd: number, most: number, until = Number.POSITIVE_INFINITY): string | undefined {
  const parts: Buffer[] = [];
  for (let size = 0; size < most; ) {
    const part = Buffer.allocUnsafe(Math.min(64 * 1024, most));
    const length = readSync(fd, part, 0, part.length, size);
    if (length === 0) break;
    parts.push(part.subarray(0, length));
    size += length;
    if (size > BYTES_IN_ANY_TIME && performance.now() > until) return undefined;
  }
  return Buffer.concat(parts).toString();
}

// Mounts as procfs shows them, and which of them may be read for a user: file systems that the kernel serves by itself.

import { closeSync, openSync, readSync } from 'node:fs';
import { OpError } from '../../base/errors.js';
import { findMount, type Mount, mountsOfDevice, parseMountId } from './mountinfo.js';

const EACCES = 13;

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
 * @param mountinfo that of the process in whose tree the file is, in procfs
 * @param path for the error
 * @throws OpError (EACCES) for a file system that may ask somebody, or that nobody can tell of
 */
export function refuseForeign(mountinfo: string, fd: number, path: string): void {
  const mount = findMount(readProc(mountinfo, MOST_BYTES_OF_USER), mountIdOf(fd));
  if (mount && (LOCAL.has(mount.type) || isOfHost(mount))) return;
  throw new OpError('opening', path, EACCES);
}

/** An overlay that the host has, too; and what the host itself lives on, without which nothing goes on anyway. */
function isOfHost({ device, type }: Mount): boolean {
  return mountsOfDevice(readProc('/proc/self/mountinfo', MOST_BYTES_OF_HOST), device).some(
    mount => mount.type === type && (type === 'overlay' || mount.point === '/'),
  );
}

/** The id of the mount that a descriptor is of; empty where the kernel does not tell. */
export function mountIdOf(fd: number): string {
  return parseMountId(readProc(`/proc/self/fdinfo/${fd}`, 4096));
}

/** A file of procfs, as far as it may be read. @param most bytes */
function readProc(path: string, most: number): string {
  const fd = openSync(path, 'r');
  try {
    const parts: Buffer[] = [];
    for (let size = 0; size < most; ) {
      const part = Buffer.allocUnsafe(Math.min(64 * 1024, most));
      const length = readSync(fd, part);
      if (length === 0) break;
      parts.push(part.subarray(0, length));
      size += length;
    }
    return Buffer.concat(parts).toString();
  } finally {
    closeSync(fd);
  }
}

// Mounts as procfs tells of them, and which of them may be looked into for a user: what asks nobody outside the kernel.

import { closeSync, openSync, readSync } from 'node:fs';
import { OpError } from '../../base/errors.js';

const EACCES = 13;

/**
 * File systems that ask nobody outside the kernel. A user can mount tmpfs, ramfs and overlay in namespaces of his own;
 * an overlay may lie on FUSE, so it has to be one of the host's.
 */
const LOCAL = new Set(
  'bcachefs btrfs erofs exfat ext2 ext3 ext4 f2fs jfs nsfs ramfs reiserfs squashfs tmpfs vfat xfs zfs'.split(
    ' ',
  ),
);

const MOST_MOUNTINFO_BYTES = 4 * 1024 * 1024;

/**
 * @param mountinfo that of the process in whose tree the file is, in procfs
 * @param path for the error
 * @throws OpError (EACCES) for a file system that may ask somebody, or that nobody can tell of
 */
export function refuseForeign(mountinfo: string, fd: number, path: string): void {
  const mount = mounts(mountinfo).get(mountIdOf(fd));
  if (mount && (LOCAL.has(mount.type) || isOfHost(mount))) return;
  throw new OpError('opening', path, EACCES);
}

/** An overlay that the host has, too; and what the host itself lives on, without which nothing goes on anyway. */
function isOfHost({ device, type }: Mount): boolean {
  return [...mounts('/proc/self/mountinfo').values()].some(
    mount => mount.device === device && mount.type === type && (type === 'overlay' || mount.point === '/'),
  );
}

/** proc_pid_fdinfo(5). */
export function mountIdOf(fd: number): string {
  return /^mnt_id:\s*(\d+)$/m.exec(readProc(`/proc/self/fdinfo/${fd}`, 4096))?.[1] ?? '';
}

interface Mount {
  /** `major:minor` */
  readonly device: string;
  /** Where it is mounted, as escaped there. */
  readonly point: string;
  readonly type: string;
}

/** proc_pid_mountinfo(5): each mount by its id. */
function mounts(mountinfo: string): Map<string, Mount> {
  const lines = readProc(mountinfo).matchAll(/^(\d+) \d+ (\d+:\d+) \S+ (\S+) .*? - (\S+) /gm);
  return new Map(
    [...lines].map(([, id, device, point, type]) => [id!, { device: device!, point: point!, type: type! }]),
  );
}

/** A file of procfs, as far as it may be read. @param most bytes */
function readProc(path: string, most = MOST_MOUNTINFO_BYTES): string {
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

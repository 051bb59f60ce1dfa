// Mounts, which Node has no call for. Not here: what is mounted where.

import { define } from 'ffi-rs';
import { bytes, check, int, LIBRARY, long } from './ffi.js';

const MS_BIND = 0x1000;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

const functions = define({
  mount: { library: LIBRARY, retType: int, paramsType: [bytes, bytes, bytes, long, bytes], errno: true },
  umount2: { library: LIBRARY, retType: int, paramsType: [bytes, int], errno: true },
});

/** `mount --bind SOURCE TARGET`. @throws OpError: EPERM where mounts are not allowed */
export function bindMount(source: string, target: string): void {
  const none = Buffer.alloc(1);
  check(functions.mount([cString(source), cString(target), none, MS_BIND, none]), 'mounting', target);
}

/** `umount -l TARGET`, the last link of which is not followed. @throws OpError: EINVAL where nothing is mounted */
export function unmount(target: string): void {
  check(functions.umount2([cString(target), MNT_DETACH | UMOUNT_NOFOLLOW]), 'unmounting', target);
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

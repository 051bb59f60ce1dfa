// A procfs of this process's own, which no folder shows: fsopen(2), fsconfig(2), fsmount(2), that Linux has since 5.2. Not here:
// what is read there.

import { define } from 'ffi-rs';
import { bytes, check, int, LIBRARY, long } from './ffi.js';
import { close } from './libc-sockets.js';

/** System calls that libc has no function for before glibc 2.36; the same on all machines. */
const [SYS_fsopen, SYS_fsconfig, SYS_fsmount] = [430, 431, 432] as const;
/** FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC. */
const CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
/** MOUNT_ATTR_NOSUID, _NODEV, _NOEXEC. */
const ATTRIBUTES = 0xe;
const NAME = Buffer.from('proc\0');

const named = define({
  syscall: { library: LIBRARY, retType: int, paramsType: [long, bytes, long], errno: true },
});
const integers = define({
  syscall: {
    library: LIBRARY,
    retType: int,
    paramsType: [long, long, long, long, long, long],
    errno: true,
  },
});

/**
 * Mounts it: it is gone with the descriptor.
 * @returns a descriptor of its root
 * @throws OpError where the kernel does not have that, or it is not allowed
 */
export function mountProc(): number {
  const context = check(named.syscall([SYS_fsopen, NAME, CLOEXEC]), 'opening a file system', 'proc');
  try {
    check(integers.syscall([SYS_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0]), 'making', 'a procfs');
    return check(integers.syscall([SYS_fsmount, context, CLOEXEC, ATTRIBUTES, 0, 0]), 'mounting', 'a procfs');
  } finally {
    close(context);
  }
}

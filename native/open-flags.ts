// Flags of open(2) and openat2(2) that Node.js has no names for. By themselves: who opens files with them need not load libc.

/** A reference to a file without opening it, so no device is touched and no FIFO blocks. */
export const O_PATH = 0x200000;
/** openat2(2): EXDEV at a mount point. */
export const RESOLVE_NO_XDEV = 0x01;
/** openat2(2): ELOOP at a link of procfs that leads to whatever a process has open. */
export const RESOLVE_NO_MAGICLINKS = 0x02;
/** openat2(2), since Linux 5.12: EAGAIN where a file system or a lock would have to be waited for. */
export const RESOLVE_CACHED = 0x20;

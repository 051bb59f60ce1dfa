// A process in namespaces of its own, as a rootless Docker has one: what the daemon looks for a plugin folder in.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** FUSE without any answer at a folder; says that it is there, and what it is asked. */
export const FUSE = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fd},rootmode=40000,user_id={sys.argv[2]},group_id={sys.argv[2]}{sys.argv[3]}".encode()
if libc.mount(b"fuse", sys.argv[1].encode(), b"fuse", 6, options): raise OSError(ctypes.get_errno(), "mount")
print("ready", flush=True)
while True: print("asked", int.from_bytes(os.read(fd, 65536)[4:8], "little"), flush=True)`;

const STAY = 'echo ready; exec sleep 1000';
const RUN = 'mount -t tmpfs none /run';

/** What is where the daemon makes its folder: /run/docker/plugins. */
export const PLACES = {
  right: `${RUN}; mkfifo /run/fifo; ln -s /dev/zero /run/zero; ln -s /proc/1/ns/net /run/host; ${STAY}`,
  'a link': `${RUN}; ln -s /tmp /run/docker; ${STAY}`,
  'a FIFO': `${RUN}; mkfifo /run/docker; ${STAY}`,
  'a mount of procfs': `${RUN}; mkdir /run/docker; mount --rbind /proc /run/docker; ${STAY}`,
  FUSE: `${RUN}; mkdir /run/docker; exec python3 -c '${FUSE}' /run/docker 0 ''`,
} as const;

export type Place = keyof typeof PLACES;

/** Resolves when all of it is there. @throws Error when it is not to be had */
export async function enter(place: Place): Promise<ChildProcess & { pid: number }> {
  const child = spawn('unshare', ['-Urmn', 'sh', '-c', PLACES[place]], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'close').then(() => Promise.reject(new Error(`no namespaces with ${place}`))),
  ]);
  return child as typeof child & { pid: number };
}

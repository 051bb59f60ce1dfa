// Many containers at a time, and what a daemon holds open for them.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Open {
  /** Sockets of rtnetlink, WireGuard and every other netlink family. */
  netlink: number;
  /** Files, event loops, namespaces: all that is no socket. */
  files: number;
}

/** What the daemon holds open, but for Docker's connections: dockerd keeps one or two of them as it likes. */
export function openOf(pid: number): Open {
  const base = `/proc/${pid}`;
  const netlink = new Set(
    readFileSync(`${base}/net/netlink`, 'utf8')
      .split('\n')
      .map(line => line.trim().split(/\s+/).at(-1)),
  );
  const counted: Open = { netlink: 0, files: 0 };
  for (const fd of readdirSync(`${base}/fd`)) {
    const target = readlinkSync(`${base}/fd/${fd}`);
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode === undefined) counted.files++;
    else if (netlink.has(inode)) counted.netlink++;
  }
  return counted;
}

/** Runs a job for every number, some of them at once; throws the first failure when all have ended. */
export async function forEach(
  count: number,
  atOnce: number,
  job: (n: number) => Promise<unknown>,
): Promise<void> {
  const numbers = Array.from({ length: count }, (_, n) => n);
  const worker = async (): Promise<void> => {
    for (let n = numbers.shift(); n !== undefined; n = numbers.shift()) await job(n);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

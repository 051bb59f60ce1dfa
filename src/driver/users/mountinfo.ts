// The text of /proc/PID/mountinfo and of /proc/PID/fdinfo/FD. Not here: what is made of it (mounts.ts).

export interface Mount {
  /** `major:minor` */
  readonly device: string;
  /** Where it is mounted, as escaped there. */
  readonly point: string;
  /** Of file system: `ext4`, `fuse.sshfs`. */
  readonly type: string;
}

/** proc_pid_mountinfo(5): each mount by its id. Lines of another form are passed over. */
export function parseMountinfo(text: string): Map<string, Mount> {
  const lines = text.matchAll(/^(\d+) \d+ (\d+:\d+) \S+ (\S+) .*? - (\S+) /gm);
  return new Map(
    [...lines].map(([, id, device, point, type]) => [id!, { device: device!, point: point!, type: type! }]),
  );
}

/** proc_pid_fdinfo(5): the id of the mount that a descriptor is of; empty where it says none. */
export function parseMountId(text: string): string {
  return /^mnt_id:\s*(\d+)$/m.exec(text)?.[1] ?? '';
}

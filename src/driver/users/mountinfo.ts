// The text of /proc/PID/mountinfo and of /proc/PID/fdinfo/FD. Not here: what is made of it (mounts.ts).

export interface Mount {
  /** `major:minor` */
  readonly device: string;
  /** Where it is mounted, as escaped there. */
  readonly point: string;
  /** Of file system: `ext4`, `fuse.sshfs`. */
  readonly type: string;
}

/** proc_pid_mountinfo(5): the mount of an id; the others, of which a user may have made thousands, are not read. */
export function findMount(text: string, id: string): Mount | undefined {
  return /^\d+$/.test(id) ? findLines(text, `${id} \\d+ (\\d+:\\d+)`)[0] : undefined;
}

/** proc_pid_mountinfo(5): the mounts of a device. @param device `major:minor` */
export function mountsOfDevice(text: string, device: string): Mount[] {
  return /^\d+:\d+$/.test(device) ? findLines(text, `\\d+ \\d+ (${device})`) : [];
}

function findLines(text: string, beginning: string): Mount[] {
  const lines = text.matchAll(new RegExp(`^${beginning} \\S+ (\\S+) .*? - (\\S+) `, 'gm'));
  return [...lines].map(([, device, point, type]) => ({ device: device!, point: point!, type: type! }));
}

/** proc_pid_fdinfo(5): the id of the mount that a descriptor is of; empty where it says none. */
export function parseMountId(text: string): string {
  return /^mnt_id:\s*(\d+)$/m.exec(text)?.[1] ?? '';
}

// A path that leads where nobody but root has it lead: folder by folder and link by link, as the kernel goes it. Not here: what
// is done with the file (database.ts).

import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { UserError } from '../../base/errors.js';

/** As many links as the kernel follows. */
const MAX_LINKS = 40;
const [GROUP_WRITES, OTHERS_WRITE, STICKY] = [0o020, 0o002, 0o1000] as const;

/**
 * Where a file is, or is to be made: with no link on the way, in a folder where only root can put files beside it.
 * Whom the process runs as counts as root.
 * @throws UserError that names the folder, link or file by which others could; ErrnoException where a folder is missing
 */
export function closedPath(path: string): string {
  let rest = namesOf(isAbsolute(path) ? path : `${process.cwd()}/${path}`);
  let folder = '/';
  for (let links = 0; ; ) {
    const [name = '.', ...others] = rest;
    const next = join(folder, name);
    const isLast = others.length === 0;
    const found = lstatSync(next, { throwIfNoEntry: !isLast });
    const isLink = found?.isSymbolicLink() === true;
    // In a folder with the sticky bit what is root's stays where it is, and yet others make files beside it.
    checkFolder(folder, isLink || !isLast);
    if (found) checkOwner(next, found.uid);
    if (isLink) {
      if (++links > MAX_LINKS) throw Object.assign(new Error('ELOOP: too many links'), { code: 'ELOOP' });
      const target = readlinkSync(next);
      if (isAbsolute(target)) folder = '/';
      rest = [...namesOf(target), ...others];
    } else if (isLast) return next;
    else {
      folder = next;
      rest = others;
    }
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter(name => name !== '' && name !== '.');
}

function checkFolder(folder: string, mayBeSticky: boolean): void {
  const { uid, gid, mode } = lstatSync(folder);
  checkOwner(folder, uid);
  const isOpen = (mode & OTHERS_WRITE) !== 0 || ((mode & GROUP_WRITES) !== 0 && gid !== 0);
  const isSticky = (mode & STICKY) !== 0;
  if (!isOpen || (mayBeSticky && isSticky)) return;
  // Such as /tmp, which is to be open.
  if (isSticky) {
    const own = join(folder, 'dwgd');
    throw new UserError(
      `others than root can make files in ${folder}, beside that with the keys: run install -d -m 700 ${own}, and give a file in there (-d)`,
    );
  }
  throw new UserError(
    `others than root can write to ${folder}, and with it to the keys: run chmod go-w ${folder}, or give a file in another folder (-d)`,
  );
}

function checkOwner(path: string, uid: number): void {
  if (uid === 0 || uid === process.geteuid!()) return;
  if (isOfNobodyHere(uid))
    throw new UserError(
      `${path} belongs to somebody outside of this user namespace (as user ${uid}), who could have other keys used: give a file in a folder that is root's in here, as all above it (-d)`,
    );
  throw new UserError(
    `${path} belongs to user ${uid}, who could have other keys used: run chown root ${path}, or give a file in another folder (-d)`,
  );
}

/** Whether nobody in this user namespace has what belongs to a user: root in here cannot have it, either. */
function isOfNobodyHere(uid: number): boolean {
  if (`${uid}` !== readFileSync('/proc/sys/kernel/overflowuid', 'latin1').trim()) return false;
  const ranges = readFileSync('/proc/self/uid_map', 'latin1').trim().split('\n');
  return !ranges.some(line => {
    const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
    return uid >= first && uid < first + count;
  });
}

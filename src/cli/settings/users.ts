// Users of this host as a flag names them: names and uids, and passwd(5) that leads from one to the other. Pure. Not
// here: reading the file.

/** The largest uid: 2^32 - 1 is "no user" to the kernel. */
const UID_MAX = 0xffff_fffe;

/** The uids of passwd(5) by name; of a name that is there twice the first counts, as getpwnam(3) has it. */
export function parsePasswd(text: string): Map<string, number> {
  const uids = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':');
    if (name && uid !== undefined && isUid(uid) && !uids.has(name)) uids.set(name, Number(uid));
  }
  return uids;
}

/**
 * The uids of a list such as `alice,1001`; each once.
 * @param passwd by names
 * @throws RangeError with a sentence that names the user who is none
 */
export function readUsers(text: string, passwd: ReadonlyMap<string, number>): number[] {
  const uids = text.split(',').map(part => {
    const user = part.trim();
    const uid = isUid(user) ? Number(user) : passwd.get(user);
    if (uid === undefined) {
      const shown = JSON.stringify(user.slice(0, 80));
      throw new RangeError(`There is no user ${shown} in /etc/passwd: give names or numbers of users`);
    }
    if (uid === 0) throw new RangeError("Root's Docker is served anyway: leave root out");
    return uid;
  });
  return [...new Set(uids)];
}

function isUid(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= UID_MAX;
}

// Two hostile users as the test has them: one calls the driver (caller.ts), one keeps changing what the daemon reads
// (shifter.ts). They are started and ended here, and what they have really done is looked at.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventually, sh } from '../lab.js';
import type { Target } from './caller.js';
import { FUSE } from './namespaces.js';
import { USER_SLICE } from './slices.js';

const ATTACKER = fileURLToPath(new URL('attacker.js', import.meta.url));
const [CALLER, SHIFTER] = [2000, 2001];

/** Their file systems, which may lie on each other. */
const UNMOUNT = `for user in ${CALLER} ${SHIFTER}; do
  while umount -l /run/user/$user/fuse 2> /dev/null; do :; done
done`;

export type Deeds = Readonly<Record<string, number>>;

export class Attackers {
  readonly #parts: ChildProcess[] = [];
  readonly #deeds: Deeds[] = [];
  /** What FUSE was asked: each the number of a kind. */
  readonly asked: string[] = [];

  /** Resolves when both are at it. @param target but for the user */
  static async start(target: Omit<Target, 'uid'>): Promise<Attackers> {
    const attackers = new Attackers();
    await sh('modprobe fuse; chmod 666 /dev/fuse');
    await sh(UNMOUNT);
    for (const uid of [CALLER, SHIFTER])
      await sh(`rm -rf /run/user/${uid}; install -d -o ${uid} -m 700 /run/user/${uid} /run/user/${uid}/fuse`);
    // As fusermount(1) does it for a user, with leave for others to look.
    for (const uid of [CALLER, SHIFTER]) {
      const fuse = attackers.#begin(
        'python3',
        '-c',
        FUSE,
        `/run/user/${uid}/fuse`,
        String(uid),
        ',allow_other',
      );
      createInterface(fuse.stdout!).on('line', line => attackers.asked.push(line));
    }
    await eventually(() => attackers.asked.filter(line => line === 'ready').length === 2, { within: 60 });
    for (const [part, uid] of [
      ['caller', CALLER],
      ['shifter', SHIFTER],
    ] as const) {
      const child = attackers.#begin(process.execPath, ATTACKER, part, JSON.stringify({ ...target, uid }));
      const n = attackers.#deeds.push({}) - 1;
      createInterface(child.stdout!).on('line', line => {
        attackers.#deeds[n] = JSON.parse(line) as Deeds;
      });
    }
    await eventually(() => attackers.#deeds.every(deeds => Object.keys(deeds).length > 0), { within: 180 });
    return attackers;
  }

  #begin(program: string, ...args: string[]): ChildProcess {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#parts.push(child);
    // All that they start is in here, and ends with it.
    writeFileSync(`${USER_SLICE}/cgroup.procs`, String(child.pid));
    return child;
  }

  /** How often they have done what, by its name. */
  deeds(): Deeds {
    return Object.assign({}, ...this.#deeds) as Deeds;
  }

  /** What of these they have not done as often as they should. */
  lacking(wanted: Deeds): string[] {
    const done = this.deeds();
    return Object.entries(wanted).flatMap(([name, count]) =>
      (done[name] ?? 0) < count ? `${name}: ${done[name] ?? 0} of ${count}` : [],
    );
  }

  /** Ends all that they began. */
  async end(): Promise<void> {
    for (const { stdin } of this.#parts) stdin!.end();
    await sh(`sleep 0.5; echo 1 > ${USER_SLICE}/cgroup.kill; ${UNMOUNT}`);
  }
}

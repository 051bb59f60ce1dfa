// Who is heard by an ear: namespaces by the numbers of their events, and how many of these there were lately. Not here: when
// there is another ear, and what events lead to (drift-watch.ts).

import { errorCode } from '../../base/errors.js';
import type { NetnsRef } from '../discovery/container.js';

export interface DriftEvent {
  /** The number of its namespace. */
  readonly nsid: number;
  /** The process that caused it, or a port that is to be that one's id, as whoever has it may have chosen it. */
  readonly cause: number;
  /** What has changed. */
  readonly what: string;
}

/** How the events of some namespaces are heard. */
export interface Ear {
  /** The number that its events have from now on; undefined where it is gone. May throw, EEXIST where it has one already. */
  hear(netns: NetnsRef): number | undefined;
  /** The number that it has. May throw. */
  numberOf(netns: NetnsRef): number | undefined;
  /** Reads what has come, or some of it where not all is asked for; whether events were lost. May throw. */
  read(take: (event: DriftEvent) => void, all?: boolean): boolean;
  close(): void;
}

const WINDOW_MS = 1_000;
/** Of one that cannot be heard. */
const NOBODY = -1;

export class Hearing {
  readonly #ear: Ear;
  readonly #keys = new Map<number, string>();
  readonly #heard = new Map<string, { readonly id: number; readonly path: string }>();
  readonly #counts = new Map<number, number>();
  #countedSince = performance.now();

  /** @param open makes an ear, given what it is to call while there is something to read; may throw */
  constructor(open: (ring: () => void) => Ear, ring: (hearing: Hearing) => void) {
    this.#ear = open(() => ring(this));
  }

  /** Whether it is heard, or was found to be impossible to hear where it is. */
  knows({ key, path }: NetnsRef): boolean {
    return this.#heard.get(key)?.path === path;
  }

  hears(key: string): boolean {
    return (this.#heard.get(key)?.id ?? NOBODY) !== NOBODY;
  }

  /** Hears one from now on. @throws what the ear throws; it is known all the same */
  hear(ref: NetnsRef): void {
    const before = this.#heard.get(ref.key)?.id;
    let id: number | undefined;
    try {
      id = this.#ear.hear(ref);
    } catch (err) {
      // The same by another path, or one that was not wanted for a while.
      if (errorCode(err) !== 'EEXIST') throw err;
      id = before ?? this.#ear.numberOf(ref);
    } finally {
      this.#heard.set(ref.key, { id: id ?? NOBODY, path: ref.path });
      if (before !== undefined && before !== id) this.#keys.delete(before);
      if (id !== undefined) this.#keys.set(id, ref.key);
    }
  }

  /** Forgets all others; events of theirs that come even so are of nobody. */
  retainOnly(keys: ReadonlyMap<string, unknown>): void {
    for (const [key, { id }] of this.#heard) {
      if (keys.has(key)) continue;
      this.#heard.delete(key);
      this.#keys.delete(id);
    }
  }

  /**
   * Reads what has come. @returns whether events were lost
   * @param take is given each, whose it is, and how many that one had within the last second
   * @param isOurs of which nothing is taken nor counted
   * @param all not only some of it where it is much
   * @throws what the ear throws
   */
  read(
    take: (event: DriftEvent, key: string | undefined, count: number) => void,
    isOurs: (event: DriftEvent, key: string | undefined) => boolean,
    all = false,
  ): boolean {
    const now = performance.now();
    if (now - this.#countedSince > WINDOW_MS) {
      this.#counts.clear();
      this.#countedSince = now;
    }
    return this.#ear.read(event => {
      const key = this.#keys.get(event.nsid);
      if (isOurs(event, key)) return;
      const count = (this.#counts.get(event.nsid) ?? 0) + 1;
      this.#counts.set(event.nsid, count);
      take(event, key, count);
    }, all);
  }

  close(): void {
    this.#ear.close();
  }
}

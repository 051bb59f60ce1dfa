// Watches for changes that others make to what labels brought: hears of them in all namespaces at once, and has the namespace
// looked at. One that makes too many is not heard for a while, at no cost to the others, and looked at from time to time. Not
// here: which events these are (labels/drift-events.ts), how often one is looked at (due-looks.ts), what is mended (reconciler.ts).

import { errorCode, messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { NetnsRef } from '../discovery/container.js';
import { DueLooks } from './due-looks.js';
import { Rationed } from './rationed.js';

interface DriftEvent {
  /** The number of its namespace. */
  readonly nsid: number;
  /** Of whoever caused it, as that one may have chosen it. */
  readonly port: number;
  /** What has changed. */
  readonly what: string;
}

/** How the events of some namespaces are heard. */
export interface Ear {
  /** The number that its events have from now on; undefined where it is gone. May throw, EEXIST where it has one already. */
  hear(netns: NetnsRef): number | undefined;
  /** Reads what has come; whether events were lost. May throw. */
  read(take: (event: DriftEvent) => void): boolean;
  close(): void;
}

interface DriftParts {
  /** @param ring called while there is something to read @throws when nothing can be heard on this machine */
  readonly open: (ring: () => void) => Ear;
  /** Looks into a namespace and mends it. Never throws. */
  readonly mend: (key: string) => void;
  readonly log: Log;
}

/** A namespace with more events within a second is not heard for so long, in milliseconds. */
const [MAX_EVENTS, WINDOW_MS, MUTED_MS] = [2_000, 1_000, 30_000] as const;
/** After events were lost all are looked at, so often at most; the same until it is tried again where nothing is heard. */
const AGAIN_MS = 30_000;
/** How long the event loop may be blocked at a time. */
const MAX_BLOCK_MS = 2;

/** An ear, and who is heard by it. */
interface Hearing {
  readonly ear: Ear;
  readonly keys: Map<number, string>;
  readonly heard: Map<string, { readonly id: number; readonly path: string }>;
  /** Events of each number since then. */
  readonly counts: Map<number, number>;
  since: number;
}

export class DriftWatch {
  readonly #parts: DriftParts;
  readonly #looks: DueLooks;
  readonly #renewal = new Rationed(() => this.#renew());
  #hearing: Hearing | undefined;
  /** What went before, until all are heard by the next. */
  #former: Hearing | undefined;
  #wanted: ReadonlyMap<string, NetnsRef> = new Map();
  /** Until when some are not heard, by their keys. */
  readonly #muted = new Map<string, number>();
  /** The namespace whose changes are ours for now. */
  #own: string | undefined;
  #lostAt = Number.NEGATIVE_INFINITY;
  readonly #timers = new Map<() => void, NodeJS.Timeout>();
  #deafBecause: string | undefined;
  #isClosed = false;

  constructor(parts: DriftParts) {
    this.#parts = parts;
    this.#looks = new DueLooks(parts.mend);
    this.#renew();
  }

  /** Why nothing is heard; undefined where it is. */
  get deafBecause(): string | undefined {
    return this.#deafBecause;
  }

  /** Whether changes in a namespace are heard. */
  hears(key: string): boolean {
    return this.#hearing?.heard.has(key) === true && !this.#muted.has(key);
  }

  /** Sets which are heard; others are forgotten. To be called before they are read. */
  want(netns: readonly NetnsRef[]): void {
    this.#wanted = new Map(netns.map(ref => [ref.key, ref]));
    this.#looks.retainOnly(this.#wanted);
    for (const key of this.#muted.keys()) if (!this.#wanted.has(key)) this.#muted.delete(key);
    for (const [key, { id }] of this.#hearing?.heard ?? []) {
      if (this.#wanted.has(key)) continue;
      this.#hearing!.heard.delete(key);
      this.#hearing!.keys.delete(id);
    }
    this.#hearMissing(false);
  }

  /** Passes over what we have just done to a namespace ourselves. */
  passOver(key: string): void {
    this.#own = key;
    for (const hearing of [this.#former, this.#hearing]) if (hearing) this.#read(hearing);
    this.#own = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#looks.close();
    this.#renewal.close();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const hearing of [this.#former, this.#hearing]) hearing?.ear.close();
  }

  /** Hears by a new ear, which knows nobody who is muted. */
  readonly #renew = (): void => {
    if (this.#isClosed || this.#former) return;
    try {
      const next: Hearing = {
        ear: this.#parts.open(() => this.#read(next)),
        keys: new Map(),
        heard: new Map(),
        counts: new Map(),
        since: performance.now(),
      };
      this.#former = this.#hearing;
      this.#hearing = next;
      this.#deafBecause = undefined;
      this.#hearMissing(true);
    } catch (err) {
      this.#deafen(err);
    }
  };

  /** @param late whether they may have been read before: then they are looked at once more */
  #hearMissing(late: boolean): void {
    if (this.#isClosed || !this.#hearing) return;
    const until = performance.now() + MAX_BLOCK_MS;
    for (const ref of this.#wanted.values()) {
      if (this.#muted.has(ref.key) || this.#hearing.heard.get(ref.key)?.path === ref.path) continue;
      this.#hear(this.#hearing, ref);
      if (late && !this.#former?.heard.has(ref.key)) this.#looks.mark(ref.key);
      if (performance.now() < until) continue;
      setImmediate(() => this.#hearMissing(true));
      return;
    }
    const former = this.#former;
    if (!former) return;
    this.#read(former);
    former.ear.close();
    this.#former = undefined;
  }

  #hear({ ear, keys, heard }: Hearing, { key, path }: NetnsRef): void {
    const before = heard.get(key)?.id;
    let id = before;
    try {
      id = ear.hear({ key, path });
    } catch (err) {
      if (errorCode(err) !== 'EEXIST')
        this.#parts.log.debug({ err: messageOf(err) }, `changes in ${path} are not heard`);
    }
    // What cannot be heard is not tried again until it is found elsewhere.
    heard.set(key, { id: id ?? -1, path });
    if (before !== undefined && before !== id) keys.delete(before);
    if (id !== undefined) keys.set(id, key);
  }

  #read(hearing: Hearing): void {
    if (this.#isClosed) return;
    const now = performance.now();
    if (now - hearing.since > WINDOW_MS) {
      hearing.counts.clear();
      hearing.since = now;
    }
    try {
      if (hearing.ear.read(event => this.#take(hearing, event))) this.#lost();
    } catch (err) {
      this.#deafen(err);
    }
  }

  #take({ keys, counts }: Hearing, { nsid, port, what }: DriftEvent): void {
    const key = keys.get(nsid);
    const count = (counts.get(nsid) ?? 0) + 1;
    counts.set(nsid, count);
    if (count === MAX_EVENTS) this.#mute(key);
    if (key === undefined || count >= MAX_EVENTS) return;
    // Whoever takes the same port is not heard for as long as our own change to that namespace took.
    if (key === this.#own && port === process.pid) return;
    this.#parts.log.debug({ netns: key }, `${what} changed by others`);
    this.#looks.mark(key);
  }

  /** @param key undefined: one that is not wanted any more, and still known */
  #mute(key: string | undefined): void {
    if (key !== undefined) {
      this.#muted.set(key, performance.now() + MUTED_MS);
      this.#looks.mark(key);
      this.#after(MUTED_MS, this.#unmute);
      this.#parts.log.debug(
        { netns: key },
        `more than ${MAX_EVENTS} changes within a second: not heard for now`,
      );
    }
    this.#renewal.request();
  }

  readonly #unmute = (): void => {
    const now = performance.now();
    for (const [key, until] of this.#muted) if (until <= now) this.#muted.delete(key);
    const next = Math.min(...this.#muted.values());
    if (this.#muted.size > 0) this.#after(next - now, this.#unmute);
    this.#hearMissing(true);
  };

  #lost(): void {
    const wait = this.#lostAt + AGAIN_MS - performance.now();
    if (wait > 0) this.#after(wait, this.#lookAtAll);
    else this.#lookAtAll();
  }

  readonly #lookAtAll = (): void => {
    this.#lostAt = performance.now();
    this.#parts.log.debug('changes came faster than they were read: all namespaces are looked at');
    for (const key of this.#wanted.keys()) this.#looks.mark(key);
  };

  #deafen(err: unknown): void {
    for (const hearing of [this.#former, this.#hearing]) hearing?.ear.close();
    this.#former = undefined;
    this.#hearing = undefined;
    const why = messageOf(err);
    if (why !== this.#deafBecause)
      this.#parts.log.info(`changes by others are found when --look-interval is over, not at once: ${why}`);
    this.#deafBecause = why;
    this.#after(AGAIN_MS, this.#renew);
  }

  /** Calls it once, however often it is asked for meanwhile. */
  #after(ms: number, call: () => void): void {
    if (this.#isClosed || this.#timers.has(call)) return;
    const run = (): void => {
      this.#timers.delete(call);
      call();
    };
    this.#timers.set(call, setTimeout(run, Math.ceil(ms)).unref());
  }
}

// Watches for changes that others make to what labels brought: hears of them in all namespaces at once, and has the namespace
// looked at. One that makes too many is not heard for a while, at no cost to the others. All are looked at from time to time, and
// more often who is not heard. Not here: which events these are (drift-events.ts), when one is looked at (due-looks.ts,
// spread-looks.ts), for how long one is not heard (mutes.ts), what is mended (labels/controller/reconciler.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { HearingStatus } from '../../control/answers.js';
import { Rationed } from '../controller/rationed.js';
import type { NetnsRef } from '../discovery/container.js';
import { DueLooks } from './due-looks.js';
import { type DriftEvent, type Ear, Hearing } from './hearing.js';
import { Mutes } from './mutes.js';
import { SpreadLooks } from './spread-looks.js';

/** Muted: not heard for a while, since it changes without end. */
export type HearingState = 'heard' | 'muted' | 'unheard';

interface DriftParts {
  /** @param ring called while there is something to read @throws when nothing can be heard on this machine */
  readonly open: (ring: () => void) => Ear;
  /** Looks into a namespace and mends it. Never throws. */
  readonly mend: (key: string) => void;
  readonly log: Log;
  /** How often each is looked at whatever is heard, in milliseconds. */
  readonly period: number;
}

/** A namespace with more events within a second is not heard for a while: each time others have to be heard anew. */
const MAX_EVENTS = 2_000;
/** After events were lost all are looked at, so often at most; the same until it is tried again where nothing is heard. */
const AGAIN_MS = 30_000;
/** How often one is looked at that is not heard, where the period is longer, in milliseconds. */
const UNHEARD_MS = 30_000;
/** How long the event loop may be blocked at a time. */
const MAX_BLOCK_MS = 2;

export class DriftWatch {
  readonly #parts: DriftParts;
  readonly #looks: DueLooks;
  readonly #all: SpreadLooks;
  readonly #unheard: SpreadLooks | undefined;
  readonly #renewal = new Rationed(() => this.#renew());
  #hearing: Hearing | undefined;
  /** What went before, until all are heard by the next. */
  #former: Hearing | undefined;
  #wanted: ReadonlyMap<string, NetnsRef> = new Map();
  readonly #muted: Mutes;
  /** The namespace whose changes are ours for now. */
  #own: string | undefined;
  #lostAt = Number.NEGATIVE_INFINITY;
  readonly #timers = new Map<() => void, NodeJS.Timeout>();
  #deafBecause: string | undefined;
  #isClosed = false;

  constructor(parts: DriftParts) {
    this.#parts = parts;
    this.#looks = new DueLooks(parts.mend);
    this.#muted = new Mutes(parts.log);
    const { period } = parts;
    const look = (key: string): void => {
      if (this.#wanted.has(key)) parts.mend(key);
    };
    const all = (): string[] => [...this.#wanted.keys()];
    const unheard = (): string[] => all().filter(key => this.stateOf(key) !== 'heard');
    this.#all = new SpreadLooks({ keys: all, look, period });
    if (period > UNHEARD_MS) this.#unheard = new SpreadLooks({ keys: unheard, look, period: UNHEARD_MS });
    this.#renew();
  }

  /** Whether changes in a namespace are heard. */
  stateOf(key: string): HearingState {
    if (this.#muted.has(key)) return 'muted';
    return this.#hearing?.hears(key) ? 'heard' : 'unheard';
  }

  /** In how many namespaces they are. */
  get status(): HearingStatus {
    const counts = { heard: 0, muted: 0, unheard: 0 };
    for (const key of this.#wanted.keys()) counts[this.stateOf(key)]++;
    return { ...counts, ...(this.#deafBecause !== undefined && { reason: this.#deafBecause }) };
  }

  /** Sets which may be heard; others are forgotten. */
  want(netns: readonly NetnsRef[]): void {
    this.#wanted = new Map(netns.map(ref => [ref.key, ref]));
    this.#looks.retainOnly(this.#wanted);
    this.#muted.retainOnly(this.#wanted);
    this.#hearing?.retainOnly(this.#wanted);
  }

  /** Hears a namespace from now on: to be called before it is read. */
  begin(key: string): void {
    const ref = this.#wanted.get(key);
    if (ref && this.#hearing && !this.#isClosed && this.#isMissing(this.#hearing, ref))
      this.#hear(this.#hearing, ref);
    // It is read now, and what comes from here on is heard.
    if (this.#hearing?.hears(key)) this.#looks.drop(key);
  }

  /** Passes over what we have just done to a namespace ourselves. */
  passOver(key: string): void {
    this.#own = key;
    for (const hearing of [this.#former, this.#hearing]) if (hearing) this.#read(hearing, true);
    this.#own = undefined;
  }

  close(): void {
    this.#isClosed = true;
    for (const looks of [this.#looks, this.#all, this.#unheard]) looks?.close();
    this.#renewal.close();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const hearing of [this.#former, this.#hearing]) hearing?.close();
  }

  /** Hears by a new ear, which knows nobody who is muted. */
  readonly #renew = (): void => {
    if (this.#isClosed || this.#former) return;
    try {
      const next = new Hearing(this.#parts.open, hearing => this.#read(hearing));
      this.#former = this.#hearing;
      this.#hearing = next;
      this.#deafBecause = undefined;
      this.#hearMissing();
    } catch (err) {
      this.#deafen(err);
    }
  };

  #isMissing(hearing: Hearing, ref: NetnsRef): boolean {
    return !this.#muted.has(ref.key) && !hearing.knows(ref);
  }

  /** Those that were not heard for a while have been read before, and are once more. */
  #hearMissing(): void {
    if (this.#isClosed || !this.#hearing) return;
    const until = performance.now() + MAX_BLOCK_MS;
    for (const ref of this.#wanted.values()) {
      if (!this.#isMissing(this.#hearing, ref)) continue;
      this.#hear(this.#hearing, ref);
      if (!this.#former?.hears(ref.key)) this.#looks.mark(ref.key);
      if (performance.now() < until) continue;
      setImmediate(() => this.#hearMissing());
      return;
    }
    const former = this.#former;
    if (!former) return;
    this.#read(former);
    former.close();
    this.#former = undefined;
  }

  #hear(hearing: Hearing, ref: NetnsRef): void {
    try {
      hearing.hear(ref);
    } catch (err) {
      this.#parts.log.debug({ err: messageOf(err) }, `changes in ${ref.path} are not heard`);
    }
  }

  #read(hearing: Hearing, all = false): void {
    if (this.#isClosed) return;
    try {
      const isLost = hearing.read(
        (event, key, count) => this.#take(event, key, count),
        // Whoever passes for this process is not heard for as long as our own change to that namespace took.
        ({ cause }, key) => key !== undefined && key === this.#own && cause === process.pid,
        all,
      );
      if (isLost) this.#lost();
    } catch (err) {
      this.#deafen(err);
    }
  }

  #take({ what }: DriftEvent, key: string | undefined, count: number): void {
    if (count === MAX_EVENTS) this.#mute(key);
    if (key === undefined || count >= MAX_EVENTS || this.#muted.has(key)) return;
    this.#parts.log.debug({ netns: key }, `${what} changed by others`);
    this.#looks.mark(key);
  }

  /** @param key undefined: one that is not wanted any more, and still known */
  #mute(key: string | undefined): void {
    if (key !== undefined) {
      this.#muted.add(key, `more than ${MAX_EVENTS} changes within a second`);
      // While it goes on each look takes long.
      this.#looks.drop(key);
      this.#unmuteInTime();
    }
    // Not in the midst of reading.
    setImmediate(() => this.#renewal.request());
  }

  readonly #unmute = (): void => {
    for (const key of this.#muted.takeOver()) this.#looks.mark(key);
    this.#unmuteInTime();
    this.#hearMissing();
  };

  #unmuteInTime(): void {
    const { next } = this.#muted;
    if (next === undefined) return;
    // Another may be heard again before the one that is waited for.
    clearTimeout(this.#timers.get(this.#unmute));
    this.#timers.delete(this.#unmute);
    this.#after(Math.max(0, next - performance.now()), this.#unmute);
  }

  #lost(): void {
    const wait = this.#lostAt + AGAIN_MS - performance.now();
    if (wait > 0) this.#after(wait, this.#lookAtAll);
    else this.#lookAtAll();
  }

  readonly #lookAtAll = (): void => {
    this.#lostAt = performance.now();
    this.#parts.log.debug('changes came faster than they were read: all namespaces are looked at');
    this.#all.hurry();
  };

  #deafen(err: unknown): void {
    for (const hearing of [this.#former, this.#hearing]) hearing?.close();
    this.#former = undefined;
    this.#hearing = undefined;
    const why = messageOf(err);
    if (why !== this.#deafBecause)
      this.#parts.log.info(`changes by others are not heard, but found every half minute: ${why}`);
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

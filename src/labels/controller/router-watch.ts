// Watches for routers that Docker does not know of: asks each namespace whose answers go by such, again and again, who has
// sent what is not of his own network, and has it looked at when somebody new has. Not here: how that is asked
// (labels/answers/answering.ts), what follows (labels/answers).

import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { Sender } from '../diff/state.js';
import type { NetnsRef } from '../discovery/container.js';
import { Rounds } from './rounds.js';

/** A client asks again by then: the first time it gets no answer. */
const PERIOD_MS = 3000;
/** For each namespace at least, so that many cost no more than a few. */
const EACH_MS = 100;

/**
 * A namespace that takes longer than this, in milliseconds, rests for so many times as long: root in its container can fill what
 * is read there.
 */
const [SLOW_MS, REST_FACTOR, MAX_REST_MS] = [50, 20, 30_000] as const;

/** Who has sent something; undefined where that is not known. May throw. */
type Probe = (netns: NetnsRef) => readonly Sender[] | undefined;

export class RouterWatch {
  readonly #probe: Probe;
  readonly #found: (key: string) => void;
  readonly #rounds: Rounds;
  #watched: readonly NetnsRef[] = [];
  /** Those that were found, by the keys of the namespaces. */
  readonly #known = new Map<string, ReadonlySet<string>>();
  /** Until when some are not asked, by their keys. */
  readonly #rests = new Map<string, number>();

  /** @param found called with a namespace's key when somebody new has sent something there */
  constructor(probe: Probe, found: (key: string) => void, period = PERIOD_MS) {
    this.#probe = probe;
    this.#found = found;
    this.#rounds = new Rounds(
      () => this.#probeAll(),
      () => Math.max(period, this.#watched.length * EACH_MS),
    );
  }

  /** Sets which namespaces are asked; others are forgotten. */
  want(watched: readonly NetnsRef[]): void {
    this.#watched = watched;
    const keys = new Set(watched.map(({ key }) => key));
    for (const known of [this.#known, this.#rests])
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
    this.#rounds.want(watched.length > 0);
  }

  close(): void {
    this.#rounds.close();
  }

  async #probeAll(): Promise<void> {
    for (const netns of this.#watched) {
      if (this.#rounds.isClosed) return;
      this.#probeOne(netns);
      await yieldToLoop();
    }
  }

  #probeOne(netns: NetnsRef): void {
    const began = performance.now();
    if (began < (this.#rests.get(netns.key) ?? 0)) return;
    let senders: readonly Sender[] | undefined;
    try {
      senders = this.#probe(netns);
    } catch {
      // Gone, or it cannot be asked: the next resync says why.
    }
    const took = performance.now() - began;
    if (took > SLOW_MS) this.#rests.set(netns.key, began + took + Math.min(took * REST_FACTOR, MAX_REST_MS));
    if (!senders) return;
    const before = this.#known.get(netns.key);
    const now = new Set(senders.map(({ index, mac }) => `${index} ${mac}`));
    this.#known.set(netns.key, now);
    if ([...now].some(one => !before?.has(one))) this.#found(netns.key);
  }
}

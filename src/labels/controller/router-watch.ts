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

/** Who has sent something; undefined where that is not known. May throw. */
type Probe = (netns: NetnsRef) => readonly Sender[] | undefined;

export class RouterWatch {
  readonly #probe: Probe;
  readonly #found: (key: string) => void;
  readonly #rounds: Rounds;
  #watched: readonly NetnsRef[] = [];
  /** Those that were found, by the keys of the namespaces. */
  readonly #known = new Map<string, ReadonlySet<string>>();

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
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
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
    let senders: readonly Sender[] | undefined;
    try {
      senders = this.#probe(netns);
    } catch {
      // Gone, or it cannot be asked: the next resync says why.
    }
    if (!senders) return;
    const before = this.#known.get(netns.key);
    const now = new Set(senders.map(({ index, mac }) => `${index} ${mac}`));
    this.#known.set(netns.key, now);
    if ([...now].some(one => !before?.has(one))) this.#found(netns.key);
  }
}

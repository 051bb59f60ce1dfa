// Watches gateways that others could stand in for: has the kernel of each namespace ask them, again and again, and says
// which do not answer. Not here: how they are asked (labels/namespace/gateway-probe.ts), which is taken then
// (labels/planner/preference.ts).

import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { type Address, addressKey } from '../../base/ip.js';
import type { NetnsRef } from '../discovery/container.js';
import type { SilentGateways } from '../discovery/world.js';
import type { Standing } from '../namespace/gateway-probe.js';
import type { WatchedGateways } from '../planner/preference.js';

/**
 * With the three seconds that the kernel waits for answers (ucast_solicit and mcast_solicit, one each second), one that has
 * gone is left within five.
 */
const PERIOD_MS = 750;

/** Whether each gateway answers, in order; undefined where that is not known. */
type Probe = (netns: NetnsRef, gateways: readonly Address[]) => readonly Standing[] | undefined;

export class GatewayWatch implements SilentGateways {
  readonly #probe: Probe;
  readonly #changed: () => void;
  readonly #period: number;
  #watched: readonly WatchedGateways[] = [];
  /** Those that do not answer, by the keys of the namespaces. */
  #silent = new Map<string, ReadonlySet<string>>();
  #revision = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param probe may throw, @param changed called when one ceases to answer, or answers again */
  constructor(probe: Probe, changed: () => void, period = PERIOD_MS) {
    this.#probe = probe;
    this.#changed = changed;
    this.#period = period;
  }

  get revision(): number {
    return this.#revision;
  }

  isSilent(key: string, gateway: Address): boolean {
    return this.#silent.get(key)?.has(addressKey(gateway)) ?? false;
  }

  /** Sets which are watched; others are forgotten. */
  want(watched: readonly WatchedGateways[]): void {
    this.#watched = watched;
    const keys = new Set(watched.map(({ netns }) => netns.key));
    for (const key of this.#silent.keys()) if (!keys.has(key)) this.#silent.delete(key);
    if (watched.length > 0 && !this.#timer) this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = this.#isClosed ? undefined : setTimeout(() => void this.#probeAll(), this.#period).unref();
  }

  async #probeAll(): Promise<void> {
    for (const { netns, gateways } of this.#watched) {
      if (this.#isClosed) return;
      this.#record(netns.key, gateways, this.#standings(netns, gateways));
      await yieldToLoop();
    }
    this.#timer = undefined;
    if (this.#watched.length > 0) this.#arm();
  }

  /** Nothing where the namespace is gone, or its kernel cannot be asked: all that is known stays. */
  #standings(netns: NetnsRef, gateways: readonly Address[]): ReturnType<Probe> {
    try {
      return this.#probe(netns, gateways);
    } catch {
      return undefined;
    }
  }

  #record(key: string, gateways: readonly Address[], standings: ReturnType<Probe> = []): void {
    const before = this.#silent.get(key) ?? new Set<string>();
    const after = new Set(
      gateways
        .map(addressKey)
        .filter((gateway, n) => (standings[n] ? standings[n] === 'silent' : before.has(gateway))),
    );
    if (after.size === before.size && [...after].every(gateway => before.has(gateway))) return;
    this.#silent.set(key, after);
    this.#revision++;
    this.#changed();
  }
}

// Watches gateways that others could stand in for: has the kernel of each namespace ask them, again and again, and says
// which do not answer, or have a tunnel of ours that is down. Not here: how they are asked (labels/namespace/gateway-probe.ts), which is taken then
// (labels/planner/preference.ts).

import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { type Address, addressKey } from '../../base/ip.js';
import type { NetnsRef } from '../discovery/container.js';
import type { Silence, SilentGateways } from '../discovery/world.js';
import type { Standing } from '../namespace/gateway-probe.js';
import type { WatchedGateways } from '../planner/preference.js';
import { Rounds } from './rounds.js';

/**
 * With the three seconds that the kernel waits for answers (ucast_solicit and mcast_solicit, one each second), one that has
 * gone is left within five.
 */
const PERIOD_MS = 750;

/** Whether each gateway answers, in order; undefined where that is not known. */
type Probe = (netns: NetnsRef, gateways: readonly Address[]) => readonly Standing[] | undefined;

/** Whether a tunnel of ours in a gateway's namespace is up. */
type TunnelProbe = (netns: NetnsRef) => Standing;

interface Probes {
  /** May throw. */
  readonly neighbours: Probe;
  /** May throw. */
  readonly tunnels: TunnelProbe;
}

export class GatewayWatch implements SilentGateways {
  readonly #probes: Probes;
  readonly #changed: () => void;
  readonly #rounds: Rounds;
  #watched: readonly WatchedGateways[] = [];
  /** Those that do not serve, by the keys of the namespaces. */
  #silent = new Map<string, ReadonlyMap<string, Silence>>();
  #revision = 0;

  /** @param changed called when one ceases to serve, or serves again */
  constructor(probes: Probes, changed: () => void, period = PERIOD_MS) {
    this.#probes = probes;
    this.#changed = changed;
    this.#rounds = new Rounds(
      () => this.#probeAll(),
      () => period,
    );
  }

  get revision(): number {
    return this.#revision;
  }

  silenceOf(key: string, gateway: Address): Silence | undefined {
    return this.#silent.get(key)?.get(addressKey(gateway));
  }

  /** Sets which are watched; others are forgotten. */
  want(watched: readonly WatchedGateways[]): void {
    this.#watched = watched;
    const keys = new Set(watched.map(({ netns }) => netns.key));
    for (const key of this.#silent.keys()) if (!keys.has(key)) this.#silent.delete(key);
    this.#rounds.want(watched.length > 0);
  }

  close(): void {
    this.#rounds.close();
  }

  async #probeAll(): Promise<void> {
    const tunnels = new Map<string, Standing>();
    for (const watched of this.#watched) {
      for (const netns of watched.tunnels) {
        if (this.#rounds.isClosed) return;
        if (!netns || tunnels.has(netns.key)) continue;
        tunnels.set(
          netns.key,
          orUnknown(() => this.#probes.tunnels(netns)),
        );
        await yieldToLoop();
      }
      if (this.#rounds.isClosed) return;
      const { netns, gateways } = watched;
      this.#record(
        watched,
        orUnknown(() => this.#probes.neighbours(netns, gateways)),
        tunnels,
      );
      await yieldToLoop();
    }
  }

  #record(
    { netns: { key }, gateways, tunnels }: WatchedGateways,
    standings: ReturnType<Probe> = [],
    tunnelStandings: ReadonlyMap<string, Standing> = new Map(),
  ): void {
    const before = this.#silent.get(key) ?? new Map<string, Silence>();
    const after = new Map<string, Silence>();
    for (const [n, address] of gateways.entries()) {
      const gateway = addressKey(address);
      const tunnel = tunnels[n] && tunnelStandings.get(tunnels[n].key);
      const isSilent = (standing: Standing, silence: Silence): boolean =>
        standing ? standing === 'silent' : before.get(gateway) === silence;
      if (isSilent(standings[n], 'neighbour')) after.set(gateway, 'neighbour');
      else if (tunnels[n] && isSilent(tunnel, 'tunnel')) after.set(gateway, 'tunnel');
    }
    if (after.size === before.size && [...after].every(([gateway, why]) => before.get(gateway) === why))
      return;
    this.#silent.set(key, after);
    this.#revision++;
    this.#changed();
  }
}

/** Nothing where the namespace is gone, or its kernel cannot be asked: all that is known stays. */
function orUnknown<T>(probe: () => T): T | undefined {
  try {
    return probe();
  } catch {
    return undefined;
  }
}

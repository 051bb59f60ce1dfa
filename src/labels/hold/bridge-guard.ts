// Bridges on which a container to be held is about to start, and its link-layer address is not known yet: nobody passes who was
// not there before. From Docker 28 on there are some milliseconds between its telling of the address and the first packet, which
// is too few to ask. Not here: whose labels ask for it (starting.ts), the kernel's part (held-set.ts).

import type { ConnectedNetwork } from '../discovery/docker-answers.js';
import type { HeldSet } from './held-set.js';
import { GUARD_SECONDS, type HeldEndpoint } from './hold-table.js';
import type { HostBridges } from './host-bridges.js';
import type { Refusals } from './refusals.js';
import { linkAddress } from './starting.js';

/** In place of a container, with a number: whoever the new port of a bridge is for. */
const PORT = 'port ';
const GUARD_MS = GUARD_SECONDS * 1000;
/** Networks that are known, and those who are expected on each; the oldest are forgotten. */
const [MAX_NETWORKS, MAX_EXPECTED] = [1_024, 1_024] as const;
/** How often a bridge is asked whom it hears, at most, in milliseconds. */
const HEARD_MS = 1_000;

interface BridgeGuardParts {
  readonly set: Pick<HeldSet, 'guard' | 'unguard' | 'know'>;
  readonly bridges: Pick<HostBridges, 'of' | 'heardOn'>;
  readonly refusals: Refusals;
  /** Whether a container may pass: by its id, or while Docker has it by its endpoint, by its name. */
  readonly mayPass: (by: { readonly id: string } | { readonly name: string }) => boolean;
  /** A clock, in milliseconds. */
  readonly now: () => number;
}

interface GuardedNetwork {
  readonly bridge: string;
  /** Those who may pass. */
  readonly endpoints: readonly HeldEndpoint[];
}

export class BridgeGuard {
  readonly #parts: BridgeGuardParts;
  /** By id, as Docker told them last, in that order. A bridge is one network's. */
  readonly #networks = new Map<string, GuardedNetwork>();
  /** By network the containers that are about to start, each with the time until which the kernel waits for it. */
  readonly #expected = new Map<string, Map<string, number>>();
  /** By bridge when it was asked whom it hears. */
  readonly #heardAt = new Map<string, number>();
  #isOn = true;
  #isClosed = false;
  #ports = 0;

  constructor(parts: BridgeGuardParts) {
    this.#parts = parts;
  }

  /** Whether it guards, as it does at first. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Ceases to guard for good. */
  close(): void {
    this.turn(false);
    this.#isClosed = true;
  }

  /** Begins or ceases to guard: then what is guarded now is so no more. */
  turn(isOn: boolean): void {
    if (this.#isClosed) return;
    this.#isOn = isOn;
    if (isOn) return;
    for (const network of [...this.#networks.keys()]) this.gone(network);
  }

  /** Whether a network is one on which somebody has been expected. */
  concerns(network: string): boolean {
    return this.#networks.has(network);
  }

  /** Whether a container is expected on any network. */
  expects(container: string): boolean {
    return [...this.#expected.values()].some(all => all.has(container));
  }

  /** Takes note of who is on a network. */
  told(network: ConnectedNetwork): void {
    if (!this.#isOn) return;
    const { set, bridges, refusals, mayPass } = this.#parts;
    let bridge: string | undefined;
    refusals.attempt(`who starts on the network ${network.Id} may not be held in time`, () => {
      bridge = bridges.of(network);
    });
    if (bridge === undefined) {
      this.gone(network.Id);
      return;
    }
    const endpoints = endpointsOn(network, bridge, mayPass);
    for (const [id, known] of [...this.#networks])
      if (id !== network.Id && known.bridge === bridge) this.gone(id);
    this.#networks.delete(network.Id);
    this.#networks.set(network.Id, { bridge, endpoints });
    if (this.#networks.size > MAX_NETWORKS) this.gone(this.#networks.keys().next().value!);
    if (!this.#isGuarded(network.Id)) return;
    refusals.attempt(`what others send by ${bridge} may be dropped for up to ${GUARD_SECONDS} s`, () =>
      set.know(endpoints),
    );
  }

  /** Takes note that a network is there no more. */
  gone(network: string): void {
    const known = this.#networks.get(network);
    const wasGuarded = this.#isGuarded(network);
    this.#networks.delete(network);
    this.#expected.delete(network);
    if (known && wasGuarded) this.#unguard(known);
  }

  /** Guards a network that told() has told of: a container is about to start there. */
  expect(container: string, network: string): void {
    const known = this.#networks.get(network);
    if (!known) return;
    this.#purge();
    const all = this.#expected.get(network) ?? new Map<string, number>();
    all.set(container, this.#parts.now() + GUARD_MS);
    if (all.size > MAX_EXPECTED) all.delete(all.keys().next().value!);
    this.#expected.set(network, all);
    const { set, refusals } = this.#parts;
    const { bridge, endpoints } = known;
    refusals.attempt(`who starts on ${bridge} may not be held in time`, () => set.guard(bridge, endpoints));
    this.#knowHeard(bridge);
  }

  /** A bridge has got a port: Docker tells for whom when it has connected him. */
  portAdded(bridge: string): void {
    for (const [network, known] of this.#networks)
      if (known.bridge === bridge) this.expect(PORT + this.#ports++, network);
  }

  /** A container is held, or need not be. @param network absent: on all */
  settled(container: string, network?: string): void {
    for (const id of network === undefined ? [...this.#expected.keys()] : [network]) {
      const all = this.#expected.get(id);
      const wasExpected = all?.delete(container);
      // Each has had a port of its own made, in that order.
      const port =
        network === undefined ? undefined : [...(all?.keys() ?? [])].find(key => key.startsWith(PORT));
      if (port !== undefined) all!.delete(port);
      if (!(wasExpected || port !== undefined) || this.#isGuarded(id)) continue;
      this.#expected.delete(id);
      this.#unguard(this.#networks.get(id)!);
    }
    this.#purge();
  }

  #unguard({ bridge }: GuardedNetwork): void {
    const { set, refusals } = this.#parts;
    refusals.attempt(`who is new on ${bridge} is dropped for up to ${GUARD_SECONDS} s`, () =>
      set.unguard(bridge),
    );
  }

  /** Not all who send are Docker's, nor by the addresses that it knows: who was heard before is not new. */
  #knowHeard(bridge: string): void {
    const { set, bridges, refusals, now } = this.#parts;
    for (const [one, at] of this.#heardAt) if (at + HEARD_MS <= now()) this.#heardAt.delete(one);
    if (this.#heardAt.has(bridge)) return;
    this.#heardAt.set(bridge, now());
    refusals.attempt(`what others send by ${bridge} may be dropped for up to ${GUARD_SECONDS} s`, () =>
      set.know(bridges.heardOn(bridge, GUARD_MS).map(mac => ({ bridge, mac }))),
    );
  }

  /** Forgets those whom the kernel waits for no more. */
  #purge(): void {
    const now = this.#parts.now();
    for (const [network, all] of this.#expected) {
      for (const [container, until] of all) if (until <= now) all.delete(container);
      if (all.size === 0) this.#expected.delete(network);
    }
  }

  #isGuarded(network: string): boolean {
    const now = this.#parts.now();
    return [...(this.#expected.get(network)?.values() ?? [])].some(until => until > now);
  }
}

/** Those who may pass. */
function endpointsOn(
  { Containers }: ConnectedNetwork,
  bridge: string,
  mayPass: BridgeGuardParts['mayPass'],
): HeldEndpoint[] {
  return Object.entries(Containers ?? {}).flatMap(([key, { Name, MacAddress }]) => {
    const mac = linkAddress(MacAddress);
    const by = key.startsWith('ep-') ? { name: Name ?? '' } : { id: key };
    return mac !== undefined && mayPass(by) ? { bridge, mac } : [];
  });
}

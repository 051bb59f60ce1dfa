// Bridges on which a container to be held is about to start, and its link-layer address is not known yet: nobody passes who was
// not there before. From Docker 28 on there are some milliseconds between its telling of the address and the first packet, which
// is too few to ask. Not here: whose labels ask for it (starting.ts), the kernel's part (held-set.ts).

import type { ConnectedNetwork } from '../discovery/docker-answers.js';
import type { HeldSet } from './held-set.js';
import { GUARD_SECONDS, type HeldEndpoint } from './hold-table.js';
import type { Refusals } from './refusals.js';
import { bridgeOf, linkAddress } from './starting.js';

/** In place of a container, with a number: whoever the new port of a bridge is for. */
const PORT = 'port ';

interface BridgeGuardParts {
  readonly set: Pick<HeldSet, 'guard' | 'unguard' | 'know'>;
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
  /** By id, as Docker told them last. */
  readonly #networks = new Map<string, GuardedNetwork>();
  /** By network the containers that are about to start, each with the time until which the kernel waits for it. */
  readonly #expected = new Map<string, Map<string, number>>();

  #ports = 0;

  constructor(parts: BridgeGuardParts) {
    this.#parts = parts;
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
    const bridge = bridgeOf(network);
    if (bridge === undefined) return;
    const { mayPass } = this.#parts;
    const endpoints = Object.entries(network.Containers ?? {}).flatMap(([key, { Name, MacAddress }]) => {
      const mac = linkAddress(MacAddress);
      const by = key.startsWith('ep-') ? { name: Name ?? '' } : { id: key };
      return mac !== undefined && mayPass(by) ? { bridge, mac } : [];
    });
    this.#networks.set(network.Id, { bridge, endpoints });
    if (!this.#isGuarded(network.Id)) return;
    const { set, refusals } = this.#parts;
    refusals.attempt(`what others send by ${bridge} may be dropped for up to ${GUARD_SECONDS} s`, () =>
      set.know(endpoints),
    );
  }

  /** Guards a network that told() has told of: a container is about to start there. */
  expect(container: string, network: string): void {
    const known = this.#networks.get(network);
    if (!known) return;
    const all = this.#expected.get(network) ?? new Map<string, number>();
    all.set(container, this.#parts.now() + GUARD_SECONDS * 1000);
    this.#expected.set(network, all);
    const { set, refusals } = this.#parts;
    const { bridge, endpoints } = known;
    refusals.attempt(`who starts on ${bridge} may not be held in time`, () => set.guard(bridge, endpoints));
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
      const { set, refusals } = this.#parts;
      const { bridge } = this.#networks.get(id)!;
      refusals.attempt(`who is new on ${bridge} is dropped for up to ${GUARD_SECONDS} s`, () =>
        set.unguard(bridge),
      );
    }
  }

  #isGuarded(network: string): boolean {
    const now = this.#parts.now();
    return [...(this.#expected.get(network)?.values() ?? [])].some(until => until > now);
  }
}

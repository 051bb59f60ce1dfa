// Bridges on which a container to be held is about to start, and its link-layer address is not known yet: nobody passes who was
// not there before. From Docker 28 on there are some milliseconds between its telling of the address and the first packet, which
// is too few to ask. Not here: whose labels ask for it (starting.ts), the kernel's part (held-set.ts).

import type { ConnectedNetwork } from '../discovery/docker-answers.js';
import { ExpectedStarts } from './expected-starts.js';
import type { HeldSet } from './held-set.js';
import { GUARD_SECONDS, type HeldEndpoint } from './hold-table.js';
import type { HostBridges } from './host-bridges.js';
import type { Passer } from './passers.js';
import type { Refusals } from './refusals.js';
import { linkAddress } from './starting.js';

/**
 * How long one is waited for, in milliseconds: that Docker has made; that it has connected and is asked about; that has ended, which
 * may start again; who is to take the place of one that is there no more; whom a new port is for.
 */
const WAITS = { made: 600_000, connected: 60_000, ended: 60_000, next: 10_000, port: 5_000 } as const;
/** Stands for whoever takes the place of one that is there no more, whose own event may come late on a busy machine. */
const NEXT = 'next';
/** How often the kernel's own time is begun anew while somebody is waited for, in milliseconds. */
const RENEW_MS = 1_000;
/** Networks that are known; the oldest are forgotten. */
const MAX_GUARDED = 1_024;
/** How often a bridge is asked whom it hears, at most, in milliseconds. */
const HEARD_MS = 1_000;
/** For how long a bridge has had a port behind which others than Docker's containers send, in milliseconds: longer than one takes to start. */
const SETTLED_PORT_MS = 30_000;

interface BridgeGuardParts {
  readonly set: Pick<HeldSet, 'guard' | 'unguard' | 'know' | 'forget'>;
  readonly bridges: Pick<HostBridges, 'of' | 'heardOn'>;
  readonly refusals: Refusals;
  /** Whether a container may pass, but for one that is expected. */
  readonly mayPass: (by: Passer) => boolean;
  /** A clock, in milliseconds. */
  readonly now: () => number;
}

/** Docker's end of a bridge, by whom it is. */
interface NetworkEnd extends HeldEndpoint {
  readonly by: Passer;
}

interface GuardedNetwork {
  readonly bridge: string;
  readonly ends: readonly NetworkEnd[];
}

export class BridgeGuard {
  readonly #parts: BridgeGuardParts;
  /** By id, as Docker told them last, in that order. A bridge is one network's. */
  readonly #networks = new Map<string, GuardedNetwork>();
  readonly #expected: ExpectedStarts;
  /** By bridge when it was asked whom it hears. */
  readonly #heardAt = new Map<string, number>();
  #isOn = true;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: BridgeGuardParts) {
    this.#parts = parts;
    this.#expected = new ExpectedStarts(parts.now);
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

  /** Whether a network is guarded now. */
  isGuarded(network: string): boolean {
    return this.#expected.isExpecting(network);
  }

  /** Takes note of who is on a network. */
  told(network: ConnectedNetwork): void {
    if (!this.#isOn) return;
    const { bridges, refusals } = this.#parts;
    let bridge: string | undefined;
    let isTold = false;
    refusals.attempt(`who starts on the network ${network.Id} may not be held in time`, () => {
      bridge = bridges.of(network);
      isTold = true;
    });
    // Where the kernel did not say, what is known stays.
    if (!isTold) return;
    if (bridge === undefined) {
      this.gone(network.Id);
      return;
    }
    const ends = endsOn(network, bridge);
    for (const [id, known] of [...this.#networks])
      if (id !== network.Id && known.bridge === bridge) this.gone(id);
    this.#networks.delete(network.Id);
    this.#networks.set(network.Id, { bridge, ends });
    if (this.#networks.size > MAX_GUARDED) this.gone(this.#networks.keys().next().value!);
    if (this.isGuarded(network.Id)) this.#know(bridge, this.#passing(ends));
  }

  /** Takes note that a network is there no more. */
  gone(network: string): void {
    const known = this.#networks.get(network);
    const wasGuarded = this.isGuarded(network);
    this.#networks.delete(network);
    this.#expected.gone(network);
    if (known && wasGuarded) this.#unguard(known);
  }

  /** Guards a network that told() has told of: a container is about to start there. */
  expect(container: string, network: string, why: keyof typeof WAITS = 'connected'): void {
    const known = this.#networks.get(network);
    if (!known) return;
    if (why === 'port') this.#expected.expectPort(network, WAITS.port);
    else this.#expected.expect(network, container, WAITS[why]);
    this.#guard(known);
    this.#timer ??= setInterval(() => this.#renew(), RENEW_MS).unref();
  }

  /**
   * A bridge has got a port: Docker tells for whom when it has connected him, if he is a container.
   * @returns the networks that are guarded for that
   */
  portAdded(bridge: string): string[] {
    const networks = [...this.#networks].filter(([, known]) => known.bridge === bridge).map(([id]) => id);
    for (const network of networks) this.expect('', network, 'port');
    return networks;
  }

  /** A container that was to be held has ended: it may start again where it was, by the link-layer address that it had. */
  ended(container: string): void {
    const { set, refusals } = this.#parts;
    for (const [network, { bridge, ends }] of this.#networks) {
      const own = ends.filter(end => isOf(end, container));
      if (own.length === 0) continue;
      this.#networks.set(network, { bridge, ends: ends.filter(end => !own.includes(end)) });
      refusals.attempt(`who starts again on ${bridge} may not be held in time`, () => set.forget(own));
      this.expect(container, network, 'ended');
    }
  }

  /** A container is held, or need not be. @param network absent: on all */
  settled(container: string, network?: string): void {
    for (const free of this.#expected.settled(container, network)) {
      const known = this.#networks.get(free);
      if (known) this.#unguard(known);
    }
  }

  /** A container is there no more. */
  removed(container: string): void {
    for (const network of this.#expected.settled(container)) this.expect(NEXT, network, 'next');
  }

  /** The labels of a container are in force: it passes where it was held. */
  passed(container: string, held: readonly HeldEndpoint[] = []): void {
    for (const [network, { bridge, ends }] of this.#networks) {
      const own = [...held.filter(one => one.bridge === bridge), ...ends.filter(end => isOf(end, container))];
      const passes = new Map(own.map(({ mac }) => [mac, { bridge, mac, by: { id: container } }]));
      if (passes.size === 0) continue;
      const others = ends.filter(({ mac }) => !passes.has(mac));
      this.#networks.set(network, { bridge, ends: [...others, ...passes.values()] });
      if (this.isGuarded(network)) this.#know(bridge, [...passes.values()]);
    }
  }

  #guard({ bridge, ends }: GuardedNetwork): void {
    const { set, refusals } = this.#parts;
    refusals.attempt(`who starts on ${bridge} may not be held in time`, () =>
      set.guard(bridge, this.#passing(ends)),
    );
    this.#knowHeard(bridge, ends);
  }

  #know(bridge: string, endpoints: readonly HeldEndpoint[]): void {
    const { set, refusals } = this.#parts;
    refusals.attempt(`what others send by ${bridge} may be dropped for up to ${GUARD_SECONDS} s`, () =>
      set.know(endpoints),
    );
  }

  /** Has the kernel wait on for those who are waited for. */
  #renew(): void {
    const networks = this.#expected.networks();
    for (const network of networks) {
      const known = this.#networks.get(network);
      if (known && !this.#isClosed) this.#guard(known);
    }
    if (networks.length > 0 && !this.#isClosed) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #unguard({ bridge }: GuardedNetwork): void {
    const { set, refusals } = this.#parts;
    refusals.attempt(`who is new on ${bridge} is dropped for up to ${GUARD_SECONDS} s`, () =>
      set.unguard(bridge),
    );
  }

  /** Those who may pass by now. */
  #passing(ends: readonly NetworkEnd[]): NetworkEnd[] {
    const { mayPass } = this.#parts;
    return ends.filter(({ by }) => mayPass(by) && !('id' in by && this.#expected.has(by.id)));
  }

  /** Not all who send are Docker's, nor by the addresses that it knows: who was heard before is not new. */
  #knowHeard(bridge: string, ends: readonly NetworkEnd[]): void {
    const { bridges, refusals, now } = this.#parts;
    for (const [one, at] of this.#heardAt) if (at + HEARD_MS <= now()) this.#heardAt.delete(one);
    if (this.#heardAt.has(bridge)) return;
    this.#heardAt.set(bridge, now());
    const passing = this.#passing(ends);
    const closed = new Set(ends.filter(end => !passing.includes(end)).map(({ mac }) => mac));
    refusals.attempt(`what others send by ${bridge} may be dropped for up to ${GUARD_SECONDS} s`, () => {
      const heard = bridges.heardOn(bridge, SETTLED_PORT_MS).filter(mac => !closed.has(mac));
      this.#know(
        bridge,
        heard.map(mac => ({ bridge, mac })),
      );
    });
  }
}

function isOf({ by }: NetworkEnd, container: string): boolean {
  return 'id' in by && by.id === container;
}

function endsOn({ Containers }: ConnectedNetwork, bridge: string): NetworkEnd[] {
  return Object.entries(Containers ?? {}).flatMap(([key, { Name, MacAddress }]) => {
    const mac = linkAddress(MacAddress);
    const by = key.startsWith('ep-') ? { name: Name ?? '' } : { id: key };
    return mac === undefined ? [] : { bridge, mac, by };
  });
}

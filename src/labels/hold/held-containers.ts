// The containers that are held, by their ids and in the kernel's set: entered, renewed, let go of. Not here: when that is
// (hold.ts), the kernel's part (held-set.ts).

import type { Log } from '../../base/log.js';
import type { HeldSet } from './held-set.js';
import { type HeldEndpoint, HOLD_SECONDS, MAX_HELD } from './hold-table.js';
import type { Refusals } from './refusals.js';

const RENEW_MS = (HOLD_SECONDS * 1000) / 3;
/** How long a start may take. One that fails is told by an event. */
const START_MS = 600_000;

/** A container that starts. */
export interface Held {
  name: string;
  /** When Docker connected it last. */
  since: number;
  /** How many questions about it are under way. */
  asking: number;
  /** Where it is held, by the ids of networks. */
  readonly endpoints: Map<string, HeldEndpoint>;
  /** Whether it runs, and its labels are not in force. */
  isRunning: boolean;
  /** The key of the namespace that it runs in, by the last plan. */
  netns?: string | undefined;
}

interface HeldContainersParts {
  readonly set: Pick<HeldSet, 'add' | 'delete'>;
  readonly log: Log;
  readonly refusals: Refusals;
  /** A clock, in milliseconds. */
  readonly now: () => number;
}

export class HeldContainers {
  readonly #parts: HeldContainersParts;
  readonly #held = new Map<string, Held>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: HeldContainersParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#held.size;
  }

  get(id: string): Held | undefined {
    return this.#held.get(id);
  }

  /** All, by their ids. One that is visited may be released. */
  [Symbol.iterator](): IterableIterator<[string, Held]> {
    return this.#held.entries();
  }

  endpoints(): HeldEndpoint[] {
    return [...this.#held.values()].flatMap(held => [...held.endpoints.values()]);
  }

  /** Takes note that a container starts, and that it is asked about. @throws Error where too many start at once */
  enter(id: string): Held {
    const known = this.#held.get(id);
    if (!known && this.#held.size >= MAX_HELD) throw new Error(`${MAX_HELD} others are held`);
    const held: Held = known ?? newHeld(id);
    held.since = this.#parts.now();
    // A plan that does not know of this yet says nothing of it.
    held.netns = undefined;
    held.asking++;
    this.#held.set(id, held);
    this.#timer ??= setInterval(() => this.#renew(), RENEW_MS).unref();
    return held;
  }

  /** What was asked is answered. One that is on no network by which it could be held is forgotten. */
  answered(id: string, held: Held): void {
    held.asking--;
    this.#forgetUnheld(id, held);
  }

  /** Has one held on a network. @returns whether it starts still: meanwhile its labels may have come into force */
  hold(id: string, held: Held, network: string, endpoint: HeldEndpoint): boolean {
    if (this.#held.get(id) !== held) return false;
    if (held.endpoints.get(network)?.mac !== endpoint.mac) this.drop(held, [network]);
    held.endpoints.set(network, endpoint);
    const { set, log, refusals } = this.#parts;
    refusals.attempt(`${held.name} is not held while it starts`, () => set.add([endpoint]));
    log.debug({ container: held.name, ...endpoint }, 'held until its labels are in force');
    return true;
  }

  /** Lets go of one. */
  release(id: string, held: Held): void {
    this.#held.delete(id);
    this.drop(held, [...held.endpoints.keys()]);
  }

  /** Lets go of one on a network: on its others it stays held. */
  disconnect(id: string, network: string): void {
    const held = this.#held.get(id);
    if (!held) return;
    this.drop(held, [network]);
    this.#forgetUnheld(id, held);
  }

  /** Lets go of one on networks. */
  drop({ name, endpoints, since }: Held, networks: readonly string[]): void {
    const left = networks.flatMap(network => endpoints.get(network) ?? []);
    for (const network of networks) endpoints.delete(network);
    // Docker gives a link-layer address again at once: the next to have it may be held before this one's end is told.
    const others = this.endpoints();
    const dropped = left.filter(one => !others.some(other => isSame(one, other)));
    if (dropped.length === 0) return;
    const { set, log, refusals, now } = this.#parts;
    refusals.attempt(`${name} stays held for up to ${HOLD_SECONDS} s`, () => set.delete(dropped));
    log.debug({ container: name, ms: Math.round(now() - since) }, 'held no more');
  }

  /** Renews nobody any more. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #forgetUnheld(id: string, held: Held): void {
    if (held.asking === 0 && held.endpoints.size === 0 && this.#held.get(id) === held) this.#held.delete(id);
  }

  #renew(): void {
    const { set, log, refusals, now } = this.#parts;
    for (const [id, held] of this.#held) {
      const { name, since, endpoints, isRunning } = held;
      const age = now() - since;
      if (!isRunning && age > START_MS) this.release(id, held);
      else if (endpoints.size > 0 && age >= RENEW_MS) {
        const all = [...endpoints.values()];
        refusals.attempt(`${name} is not held any more`, () => set.add(all));
        if (isRunning)
          log.warn(
            { container: name },
            'what it sends is dropped at the host until its labels can be applied',
          );
      }
    }
    if (this.#held.size === 0) this.close();
  }
}

function isSame(one: HeldEndpoint, other: HeldEndpoint): boolean {
  return one.bridge === other.bridge && one.mac === other.mac;
}

/** One of which only the id is known. */
function newHeld(id: string): Held {
  return { name: id.slice(0, 12), since: 0, asking: 0, endpoints: new Map(), isRunning: false };
}

// The steps by which namespaces are planned, each remembered with all that it went by: what it was given, and what it looked up
// in the world. The next plan takes over the steps that would be given and find the very same. Pure. Not here: the steps
// (plan.ts), where they look (name-holders.ts, ways-back.ts).

import { addTo } from '../../base/group-by.js';

/** Where a step looks things up: the same key finds the same object as long as nothing has changed about it. */
export interface Places {
  /** Who has a name on a network, or anywhere. */
  readonly named: (key: string) => unknown;
  /** The namespace that has an address on a network. */
  readonly placed: (key: string) => unknown;
  /** The routes of a namespace, by its key. */
  readonly routes: (key: string) => unknown;
  /** Whether routes are in force. */
  readonly inForce: (key: string) => unknown;
}

const NONE: readonly string[] = [];

/** What one step has looked up. */
export class Lookups {
  readonly #found = new Map<string, readonly [place: keyof Places, key: string, found: unknown]>();
  readonly #keys = new Map<keyof Places, string[]>();
  #isOpen = false;

  /** Takes note of what was found, and gives it back. */
  note<T>(place: keyof Places, key: string, found: T): T {
    const both = `${place} ${key}`;
    if (!this.#found.has(both)) addTo(this.#keys, place, key);
    this.#found.set(both, [place, key, found]);
    return found;
  }

  /** Takes note that the step depends on more than can be told. */
  open(): void {
    this.#isOpen = true;
  }

  /** What was looked up in a place. */
  keysOf(wanted: keyof Places): readonly string[] {
    return this.#keys.get(wanted) ?? NONE;
  }

  /** Whether the same would be found in another world. */
  holdIn(places: Places): boolean {
    if (this.#isOpen) return false;
    for (const [place, key, found] of this.#found.values()) if (places[place](key) !== found) return false;
    return true;
  }
}

/** Of which other containers it depends where labels lead. */
export interface Reliance {
  /** Their ids. */
  readonly containers: Set<string>;
  /** Ids of networks on which somebody may have a name as an alias. */
  readonly networks: Set<string>;
}

/** That of the labels of each namespace. */
export class Reliances {
  readonly #known = new Map<string, Reliance>();

  /** @param key of the namespace */
  of(key: string, what: 'routes' | 'forwards'): Reliance {
    const both = `${what} ${key}`;
    const known = this.#known.get(both) ?? { containers: new Set(), networks: new Set() };
    this.#known.set(both, known);
    return known;
  }
}

/** Is told what an answer depends on. */
export interface Trail {
  readonly lookups: Lookups;
  /** Absent: nobody asks for it. */
  readonly relied?: Reliance | undefined;
}

interface Step<T> {
  readonly given: readonly unknown[];
  readonly lookups: Lookups;
  readonly result: T;
}

const NOWHERE: Places = {
  named: () => undefined,
  placed: () => undefined,
  routes: () => undefined,
  inForce: () => undefined,
};

/** One step of one plan, for each namespace. */
export class PlanSteps<T> {
  readonly #before: ReadonlyMap<string, Step<T>>;
  readonly #now = new Map<string, Step<T>>();

  /** @param before that step of the plan before; absent: nothing is taken over */
  constructor(before?: PlanSteps<T>) {
    this.#before = before ? before.#now : new Map();
  }

  /**
   * What comes of it, of the plan before where nothing has changed for it.
   * @param key of the namespace that it is done for
   * @param given all that it goes by beside its lookups: compared as objects, not by what is in them
   * @param make must go by nothing else
   */
  take(key: string, given: readonly unknown[], make: (lookups: Lookups) => T, places = NOWHERE): T {
    const before = this.#before.get(key);
    const isSame = before && sameItems(before.given, given) && before.lookups.holdIn(places);
    const step = isSame ? before : made(given, make);
    this.#now.set(key, step);
    return step.result;
  }
}

function made<T>(given: readonly unknown[], make: (lookups: Lookups) => T): Step<T> {
  const lookups = new Lookups();
  return { given, lookups, result: make(lookups) };
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, n) => one === b[n]);
}

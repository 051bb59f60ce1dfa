// The listing of all containers, kept between passes: Docker is asked anew for those alone that its events have named, since it
// may have thousands. Not here: the events, what an entry says (labels/discovery/containers.ts).

import type { Queries } from './queries.js';

/** Of more than these all are listed. */
const MOST_NAMED = 64;
/** Docker may answer as before for a moment after its event, so those are asked for again that were named within so long. */
const RECENT_MS = 5_000;
/** All are listed again after so long: Docker loses an event where nobody reads it for a tenth of a second. */
const WHOLE_MS = 30_000;

export class KeptListing<T extends { readonly Id: string }> {
  readonly #queries: Pick<Queries, 'listing'>;
  readonly #read: (part: unknown) => readonly T[];
  /** Undefined where events may have been missed since. */
  #known: ReadonlyMap<string, T> | undefined;
  /** When each was named last, by the clock of performance.now(). */
  readonly #named = new Map<string, number>();
  #isHeard = false;
  /** When all were listed last, by the clock of performance.now(). */
  #wholeAt = Number.NEGATIVE_INFINITY;
  /** Grows when what is asked for meanwhile is not to be believed later. */
  #era = 0;

  /** @param read a part of the list; throws DecodeError */
  constructor(queries: Pick<Queries, 'listing'>, read: (part: unknown) => readonly T[]) {
    this.#queries = queries;
    this.#read = read;
  }

  /** Events come from now on, or come no more: what has happened meanwhile is not known. */
  hears(isHeard: boolean): void {
    this.#isHeard = isHeard;
    this.#known = undefined;
    this.#era++;
  }

  /** An event has named a container. */
  name(id: string): void {
    this.#named.set(id, performance.now());
  }

  /**
   * Every container as Docker lists it: the same object as long as it is not asked for anew.
   * @param anew all of them, whatever is known
   * @throws Error when Docker does not answer
   */
  async all(anew: boolean): Promise<readonly T[]> {
    const now = performance.now();
    const recent = now - RECENT_MS;
    const named = [...this.#named.keys()];
    for (const [id, at] of this.#named) if (at < recent) this.#named.delete(id);
    const known = this.#known;
    const era = this.#era;
    // Until it is answered nothing is known.
    this.#known = undefined;
    const isWhole = anew || !known || named.length > MOST_NAMED || now - this.#wholeAt > WHOLE_MS;
    const found = isWhole ? byId(await this.#queries.listing(this.#read)) : await this.#update(known, named);
    if (isWhole) this.#wholeAt = now;
    if (this.#isHeard && era === this.#era) this.#known = found;
    return [...found.values()];
  }

  async #update(known: ReadonlyMap<string, T>, named: readonly string[]): Promise<ReadonlyMap<string, T>> {
    if (named.length === 0) return known;
    const answers = byId(await this.#queries.listing(this.#read, named));
    const found = new Map(known);
    for (const id of named) {
      const answer = answers.get(id);
      if (answer) found.set(id, answer);
      else found.delete(id);
    }
    return found;
  }
}

function byId<T extends { readonly Id: string }>(listed: readonly T[]): ReadonlyMap<string, T> {
  return new Map(listed.map(one => [one.Id, one]));
}

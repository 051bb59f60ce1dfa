// Names that are not Docker's, as the host resolves them: looked up in the background, and again from time to time. When a
// lookup fails, the last good answer stays. Not here: the lookup itself (base/host-resolver.ts), which names are needed
// (labels/planner/plan.ts).

import { resolveName } from '../../base/host-resolver.js';
import { type Address, sameAddress } from '../../base/ip.js';

/** How often a name is looked up again: getaddrinfo(3) does not return the TTL. */
const PERIOD_MS = 30_000;
/** Concurrent lookups: each blocks one of the few threads of libuv's pool, perhaps for long. */
const MAX_CONCURRENCY = 2;

type Resolve = (name: string) => Promise<readonly Address[]>;

export class DnsCache {
  readonly #changed: () => void;
  readonly #resolve: Resolve;
  readonly #timer: NodeJS.Timeout;
  #answers: ReadonlyMap<string, readonly Address[]> = new Map();
  #revision = 0;
  #wanted: ReadonlySet<string> = new Set();
  readonly #queue = new Set<string>();
  /** Names that had no answer the last time: looked up when the queue is empty. */
  readonly #later = new Set<string>();
  #working = 0;
  #closed = false;

  /** @param changed called when an answer differs from the last one */
  constructor(changed: () => void, resolve: Resolve = resolveName) {
    this.#changed = changed;
    this.#resolve = resolve;
    this.#timer = setInterval(() => this.#ask(this.#wanted), PERIOD_MS).unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  /** Changes whenever one of the answers does. */
  get revision(): number {
    return this.#revision;
  }

  /** The last good answers. An unknown name has an empty one; a name without an answer yet is missing. */
  get answers(): ReadonlyMap<string, readonly Address[]> {
    return this.#answers;
  }

  /** Sets the names that are needed: new ones are looked up, others are forgotten. Returns at once. */
  want(names: Iterable<string>): void {
    const wanted = new Set(names);
    const fresh = [...wanted].filter(name => !this.#wanted.has(name));
    this.#wanted = wanted;
    if ([...this.#answers.keys()].some(name => !wanted.has(name))) {
      this.#answers = new Map([...this.#answers].filter(([name]) => wanted.has(name)));
      this.#revision++;
    }
    this.#ask(fresh);
  }

  #ask(names: Iterable<string>): void {
    // A failing lookup takes seconds: names that had no answer the last time must not delay the others.
    for (const name of names) (this.#answers.get(name)?.length === 0 ? this.#later : this.#queue).add(name);
    while (this.#working < MAX_CONCURRENCY && this.#queue.size + this.#later.size > 0) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working++;
    for (let name = this.#next(); name !== undefined; name = this.#next()) {
      if (this.#closed || !this.#wanted.has(name)) continue;
      try {
        this.#store(name, await this.#resolve(name));
      } catch {
        // The last good answer stays.
        this.#store(name, this.#answers.get(name) ?? []);
      }
    }
    this.#working--;
  }

  #next(): string | undefined {
    for (const queue of [this.#queue, this.#later]) {
      for (const name of queue) {
        queue.delete(name);
        return name;
      }
    }
    return undefined;
  }

  #store(name: string, addresses: readonly Address[]): void {
    if (this.#closed || !this.#wanted.has(name)) return;
    const isFirst = !this.#answers.has(name);
    const last = this.#answers.get(name) ?? [];
    // Resolvers rotate their answers, so the order means nothing: what was first stays first.
    const kept = last.filter(address => isAmong(address, addresses));
    const added = addresses.filter(address => !isAmong(address, last));
    if (!isFirst && added.length === 0 && kept.length === last.length) return;
    this.#answers = new Map([...this.#answers, [name, [...kept, ...added]]]);
    this.#revision++;
    this.#changed();
  }
}

function isAmong(address: Address, addresses: readonly Address[]): boolean {
  return addresses.some(other => sameAddress(address, other));
}

// Names that Docker does not know, as the host resolves them: looked up in the background, and again from time to
// time. The last good answer stands. Not here: the lookup itself (base/host-resolver.ts), which names those are (labels/planner/plan.ts).

import { resolveName } from '../../base/host-resolver.js';
import { type Address, sameAddress } from '../../base/ip.js';

/** How often a name is looked up again. getaddrinfo(3) does not tell how long an answer is good. */
const PERIOD_MS = 30_000;
/** Lookups under way: each takes one of the few threads that others wait for, too, and may take it for long. */
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
  /** Asked for when nothing is in the queue. */
  readonly #later = new Set<string>();
  #working = 0;
  #closed = false;

  /** @param changed called when a name leads elsewhere than at the last answer */
  constructor(changed: () => void, resolve: Resolve = resolveName) {
    this.#changed = changed;
    this.#resolve = resolve;
    this.#timer = setInterval(() => this.#ask(this.#wanted), PERIOD_MS).unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  /** Another number whenever one of the answers is another. */
  get revision(): number {
    return this.#revision;
  }

  /** The last good answers. A name that nobody knows has an empty one; one that was not answered yet has none. */
  get answers(): ReadonlyMap<string, readonly Address[]> {
    return this.#answers;
  }

  /** The names that are of use: new ones are looked up, others are forgotten. Returns at once. */
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
    // A lookup that fails takes seconds: whoever had no answer the last time does not keep the others waiting.
    for (const name of names) (this.#answers.get(name)?.length === 0 ? this.#later : this.#queue).add(name);
    while (this.#working < MAX_CONCURRENCY && this.#queue.size + this.#later.size > 0) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working++;
    for (let name = this.#next(); name !== undefined; name = this.#next()) {
      if (this.#closed || !this.#wanted.has(name)) continue;
      try {
        this.#learn(name, await this.#resolve(name));
      } catch {
        // The last good answer stands.
        this.#learn(name, this.#answers.get(name) ?? []);
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

  #learn(name: string, addresses: readonly Address[]): void {
    if (this.#closed || !this.#wanted.has(name)) return;
    const isFirst = !this.#answers.has(name);
    const last = this.#answers.get(name) ?? [];
    // Resolvers rotate their answers, so their order says nothing: what was first stays first.
    const stay = last.filter(address => isAmong(address, addresses));
    const come = addresses.filter(address => !isAmong(address, last));
    if (!isFirst && come.length === 0 && stay.length === last.length) return;
    this.#answers = new Map([...this.#answers, [name, [...stay, ...come]]]);
    this.#revision++;
    this.#changed();
  }
}

function isAmong(address: Address, addresses: readonly Address[]): boolean {
  return addresses.some(other => sameAddress(address, other));
}

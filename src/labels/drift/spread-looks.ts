// Looks at each of many again and again, spread over a period and few at a time: a net below what is heard. Not here: what a
// look is, looks that an event asks for (due-looks.ts).

/** Until then, in milliseconds, one look follows another without a rest for the event loop. */
const MAX_BLOCK_MS = 4;
/** The shortest rest while nobody waits, in milliseconds: looks together cost less than each by itself. A part of a short period. */
const [GRAIN_MS, GRAINS] = [1_000, 8] as const;

interface SpreadParts {
  /** Whom a round is for that begins. */
  readonly keys: () => readonly string[];
  /** Synchronous; never throws. */
  readonly look: (key: string) => void;
  /** In milliseconds. */
  readonly period: number;
}

export class SpreadLooks {
  readonly #parts: SpreadParts;
  /** Whom the round under way is for, how many of them are done, and when it began. */
  #keys: readonly string[] = [];
  #done = 0;
  #began = performance.now();
  /** Whether its looks are not spread over the period. */
  #isHurried = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** The first round begins when a period is over. */
  constructor(parts: SpreadParts) {
    this.#parts = parts;
    this.#arm(this.#grain);
  }

  /** Looks at all anew, one soon behind the other; first at those whose turn it was, so that each has one however often this is. */
  hurry(): void {
    const [undone, done] = [this.#keys.slice(this.#done), this.#keys.slice(0, this.#done)];
    this.#begin();
    const wanted = new Set(this.#keys);
    const known = new Set([...undone, ...done]);
    const fresh = this.#keys.filter(key => !known.has(key));
    this.#keys = [...undone, ...fresh, ...done].filter(key => wanted.has(key));
    this.#isHurried = true;
    this.#arm(0);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  get #grain(): number {
    return Math.min(GRAIN_MS, this.#parts.period / GRAINS);
  }

  #begin(): void {
    this.#keys = this.#parts.keys();
    this.#done = 0;
    this.#began = performance.now();
    this.#isHurried = false;
  }

  /** When the next look is due, or the next round begins. */
  #nextAt(): number {
    const { length } = this.#keys;
    if (this.#done >= length) return this.#began + this.#parts.period;
    return this.#isHurried ? this.#began : this.#began + (this.#parts.period * this.#done) / length;
  }

  /** @param rest the shortest, in milliseconds */
  #arm(rest: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    const wait = Math.max(rest, this.#nextAt() - performance.now());
    this.#timer = setTimeout(() => this.#run(), Math.ceil(wait)).unref();
  }

  #run(): void {
    const began = performance.now();
    if (this.#done >= this.#keys.length) this.#begin();
    let now = began;
    while (this.#done < this.#keys.length && this.#nextAt() <= now && now - began < MAX_BLOCK_MS) {
      this.#parts.look(this.#keys[this.#done++]!);
      now = performance.now();
    }
    const isBehind = this.#done < this.#keys.length && this.#nextAt() <= now;
    // Half of the time is for others.
    this.#arm(isBehind ? now - began : this.#grain);
  }
}

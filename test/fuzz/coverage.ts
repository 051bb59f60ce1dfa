// Which blocks of src/ have run, as V8 counts them for the inspector: no tool, no build of its own. Not here: what is made
// of an input that reaches a new one (fuzzer.ts).
import { type Profiler, Session } from 'node:inspector';

/** Only the project's own code counts, and of that not the tests. */
const OURS = /\/dist\/src\//;

export class Coverage {
  readonly #session = new Session();
  /** Functions by script and place: 1 for each character that has run; true where all of them have. */
  readonly #functions = new Map<string, Uint8Array | true>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  close(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /**
   * Whether anything has run since the last call that never ran before.
   * @param keep whether it counts as known from now on
   */
  take(keep: boolean): boolean {
    let isNew = false;
    for (const { scriptId, url, functions } of this.#counts()) {
      if (!OURS.test(url)) continue;
      for (const { ranges } of functions) {
        const [whole] = ranges;
        if (!whole || whole.count === 0) continue;
        const key = `${scriptId} ${whole.startOffset} ${whole.endOffset}`;
        if (this.#learn(key, ranges, keep)) isNew = true;
      }
    }
    return isNew;
  }

  /** How many functions have been entered. */
  get functions(): number {
    return this.#functions.size;
  }

  #learn(key: string, ranges: readonly Profiler.CoverageRange[], keep: boolean): boolean {
    const known = this.#functions.get(key);
    if (known === true) return false;
    const { startOffset, endOffset } = ranges[0]!;
    const ran = new Uint8Array(endOffset - startOffset);
    // Outer blocks come before those within them.
    for (const range of ranges) {
      ran.fill(range.count > 0 ? 1 : 0, range.startOffset - startOffset, range.endOffset - startOffset);
    }
    const isNew = !known || ran.some((has, n) => has > known[n]!);
    if (keep && isNew) {
      const all = known ? ran.map((has, n) => has | known[n]!) : ran;
      this.#functions.set(key, all.every(has => has === 1) ? true : all);
    }
    return isNew;
  }

  #counts(): readonly Profiler.ScriptCoverage[] {
    let result: readonly Profiler.ScriptCoverage[] = [];
    // Answers before it returns: the inspector is on this thread.
    this.#session.post('Profiler.takePreciseCoverage', (err, counts) => {
      if (err) throw err;
      result = counts.result;
    });
    return result;
  }
}

// How many rules of nftables the labels of one network namespace may come to: a short label may become hundreds, each
// of which costs memory, and time in which nothing else is done. Pure. Not here: the rules (parse.ts, labels/table/forward-rules.ts).

/** Of all labels of a namespace together; half of what is read of a table that somebody may have changed. */
export const MAX_RULES = 4096;

/** Why a label does not count that comes after the budget is spent. */
export const TOO_MANY_RULES = `the labels of this network namespace come to more than ${MAX_RULES} rules of nftables with this one, so it is not applied, nor is what comes after it: use fewer rules, or shorter lists in them`;

export class RuleBudget {
  #left = MAX_RULES;
  #isSpent = false;

  /** Whether something was refused. From then on all is, so that nothing counts that stands behind what does not. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** Whether there is room for so many rules more, and takes it. */
  take(rules: number): boolean {
    this.#isSpent ||= rules > this.#left;
    if (this.#isSpent) return false;
    this.#left -= rules;
    return true;
  }
}

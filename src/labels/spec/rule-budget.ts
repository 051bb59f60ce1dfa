// The number of nftables rules that the labels of one network namespace may become: a short label can become hundreds, and
// each costs memory and time during which the daemon does nothing else. Pure. Not here: the rules (parse.ts,
// labels/table/forward-rules.ts).

/** For all labels of a namespace together; half of what is read back of a table that somebody may have changed. */
export const MAX_RULES = 4096;

/** The sentence for a label that exceeds the budget. */
export const TOO_MANY_RULES = `with this label those of this network namespace become more than ${MAX_RULES} nftables rules, so neither it nor what follows is applied: use fewer rules, or shorter lists in them`;

export class RuleBudget {
  #left = MAX_RULES;
  #isSpent = false;

  /** Whether a request was refused. From then on all are, so that no later rule applies without an earlier one. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** Takes room for this many rules, if there is enough. */
  take(rules: number): boolean {
    this.#isSpent ||= rules > this.#left;
    if (this.#isSpent) return false;
    this.#left -= rules;
    return true;
  }
}

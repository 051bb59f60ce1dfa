// The rule language of iptables(8), as the label twine.iptables.rule.* has it, on nftables.

import { RuleError, type TranslatedRule } from './rule.js';

export interface TranslateOptions {
  /** 4 or 6: for that family only. Absent: for both, unless the rule itself is of one. */
  readonly family?: 4 | 6;
  /** What the names of the rule's sets begin with: unique in the table. */
  readonly setPrefix?: string;
}

/** @throws RuleError */
export function translateRule(text: string, _options: TranslateOptions = {}): TranslatedRule {
  throw new RuleError('rules are not understood yet', text, 0);
}

// What our text of a rule (src/nft/text) does not have as nft(8) prints it, each with the reason. translate.test.ts holds the
// list to be whole, and each of it to be so. Not here: what iptables-translate(8) says otherwise (differences.ts).

import type { NftRule } from '../../src/nft/table.js';

interface Unlike {
  readonly what: string;
  readonly why: string;
  /** Whether a rule's JSON has it. */
  readonly isIn: (rule: string) => boolean;
}

export const UNLIKE: readonly Unlike[] = [
  {
    what: "a connection's port beside a set of protocols",
    why: 'it is a number; nft(8) knows no type for it, and prints "0x50 [invalid type]"',
    isIn: rule => /"key":"l4proto"\}\},"right":\{"set"/.test(rule) && /"key":"proto-(src|dst)"/.test(rule),
  },
  {
    what: 'translation to a range of addresses that is a network',
    why: 'it is the range as it was written; nft(8) prints the network',
    isIn: rule => /"addr":\{"range":/.test(rule),
  },
];

/** Those of the list that a rule has. */
export function unlikeIn({ expr }: Pick<NftRule, 'expr'>): readonly Unlike[] {
  const text = JSON.stringify(expr);
  return UNLIKE.filter(({ isIn }) => isIn(text));
}

// An iptables rule after its translation, and what is wrong with one that cannot be translated: the words between
// the rule language (nft/iptables/translate.ts) and whoever builds a table. Not here: any of iptables' options.

import type { NftHook, NftRule } from '../../table.js';

/** The chains that a rule may begin with; the chain decides iptables' table. */
export const TWINE_CHAINS = [
  'TWINE_INPUT',
  'TWINE_OUTPUT',
  'TWINE_FORWARD',
  'TWINE_NAT_PREROUTING',
  'TWINE_NAT_OUTPUT',
  'TWINE_NAT_POSTROUTING',
  'TWINE_MANGLE_PREROUTING',
  'TWINE_MANGLE_INPUT',
  'TWINE_MANGLE_FORWARD',
  'TWINE_MANGLE_OUTPUT',
  'TWINE_MANGLE_POSTROUTING',
  'TWINE_RAW_PREROUTING',
  'TWINE_RAW_OUTPUT',
] as const;

export type TwineChain = (typeof TWINE_CHAINS)[number];

/** One rule of iptables as rules of nftables, to be appended to the chain in order. */
export interface TranslatedRule {
  readonly chain: TwineChain;
  /** Chains that it jumps or goes to. */
  readonly targets: readonly TwineChain[];
  readonly rules: readonly NftRule[];
  /** The hooks that it can run in, where the kernel has it in some only: see findConflict of chains.ts. */
  readonly hooks?: readonly NftHook['hook'][];
}

/** A rule that cannot be understood or expressed. The message is one sentence that names the token. */
export class RuleError extends Error {
  override readonly name = 'RuleError';

  /**
   * @param token the offending word, as it was written
   * @param offset where the token begins in the rule, in UTF-16 units
   */
  constructor(
    message: string,
    readonly token: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

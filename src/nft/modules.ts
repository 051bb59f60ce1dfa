// Which kernel modules the statements of rules need, by the names that modprobe(8) takes: for a kernel that lacks one.
// What is part of nf_tables itself is not among them. Not here: whether a kernel has them.

import type { NftRule } from './table.js';

/** By the key of libnftables-json(5), for tables of family inet. */
const MODULES: ReadonlyMap<string, string> = new Map([
  ['ct', 'nft_ct'],
  ['ct count', 'nft_connlimit'],
  ['dnat', 'nft_nat'],
  ['fib', 'nft_fib_inet'],
  ['ipsec', 'nft_xfrm'],
  ['jhash', 'nft_hash'],
  ['limit', 'nft_limit'],
  ['log', 'nft_log'],
  ['masquerade', 'nft_masq'],
  ['numgen', 'nft_numgen'],
  ['osf', 'nft_osf'],
  ['queue', 'nft_queue'],
  ['quota', 'nft_quota'],
  ['redirect', 'nft_redir'],
  ['reject', 'nft_reject_inet'],
  ['snat', 'nft_nat'],
  ['socket', 'nft_socket'],
  ['symhash', 'nft_hash'],
  ['synproxy', 'nft_synproxy'],
  ['tproxy', 'nft_tproxy'],
]);

/** The modules that the rules need, each once, in alphabetical order. */
export function modulesOf(rules: readonly Pick<NftRule, 'expr'>[]): string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, part] of Object.entries(value)) {
      const module = MODULES.get(key);
      if (module !== undefined) found.add(module);
      visit(part);
    }
  };
  for (const { expr } of rules) visit(expr);
  return [...found].sort();
}

/** Whether a rule has a part that needs the module. */
export function needsModule(rule: Pick<NftRule, 'expr'>, module: string): boolean {
  return modulesOf([rule]).includes(module);
}

// Rulesets in throw-away namespaces: rules put into chains that hang where twine's hang, and listed by nft(8). Not
// here: whose rules they are.

import type { Nft } from '../../src/nft/client.js';
import { withLists } from '../../src/nft/iptables/syntax/address-lists.js';
import { hookOf } from '../../src/nft/iptables/syntax/chains.js';
import { type TranslatedRule, TWINE_CHAINS } from '../../src/nft/iptables/syntax/rule.js';
import { type NftTable, replaceTable } from '../../src/nft/table.js';
import { type Namespace, run } from '../support/namespace.js';

export const TABLE = 'twine';

/** Puts rules of ours into a namespace, by the daemon's own way, as the table that is returned. @throws NftError */
export function loadOurs(nft: Nft, namespace: Namespace, rules: readonly TranslatedRule[]): NftTable {
  const lists = withLists(
    TWINE_CHAINS.map(name => ({
      name,
      hook: hookOf(name),
      rules: rules.flatMap(rule => (rule.chain === name ? rule.rules : [])),
    })),
  );
  const table = { family: 'inet', name: TABLE, ...lists } as const;
  namespace.within(() => nft.apply(replaceTable(table), 'the test'));
  return table;
}

/** What nft(8) lists of a table of family inet, with times as those of UTC. */
export function listTable(namespace: Namespace, table: string): string {
  const listing = `TZ=UTC nft list table inet ${table}`.split(' ');
  return run('ip', 'netns', 'exec', namespace.name, 'env', ...listing);
}

/** What stands between the rules of a listing, by their comment. */
export function listRules(namespace: Namespace): Map<string, string[]> {
  const listing = listTable(namespace, TABLE);
  const found = new Map<string, string[]>();
  for (const line of listing.split('\n')) {
    const [, rule, comment] = /^\t\t(.*) comment "([^"]*)"$/.exec(line) ?? [];
    if (rule !== undefined && comment !== undefined)
      found.set(comment, [...(found.get(comment) ?? []), rule]);
  }
  return found;
}

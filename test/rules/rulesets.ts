// Rulesets in throw-away namespaces: rules put into chains that hang where twine's hang, and listed by nft(8). Not
// here: whose rules they are.
import { HOOK_OF, TABLE_OF } from '../../src/nft/iptables-chains.js';
import { type Nft, NftError } from '../../src/nft/libnftables.js';
import { type TranslatedRule, TWINE_CHAINS, type TwineChain } from '../../src/nft/rule.js';
import { type NftHook, replaceTable } from '../../src/nft/ruleset.js';
import { type Namespace, run } from '../kernel/namespace.js';

export const TABLE = 'twine';

/** The hook that the chain itself hangs from here, so that nothing need jump to it. */
export function hookOf(chain: TwineChain): NftHook {
  const hook = HOOK_OF[chain];
  if (TABLE_OF[chain] === 'filter') return { type: 'filter', hook, priority: 0 };
  return { type: 'nat', hook, priority: hook === 'postrouting' ? 100 : -100 };
}

/** Puts rules of ours into a namespace, by the daemon's own way. @throws NftError */
export function loadOurs(nft: Nft, namespace: Namespace, rules: readonly TranslatedRule[]): void {
  const table = {
    family: 'inet',
    name: TABLE,
    sets: rules.flatMap(({ sets }) => sets),
    chains: TWINE_CHAINS.map(name => ({
      name,
      hook: hookOf(name),
      rules: rules.flatMap(rule => (rule.chain === name ? rule.rules : [])),
    })),
  } as const;
  namespace.within(() => nft.apply(replaceTable(table), 'the test'));
}

/** What stands between the rules of a listing, by their comment. */
export function listRules(namespace: Namespace): Map<string, string[]> {
  const listing = run(
    'ip',
    'netns',
    'exec',
    namespace.name,
    'env',
    'TZ=UTC',
    'nft',
    'list',
    'table',
    'inet',
    TABLE,
  );
  const found = new Map<string, string[]>();
  for (const line of listing.split('\n')) {
    const [, rule, comment] = /^\t\t(.*) comment "([^"]*)"$/.exec(line) ?? [];
    if (rule !== undefined && comment !== undefined)
      found.set(comment, [...(found.get(comment) ?? []), rule]);
  }
  return found;
}

export { NftError };

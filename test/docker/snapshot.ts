// Everything that a namespace holds and that labels might change, as the standard tools print it: to be compared
// byte for byte. Not here: what it should be.
import assert from 'node:assert/strict';
import { inside, type Where } from '../support/talk.js';

/**
 * Rulesets, routes, policy rules and sysctls, line by line. Docker's DNS listens on other ports at every start: they
 * are PORT. What the kernel itself makes when an address has settled, is left out, and so are elements of sets that go by
 * themselves. Some sysctls nobody may read, which is a failure of newer sysctl(8) only.
 */
export async function snapshot(where: Where): Promise<string[]> {
  const text = await inside(
    where,
    `nft list ruleset
    iptables-save | grep -v "^#"
    ip6tables-save | grep -v "^#"
    for family in -4 -6; do ip $family rule; ip $family route show table all; done
    { sysctl -a -r "^net" 2> /dev/null || true; } | grep -v "nf_conntrack_count\\|random"`,
  );
  return lasting(text)
    .replace(/127\.0\.0\.11:\d+/g, '127.0.0.11:PORT')
    .replace(/(-s 127\.0\.0\.11.*--sport|ip saddr 127\.0\.0\.11 \w+ sport) \d+/g, '$1 PORT')
    .replace(/counter packets \d+ bytes \d+/g, 'counter')
    .replace(/\[\d+:\d+\]/g, '[]')
    .split('\n')
    .filter(line => !line.includes('proto kernel'));
}

/** Rulesets without elements of sets that go by themselves. */
export function lasting(rulesets: string): string {
  return rulesets.replace(/\n\s*elements = \{[^}]* expires [^}]*\}/g, '');
}

/** Asserts that two snapshots are the same, and names only the lines that differ. */
export function assertSame(now: readonly string[], before: readonly string[]): void {
  const gone = before.filter(line => !now.includes(line)).map(line => `- ${line}`);
  const come = now.filter(line => !before.includes(line)).map(line => `+ ${line}`);
  assert.deepEqual([...gone, ...come], []);
  assert.equal(
    now.join('\n').length,
    before.join('\n').length,
    'the same lines, but not in the same order or number',
  );
}

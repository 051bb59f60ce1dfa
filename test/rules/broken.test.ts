// Rules that iptables(8) or ip6tables(8) refuse, on the kernel's way or before: ours are refused whole, with a message
// that names the word.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { RuleError } from '../../src/nft/iptables/syntax/rule.js';
import { show } from '../../src/nft/iptables/syntax/tokens.js';
import { translateRule } from '../../src/nft/iptables/translate.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { type BrokenRule, brokenRules } from './broken.js';

const BROKEN_AT_LEAST = 500;

/** Right ones, to see that the programs do not refuse everything. */
const RIGHT: readonly BrokenRule[] = [
  { family: 4, chain: 'INPUT', text: '-p tcp --dport 80 -j ACCEPT' },
  { family: 6, chain: 'FORWARD', text: '-s fd00::1 -m state --state NEW -j LOG --log-prefix "a b"' },
  { family: 4, chain: 'PREROUTING', text: '-p tcp -j DNAT --to-destination 10.0.0.1:80' },
  { family: 6, chain: 'POSTROUTING', text: '-j MASQUERADE' },
];

/** The table, and the chain in it. */
function place({ chain }: BrokenRule): [table: string, chain: string] {
  const [, table, rest] = /^(MANGLE|RAW)_(.*)$/.exec(chain) ?? [];
  if (table !== undefined && rest !== undefined) return [table.toLowerCase(), rest];
  return [/ROUTING$/.test(chain) ? 'nat' : 'filter', chain];
}

function ours(rule: BrokenRule): string {
  return `TWINE_${place(rule)[0] === 'nat' ? 'NAT_' : ''}${rule.chain} ${rule.text}`;
}

/** Which rules the programs of iptables-nft and of iptables-legacy append, both of them. */
function accepted(namespace: Namespace, rules: readonly BrokenRule[]): boolean[] {
  const script = `
    while IFS=$'\t' read -r table program rule; do
      input=$(printf '*%s\n%s\nCOMMIT' "$table" "$rule")
      "$program-nft-restore" -n <<< "$input" && "$program-legacy-restore" -n <<< "$input" && echo yes || echo no
    done 2> /dev/null`;
  const input = rules.map(rule =>
    [place(rule)[0], rule.family === 4 ? 'iptables' : 'ip6tables', `-A ${place(rule)[1]} ${rule.text}`].join(
      '\t',
    ),
  );
  const output = execFileSync('ip', ['netns', 'exec', namespace.name, 'bash', '-c', script], {
    input: input.map(line => `${line}\n`).join(''),
    encoding: 'utf8',
  });
  return output
    .trim()
    .split('\n')
    .map(line => line === 'yes');
}

function refusal(rule: BrokenRule): RuleError | undefined {
  try {
    translateRule(ours(rule), { family: rule.family });
    return undefined;
  } catch (err) {
    assert.ok(err instanceof RuleError, String(err));
    return err;
  }
}

kernelTest(
  `${BROKEN_AT_LEAST} rules and more that iptables refuses are refused`,
  async t => {
    const namespace = await Namespace.create(t);
    assert.deepEqual(
      accepted(namespace, RIGHT),
      RIGHT.map(() => true),
    );
    const candidates = brokenRules();
    const taken = accepted(namespace, candidates);
    assert.equal(taken.length, candidates.length);
    const broken = candidates.filter((_, index) => !taken[index]);
    const wrong = broken.filter(rule => !refusal(rule));
    t.diagnostic(`${broken.length} of ${candidates.length} are refused by iptables`);
    assert.deepEqual(
      wrong.map(rule => `-${rule.family} ${ours(rule)}`),
      [],
    );
    assert.ok(broken.length >= BROKEN_AT_LEAST);
  },
  'iptables-nft-restore',
  'iptables-legacy-restore',
);

test('the message of every refusal names a word of the rule', () => {
  for (const rule of brokenRules()) {
    const err = refusal(rule);
    if (!err) continue;
    assert.ok(err.token !== '' && err.message.includes(show(err.token)), `${ours(rule)}: ${err.message}`);
    assert.ok(ours(rule).slice(err.offset).replace(/["']/g, '').startsWith(err.token), ours(rule));
  }
});

// Whatever is understood, the kernel takes: one rule that it did not would spoil a container's whole table.
import assert from 'node:assert/strict';
import { Nft } from '../../src/nft/client.js';
import { RuleError, type TranslatedRule } from '../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../src/nft/iptables/translate.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { Random } from '../support/random.js';
import { generateRules } from './generate.js';
import { loadOurs, TABLE } from './rulesets.js';

/** What a shell, JSON or nft(8) might take for something else. */
const ODD = [
  ...['tcp', 'udp', 'icmp', 'esp', 'comp', 'gre', 'ip', 'lo', 'tcp+', 'established', 'root', 'all'],
  ...[
    '@x',
    '$x',
    '-x',
    '{',
    '}',
    '!',
    '0',
    '0x10',
    '1e5',
    'true',
    'null',
    'accept',
    'drop',
    'inet',
    '#x',
    ';',
    '(',
  ],
  ...[
    'a@b',
    '@+',
    '%d',
    'a:b',
    'a,b',
    'a-b',
    'a/b',
    '"',
    '&',
    '|',
    '*',
    '\\',
    '`id`',
    '$(id)',
    'x\u0001',
    'x\ty',
    'x\ny',
  ],
  ...[
    'é',
    '\u202e',
    '😀',
    '\ud83d',
    '😀'.repeat(3),
    '😀'.repeat(40),
    'x'.repeat(127),
    'x'.repeat(128),
    'x'.repeat(255),
  ],
];

const PLACES = [
  'TWINE_INPUT -i % -j ACCEPT',
  'TWINE_OUTPUT -o % -j ACCEPT',
  'TWINE_INPUT -j LOG --log-prefix %',
  'TWINE_INPUT -j NFLOG --nflog-prefix %',
  'TWINE_INPUT -m comment --comment % -j ACCEPT',
  'TWINE_INPUT -m hashlimit --hashlimit-name % --hashlimit-upto 5/s --hashlimit-mode srcip -j ACCEPT',
];

/** The rule, or nothing where it is refused. */
function understood(text: string, setPrefix: string): TranslatedRule[] {
  try {
    return [translateRule(text, { setPrefix })];
  } catch (err) {
    assert.ok(err instanceof RuleError, String(err));
    return [];
  }
}

/** How many rules the kernel has in a chain. */
function loaded(namespace: Namespace, chain: string): number {
  const listing = namespace.exec('nft', '--handle', 'list', 'chain', 'inet', TABLE, chain);
  return listing.match(/^\t\t.* # handle \d+$/gm)?.length ?? 0;
}

kernelTest('a rule with an odd word is refused, or the kernel takes it', async t => {
  const nft = new Nft();
  t.after(() => nft.close());
  const namespace = await Namespace.create(t);
  const texts = PLACES.flatMap(place => ODD.map(word => place.replace('%', () => `'${word}'`)));
  const taken = texts.filter(text =>
    understood(text, 'rule.a-b_c.').some(rule => {
      assert.doesNotThrow(() => loadOurs(nft, namespace, [rule]), text);
      return true;
    }),
  );
  assert.ok(taken.length > texts.length / 3 && taken.length < texts.length);
  for (const place of PLACES)
    assert.ok(taken.includes(place.replace('%', "'lo'")), `a word that is right everywhere: ${place}`);
});

kernelTest(
  'a packet of another protocol than its connection, such as an ICMP error, the kernel takes',
  async t => {
    const nft = new Nft();
    t.after(() => nft.close());
    const namespace = await Namespace.create(t);
    for (const rest of [
      '-p icmp --icmp-type destination-unreachable -m conntrack --ctproto udp -j ACCEPT',
      '-p icmp -m conntrack --ctproto tcp --icmp-type destination-unreachable -j ACCEPT',
      '-p tcp -m conntrack --ctproto udp -j REJECT --reject-with tcp-reset',
      '-m conntrack --ctproto 1 -p tcp --dport 80 -j ACCEPT',
      '-p icmp -m conntrack ! --ctproto 255 --icmp-type echo-request -j ACCEPT',
      '-p icmp -m conntrack --ctproto 255 --icmp-type echo-request -j ACCEPT',
    ]) {
      loadOurs(nft, namespace, [translateRule(`TWINE_INPUT ${rest}`)]);
      assert.equal(loaded(namespace, 'TWINE_INPUT'), 1, rest);
    }
  },
);

kernelTest('rules of every match and target, for both families where they are, the kernel takes', async t => {
  const nft = new Nft();
  t.after(() => nft.close());
  const namespace = await Namespace.create(t);
  const rules = generateRules(new Random(99), 3000).flatMap(({ chain, text }, index) =>
    understood(`${chain} ${text}`, `rule.n${index}.`),
  );
  assert.ok(rules.length > 2900);
  for (let begin = 0; begin < rules.length; begin += 500) {
    loadOurs(nft, namespace, rules.slice(begin, begin + 500));
  }
});

kernelTest('damaged rules that are understood all the same, the kernel takes', async t => {
  const nft = new Nft();
  t.after(() => nft.close());
  const namespace = await Namespace.create(t);
  const random = new Random(12);
  const right = generateRules(random, 2000).map(({ chain, text }) => `${chain} ${text}`);
  const words = right.flatMap(text => text.split(' '));
  const rules: TranslatedRule[] = [];
  for (let tries = 0; rules.length < 2000; tries++) {
    assert.ok(tries < 100_000, `of ${tries} damaged rules ${rules.length} are understood`);
    const text = random.pick(right).split(' ');
    text.splice(random.int(0, text.length - 1), random.int(0, 1), random.pick(words));
    // Jumps may be in a circle with each other; findConflict sees to that.
    rules.push(
      ...understood(text.join(' '), `r${rules.length}-`).filter(({ targets }) => targets.length === 0),
    );
  }
  for (let begin = 0; begin < rules.length; begin += 500) {
    loadOurs(nft, namespace, rules.slice(begin, begin + 500));
  }
});

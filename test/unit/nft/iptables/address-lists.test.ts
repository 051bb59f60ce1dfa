// Lists of addresses (-m recent): the sets that the rules of a namespace need together, and what each rule does with them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Statement } from '../../../../src/nft/expression.js';
import { AddressLists, withLists } from '../../../../src/nft/iptables/syntax/address-lists.js';
import { translateRule } from '../../../../src/nft/iptables/translate.js';

const translated = (text: string) => translateRule(`TWINE_INPUT ${text}`, { family: 4 });

/** As nft(8) would have it, nearly. */
function words(statement: Statement): string {
  if ('set' in statement) return `${statement.set.op} ${statement.set.set}`;
  if ('match' in statement) return `${statement.match.op} ${JSON.stringify(statement.match.right)}`;
  return Object.keys(statement)[0]!;
}

/** The sets, each with its time, and the statements of each rule but the family. */
function lists(...texts: string[]) {
  const { chains, sets } = withLists([{ rules: texts.flatMap(text => translated(text).rules) }]);
  return {
    sets: sets.map(({ name, timeout }) => `${name}${timeout === undefined ? '' : ` ${timeout}s`}`),
    rules: chains[0]!.rules.map(({ expr }) => expr.slice(1).map(words).join(', ')),
  };
}

for (const [what, texts, sets, rules] of [
  [
    'is asked for by nobody keeps what is put in',
    ['-m recent --set --name a'],
    ['recent4.0.a'],
    ['add @recent4.0.a, counter'],
  ],
  [
    'is asked for at two times is two sets, and what is put in goes into both',
    [
      '-m recent --rcheck --seconds 60 --name a -j DROP',
      '-m recent --set --name a',
      '-m recent --rcheck --seconds 9 --hitcount 1 --name a -j DROP',
    ],
    ['recent4.9.a 9s', 'recent4.60.a 60s'],
    [
      '== "@recent4.60.a", drop',
      'update @recent4.9.a, update @recent4.60.a, counter',
      '== "@recent4.9.a", drop',
    ],
  ],
  [
    'is updated begins each time anew where there is one',
    ['-m recent --update --seconds 5 --reap', '-m recent ! --rcheck -j RETURN'],
    ['recent4.0.DEFAULT', 'recent4.5.DEFAULT 5s'],
    [
      '== "@recent4.5.DEFAULT", add @recent4.0.DEFAULT, update @recent4.5.DEFAULT, counter',
      '!= "@recent4.0.DEFAULT", return',
    ],
  ],
  [
    'loses an address loses it at every time',
    ['-m recent --remove --name a -j ACCEPT', '-m recent --rcheck --seconds 5 --name a'],
    ['recent4.0.a', 'recent4.5.a 5s'],
    ['== "@recent4.0.a", delete @recent4.0.a, delete @recent4.5.a, accept', '== "@recent4.5.a", counter'],
  ],
  [
    'is not updated where the address is not in it',
    ['-m recent ! --update --name a -j DROP'],
    ['recent4.0.a'],
    ['!= "@recent4.0.a", drop'],
  ],
  [
    'is filled by a rule that fits nothing',
    ['-m recent ! --set --name a -j DROP'],
    ['recent4.0.a'],
    ['add @recent4.0.a, == "INVAL/D", drop'],
  ],
  [
    'has a number for a name is no other list with a time',
    ['-m recent --rcheck --name 5.a', '-m recent --rcheck --seconds 5 --name a'],
    ['recent4.0.5.a', 'recent4.5.a 5s'],
    ['== "@recent4.0.5.a", counter', '== "@recent4.5.a", counter'],
  ],
] as const) {
  test(`a list that ${what}`, () => {
    assert.deepEqual(lists(...texts), { sets, rules });
  });
}

test('a list is one of sources and destinations by a mask, and each family has its own', () => {
  const { rules } = translateRule('TWINE_INPUT -m recent --set --rdest --name a');
  const { sets, chains } = withLists([{ rules }]);
  assert.deepEqual(
    sets.map(({ name, type, flags, size }) => ({ name, type, flags, size })),
    [
      { name: 'recent4.0.a', type: 'ipv4_addr', flags: ['timeout'], size: 65535 },
      { name: 'recent6.0.a', type: 'ipv6_addr', flags: ['timeout'], size: 65535 },
    ],
  );
  assert.match(JSON.stringify(chains), /"elem":\{"payload":\{"protocol":"ip6","field":"daddr"\}\}/);
  const masked = translated('-m recent --set --mask 255.255.0.255').rules[0]!.expr[1];
  assert.deepEqual(masked, {
    addressList: {
      name: 'DEFAULT',
      family: 4,
      action: 'set',
      address: { '&': [{ payload: { protocol: 'ip', field: 'saddr' } }, '255.255.0.255'] },
      seconds: 0,
      negated: false,
    },
  });
});

test('rules without lists are left as they are', () => {
  const chains = [{ rules: translated('-j DROP').rules }];
  assert.deepEqual(withLists(chains), { chains, sets: [] });
});

test('a list may be asked for at eight times, by all rules together', () => {
  const known = new AddressLists();
  const asking = (seconds: number, name = 'a') =>
    translated(`-m recent --rcheck --seconds ${seconds} --name ${name}`);
  for (let seconds = 1; seconds <= 8; seconds++) {
    assert.equal(known.conflictOf(asking(seconds)), undefined);
    known.add(asking(seconds));
  }
  assert.match(
    known.conflictOf(asking(9))!,
    /list of addresses a would be asked for at more than 8 different/,
  );
  assert.equal(known.conflictOf(asking(8)), undefined);
  assert.equal(known.conflictOf(asking(9, 'b')), undefined);
  const nine = Array.from({ length: 9 }, (_, n) => `-m recent --rcheck --seconds ${n + 1}`).join(' ');
  assert.match(new AddressLists().conflictOf(translated(nine))!, /more than 8 different/);
});

test('a rule may use lists sixteen times', () => {
  const uses = (count: number) => translated(' -m recent --set --name a'.repeat(count));
  assert.equal(new AddressLists().conflictOf(uses(16)), undefined);
  assert.match(new AddressLists().conflictOf(uses(17))!, /more than 16 times/);
});

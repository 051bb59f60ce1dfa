// Rules of iptables as a whole: which family they are of, how many rules they become, what they are refused for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Statement } from '../../../../src/nft/expression.js';
import { findConflict } from '../../../../src/nft/iptables/syntax/chains.js';
import { RuleError } from '../../../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../../../src/nft/iptables/translate.js';
import { generateRules } from '../../../rules/generate.js';
import { Random } from '../../../support/random.js';

const v4 = { match: { op: '==', left: { meta: { key: 'nfproto' } }, right: 'ipv4' } };
const v6 = { match: { op: '==', left: { meta: { key: 'nfproto' } }, right: 'ipv6' } };
const saddr = (protocol: string, right: unknown) => ({
  match: { op: '==', left: { payload: { protocol, field: 'saddr' } }, right },
});
const tcp = { match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 6 } };
const dport = (op: string, right: unknown) => ({
  match: { op, left: { payload: { protocol: 'tcp', field: 'dport' } }, right },
});
const accept = { accept: null };

function expressions(text: string, family?: 4 | 6): (readonly Statement[])[] {
  const rule = translateRule(text, family === undefined ? {} : { family });
  return rule.rules.map(({ expr }) => expr);
}

for (const [name, text, expected] of [
  ['without an address, for both families at once', 'TWINE_INPUT -j ACCEPT', [[accept]]],
  [
    'with an IPv4 address, for IPv4',
    'TWINE_INPUT -s 10.0.0.1 -j ACCEPT',
    [[v4, saddr('ip', '10.0.0.1'), accept]],
  ],
  [
    'with an IPv6 address, for IPv6',
    'TWINE_INPUT -s fd00::1/64 -j ACCEPT',
    [[v6, saddr('ip6', { prefix: { addr: 'fd00::', len: 64 } }), accept]],
  ],
  ['with -4, for IPv4', 'TWINE_INPUT -4 -j ACCEPT', [[v4, accept]]],
  [
    'of each of a list of addresses',
    'TWINE_INPUT -s 10.0.0.1,10.0.0.2 -j ACCEPT',
    [
      [v4, saddr('ip', '10.0.0.1'), accept],
      [v4, saddr('ip', '10.0.0.2'), accept],
    ],
  ],
  ['with ! before an option', 'TWINE_INPUT -p tcp ! --dport 80 -j ACCEPT', [[tcp, dport('!=', 80), accept]]],
  ['with ! after an option', 'TWINE_INPUT -p tcp --dport ! 80 -j ACCEPT', [[tcp, dport('!=', 80), accept]]],
  [
    'with values attached to their options',
    'TWINE_INPUT -ptcp --dport=80 -jACCEPT',
    [[tcp, dport('==', 80), accept]],
  ],
  ['with a jump to another chain', 'TWINE_INPUT -j TWINE_FORWARD', [[{ jump: { target: 'TWINE_FORWARD' } }]]],
  ['without a target, which counts', 'TWINE_INPUT -p tcp', [[tcp, { counter: null }]]],
] as const) {
  test(`a rule ${name}: ${text}`, () => {
    assert.deepEqual(expressions(text), expected);
  });
}

for (const [text, token, message] of [
  ['', '', /the rule is empty/],
  ['FORWARD -j ACCEPT', 'FORWARD', /did you mean "TWINE_FORWARD"/],
  ['WHATEVER -j ACCEPT', 'WHATEVER', /begins with one of TWINE_INPUT/],
  ['TWINE_INPUT -j ACCEPTT', 'ACCEPTT', /did you mean "ACCEPT"/],
  ['TWINE_INPUT --dport 80 -j ACCEPT', '--dport', /put -p tcp before it/],
  ['TWINE_INPUT --ctstate NEW -j ACCEPT', '--ctstate', /put -m conntrack before it/],
  ['TWINE_INPUT -s host.example -j ACCEPT', 'host.example', /is no IP address/],
  ['TWINE_INPUT -s 10.0.0.1 -d fd00::1 -j ACCEPT', 'fd00::1', /is no IPv4 address/],
  ['TWINE_OUTPUT -i eth0 -j ACCEPT', '-i', /cannot stand in TWINE_OUTPUT/],
  ['TWINE_INPUT -t nat -j ACCEPT', '-t', /the chain decides the table/],
  ['TWINE_INPUT -j TWINE_NAT_OUTPUT', 'TWINE_NAT_OUTPUT', /a chain of the table nat/],
  ['TWINE_INPUT -j TWINE_INPUT', 'TWINE_INPUT', /jump to itself/],
  ['TWINE_INPUT -j LOG --log-prefix "x', '"x', /not closed/],
  ['TWINE_INPUT -j ACCEPT; id', 'ACCEPT;', /neither a target nor a chain/],
  ['TWINE_INPUT ! ! -s 10.0.0.1 -j ACCEPT', '!', /follows another/],
  ['TWINE_INPUT -j ACCEPT !', '!', /nothing after it/],
] as const) {
  test(`the rule ${JSON.stringify(text)} is refused because of ${JSON.stringify(token)}`, () => {
    assert.throws(
      () => translateRule(text),
      err => {
        assert.ok(err instanceof RuleError);
        assert.equal(err.token, token);
        assert.equal(text.slice(err.offset, err.offset + token.length), token);
        assert.match(err.message, message);
        return true;
      },
    );
  });
}

test('a rule of both families says the same for each of them alone, and one of one family nothing for the other', () => {
  const alone = (text: string, family: 4 | 6): Statement[][] | string => {
    try {
      return expressions(text, family).map(([first, ...rest]) => {
        assert.deepEqual(first, family === 4 ? v4 : v6);
        return rest;
      });
    } catch (err) {
      assert.ok(err instanceof RuleError);
      return err.message;
    }
  };
  const seen = { both: 0, 4: 0, 6: 0 };
  for (const { chain, text } of generateRules(new Random(7), 500)) {
    const rule = `${chain} ${text}`;
    const all = expressions(rule);
    const of = (family: 4 | 6): unknown[][] =>
      all.filter(expr => isDeepStrictEqual(expr[0], family === 4 ? v4 : v6)).map(expr => expr.slice(1));
    for (const family of [4, 6] as const) {
      const isNeutral = of(4).length + of(6).length === 0;
      const expected = isNeutral ? all : of(family);
      const found = alone(rule, family);
      if (expected.length === 0) assert.equal(typeof found, 'string', rule);
      else assert.deepEqual(found, expected, rule);
      seen[isNeutral ? 'both' : family] += expected.length;
    }
  }
  assert.ok(Math.min(...Object.values(seen)) > 50, JSON.stringify(seen));
});

test('meters are named after the prefix, each by a name of its own', () => {
  const { rules } = translateRule(
    'TWINE_INPUT -m connlimit --connlimit-above 2 -m connlimit --connlimit-above 9 --connlimit-daddr -j DROP',
    { setPrefix: 'a-', family: 4 },
  );
  assert.deepEqual(
    rules[0]!.expr.flatMap(statement => ('meter' in statement ? statement.meter.name : [])),
    ['a-connlimit4-1', 'a-connlimit4-2'],
  );
});

test('what counts, counts for each family by itself', () => {
  const counting = expressions('TWINE_INPUT -p tcp -m limit -j ACCEPT');
  assert.deepEqual(
    counting.map(([first]) => first),
    [v4, v6],
  );
});

test('what would be several rules and counts, or changes a list, is refused whole', () => {
  for (const text of [
    'TWINE_INPUT -4 -p tcp -m recent --remove --name a -m multiport --ports 1,2 -j DROP',
    'TWINE_INPUT -4 -p tcp -m recent --set --name a -m multiport --ports 1,2 -j DROP',
    'TWINE_INPUT -4 -p tcp -m recent --update --name a -m multiport --ports 1,2 -j DROP',
    'TWINE_MANGLE_PREROUTING -4 -p tcp -m recent --remove --name a -j TPROXY --on-port 80',
    'TWINE_INPUT -p tcp -m multiport --ports 80 -m limit -j ACCEPT',
    'TWINE_INPUT -m quota --quota 9 -m conntrack --ctstate NEW,SNAT -j ACCEPT',
  ]) {
    assert.throws(
      () => translateRule(text),
      /each of which would count for itself, or find what the one before has changed/,
      text,
    );
  }
});

test('each address of a list has a meter of its own', () => {
  const rules = expressions('TWINE_INPUT -s 10.0.0.1,10.0.0.2 -m connlimit --connlimit-above 2 -j DROP');
  const names = rules.flatMap(expr => expr.flatMap(each => ('meter' in each ? each.meter.name : [])));
  assert.deepEqual(names, ['connlimit4-1', 'connlimit4-1-2']);
});

test('SNAT and DNAT beside states are cases of which one packet fits one', () => {
  const state = (op: string, right: unknown) => ({ match: { op, left: { ct: { key: 'state' } }, right } });
  const status = (op: string, right: unknown) => ({ match: { op, left: { ct: { key: 'status' } }, right } });
  assert.deepEqual(expressions('TWINE_INPUT -m conntrack --ctstate NEW,DNAT -j ACCEPT'), [
    [state('in', 'new'), accept],
    [state('!', 'new'), status('in', 'dnat'), accept],
  ]);
  // A packet of no connection has no status, and so fits.
  assert.deepEqual(expressions('TWINE_INPUT -m conntrack ! --ctstate DNAT -j ACCEPT'), [
    [state('in', ['invalid', 'untracked']), accept],
    [status('!', 'dnat'), accept],
  ]);
});

test('the nearest option is suggested', () => {
  assert.throws(() => translateRule('TWINE_INPUT -p tcp --dprot 22 -j ACCEPT'), /did you mean "--dport"/);
});

for (const [name, rules, conflict] of [
  ['jumps in a line', ['TWINE_INPUT -j TWINE_OUTPUT', 'TWINE_OUTPUT -j TWINE_FORWARD'], undefined],
  [
    'jumps in a circle',
    ['TWINE_INPUT -j TWINE_OUTPUT', 'TWINE_OUTPUT -j TWINE_FORWARD', 'TWINE_FORWARD -j TWINE_INPUT'],
    /a jump from TWINE_FORWARD to TWINE_INPUT would lead in a circle/,
  ],
  [
    'a rule that cannot be for packets that a jump brings',
    ['TWINE_NAT_PREROUTING -j TWINE_NAT_POSTROUTING', 'TWINE_NAT_POSTROUTING -j MASQUERADE'],
    /packets of TWINE_NAT_PREROUTING come to TWINE_NAT_POSTROUTING by a jump/,
  ],
  [
    'a jump that brings packets to a rule that cannot be for them',
    ['TWINE_NAT_POSTROUTING -j MASQUERADE', 'TWINE_NAT_PREROUTING -j TWINE_NAT_POSTROUTING'],
    /a jump brings packets of TWINE_NAT_PREROUTING to TWINE_NAT_POSTROUTING/,
  ],
  [
    'DNAT where both hooks have it',
    ['TWINE_NAT_PREROUTING -j TWINE_NAT_OUTPUT', 'TWINE_NAT_OUTPUT -p udp -j REDIRECT'],
    undefined,
  ],
] as const) {
  test(`beside each other: ${name}`, () => {
    const translated = rules.map(text => translateRule(text));
    const found = findConflict(translated.at(-1)!, translated.slice(0, -1));
    if (conflict) assert.match(found ?? 'none', conflict);
    else assert.equal(found, undefined);
  });
}

// Targets of mangle, raw and queues as statements of nftables, and what each of them is refused for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Statement } from '../../../../src/nft/expression.js';
import { RuleError } from '../../../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../../../src/nft/iptables/translate.js';

const set = (key: unknown, value: number): Statement => ({ mangle: { key, value } }) as Statement;
const zone = (dir?: string): unknown => ({ ct: { key: 'zone', ...(dir !== undefined && { dir }) } });

for (const [family, text, ...expected] of [
  [4, 'MANGLE_FORWARD -j TTL --ttl-set 5', set({ payload: { protocol: 'ip', field: 'ttl' } }, 5)],
  [6, 'MANGLE_INPUT -j HL --hl-set 255', set({ payload: { protocol: 'ip6', field: 'hoplimit' } }, 255)],
  [4, 'RAW_PREROUTING -j NOTRACK', { notrack: null }],
  [6, 'RAW_OUTPUT -j CT --notrack', { notrack: null }],
  [4, 'RAW_OUTPUT -j CT --zone 65535', set(zone(), 65535)],
  [4, 'RAW_OUTPUT -j CT --zone-reply 2 --zone-orig 1', set(zone('original'), 1), set(zone('reply'), 2)],
  [4, 'RAW_PREROUTING -j TRACE', set({ meta: { key: 'nftrace' } }, 1)],
  [4, 'MANGLE_OUTPUT -j AUDIT --type DROP', { log: { level: 'audit' } }],
  [4, 'NAT_PREROUTING -j NFQUEUE', { queue: { num: 0 } }],
  [
    4,
    'INPUT -j NFQUEUE --queue-balance 4: --queue-bypass --queue-cpu-fanout',
    { queue: { num: { range: [4, 65534] }, flags: ['bypass', 'fanout'] } },
  ],
] as readonly (readonly [4 | 6, string, ...Statement[]])[]) {
  test(`a target of IPv${family}: ${text}`, () => {
    const { rules } = translateRule(`TWINE_${text}`, { family });
    assert.deepEqual(
      rules.map(({ expr }) => expr.slice(1)),
      [expected],
    );
  });
}

test('a change of hops by some is a map of every value, which ends where the field does', () => {
  const pairs = (text: string): (readonly [number, number])[] => {
    const last = translateRule(`TWINE_MANGLE_FORWARD ${text}`).rules[0]!.expr.at(-1);
    const { mangle } = last as unknown as {
      mangle: { value: { map: { data: { set: (readonly [number, number])[] } } } };
    };
    return mangle.value.map.data.set;
  };
  const more = pairs('-j HL --hl-inc 2');
  assert.deepEqual(
    [more.length, more[0], more[64], more[254], more[255]],
    [256, [0, 2], [64, 66], [254, 255], [255, 255]],
  );
  const less = pairs('-j HL --hl-dec 2');
  assert.deepEqual([less.length, less[1], less[64]], [256, [1, 0], [64, 62]]);
});

test('SYNPROXY says what the server can do', () => {
  const last = (text: string) =>
    translateRule(`TWINE_INPUT -p tcp -j SYNPROXY ${text}`).rules[0]!.expr.at(-1);
  assert.deepEqual(last(''), { synproxy: null });
  assert.deepEqual(last('--sack-perm --timestamp --wscale 7 --mss 1460'), {
    synproxy: { mss: 1460, wscale: 7, flags: ['timestamp', 'sack-perm'] },
  });
});

for (const [text, token, message] of [
  ['FORWARD -j TTL --ttl-set 5', 'TTL', /cannot stand in TWINE_FORWARD: only in TWINE_MANGLE_PREROUTING/],
  ['MANGLE_FORWARD -j TTL --ttl-inc 1', '--ttl-inc', /nftables has only --ttl-set/],
  ['MANGLE_FORWARD -j HL --hl-inc 0', '0', /is no number from 1 to 255/],
  ['MANGLE_FORWARD -j TTL', 'TTL', /needs --ttl-set/],
  ['MANGLE_FORWARD -j NOTRACK', 'NOTRACK', /only in TWINE_RAW_PREROUTING, TWINE_RAW_OUTPUT/],
  ['RAW_OUTPUT -j CT', 'CT', /needs --notrack or --zone/],
  ['RAW_OUTPUT -j CT --zone 5 --zone-orig 6', '--zone-orig', /cannot stand beside --zone/],
  ['RAW_OUTPUT -j CT --zone mark', 'mark', /is no number/],
  ['RAW_OUTPUT -j CT --helper ftp', '--helper', /nftables has nothing for it/],
  ['RAW_OUTPUT -j REJECT', 'REJECT', /cannot stand in TWINE_RAW_OUTPUT/],
  ['OUTPUT -p tcp -j SYNPROXY', 'SYNPROXY', /cannot stand in TWINE_OUTPUT/],
  ['INPUT -j SYNPROXY', 'SYNPROXY', /needs -p tcp/],
  ['INPUT -p tcp -j SYNPROXY --wscale 15', '15', /is no number from 0 to 14/],
  ['INPUT -j AUDIT --type x', 'x', /is no type of a record/],
  ['INPUT -j NFQUEUE --queue-balance 4:4', '4:4', /does not come after its beginning/],
  ['INPUT -j NFQUEUE --queue-balance 0:65535', '0:65535', /has more than 65535 queues/],
  ['INPUT -j NFQUEUE --queue-cpu-fanout', '--queue-cpu-fanout', /needs --queue-balance/],
  [
    'INPUT -m string --string x -j DROP',
    'string',
    /is a match that is left out: nftables has nothing for it/,
  ],
  [
    'INPUT -j TEE --gateway 10.0.0.1',
    'TEE',
    /is a target that is left out: nftables has it only in tables of one/,
  ],
  ['MANGLE_INPUT -j TWINE_INPUT', 'TWINE_INPUT', /a chain of the table filter/],
] as const) {
  test(`a target is refused: ${text}`, () => {
    assert.throws(
      () => translateRule(`TWINE_${text}`),
      err => {
        assert.ok(err instanceof RuleError);
        assert.equal(err.token, token);
        assert.match(err.message, message);
        return true;
      },
    );
  });
}

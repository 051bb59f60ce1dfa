// Targets of mangle, raw and queues as statements of nftables, and what each of them is refused for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Statement } from '../../../../src/nft/expression.js';
import { RuleError } from '../../../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../../../src/nft/iptables/translate.js';

const set = (key: unknown, value: unknown): Statement => ({ mangle: { key, value } }) as Statement;
const zone = (dir?: string): unknown => ({ ct: { key: 'zone', ...(dir !== undefined && { dir }) } });

for (const [family, text, ...expected] of [
  [4, 'MANGLE_FORWARD -j TTL --ttl-set 5', set({ payload: { protocol: 'ip', field: 'ttl' } }, 5)],
  [6, 'MANGLE_INPUT -j HL --hl-set 255', set({ payload: { protocol: 'ip6', field: 'hoplimit' } }, 255)],
  [
    4,
    'MANGLE_INPUT -p tcp -j TCPOPTSTRIP --strip-options mss,19,2',
    { match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 6 } },
    { reset: { 'tcp option': { base: 2, offset: 0, len: 8 } } },
    { reset: { 'tcp option': { base: 19, offset: 0, len: 8 } } },
  ],
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

/** What becomes of two marks of four bits by the changes of rules in turn, as the kernel makes them. */
function runCopy(
  rules: readonly { readonly expr: readonly Statement[] }[],
  marks: { meta: number; ct: number },
): void {
  const number = (expression: unknown): number => {
    if (typeof expression === 'number') return expression;
    const [[name, value]] = Object.entries(expression as object) as [[string, unknown]];
    if (name === 'meta' || name === 'ct') return marks[name];
    const [left, right] = (value as unknown[]).map(number) as [number, number];
    return (name === '&' ? left & right : name === '|' ? left | right : left ^ right) >>> 0;
  };
  for (const { expr } of rules) {
    for (const statement of expr) {
      if ('match' in statement) {
        if (number(statement.match.left) !== number(statement.match.right)) break;
      } else if ('mangle' in statement) {
        const [to] = Object.keys(statement.mangle.key as object) as ['meta' | 'ct'];
        marks[to] = number(statement.mangle.value);
      }
    }
  }
}

for (const option of ['--save-mark', '--restore-mark'] as const) {
  test(`${option} with masks does to every two marks what the kernel's xt_connmark does`, () => {
    for (const nfmask of [0, 3, 6, 0xc, 0xffff_ffff]) {
      for (const ctmask of [0, 3, 5, 0xb, 0xffff_ffff]) {
        const text = `TWINE_FORWARD -j CONNMARK ${option} --nfmask ${nfmask} --ctmask ${ctmask}`;
        const { rules } = translateRule(text);
        for (let n = 0; n < 256; n++) {
          const [meta, ct] = [n & 0xf, n >> 4];
          const marks = { meta, ct };
          runCopy(rules, marks);
          const expected =
            option === '--save-mark'
              ? { meta, ct: ((ct & ~ctmask) ^ (meta & nfmask)) >>> 0 }
              : { meta: ((meta & ~nfmask) ^ (ct & ctmask)) >>> 0, ct };
          assert.deepEqual(marks, expected, `${nfmask}/${ctmask} of ${meta} and ${ct}`);
        }
      }
    }
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

test('a change of hops of IPv4 is a rule for each value, of which no packet fits two', () => {
  for (const [option, by] of [
    ['--ttl-inc 1', 1],
    ['--ttl-inc 255', 255],
    ['--ttl-inc 100', 100],
    ['--ttl-dec 1', -1],
    ['--ttl-dec 255', -255],
    ['--ttl-dec 64', -64],
  ] as const) {
    const { rules } = translateRule(`TWINE_MANGLE_FORWARD -j TTL ${option}`);
    assert.ok(rules.length <= 255, option);
    const steps = rules.map(({ expr }) => expr.slice(-2)) as unknown as readonly [
      { match: { right: number | { range: [number, number] } } },
      { mangle: { value: number } },
    ][];
    for (let ttl = 1; ttl <= 255; ttl++) {
      let now = ttl;
      for (const [{ match }, { mangle }] of steps) {
        const [first, last] =
          typeof match.right === 'number' ? [match.right, match.right] : match.right.range;
        if (now >= first && now <= last) now = mangle.value;
      }
      assert.equal(now, Math.min(255, Math.max(0, ttl + by)), `${option} of ${ttl}`);
    }
  }
});

test('ECN takes both flags of TCP away and leaves the others, in one of 64 rules', () => {
  const { rules } = translateRule('TWINE_MANGLE_FORWARD -p tcp -j ECN --ecn-tcp-remove');
  const values = rules.map(
    ({ expr }) => (expr.at(-1) as unknown as { mangle: { value: number } }).mangle.value,
  );
  assert.deepEqual(
    values,
    Array.from({ length: 64 }, (_, value) => value),
  );
});

test('a packet that no socket of a proxy is there for is dropped', () => {
  const { rules } = translateRule(
    'TWINE_MANGLE_PREROUTING -4 -p udp -j TPROXY --on-port 0 --on-ip 10.0.0.1 --tproxy-mark 1/0xff',
    { family: 4 },
  );
  assert.deepEqual(
    rules.map(({ expr }) => expr.slice(2)),
    [
      [
        { tproxy: { family: 'ip', addr: '10.0.0.1' } },
        set({ meta: { key: 'mark' } }, { '^': [{ '&': [{ meta: { key: 'mark' } }, 0xffffff00] }, 1] }),
        { accept: null },
      ],
      [{ drop: null }],
    ],
  );
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
  ['MANGLE_FORWARD -j TTL --ttl-inc 0', '0', /is no number from 1 to 255/],
  ['MANGLE_FORWARD -m limit -j TTL --ttl-inc 1', 'limit', /cannot stand beside these options of TTL/],
  ['MANGLE_FORWARD -j TCPOPTSTRIP --strip-options 2', 'TCPOPTSTRIP', /needs -p tcp/],
  ['FORWARD -p tcp -j TCPOPTSTRIP', 'TCPOPTSTRIP', /cannot stand in TWINE_FORWARD/],
  ['MANGLE_FORWARD -p tcp -j TCPOPTSTRIP --strip-options 1', '1', /is no number from 2 to 255/],
  [
    'MANGLE_FORWARD -p tcp -j TCPOPTSTRIP --strip-options mss,x',
    'x',
    /is no option of TCP: .*sack-permitted/,
  ],
  ['MANGLE_FORWARD -p tcp -j ECN', 'ECN', /needs --ecn-tcp-remove/],
  ['MANGLE_FORWARD -j ECN --ecn-tcp-remove', 'ECN', /needs -p tcp/],
  ['MANGLE_PREROUTING -j TPROXY --on-port 5', 'TPROXY', /needs one of -p tcp, -p udp/],
  ['MANGLE_PREROUTING -p tcp -j TPROXY', 'TPROXY', /needs --on-port/],
  ['MANGLE_OUTPUT -p tcp -j TPROXY --on-port 5', 'TPROXY', /cannot stand in TWINE_MANGLE_OUTPUT/],
  [
    'MANGLE_PREROUTING -p tcp -j TPROXY --on-port 5 --on-ip 10.0.0.1-10.0.0.2',
    '10.0.0.1-10.0.0.2',
    /is no single address/,
  ],
  ['NAT_PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:0', '10.0.0.1:0', /from 1 to 65535/],
  ['INPUT -j SET --add-set x src', 'SET', /sets of ipset\(8\) are none of nftables/],
  ['MANGLE_FORWARD -j HL --hl-inc 0', '0', /is no number from 1 to 255/],
  ['MANGLE_FORWARD -j TTL', 'TTL', /needs --ttl-set/],
  ['MANGLE_FORWARD -j NOTRACK', 'NOTRACK', /only in TWINE_RAW_PREROUTING, TWINE_RAW_OUTPUT/],
  ['RAW_OUTPUT -j CT', 'CT', /needs --notrack or --zone/],
  ['RAW_OUTPUT -j CT --zone 5 --zone-orig 6', '--zone-orig', /cannot stand beside --zone/],
  ['RAW_OUTPUT -j CT --zone mark', 'mark', /is no number/],
  ['RAW_OUTPUT -j CT --helper ftp', '--helper', /which none is yet in the chains of raw/],
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
  [
    'FORWARD -m mark --mark 1 -j CONNMARK --restore-mark --mask 1',
    'CONNMARK',
    /behind a condition on the packet mark/,
  ],
  [
    'FORWARD -m connmark --mark 1 -j CONNMARK --save-mark --mask 1',
    'CONNMARK',
    /behind a condition on the connection mark/,
  ],
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

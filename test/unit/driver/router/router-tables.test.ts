// The sets that bind a router's ports, as elements that come and go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../../../src/base/ip.js';
import { changeBindings, type PortBinding } from '../../../../src/driver/router/router-tables.js';

const port = (n: number, more: Partial<PortBinding> = {}): PortBinding => ({
  ...{ name: `wg-${n}`, mac: `02:00:00:00:00:0${n}`, ipv4: parseAddress(`10.66.0.${n}`)! },
  ...more,
});
const ipv6 = parseAddress('fd66::2')!;

const CASES: readonly (readonly [
  string,
  readonly PortBinding[],
  readonly PortBinding[],
  readonly string[],
])[] = [
  ['nothing is new', [port(2), port(3)], [port(3), port(2)], []],
  ['one comes', [port(2)], [port(2), port(3)], ['add arp 2', 'add ipv4 1']],
  ['one of both families comes', [], [port(2, { ipv6 })], ['add arp 2', 'add ipv4 1', 'add ipv6 3']],
  ['one goes', [port(2), port(3)], [port(3)], ['delete arp 2', 'delete ipv4 1']],
  [
    'one has another address',
    [port(2)],
    [port(2, { ipv4: parseAddress('10.66.0.9')! })],
    ['delete arp 2', 'delete ipv4 1', 'add arp 2', 'add ipv4 1'],
  ],
];

for (const [what, before, now, changes] of CASES)
  test(`ports of a router: ${what}`, () => {
    const found = changeBindings(before, now).map(change =>
      change.what === 'flush' ? change.what : `${change.what} ${change.set} ${change.keys.length}`,
    );
    assert.deepEqual(found, changes);
  });

test('an element is a name of 16 bytes, an address of the link in 8 and the address', () => {
  const keys = changeBindings([], [port(2, { ipv6 })]).map(change =>
    change.what === 'flush' ? [] : change.keys.map(key => key.toString('hex')),
  );
  const [name, mac] = ['77672d32'.padEnd(32, '0'), '0200000000020000'];
  assert.deepEqual(keys, [
    [`${name}${mac}${mac}00000000`, `${name}${mac}${mac}0a420002`],
    [`${name}${mac}0a420002`],
    [
      `${name}${mac}${'0'.repeat(32)}`,
      `${name}${mac}fe80000000000000000000fffe000002`,
      `${name}${mac}fd660000000000000000000000000002`,
    ],
  ]);
});

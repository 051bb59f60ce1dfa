// Names and values on their way to a sysctl's file and into a stamp: what the kernel or a container says is believed only
// where it can be one of ours.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STAMP_CHAIN } from '../../../../src/base/ownership.js';
import { diff } from '../../../../src/labels/diff/diff.js';
import { stampedTable } from '../../../../src/labels/diff/stamp.js';
import { expandSysctls, IP_FORWARD, routeLocalnet } from '../../../../src/labels/diff/sysctls.js';
import { readSysctl, writeSysctl } from '../../../../src/labels/sysctls/sysctl-files.js';
import type { NftTable } from '../../../../src/nft/table.js';
import { address } from '../../../support/label-world.js';

const TABLE: NftTable = { family: 'inet', name: 'dwgd', sets: [], chains: [] };
const towards = routeLocalnet(address('10.9.0.3'));

for (const name of [
  'ipv4/conf/../../../../../tmp/x/route_localnet',
  'ipv4/conf/../route_localnet',
  'ipv4/conf/./route_localnet',
  'ipv4/conf//route_localnet',
  'ipv4/conf/a name/route_localnet',
  'ipv4/conf/lo/forwarding',
  'ipv4/conf',
  '../kernel/core_pattern',
  '',
]) {
  test(`${JSON.stringify(name)} is no sysctl that is read or set`, () => {
    const message = /dwgd does not use this sysctl$/;
    assert.throws(() => readSysctl(name), { message });
    assert.throws(() => writeSysctl(name, '1'), { message });
  });
}

for (const name of [
  '../../../../../tmp/x',
  '..',
  '.',
  '',
  'a/b',
  'a b',
  'a\nb',
  '\u0001',
  'sixteen-bytes-00',
]) {
  test(`a link that is called ${JSON.stringify(name)} leads to no sysctl`, () => {
    assert.deepEqual(
      expandSysctls([IP_FORWARD, towards], () => name),
      [IP_FORWARD],
    );
  });
}

test('an address of the container itself, which is behind lo, needs no sysctl', () => {
  assert.deepEqual(
    expandSysctls([IP_FORWARD, towards], () => 'lo'),
    [IP_FORWARD],
  );
});

test('a link with a name of its own leads to its own sysctl', () => {
  assert.deepEqual(
    expandSysctls([towards], () => 'wg-0.1=$&'),
    [{ name: 'ipv4/conf/wg-0.1=$&/route_localnet', value: '1' }],
  );
});

for (const [what, name, value] of [
  ['bytes of a file', IP_FORWARD.name, 'root:x:0:0'],
  ['a path out of /proc', 'ipv4/conf/../../x/route_localnet', '0'],
  ['a value that is neither on nor off', IP_FORWARD.name, '2'],
  ['more than a line', IP_FORWARD.name, '0\n1'],
  ['nothing', IP_FORWARD.name, ''],
] as const) {
  test(`a stamp does not tell a container of ${what}`, () => {
    const { chains } = stampedTable(TABLE, [{ name, value }]);
    const { rules } = chains.find(chain => chain.name === STAMP_CHAIN)!;
    assert.deepEqual(
      rules.map(({ comment }) => comment?.split(' ')[0]),
      ['sha256'],
    );
  });

  test(`a table without ${what} in its stamp is as it shall be`, () => {
    const netns = { key: '4:1', path: '/proc/1/ns/net' };
    const sysctls = [{ name, value, wanted: '1' }];
    const desired = { netns, containers: [], routes: [], sysctls: [], table: TABLE, stamp: 'a' };
    const observed = { stamp: 'a', before: [], hasTable: true, routes: [], rules: [], sysctls };
    assert.deepEqual(diff(desired, observed), [{ kind: 'setSysctl', sysctl: { name, value: '1' } }]);
  });
}

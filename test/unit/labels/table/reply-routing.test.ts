// By which link-layer addresses Docker's own way is known, and where what remembers it stands in a table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPLY_MARK } from '../../../../src/base/ownership.js';
import type { HostInterfaceAddress } from '../../../../src/labels/discovery/container.js';
import { chain, gw, only, prefix, routed } from '../../../support/label-world.js';

const places = (texts: readonly string[]): HostInterfaceAddress[] =>
  texts.map(text => {
    const [network = '', mac = ''] = text.split(' ');
    return { prefix: prefix(network), mac };
  });
const BRIDGE = '10.0.0.1/24 02:00:00:00:00:01';
const MAC = '02:00:00:00:00:01';
const DEFAULT = { 'twine.route.0.0.0.0/0': 'gw' };

/** The addresses that a table takes for Docker's way; undefined without the chain. */
function macsOf(labels: Record<string, string>, networks: Record<string, string>, of: readonly string[]) {
  const world = [routed(networks, labels), gw({ main: '10.0.0.3 fd00::3' })];
  const { table } = only(world, { hostInterfaceAddresses: places(of) });
  const found = chain(table, 'arrived');
  return found && [...JSON.stringify(found.rules).matchAll(/"(02:[0-9a-f:]+)"/g)].map(([, mac]) => mac);
}

for (const [what, labels, networks, of, expected] of [
  ['the host on the same network', DEFAULT, { main: '10.0.0.2' }, [BRIDGE], [MAC]],
  ['the host on another network only', DEFAULT, { main: '10.1.0.2' }, [BRIDGE], []],
  ['nobody, where nothing is known', DEFAULT, { main: '10.0.0.2' }, [], []],
  [
    'the host on each of several networks, once',
    DEFAULT,
    { main: '10.0.0.2 fd00::2', side: '10.1.0.2' },
    ['10.1.0.1/24 02:00:00:00:00:02', BRIDGE, 'fd00::1/64 02:00:00:00:00:01'],
    [MAC, '02:00:00:00:00:02'],
  ],
  [
    'not the host where it is the gateway of a label, by whichever address',
    { 'twine.route.::/0': 'fd00::1', 'twine.route.0.0.0.0/0': 'gw' },
    { main: '10.0.0.2 fd00::2', side: '10.1.0.2' },
    ['10.1.0.1/24 02:00:00:00:00:02', BRIDGE, 'fd00::1/64 02:00:00:00:00:01'],
    ['02:00:00:00:00:02'],
  ],
  ['a half of the world', { 'twine.route.128.0.0.0/1': 'gw' }, { main: '10.0.0.2' }, [BRIDGE], [MAC]],
  ['a longer route', { 'twine.route.10.8.0.0/16': 'gw' }, { main: '10.0.0.2' }, [BRIDGE], undefined],
  ['no route at all', { 'twine.nat.interfaces': '+' }, { main: '10.0.0.2' }, [BRIDGE], undefined],
] as const) {
  test(`Docker's own way: ${what}`, () => {
    assert.deepEqual(macsOf(labels, networks, of), expected);
  });
}

test("while the label's gateway is not there the host is Docker's way still, and the table the same", () => {
  const app = routed({ main: '10.0.0.2' }, DEFAULT);
  const rest = { hostInterfaceAddresses: places([BRIDGE]) };
  const here = only([app, gw({ main: '10.0.0.3' })], rest);
  const gone = only([app, gw({}, { netns: null })], rest);
  assert.deepEqual(gone.table, here.table);
});

test('a reply is rerouted, and everything else that the container sends loses the bit', () => {
  const { table } = only([routed({ main: '10.0.0.2' }, DEFAULT), gw({ main: '10.0.0.3' })], {
    hostInterfaceAddresses: places([BRIDGE]),
  });
  const { hook, rules } = chain(table, 'replies')!;
  assert.deepEqual(hook, { type: 'route', hook: 'output', priority: -150 });
  const [back, forget] = rules.map(({ expr }) => JSON.stringify(expr));
  assert.match(back!, /"direction".*"reply".*\{"return":null\}\]$/);
  assert.match(forget!, new RegExp(`"&":\\[\\{"meta":\\{"key":"mark"\\}\\},${0xffff_ffff - REPLY_MARK}\\]`));
  assert.equal(chain(table, 'arrived')!.hook!.priority, -90);
});

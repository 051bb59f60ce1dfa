// Where labels lead, as status shows it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelLinks } from '../../../src/control/answers.js';
import { labelLinksOf } from '../../../src/labels/label-links.js';
import { container, plan } from '../../support/label-world.js';

type Labels = Readonly<Record<string, string>>;

/** What the labels of `app` lead to, beside `gw` on the same network and `far` on another. */
function ledTo(labels: Labels, more: Labels = {}): LabelLinks | undefined {
  const containers = [
    container('app', { networks: { main: '10.0.0.2' }, labels }),
    container('gw', { networks: { main: '10.0.0.3 fd00::3', other: '10.1.0.3' }, labels: more }),
    container('far', { networks: { other: '10.0.0.4' } }),
    container('gone', { networks: { main: '10.0.0.5' }, netns: null }),
  ];
  const { resolved, hostRoutes } = plan(containers);
  return labelLinksOf({ containers, resolved, hostRoutes }).get(containers[0]!.id);
}

for (const [what, labels, links] of [
  ['no labels lead nowhere', {}, undefined],
  [
    'a route leads to the container that is named',
    { 'twine.route.0.0.0.0/0': 'gw' },
    { routes: [{ network: '0.0.0.0/0', gateway: '10.0.0.3', container: 'gw' }] },
  ],
  [
    'a route to an address leads to whoever has it there',
    { 'twine.route.10.7.0.0/16': '10.0.0.3' },
    { routes: [{ network: '10.7.0.0/16', gateway: '10.0.0.3', container: 'gw' }] },
  ],
  [
    'an address of another network is not taken for its container',
    { 'twine.route.10.7.0.0/16': '10.0.0.4' },
    { routes: [{ network: '10.7.0.0/16', gateway: '10.0.0.4' }] },
  ],
  [
    'a route to the address of a container that is being started leads nowhere yet',
    { 'twine.route.10.7.0.0/16': '10.0.0.5' },
    { routes: [{ network: '10.7.0.0/16' }] },
  ],
  ['unreachable has no gateway', { 'twine.route.::/0': 'unreachable' }, { routes: [{ network: '::/0' }] }],
  [
    'a route with a mistake has none either',
    { 'twine.route.10.7.0.0/16': '' },
    { routes: [{ network: '10.7.0.0/16' }] },
  ],
  [
    'a forward has its ports and one address of each family',
    { 'twine.nat.forward.wg+.80/udp': 'gw:53' },
    {
      forwards: [
        {
          interface: 'wg+',
          protocol: 'udp',
          ports: '80',
          to: ['10.0.0.3:53', '[fd00::3]:53'],
          container: 'gw',
        },
      ],
    },
  ],
  ['a forward that leads nowhere is left out', { 'twine.nat.forward.80': 'nobody:53' }, undefined],
  [
    'interfaces of a gateway are patterns',
    { 'twine.nat.interfaces': 'wg+,tun0' },
    { natInterfaces: ['tun0', 'wg+'] },
  ],
  [
    'networks of the host are those that it routes',
    { 'twine.host.routes': '10.9.0.0/24' },
    { hostRoutes: ['10.9.0.0/24'] },
  ],
] as const satisfies readonly (readonly [string, Labels, LabelLinks | undefined])[]) {
  test(what, () => {
    const found = ledTo(labels);
    const sorted = found?.natInterfaces
      ? { ...found, natInterfaces: [...found.natInterfaces].sort() }
      : found;
    assert.deepEqual(sorted, links);
  });
}

test('of containers that share a namespace each has the routes of its own labels', () => {
  const containers = [
    container('one', {
      networks: { main: '10.0.0.2' },
      netns: '4:1',
      labels: { 'twine.route.10.7.0.0/16': 'gw' },
    }),
    container('two', { netns: '4:1', labels: { 'twine.route.10.8.0.0/16': 'gw' } }),
    container('gw', { networks: { main: '10.0.0.3' } }),
  ];
  const links = labelLinksOf({ containers, ...plan(containers) });
  assert.deepEqual(
    containers.map(({ id }) => links.get(id)?.routes?.map(({ network }) => network)),
    [['10.7.0.0/16'], ['10.8.0.0/16'], undefined],
  );
});

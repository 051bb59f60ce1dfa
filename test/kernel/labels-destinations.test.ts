// Where packets go whose label says nowhere, or Docker's gateway, or one of several: on the real kernel, beside Docker's
// own default routes.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatAddress } from '../../src/base/ip.js';
import { GatewayWatch } from '../../src/labels/controller/gateway-watch.js';
import { container, programmer } from '../support/label-namespace.js';
import { address, gw, plan, routed } from '../support/label-world.js';
import { kernelTest, type Namespace } from '../support/namespace.js';
import { ask, serve } from '../support/peer.js';

/** The desired state of the container for its labels. @param health of the gateway `one` */
function desired(ns: Namespace, labels: Record<string, string>, health?: 'unhealthy') {
  const app = routed({ main: '10.9.0.2 fd09::2' }, labels, { gateways: { main: '10.9.0.1 fd09::1' } });
  const [one, two] = [
    gw({ main: '10.9.0.3' }, health ? { health } : {}),
    { ...gw({ main: '10.9.0.4' }), id: 'two', name: 'two' },
  ];
  const { sandboxes, diagnostics } = plan([app, { ...one, netns: { key: 'one', path: '' } }, two]);
  assert.deepEqual(diagnostics, []);
  return { ...sandboxes.find(({ containers }) => containers.includes('app'))!, netns: ns.ref };
}

kernelTest(
  'beside a default route that is nowhere, what is left to Docker’s gateway gets there, and nothing else',
  async t => {
    const { inside, outside } = await container(t);
    const { sandboxes } = await programmer(t);
    for (const host of ['198.51.100.1/32', '192.168.7.1/32']) outside.ip('address', 'add', host, 'dev', 'lo');
    for (const host of ['2001:db8::1/128', 'fd77::1/128'])
      outside.ip('address', 'add', host, 'dev', 'lo', 'nodad');
    await serve(t, outside);
    const far = ['198.51.100.1:80', '[2001:db8::1]:80'];
    const lan = ['192.168.7.1:80', '[fd77::1]:80'];
    // By Docker's routes all can be reached.
    for (const to of [...far, ...lan]) assert.match(await ask(inside, to), /^(10\.9\.0\.2|fd09::2)$/, to);
    const labels = {
      'twine.route.0.0.0.0/0': 'unreachable',
      'twine.route.::/0': 'unreachable',
      'twine.route.192.168.0.0/16': 'host-gateway',
      'twine.route.fd77::/16': 'host-gateway',
    };
    assert.deepEqual(sandboxes.reconcile(desired(inside, labels))?.failures, []);
    for (const to of far) assert.match(await ask(inside, to), /^E(HOST|NET)UNREACH$/, to);
    for (const to of lan) assert.match(await ask(inside, to), /^(10\.9\.0\.2|fd09::2)$/, to);
  },
  'nft',
);

kernelTest(
  'a list leads by its second gateway while the first is unhealthy, and back',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const way = (): string => inside.ip('route', 'get', '198.51.100.1');
    const labels = { 'twine.route.0.0.0.0/0': 'gw,two', 'twine.route.::/0': 'unreachable' };
    for (const [health, expected] of [
      [undefined, / via 10\.9\.0\.3 /],
      ['unhealthy', / via 10\.9\.0\.4 /],
      [undefined, / via 10\.9\.0\.3 /],
    ] as const) {
      assert.deepEqual(sandboxes.reconcile(desired(inside, labels, health))?.failures, []);
      assert.match(way(), expected);
    }
  },
  'nft',
);

kernelTest(
  'of two gateways in a list one that ceases to answer is left within five seconds, and taken again',
  async t => {
    const { inside, outside } = await container(t);
    const { sandboxes } = await programmer(t);
    const gateways = ['10.9.0.3', '10.9.0.4', 'fd09::3', 'fd09::4'].map(address);
    for (const gateway of ['10.9.0.3/24', '10.9.0.4/24'])
      outside.ip('address', 'add', gateway, 'dev', 'eth0');
    for (const gateway of ['fd09::3/64', 'fd09::4/64'])
      outside.ip('address', 'add', gateway, 'dev', 'eth0', 'nodad');
    const watch = new GatewayWatch(
      {
        neighbours: (netns, gateways) => sandboxes.probeGateways(netns, gateways),
        tunnels: netns => sandboxes.probeTunnels(netns),
      },
      () => undefined,
    );
    t.after(() => watch.close());
    const silent = (): string[] =>
      gateways.filter(gateway => watch.silenceOf(inside.ref.key, gateway)).map(formatAddress);
    const until = async (expected: readonly string[], seconds: number): Promise<void> => {
      for (const end = Date.now() + seconds * 1000; ; await sleep(20)) {
        if (silent().join() === expected.join()) return;
        assert.ok(Date.now() < end, `silent: ${silent()}`);
      }
    };
    watch.want([{ netns: inside.ref, gateways, tunnels: [] }]);
    await sleep(1000);
    assert.deepEqual(silent(), []);
    outside.ip('address', 'del', '10.9.0.3/24', 'dev', 'eth0');
    outside.ip('address', 'del', 'fd09::3/64', 'dev', 'eth0');
    await until(['10.9.0.3', 'fd09::3'], 30);
    outside.ip('address', 'add', '10.9.0.3/24', 'dev', 'eth0');
    outside.ip('address', 'add', 'fd09::3/64', 'dev', 'eth0', 'nodad');
    await until([], 30);
  },
);

kernelTest(
  'a gateway that is to have a tunnel of ours and has no such link is one whose tunnel is down',
  async t => {
    const { inside, outside } = await container(t);
    const { sandboxes } = await programmer(t);
    outside.ip('link', 'add', 'wg-0', 'type', 'bridge');
    assert.equal(sandboxes.probeTunnels(outside.ref), 'silent');
    assert.equal(sandboxes.probeTunnels({ ...inside.ref, path: '/run/netns/none' }), undefined);
  },
);

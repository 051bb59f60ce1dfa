// Replies of connections that came in by Docker's own way, in a container whose default route is a label's: a client of
// the world by way of the host, one by way of the gateway, one by a router beside them, and what the container itself sends.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { REPLY_MARK } from '../../src/base/ownership.js';
import { nextHopsOf } from '../../src/labels/discovery/host.js';
import { container, plan } from '../support/label-world.js';
import { kernelTest, type Namespace } from '../support/namespace.js';
import { ask, askInVain, serve } from '../support/peer.js';
import { ROUTES, WORLD } from '../support/published.js';
import {
  askAfterForgery,
  assertNoLeak,
  assertOpensNothing,
  published,
  stage,
  tcp,
  withRouter,
} from '../support/routers.js';

const FROM_WORLD = [...WORLD, ...WORLD];
/** While there is no route back to it, udp sees the host's address in its place. */
const BY_HOST = [...WORLD, '10.9.0.1', 'fd09::1'];

kernelTest(
  'without labels the world is reached by way of the host, and that is counted',
  async t => {
    const all = await stage(t);
    assert.deepEqual(await published(all), FROM_WORLD);
    assert.equal(await ask(all.inside, `${WORLD[0]}:80`), '198.51.100.1');
    assert.notEqual(all.leaked(), 0);
  },
  'nft',
);

for (const [what, labels] of [
  ['a default route', ROUTES],
  [
    'the two halves',
    {
      'twine.route.0.0.0.0/1': 'gw',
      'twine.route.128.0.0.0/1': 'gw',
      'twine.route.::/1': 'gw',
      'twine.route.8000::/1': 'gw',
    },
  ],
] as const) {
  kernelTest(
    `with ${what}, who comes by the host is answered by it, who comes by the gateway by that`,
    async t => {
      const all = await stage(t);
      all.label(labels);
      assert.deepEqual(await published(all), FROM_WORLD);
      assert.deepEqual(
        [
          await ask(all.tunnel, '10.9.0.2:80'),
          await ask(all.tunnel, '[fd09::2]:80'),
          await ask(all.tunnel, '10.9.0.2:53', 'udp'),
          await ask(all.tunnel, '[fd09::2]:53', 'udp'),
        ],
        ['10.8.0.9', 'fd08::9', '10.8.0.9', 'fd08::9'],
      );
      await assertNoLeak(all);
    },
    'nft',
  );
}

for (const { strictness, side } of [
  { strictness: '0', side: false },
  { strictness: '1', side: true },
  { strictness: '2', side: false },
]) {
  kernelTest(
    `the gateway is gone${side ? ' from another network' : ''}: published ports answer with rp_filter ${strictness}, and nothing leaves`,
    async t => {
      const all = await stage(t, { side });
      all.inside.within(() => {
        for (const link of ['all', 'eth0'])
          writeFileSync(`/proc/sys/net/ipv4/conf/${link}/rp_filter`, strictness);
      });
      all.label();
      assert.deepEqual(await tcp(all), WORLD);
      all.label(ROUTES, { netns: null, networks: {} });
      assert.deepEqual(await published(all), BY_HOST);
      assert.equal(await ask(all.inside, `${WORLD[0]}:80`), 'EHOSTUNREACH');
      await assertNoLeak(all);
    },
    'nft',
  );
}

kernelTest(
  'a mark that the container sets itself leads nothing past the gateway',
  async t => {
    const all = await stage(t);
    const ping = (to: string): string => all.inside.exec('ping', '-c1', '-W1', '-m', String(REPLY_MARK), to);
    for (const to of WORLD) ping(to);
    const before = all.leaked();
    assert.notEqual(before, 0, 'the counter counts');
    all.label();
    for (const to of WORLD) assert.throws(() => ping(to));
    assert.equal(all.leaked(), before);
  },
  'nft',
  'ping',
);

kernelTest(
  'a question of the container goes by its gateway, whatever came as its answer from the host or in its name before',
  async t => {
    const all = await stage(t);
    all.label();
    assert.deepEqual(askAfterForgery(all, all.host, [all.gateway, all.host]), [5, 0]);
  },
  'nft',
  'python3',
);

kernelTest(
  'a published port that the container forwards is answered by way of the host, too',
  async t => {
    const all = await stage(t);
    await serve(t, all.gateway);
    all.label({ ...ROUTES, 'twine.nat.forward.90': 'gw:80' });
    assert.equal(await ask(all.world, '198.51.100.1:8090'), '10.9.0.2');
    await assertNoLeak(all);
  },
  'nft',
);

kernelTest(
  'with the labels the bit goes, and sysctls are what they were',
  async t => {
    const all = await stage(t);
    const sysctls = (): string =>
      all.inside.exec('sysctl', 'net.ipv4.conf.all.src_valid_mark', 'net.ipv4.tcp_fwmark_accept');
    const before = [sysctls(), all.inside.ip('rule'), all.inside.ip('-6', 'rule')];
    all.label();
    assert.notEqual(sysctls(), before[0]);
    all.unlabel();
    assert.deepEqual([sysctls(), all.inside.ip('rule'), all.inside.ip('-6', 'rule')], before);
    assert.deepEqual(await published(all), FROM_WORLD);
  },
  'nft',
);

for (const isMacvlan of [false, true]) {
  kernelTest(
    `on a ${isMacvlan ? 'macvlan' : 'bridge'} a client of another network who comes by Docker's gateway, a router, is answered by it`,
    async t => {
      const all = await withRouter(t, { isDocker: true, isMacvlan });
      const HOUSE = ['10.20.0.9', 'fd20::9'];
      assert.deepEqual(await all.asked(), [...HOUSE, ...HOUSE]);
      all.label(ROUTES, {}, all.gateways);
      assert.deepEqual(await all.asked(), [...HOUSE, ...HOUSE]);
      all.label(ROUTES, { netns: null, networks: {} }, all.gateways);
      assert.deepEqual(await all.asked(), [...HOUSE, '10.9.0.4', 'fd09::4']);
      await assertOpensNothing(all);
    },
    'nft',
  );
}

/** The labels that a warning asks for, where the host has these routes, and not all networks of the container are known. */
function told(host: Namespace): Record<string, string> {
  const places = { subnets: { main: '10.9.0.0/24 fd09::/64' }, gateways: { main: '10.9.0.1 fd09::1' } };
  const { warnings } = plan(
    [
      container('app', {
        networks: { main: '10.9.0.2 fd09::2', side: '10.7.0.2' },
        labels: ROUTES,
        ...places,
      }),
      container('gw', { networks: { main: '10.9.0.3 fd09::3' } }),
    ],
    { nextHops: nextHopsOf(host.rt.routes()) },
  );
  return Object.fromEntries(
    [...warnings].flatMap(({ message }) => {
      const [, key, value] = /set the label (\S+)=(\S+)$/.exec(message) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value]];
    }),
  );
}

for (const isMacvlan of [false, true]) {
  kernelTest(
    `on a ${isMacvlan ? 'macvlan' : 'bridge'} a client of another network who comes by a router that is not Docker's gateway gets no answer, and is answered by it with the labels that are asked for`,
    async t => {
      const all = await withRouter(t, { isMacvlan });
      const HOUSE = ['10.20.0.9', 'fd20::9'];
      all.label();
      await all.askedInVain();
      assert.deepEqual(told(all.host), {});
      all.host.ip('route', 'add', '10.20.0.0/24', 'via', '10.9.0.4');
      all.host.ip('-6', 'route', 'add', 'fd20::/64', 'via', 'fd09::4');
      const labels = { ...ROUTES, ...told(all.host) };
      for (const gateway of [{}, { netns: null, networks: {} }]) {
        all.label(labels, gateway);
        assert.deepEqual(await all.asked(), [...HOUSE, ...HOUSE]);
        if (!isMacvlan) assert.deepEqual(await tcp(all), WORLD);
      }
      await assertNoLeak(all);
      // It is the label that leads them back: by what is left they go nowhere.
      all.label(ROUTES, { netns: null, networks: {} });
      assert.doesNotMatch(await askInVain(all.house, '10.9.0.2:53', 'udp'), /^10\.20/);
    },
    'nft',
  );
}

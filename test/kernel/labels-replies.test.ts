// Replies of connections that came in by Docker's own way, in a container whose default route is a label's: a client of
// the world by way of the host, one by way of the gateway, one by a router beside them, and what the container itself sends.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { parseAddress } from '../../src/base/ip.js';
import { REPLY_MARK } from '../../src/base/ownership.js';
import { nextHopsOf, routersAmong } from '../../src/labels/discovery/host.js';
import { container, plan } from '../support/label-world.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { ask, askInVain, serve } from '../support/peer.js';
import { address, by, stage as emptyStage, ROUTES, WORLD } from '../support/published.js';

/** The same with servers in the container and in the world. */
async function stage(t: TestContext, options?: Parameters<typeof emptyStage>[1]) {
  const all = await emptyStage(t, options);
  await serve(t, all.inside);
  await serve(t, all.world);
  return all;
}

type Stage = Awaited<ReturnType<typeof stage>>;

/** What the world gets from the published ports. */
const tcp = ({ world }: Stage): Promise<string[]> =>
  Promise.all([ask(world, '198.51.100.1:8080'), ask(world, '[fd51::1]:8080')]);
const published = async (all: Stage): Promise<string[]> => [
  ...(await tcp(all)),
  await ask(all.world, '198.51.100.1:5353', 'udp'),
  await ask(all.world, '[fd51::1]:5353', 'udp'),
];

/** Nothing that the container opens reaches the world; whatever it gets, it comes not from there. */
async function assertNoLeak({ inside, leaked }: Stage): Promise<void> {
  for (const [how, port] of [['tcp', 80] as const, ['udp', 53] as const]) {
    for (const host of [WORLD[0], `[${WORLD[1]}]`]) {
      assert.doesNotMatch(await askInVain(inside, `${host}:${port}`, how), /^(198|fd51|203|2001)/);
    }
  }
  assert.equal(leaked(), 0);
}

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

/** A router on the network with a client of another one behind it. @param isDocker whether it is Docker's gateway */
async function withRouter(t: TestContext, isDocker = true, isMacvlan = false) {
  const all = await stage(t, { isMacvlan });
  const [router, house] = [await Namespace.create(t), await Namespace.create(t)];
  router.veth('eth0', all.host, 'router');
  all.host.ip('link', 'set', 'router', 'master', 'br0');
  address(router, 'eth0', '10.9.0.4/24', 'fd09::4/64');
  router.veth('eth1', house, 'eth0');
  address(router, 'eth1', '10.20.0.1/24', 'fd20::1/64');
  address(house, 'eth0', '10.20.0.9/24', 'fd20::9/64');
  by(house, 'default', '10.20.0.1', 'fd20::1');
  router.within(() => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  });
  for (const [family, gateway] of [
    ['-4', '10.9.0.4'],
    ['-6', 'fd09::4'],
  ] as const)
    if (isDocker) all.inside.ip(family, 'route', 'replace', 'default', 'via', gateway);
  router.exec(
    'nft',
    'add table inet seen; add counter inet seen opened; add chain inet seen c { type filter hook forward priority 0 ; }; add rule inet seen c iifname eth0 ct direction original counter name opened',
  );
  await serve(t, house);
  // The host knows the router's link-layer address as soon as it has talked to it.
  for (const place of ['10.9.0.4', '[fd09::4]'])
    assert.equal(await ask(all.host, `${place}:80`), 'ECONNREFUSED');
  if (isDocker) all.hostInterfaceAddresses.push(...routersAmong(all.host.rt, [parseAddress('10.9.0.4')!]));
  const asked = (): Promise<string[]> =>
    Promise.all([
      ask(house, '10.9.0.2:80'),
      ask(house, '[fd09::2]:80'),
      ask(house, '10.9.0.2:53', 'udp'),
      ask(house, '[fd09::2]:53', 'udp'),
    ]);
  return { ...all, router, house, asked, gateways: { gateways: { main: '10.9.0.4 fd09::4' } } };
}

for (const isMacvlan of [false, true]) {
  kernelTest(
    `on a ${isMacvlan ? 'macvlan' : 'bridge'} a client of another network who comes by Docker's gateway, a router, is answered by it`,
    async t => {
      const all = await withRouter(t, true, isMacvlan);
      const HOUSE = ['10.20.0.9', 'fd20::9'];
      assert.deepEqual(await all.asked(), [...HOUSE, ...HOUSE]);
      all.label(ROUTES, {}, all.gateways);
      assert.deepEqual(await all.asked(), [...HOUSE, ...HOUSE]);
      all.label(ROUTES, { netns: null, networks: {} }, all.gateways);
      assert.deepEqual(await all.asked(), [...HOUSE, '10.9.0.4', 'fd09::4']);
      for (const [to, how] of [
        ['10.20.0.9:80', 'tcp'],
        ['[fd20::9]:80', 'tcp'],
        ['10.20.0.9:53', 'udp'],
      ] as const)
        assert.doesNotMatch(await askInVain(all.inside, to, how), /^(10|fd)/);
      assert.match(all.router.exec('nft', 'list counter inet seen opened'), /packets 0 /);
    },
    'nft',
  );
}

/** The labels that a warning asks for, where the host has these routes. */
function told(host: Namespace): Record<string, string> {
  const places = { subnets: { main: '10.9.0.0/24 fd09::/64' }, gateways: { main: '10.9.0.1 fd09::1' } };
  const { warnings } = plan(
    [
      container('app', { networks: { main: '10.9.0.2 fd09::2' }, labels: ROUTES, ...places }),
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
      const all = await withRouter(t, false, isMacvlan);
      const HOUSE = ['10.20.0.9', 'fd20::9'];
      all.label();
      for (const [to, how] of [
        ['10.9.0.2:80', 'tcp'],
        ['[fd09::2]:80', 'tcp'],
        ['10.9.0.2:53', 'udp'],
        ['[fd09::2]:53', 'udp'],
      ] as const)
        assert.doesNotMatch(await askInVain(all.house, to, how), /^(10|fd20)/);
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

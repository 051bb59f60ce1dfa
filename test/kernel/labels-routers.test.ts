// Answers to clients of other networks who come by a router that neither Docker nor the host knows of, in a container whose
// default route is a label's: the router is found in the namespace, and they go back by it.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { kernelTest, Namespace } from '../support/namespace.js';
import { ask, askInVain } from '../support/peer.js';
import { address, ROUTES, WORLD } from '../support/published.js';
import {
  addRouter,
  askAfterForgery,
  assertNoLeak,
  assertOpensNothing,
  published,
  withRouter,
} from '../support/routers.js';

/** The networks of the container, by which it is seen who is a router. */
const NEAR = { subnets: { main: '10.9.0.0/24 fd09::/64', side: '10.7.0.0/24 fd07::/64' } };
const HOUSE = ['10.20.0.9', 'fd20::9'];
const GONE = { netns: null, networks: {} };

/** All that could be left of ours. */
function held(ns: Namespace): string[] {
  const routes = ['route', 'show', 'table', 'all', 'proto', '229'];
  const [rules, six] = [ns.ip('rule') + ns.ip('-6', 'rule'), ns.ip('-6', ...routes)];
  return [
    ns.exec('nft', 'list tables'),
    rules,
    ns.ip(...routes),
    six,
    ns.ip('neighbour', 'show', 'nud', 'permanent'),
  ];
}

for (const { side, isMacvlan } of [
  { side: false, isMacvlan: false },
  { side: false, isMacvlan: true },
  { side: true, isMacvlan: false },
  { side: true, isMacvlan: true },
]) {
  kernelTest(
    `on a ${isMacvlan ? 'macvlan' : 'bridge'}${side ? ' beside the gateway’s network' : ''} a client who comes by a router that nobody knows is answered by it from the next look at the namespace`,
    async t => {
      const all = await withRouter(t, { isMacvlan, side });
      const before = held(all.inside);
      all.label(ROUTES, {}, NEAR);
      await all.askedInVain();
      all.label(ROUTES, {}, NEAR);
      // What answers udp from whichever address the route gives is no reply where that is another network's.
      assert.deepEqual(
        (await all.asked(side ? ['tcp'] : undefined)).join(),
        [...HOUSE, ...(side ? [] : HOUSE)].join(),
      );
      if (!isMacvlan && !side) assert.deepEqual(await published(all), [...WORLD, ...WORLD]);
      const own = side ? ['10.7.0.2', '[fd07::2]'] : ['10.9.0.2', '[fd09::2]'];
      assert.equal(await ask(all.tunnel, `${own[0]}:53`, 'udp'), '10.8.0.9');
      assert.equal(await ask(all.tunnel, `${own[1]}:80`), 'fd08::9');
      await assertOpensNothing(all);
      all.unlabel();
      assert.deepEqual(held(all.inside), before);
    },
    'nft',
  );
}

for (const [strictness, isHostKnown] of [
  ['0', true],
  ['1', false],
  ['2', true],
] as const) {
  kernelTest(
    `the gateway is gone: who comes by a router is answered by it with rp_filter ${strictness}${isHostKnown ? '' : ', where the host is not known'}, and nothing leaves`,
    async t => {
      const all = await withRouter(t);
      if (!isHostKnown) all.hostInterfaceAddresses.length = 0;
      const near = { ...NEAR, gateways: { main: '10.9.0.1 fd09::1' } };
      all.inside.within(() => {
        for (const link of ['all', 'eth0'])
          writeFileSync(`/proc/sys/net/ipv4/conf/${link}/rp_filter`, strictness);
      });
      all.label(ROUTES, GONE, near);
      await all.askedInVain();
      all.label(ROUTES, GONE, near);
      const [tcp4, tcp6, udp4, udp6] = await all.asked();
      assert.deepEqual([tcp4, tcp6, udp4, udp6], [...HOUSE, '10.9.0.1', 'fd09::1']);
      await assertOpensNothing(all);
    },
    'nft',
  );
}

kernelTest(
  'of two routers each gets the answers of its own clients, and a third network that comes by both is answered by either',
  async t => {
    const all = await withRouter(t);
    const other = await addRouter(t, all, 5);
    all.label(ROUTES, {}, NEAR);
    await all.askedInVain();
    all.label(ROUTES, {}, NEAR);
    await other.askedInVain();
    all.label(ROUTES, {}, NEAR);
    for (const ns of [all.house, other.house]) {
      ns.ip('address', 'add', '10.30.0.9/32', 'dev', 'lo');
      ns.ip(
        'route',
        'replace',
        'default',
        'via',
        ns === other.house ? '10.21.0.1' : '10.20.0.1',
        'src',
        '10.30.0.9',
      );
    }
    all.router.ip('route', 'add', '10.30.0.9', 'via', '10.20.0.9');
    other.router.ip('route', 'add', '10.30.0.9', 'via', '10.21.0.9');
    for (const how of ['tcp', 'udp'] as const)
      for (const ns of [all.house, other.house, all.house])
        assert.equal(await ask(ns, `10.9.0.2:${how === 'tcp' ? 80 : 53}`, how), '10.30.0.9');
    const [, six] = await other.asked();
    assert.equal(six, 'fd21::9');
    await assertOpensNothing(all);
  },
  'nft',
);

kernelTest(
  'a neighbour that says it is a client gets the answers to what it sends itself, and none of the others',
  async t => {
    const all = await withRouter(t);
    all.label(ROUTES, {}, NEAR);
    await all.askedInVain();
    all.label(ROUTES, {}, NEAR);
    const liar = await Namespace.create(t);
    liar.veth('eth0', all.host, 'liar');
    all.host.ip('link', 'set', 'liar', 'master', 'br0');
    address(liar, 'eth0', '10.9.0.66/24', 'fd09::66/64');
    assert.equal(await ask(liar, '10.9.0.2:80'), '10.9.0.66');
    liar.ip('address', 'add', '10.20.0.9/32', 'dev', 'lo');
    liar.ip('route', 'add', '10.9.0.2', 'dev', 'eth0', 'src', '10.20.0.9');
    assert.doesNotMatch(await askInVain(liar, '10.9.0.2:53', 'udp'), /^10/);
    all.label(ROUTES, {}, NEAR);
    for (let round = 0; round < 3; round++) {
      assert.equal(await ask(liar, '10.9.0.2:53', 'udp'), '10.20.0.9');
      assert.deepEqual(await all.asked(), [...HOUSE, ...HOUSE]);
    }
    await assertNoLeak(all);
  },
  'nft',
);

kernelTest(
  'what leads answers by a router is made anew where somebody has taken it away, and with the link it goes',
  async t => {
    const all = await withRouter(t);
    all.label(ROUTES, {}, NEAR);
    await all.askedInVain();
    all.label(ROUTES, {}, NEAR);
    for (const take of [
      () => all.inside.exec('nft', 'delete table inet dwgd-routers'),
      () => all.inside.exec('nft', 'flush ruleset'),
      () => all.inside.ip('route', 'flush', 'table', '231'),
      () => all.inside.ip('rule', 'del', 'fwmark', '0x8000000/0x18000000'),
    ]) {
      take();
      all.label(ROUTES, {}, NEAR);
      await askInVain(all.house, '10.9.0.2:53', 'udp');
      all.label(ROUTES, {}, NEAR);
      assert.deepEqual(await all.asked(), [...HOUSE, ...HOUSE]);
    }
    all.inside.ip('link', 'set', 'eth0', 'down');
    all.inside.ip('link', 'set', 'eth0', 'up');
    all.inside.ip('address', 'add', 'fd09::2/64', 'dev', 'eth0', 'nodad');
    all.label(ROUTES, {}, NEAR);
    assert.deepEqual(await all.asked(), [...HOUSE, ...HOUSE]);
    await assertOpensNothing(all);
  },
  'nft',
);

kernelTest(
  'a question of the container goes by its gateway, whatever came as its answer by a router before',
  async t => {
    const all = await withRouter(t);
    all.label(ROUTES, {}, NEAR);
    await all.askedInVain();
    all.label(ROUTES, {}, NEAR);
    assert.deepEqual(await all.asked(), [...HOUSE, ...HOUSE]);
    assert.deepEqual(askAfterForgery(all, all.house, [all.gateway, all.router]), [5, 0]);
  },
  'nft',
  'python3',
);

for (const { what, forge } of [
  {
    what: 'of other keys',
    forge:
      'delete table inet dwgd; add table inet dwgd; add chain inet dwgd stamp; add rule inet dwgd stamp counter; add set inet dwgd senders { type ipv4_addr ; elements = { 1.2.3.4 } ; }',
  },
  {
    what: 'of ten thousand elements',
    forge: `add element inet dwgd senders { ${Array.from({ length: 10_000 }, (_, n) => `${n + 1} . 02:00:00:00:00:01`).join(', ')} }`,
  },
] as const) {
  kernelTest(
    `a set of senders ${what}, which somebody put there, keeps nothing from being made anew`,
    async t => {
      const all = await withRouter(t);
      all.label(ROUTES, {}, NEAR);
      if (what.startsWith('of ten')) {
        all.inside.exec('nft', 'delete table inet dwgd');
        all.inside.exec(
          'nft',
          'add table inet dwgd; add set inet dwgd senders { type iface_index . ether_addr ; }',
        );
      }
      writeFileSync('/tmp/dwgd-forged.nft', forge);
      t.after(() => rmSync('/tmp/dwgd-forged.nft'));
      all.inside.exec('nft', '-f', '/tmp/dwgd-forged.nft');
      all.inside.ip('route', 'flush', 'table', '229');
      all.label(ROUTES, {}, NEAR);
      assert.match(all.inside.ip('route', 'show', 'table', '229'), /default via/);
      assert.match(all.inside.exec('nft', 'list table inet dwgd'), /sha256/);
    },
    'nft',
  );
}

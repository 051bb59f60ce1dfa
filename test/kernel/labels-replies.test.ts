// Replies of connections that came in by Docker's own way, in a container whose default route is a label's: a client of
// the world by way of the host, one by way of the gateway, and what the container itself sends.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { REPLY_MARK } from '../../src/base/ownership.js';
import { programmer } from '../support/label-namespace.js';
import type { ContainerOptions } from '../support/label-world.js';
import { container, plan, prefix } from '../support/label-world.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { ask, askInVain, serve } from '../support/peer.js';

const WORLD = ['203.0.113.9', '2001:db8:9::9'] as const;
const ROUTES = { 'twine.route.0.0.0.0/0': 'gw', 'twine.route.::/0': 'gw' };
const MAC = '02:00:0a:09:00:01';

/**
 * world – host: 10.9.0.1 br0 – inside: 10.9.0.2; gw: 10.9.0.3 on the same bridge, and 10.8.0.1 towards tunnel: 10.8.0.9.
 * The same with fd09:: and fd08::. The host publishes tcp 8080 and udp 5353 as Docker does, and counts what leaves.
 */
async function stage(t: TestContext, { side = false } = {}) {
  const make = async (): Promise<Namespace> => {
    const ns = await Namespace.create(t);
    ns.ip('link', 'set', 'lo', 'up');
    ns.within(() => writeFileSync('/proc/sys/net/ipv6/conf/default/accept_dad', '0'));
    return ns;
  };
  const [world, host, inside, gateway, tunnel] = [
    await make(),
    await make(),
    await make(),
    await make(),
    await make(),
  ];
  host.ip('link', 'add', 'br0', 'address', MAC, 'type', 'bridge');
  address(host, 'br0', '10.9.0.1/24', 'fd09::1/64');
  host.ip('link', 'set', 'br0', 'up');
  for (const ns of side ? [inside] : [inside, gateway]) {
    const port = ns === inside ? 'inside' : 'gateway';
    ns.veth('eth0', host, port);
    host.ip('link', 'set', port, 'master', 'br0');
  }
  address(inside, 'eth0', '10.9.0.2/24', 'fd09::2/64');
  if (side) {
    inside.veth('eth1', gateway, 'eth0');
    address(inside, 'eth1', '10.7.0.2/24', 'fd07::2/64');
    address(gateway, 'eth0', '10.7.0.3/24', 'fd07::3/64');
  } else address(gateway, 'eth0', '10.9.0.3/24', 'fd09::3/64');
  host.veth('up0', world, 'eth0');
  address(host, 'up0', '198.51.100.1/24', 'fd51::1/64');
  address(world, 'eth0', '198.51.100.2/24', 'fd51::2/64');
  address(world, 'lo', `${WORLD[0]}/32`, `${WORLD[1]}/128`);
  gateway.veth('tun0', tunnel, 'tun0');
  address(gateway, 'tun0', '10.8.0.1/24', 'fd08::1/64');
  address(tunnel, 'tun0', '10.8.0.9/24', 'fd08::9/64');
  by(inside, 'default', '10.9.0.1', 'fd09::1');
  by(tunnel, 'default', '10.8.0.1', 'fd08::1');
  host.ip('route', 'add', WORLD[0], 'via', '198.51.100.2');
  host.ip('-6', 'route', 'add', WORLD[1], 'via', 'fd51::2');
  world.ip('route', 'add', '198.51.100.1', 'dev', 'eth0', 'src', WORLD[0]);
  world.ip('-6', 'route', 'add', 'fd51::1', 'dev', 'eth0', 'src', WORLD[1]);
  for (const ns of [host, gateway]) {
    ns.within(() => {
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
      writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
    });
  }
  host.exec('nft', PUBLISHED);
  await serve(t, inside);
  await serve(t, world);
  const { sandboxes } = await programmer(t);
  return {
    world,
    host,
    inside,
    gateway,
    tunnel,
    label(labels: Record<string, string> = ROUTES, gw: ContainerOptions = {}): void {
      const [net, places] = side ? ['side', '10.7.0.3 fd07::3'] : ['main', '10.9.0.3 fd09::3'];
      const networks = { main: '10.9.0.2 fd09::2', ...(side && { side: '10.7.0.2 fd07::2' }) };
      const { sandboxes: planned } = plan(
        [container('app', { networks, labels }), container('gw', { networks: { [net]: places }, ...gw })],
        {
          hostInterfaceAddresses: ['10.9.0.1/24', 'fd09::1/64'].map(text => ({
            prefix: prefix(text),
            mac: MAC,
          })),
        },
      );
      const desired = { ...planned[0]!, netns: inside.ref };
      assert.deepEqual(sandboxes.reconcile(desired)?.failures, []);
      assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
    },
    unlabel: (): void => assert.deepEqual(sandboxes.clear(inside.ref)?.failures, []),
    /** Packets of connections that the container opened which went to the world by way of the host. */
    leaked(): number {
      const [, packets] = /packets (\d+)/.exec(host.exec('nft', 'list counter inet host leaked'))!;
      return Number(packets);
    },
  };
}

const PUBLISHED = `
table inet host {
  counter leaked { }
  chain pre {
    type nat hook prerouting priority -100;
    iifname "up0" tcp dport 8080 dnat ip to 10.9.0.2:80
    iifname "up0" tcp dport 8080 dnat ip6 to [fd09::2]:80
    iifname "up0" udp dport 5353 dnat ip to 10.9.0.2:53
    iifname "up0" udp dport 5353 dnat ip6 to [fd09::2]:53
    iifname "up0" tcp dport 8090 dnat ip to 10.9.0.2:90
  }
  chain forward {
    type filter hook forward priority 0;
    iifname "br0" oifname "up0" ct direction original counter name leaked
  }
  chain post {
    type nat hook postrouting priority 100;
    iifname "br0" oifname "up0" masquerade
  }
}`;

function address(ns: Namespace, link: string, four: string, six: string): void {
  ns.ip('address', 'add', four, 'dev', link);
  ns.ip('address', 'add', six, 'dev', link, 'nodad');
}

function by(ns: Namespace, network: string, four: string, six: string): void {
  ns.ip('route', 'add', network, 'via', four);
  ns.ip('-6', 'route', 'add', network, 'via', six);
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
    `the gateway is gone${side ? ' from another network' : ''}: published tcp answers with rp_filter ${strictness}, and nothing leaves`,
    async t => {
      const all = await stage(t, { side });
      all.inside.within(() => {
        for (const link of ['all', 'eth0'])
          writeFileSync(`/proc/sys/net/ipv4/conf/${link}/rp_filter`, strictness);
      });
      all.label();
      assert.deepEqual(await tcp(all), WORLD);
      all.label(ROUTES, { netns: null, networks: {} });
      assert.deepEqual(await tcp(all), WORLD);
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

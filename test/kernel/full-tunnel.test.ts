// Full tunnels in throw-away namespaces: where the kernel leads packets, whatever default route Docker puts there, and
// that none leaves by that while the tunnel or its guard is in place. A veth stands in for the WireGuard link.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAddress, parsePrefix } from '../../src/base/ip.js';
import { KeyedQueue } from '../../src/base/keyed-queue.js';
import { createLog } from '../../src/base/log.js';
import { FIRST_PRIORITY_BEFORE_TUNNEL } from '../../src/base/ownership.js';
import { FullTunnels } from '../../src/driver/lifecycle/full-tunnels.js';
import type { Endpoint } from '../../src/driver/spec/model.js';
import { parseOptions } from '../../src/driver/spec/options.js';
import { Store } from '../../src/driver/store/store.js';
import { type FullTunnel, heldFamilies } from '../../src/driver/tunnel/full-tunnel.js';
import { applyFullTunnels, type FullTunnelResult } from '../../src/driver/tunnel/full-tunnel-netns.js';
import { LinkNamespaces } from '../../src/driver/tunnel/namespaces.js';
import { RootlessHosts } from '../../src/driver/users/rootless-hosts.js';
import { NetnsSwitch } from '../../src/netlink/netns.js';
import { container, desire, programmer, withFallback } from '../support/label-namespace.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';
import { eventually } from '../support/shell.js';

const FAR = '198.51.100.7';
const FAR6 = '2001:db8::7';
const BOTH = '0.0.0.0/0,::/0';

const addresses = { ipv4: parseAddress('10.8.0.2')!, ipv6: parseAddress('fd08::2')! };
const tunnel = (routes: string): FullTunnel => ({
  held: heldFamilies({ routes: routes.split(',').map(text => parsePrefix(text)!) }),
  endpoint: addresses,
});

/** A container beside a dual-stack bridge that has the default routes, with the tunnel's link inside and up. */
async function tunnelled(t: TestContext): Promise<{ inside: Namespace; outside: Namespace; far: Namespace }> {
  const { inside, outside } = await container(t);
  const far = await Namespace.create(t);
  inside.veth('wg0', far, 'wg0');
  inside.ip('address', 'add', '10.8.0.2/24', 'dev', 'wg0');
  inside.ip('address', 'add', 'fd08::2/64', 'dev', 'wg0', 'nodad');
  return { inside, outside, far };
}

const hold = (ns: Namespace, ...tunnels: readonly FullTunnel[]): FullTunnelResult =>
  ns.within(() => applyFullTunnels(tunnels, 'veth'));

/** Which link a packet leaves by, or `nowhere`. */
function way(ns: Namespace, to: string): string {
  try {
    return / dev (\S+)/.exec(ns.ip('route', 'get', to))![1]!;
  } catch (err) {
    assert.match(String(err), /unreachable|No route to host/);
    return 'nowhere';
  }
}
const ways = (ns: Namespace): string => `${way(ns, FAR)} ${way(ns, FAR6)}`;
/** All policy rules and routes. */
const everything = (ns: Namespace): string =>
  [4, 6].map(n => ns.ip(`-${n}`, 'rule') + ns.ip(`-${n}`, 'route', 'show', 'table', 'all')).join('');

for (const [what, routes, expected] of [
  ['of both families', BOTH, 'wg0 wg0'],
  ['of the halves', '0.0.0.0/1,128.0.0.0/1,::/1,8000::/1', 'wg0 wg0'],
  ['of IPv4 closes IPv6', '0.0.0.0/0', 'wg0 nowhere'],
  ['of IPv6 leaves IPv4 to Docker', '::/0', 'eth0 wg0'],
] as const) {
  kernelTest(`a full tunnel ${what}: it goes before Docker's default route, and leaves no trace`, async t => {
    const { inside } = await tunnelled(t);
    const before = everything(inside);
    assert.equal(ways(inside), 'eth0 eth0');
    const first = hold(inside, tunnel(routes));
    assert.equal(first.complete, true);
    assert.equal(first.closesIPv6, expected === 'wg0 nowhere');
    assert.equal(ways(inside), expected);
    assert.deepEqual(hold(inside, tunnel(routes)).changes, []);
    hold(inside);
    assert.equal(everything(inside), before);
  });
}

kernelTest("the container's own networks, and 127.0.0.11, are reached as before", async t => {
  const { inside } = await tunnelled(t);
  hold(inside, tunnel(BOTH));
  const own = ['10.9.0.77', 'fd09::77', '10.8.0.1', 'fd08::1', '127.0.0.11'].map(to => way(inside, to));
  assert.deepEqual(own, ['eth0', 'eth0', 'wg0', 'wg0', 'lo']);
});

for (const [what, docker] of [
  [
    'adds another bridge with its default route',
    'address add 10.7.0.2/24 dev eth1\nroute replace default via 10.7.0.1',
  ],
  [
    'takes its default routes away and puts them back',
    'route del default\n-6 route del default\nroute add default via 10.9.0.1\n-6 route add default via fd09::1',
  ],
  ['gives its default route the best of metrics', '-6 route add default via fd09::1 metric 1'],
  ['takes the bridge away', 'link del eth0'],
  ['sets lo down and up', 'link set lo down\nlink set lo up'],
] as const) {
  kernelTest(`Docker ${what}: the tunnel holds`, async t => {
    const { inside, outside } = await tunnelled(t);
    inside.veth('eth1', outside, 'eth1');
    hold(inside, tunnel(BOTH));
    for (const line of docker.split('\n')) inside.ip(...line.split(' '));
    assert.equal(ways(inside), 'wg0 wg0');
    assert.deepEqual(hold(inside, tunnel(BOTH)).changes, []);
  });
}

for (const [what, command, after] of [
  ['not there', 'link del wg0', 'nowhere nowhere'],
  ['down', 'link set wg0 down', 'nowhere nowhere'],
  ['without its address', 'address flush dev wg0 scope global', 'nowhere nowhere'],
] as const) {
  kernelTest(`a link that is ${what} at first: all is closed, and so again when it becomes so`, async t => {
    const { inside } = await tunnelled(t);
    inside.ip(...command.split(' '));
    assert.equal(hold(inside, tunnel(BOTH)).complete, false);
    assert.equal(ways(inside), after);
  });
}

kernelTest(
  'a link that goes down and comes up: closed in between, and led by it in the next pass',
  async t => {
    const { inside } = await tunnelled(t);
    hold(inside, tunnel(BOTH));
    inside.ip('link', 'set', 'wg0', 'down');
    assert.equal(ways(inside), 'nowhere nowhere');
    inside.ip('link', 'set', 'wg0', 'up');
    assert.equal(ways(inside), 'nowhere nowhere');
    inside.ip('address', 'add', 'fd08::2/64', 'dev', 'wg0', 'nodad');
    hold(inside, tunnel(BOTH));
    assert.equal(ways(inside), 'wg0 wg0');
  },
);

/** As Docker does when it sets a sandbox up: what the kernel keeps at `lo` is lost. */
kernelTest('a kill-switch rule outlives that lo goes down, and that IPv6 is switched off and on', async t => {
  const { inside } = await tunnelled(t);
  inside.ip('link', 'set', 'wg0', 'down');
  hold(inside, tunnel(BOTH));
  inside.ip('link', 'set', 'lo', 'down');
  inside.ip('link', 'set', 'lo', 'up');
  for (const value of [1, 0])
    inside.exec('sh', '-c', `echo ${value} > /proc/sys/net/ipv6/conf/all/disable_ipv6`);
  inside.ip('address', 'add', 'fd09::2/64', 'dev', 'eth0', 'nodad');
  inside.ip('-6', 'route', 'add', 'default', 'via', 'fd09::1');
  assert.equal(ways(inside), 'nowhere nowhere');
});

kernelTest('what somebody has put into the table is no reason not to be closed, and stays', async t => {
  const { inside } = await tunnelled(t);
  inside.ip('link', 'set', 'wg0', 'down');
  inside.ip('route', 'add', 'blackhole', '192.0.2.0/24', 'table', '230');
  inside.ip('rule', 'add', 'priority', '32765', 'lookup', '100');
  hold(inside, tunnel(BOTH));
  assert.equal(ways(inside), 'nowhere nowhere');
  hold(inside);
  assert.match(inside.ip('route', 'show', 'table', '230'), /^blackhole 192\.0\.2\.0\/24 *\n$/);
  assert.match(inside.ip('rule'), /32765:\tfrom all lookup 100/);
});

kernelTest('what is lost of it is put back in the next pass', async t => {
  const { inside } = await tunnelled(t);
  for (const loss of [
    'rule del priority 32763',
    'rule del priority 32764',
    '-6 rule del priority 32765',
    'route flush table 230',
    '-6 route flush table 230',
    'rule flush',
  ]) {
    hold(inside, tunnel(BOTH));
    inside.ip(...loss.split(' '));
    assert.notDeepEqual(hold(inside, tunnel(BOTH)).changes, [], loss);
    assert.equal(ways(inside), 'wg0 wg0', loss);
    assert.deepEqual(hold(inside, tunnel(BOTH)).changes, [], loss);
  }
});

for (const [what, first] of [
  ['before the tunnel', 'label'],
  ['after the tunnel', 'tunnel'],
] as const) {
  kernelTest(
    `a label's default route, set ${what}, goes before it: by its gateway, or nowhere`,
    async t => {
      const { inside } = await tunnelled(t);
      const { sandboxes } = await programmer(t);
      const priority = { firstPriority: FIRST_PRIORITY_BEFORE_TUNNEL };
      const label = (gateway?: string) =>
        sandboxes.reconcile(desire(inside, { routes: withFallback('0.0.0.0/0', gateway), ...priority }));
      if (first === 'tunnel') hold(inside, tunnel(BOTH));
      label('10.9.0.3');
      if (first === 'label') hold(inside, tunnel(BOTH));
      assert.equal(ways(inside), 'eth0 wg0');
      assert.match(inside.ip('route', 'get', FAR), / via 10\.9\.0\.3 /);
      label();
      assert.equal(ways(inside), 'nowhere wg0');
      sandboxes.clear(inside.ref);
      assert.equal(ways(inside), 'wg0 wg0');
      assert.deepEqual(hold(inside, tunnel(BOTH)).changes, []);
    },
    'nft',
  );
}

/** The driver's half of it, with one endpoint of a full tunnel, and what it logs. */
async function driver(t: TestContext, sandboxKey: string, routes: string) {
  const store = new Store('');
  const [netnsSwitch, queue, lines] = [await NetnsSwitch.open(), new KeyedQueue(), [] as string[]];
  const options = { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's', 'dwgd.route': routes };
  const network = { id: 'n1', owner: 0, ...parseOptions(new Map(Object.entries(options))) };
  const endpoint: Endpoint = {
    id: 'e1',
    networkId: 'n1',
    ifname: 'wg-e1',
    ...addresses,
    state: 'joined',
    sandboxKey,
  };
  store.putNetwork(network);
  store.putEndpoint(endpoint);
  const tunnels = new FullTunnels({
    store,
    queue,
    namespaces: new LinkNamespaces(netnsSwitch, new RootlessHosts()),
    log: createLog(true, false, line => lines.push(line)),
    linkKind: 'veth',
  });
  t.after(async () => {
    tunnels.close();
    await tunnels.idle();
    netnsSwitch.close();
    store.close();
  });
  return { tunnels, store, network, endpoint, lines };
}

kernelTest(
  'a namespace that comes after Join, as before Docker 28: no packet of its first process is in the clear',
  async t => {
    const { inside, outside, far } = await tunnelled(t);
    const count = 'add table ip c; add chain ip c p { type filter hook prerouting priority -300; }';
    for (const ns of [outside, far]) ns.exec('nft', `${count}; add rule ip c p ip daddr ${FAR} counter`);
    const counted = (ns: Namespace): number =>
      Number(/packets (\d+)/.exec(ns.exec('nft', 'list', 'table', 'ip', 'c'))![1]);
    inside.ip('link', 'set', 'wg0', 'down');
    inside.ip('neigh', 'add', FAR, 'lladdr', '02:00:00:00:00:01', 'dev', 'wg0');

    const key = `/run/netns/${inside.name}-later`;
    const { tunnels, network, endpoint, lines } = await driver(t, key, BOTH);
    tunnels.enter(network, endpoint);
    tunnels.follow(network, endpoint);
    assert.ok(!existsSync(key));
    // The file first, and a while later the namespace, as libnetwork does.
    run('touch', key);
    t.after(() => run('sh', '-c', `umount ${key} 2> /dev/null; rm -f ${key}`));
    await sleep(50);
    assert.equal(ways(inside), 'eth0 eth0');
    run('mount', '--bind', inside.netns.path, key);
    await eventually(() => ways(inside) === 'nowhere nowhere');

    const ping = (): string => inside.exec('sh', '-c', `ping -c 3 -i 0.05 -W 1 ${FAR} 2>&1 || true`);
    assert.match(ping(), /unreachable|No route/);
    inside.ip('link', 'set', 'wg0', 'up');
    inside.ip('neigh', 'replace', FAR, 'lladdr', '02:00:00:00:00:01', 'dev', 'wg0');
    await eventually(() => lines.some(line => line.includes('full tunnel in force')));
    far.ip('link', 'set', 'wg0', 'promisc', 'on');
    ping();
    assert.equal(counted(outside), 0);
  },
  'nft',
  'ping',
);

kernelTest('a namespace that is there in Join, as with Docker 28, is closed before the answer', async t => {
  const { inside } = await tunnelled(t);
  inside.ip('link', 'set', 'wg0', 'down');
  const { tunnels, network, endpoint } = await driver(t, inside.netns.path, BOTH);
  tunnels.enter(network, { ...endpoint, state: 'joining' });
  assert.equal(ways(inside), 'nowhere nowhere');
});

kernelTest(
  'a link that left the host leads the packets, and an endpoint that goes takes all of it back',
  async t => {
    const { inside } = await tunnelled(t);
    const before = everything(inside);
    const { tunnels, store, network, endpoint } = await driver(t, inside.netns.path, BOTH);
    tunnels.linkLeft('wg-other');
    await tunnels.idle();
    assert.equal(ways(inside), 'eth0 eth0');
    tunnels.linkLeft(endpoint.ifname);
    await tunnels.idle();
    assert.equal(ways(inside), 'wg0 wg0');
    tunnels.release(network, endpoint);
    assert.equal(everything(inside), before);
    store.putEndpoint({ ...endpoint, state: 'left' });
    tunnels.trigger();
    await tunnels.idle();
    assert.equal(everything(inside), before);
  },
);

kernelTest('a daemon that starts puts back what was lost, and says so', async t => {
  const { inside } = await tunnelled(t);
  const { tunnels, lines } = await driver(t, inside.netns.path, '0.0.0.0/0');
  tunnels.start();
  await tunnels.idle();
  assert.equal(ways(inside), 'wg0 nowhere');
  inside.ip('rule', 'del', 'priority', '32765');
  tunnels.trigger();
  await tunnels.idle();
  assert.equal(ways(inside), 'wg0 nowhere');
  assert.equal(lines.filter(line => line.includes('had been changed: restored')).length, 1);
  assert.equal(lines.filter(line => line.includes('IPv6 is closed')).length, 1);
});

kernelTest("a sandbox that is the host's own namespace is refused", async t => {
  const { tunnels, network, endpoint } = await driver(t, '/proc/self/ns/net', BOTH);
  assert.throws(() => tunnels.enter(network, endpoint), /the network namespace of the host/);
});

kernelTest('when one of two full tunnels of a container goes, the other holds', async t => {
  const { inside } = await tunnelled(t);
  const { tunnels, store, network, endpoint } = await driver(t, inside.netns.path, BOTH);
  const other: Endpoint = { ...endpoint, id: 'e2', ifname: 'wg-e2', ...{ ipv4: parseAddress('10.6.0.2')! } };
  store.putEndpoint(other);
  tunnels.trigger();
  await tunnels.idle();
  tunnels.release(network, other);
  assert.equal(ways(inside), 'wg0 wg0');
});

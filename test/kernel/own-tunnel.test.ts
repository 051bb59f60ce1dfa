// The tunnel that a container of an exit network has itself, in throw-away namespaces: the kernel takes the routes that Docker is
// told, and packets go by the tunnel whatever default route Docker puts beside it. A veth stands in for the WireGuard link.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { KeyedQueue } from '../../src/base/keyed-queue.js';
import { createLog } from '../../src/base/log.js';
import {
  containerAddresses,
  planDirectResponse,
  planInterface,
  routesOf,
} from '../../src/driver/direct/direct-plan.js';
import { OwnLinks } from '../../src/driver/direct/own-links.js';
import { FullTunnels } from '../../src/driver/lifecycle/full-tunnels.js';
import { planDevice } from '../../src/driver/router/desired-router.js';
import type { Endpoint } from '../../src/driver/spec/model.js';
import { Store } from '../../src/driver/store/store.js';
import { LinkNamespaces } from '../../src/driver/tunnel/namespaces.js';
import { RootlessHosts } from '../../src/driver/users/rootless-hosts.js';
import { openConnection } from '../../src/netlink/connection.js';
import { NETLINK_ROUTE } from '../../src/netlink/message.js';
import { NetnsSwitch } from '../../src/netlink/netns.js';
import { RtNetlink } from '../../src/netlink/route/client.js';
import type { WgDevice } from '../../src/netlink/wireguard/device.js';
import { DIRECT } from '../support/direct-world.js';
import { exitTunnel, tunnelFile } from '../support/exit-world.js';
import { container } from '../support/label-namespace.js';
import { kernelTest, Namespace } from '../support/namespace.js';

const FAR = '198.51.100.7';
const FAR6 = '2001:db8::7';

type Shape = Parameters<typeof tunnelFile>[1];

/** Which link packets leave by, of each family, or `nowhere`. */
function ways(ns: Namespace, ...to: string[]): string {
  const one = (address: string): string => {
    try {
      return / dev (\S+)/.exec(ns.ip('route', 'get', address))![1]!;
    } catch (err) {
      assert.match(String(err), /unreachable|No route to host/);
      return 'nowhere';
    }
  };
  return (to.length > 0 ? to : [FAR, FAR6]).map(one).join(' ');
}

/** What Docker does with the link of such a container: addresses, up, connected routes, and the default by the gateway. */
async function attach(t: TestContext, ns: Namespace, shape: Shape, asDefault: boolean): Promise<Endpoint> {
  const file = tunnelFile('far', shape);
  const addresses = containerAddresses(DIRECT, file);
  const endpoint: Endpoint = {
    ...{ id: 'e1', networkId: DIRECT.id, ifname: 'wg-e1', state: 'joined', sandboxKey: ns.netns.path },
    ...addresses,
  };
  const answer = planDirectResponse(DIRECT, endpoint, file);
  ns.veth('wg0', await Namespace.create(t), 'wg0');
  const { Address, AddressIPv6 } = planInterface(addresses);
  if (Address !== undefined) ns.ip('address', 'add', Address, 'dev', 'wg0');
  if (AddressIPv6 !== undefined) ns.ip('address', 'add', AddressIPv6, 'dev', 'wg0', 'nodad');
  ns.ip('link', 'set', 'wg0', 'up');
  for (const { Destination } of answer.StaticRoutes) ns.ip('route', 'add', Destination, 'dev', 'wg0');
  const { Gateway, GatewayIPv6 } = answer;
  if (asDefault && Gateway !== undefined) ns.ip('route', 'add', 'default', 'via', Gateway);
  if (asDefault && GatewayIPv6 !== undefined) ns.ip('-6', 'route', 'add', 'default', 'via', GatewayIPv6);
  return endpoint;
}

async function fullTunnels(t: TestContext, endpoint: Endpoint, shape: Shape): Promise<FullTunnels> {
  const [store, netnsSwitch] = [new Store(''), await NetnsSwitch.open()];
  store.putExit(DIRECT);
  store.putEndpoint(endpoint);
  const routed = { owner: 0, routes: routesOf(tunnelFile('far', shape)), isOfFile: true } as const;
  const tunnels = new FullTunnels({
    ...{ store, queue: new KeyedQueue(), linkKind: 'veth' },
    namespaces: new LinkNamespaces(netnsSwitch, new RootlessHosts()),
    log: createLog(true, false, () => undefined),
    direct: id => (id === DIRECT.id ? routed : undefined),
  });
  t.after(async () => {
    tunnels.close();
    await tunnels.idle();
    netnsSwitch.close();
    store.close();
  });
  return tunnels;
}

for (const [what, shape, expected] of [
  ['both families', {}, 'wg0 wg0'],
  ['IPv4 alone', { addresses: '10.64.0.2/32' }, 'wg0 nowhere'],
  ['IPv6 alone', { addresses: 'fd64::2/128' }, 'nowhere wg0'],
] as const)
  kernelTest(`a file of ${what}, and no other network: the kernel takes what Docker is told`, async t => {
    const ns = await Namespace.create(t);
    await attach(t, ns, shape, true);
    assert.equal(ways(ns), expected);
  });

kernelTest('a file of some networks leads there and nowhere else', async t => {
  const ns = await Namespace.create(t);
  await attach(t, ns, { allowedIPs: '198.51.100.0/24, 2001:db8::/32' }, true);
  assert.equal(ways(ns, FAR, FAR6, '192.0.2.1', '2001:db9::1'), 'wg0 wg0 nowhere nowhere');
});

for (const [what, shape, expected] of [
  ['both families', {}, 'wg0 wg0'],
  ['IPv4, and AllowedIPs of both', { addresses: '10.64.0.2/32' }, 'wg0 nowhere'],
  ['IPv4 alone', { addresses: '10.64.0.2/32', allowedIPs: '0.0.0.0/0' }, 'wg0 nowhere'],
  ['some networks', { allowedIPs: '203.0.113.0/24' }, 'eth0 eth0'],
] as const)
  kernelTest(
    `beside a bridge that has the default routes, a file of ${what}: the tunnel goes before it, and leaves no trace`,
    async t => {
      const { inside } = await container(t);
      const endpoint = await attach(t, inside, shape, false);
      const everything = (): string => [4, 6].map(n => inside.ip(`-${n}`, 'rule')).join('');
      const before = everything();
      assert.equal(ways(inside), 'eth0 eth0');
      const tunnels = await fullTunnels(t, endpoint, shape);
      tunnels.start();
      await tunnels.idle();
      assert.equal(ways(inside), expected);
      tunnels.release(tunnels.networkOf(DIRECT.id)!, endpoint);
      assert.equal(everything(), before);
      assert.equal(ways(inside), 'eth0 eth0');
    },
  );

kernelTest('addresses that Docker has no place for are put on the link, once that is up', async t => {
  const ns = await Namespace.create(t);
  const shape = { addresses: '10.64.0.2/32, 10.65.0.2/24, fd64::2/128, fd65::2/64' };
  const endpoint = await attach(t, ns, shape, true);
  const tunnel = exitTunnel(tunnelFile('far', shape));
  const rt = ns.within(() => new RtNetlink(openConnection(NETLINK_ROUTE)));
  t.after(() => rt.close());
  const { index } = rt.link('wg0')!;
  const device = { index, name: 'wg0', listenPort: 0, fwmark: 0, ...planDevice(tunnel) } as WgDevice;
  const wg = { configure: () => undefined };
  const links = new OwnLinks({
    store: { putEndpoint: () => undefined },
    tunnels: { work: (_network, _endpoint, fn) => fn(device, { rt, wg } as never) },
    log: createLog(true, false, () => undefined),
  });
  const bring = (): unknown => links.bring(DIRECT, endpoint, tunnel, true);
  ns.ip('link', 'set', 'wg0', 'down');
  bring();
  assert.doesNotMatch(ns.ip('-o', 'address', 'show', 'dev', 'wg0'), /10\.65\.0\.2/);
  ns.ip('link', 'set', 'wg0', 'up');
  for (let n = 0; n < 2; n++) bring();
  const shown = ns.ip('-o', 'address', 'show', 'dev', 'wg0');
  assert.match(shown, /inet 10\.65\.0\.2\/32/);
  assert.match(shown, /inet6 fd65::2\/128/);
});

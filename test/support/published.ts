// A world for tests of answers: the host with what it publishes, a container, a gateway beside it with a tunnel, and a world
// beyond the host. The host counts what leaves.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { Family } from '../../src/base/ip.js';
import type { HostInterfaceAddress } from '../../src/labels/discovery/container.js';
import { programmer } from './label-namespace.js';
import { type ContainerOptions, container, plan, prefix } from './label-world.js';
import { Namespace } from './namespace.js';

export const WORLD = ['203.0.113.9', '2001:db8:9::9'] as const;
export const ROUTES = { 'twine.route.0.0.0.0/0': 'gw', 'twine.route.::/0': 'gw' };
const MAC = '02:00:0a:09:00:01';

/**
 * world – host: 10.9.0.1 br0 – inside: 10.9.0.2; gw: 10.9.0.3 on the same bridge, and 10.8.0.1 towards tunnel: 10.8.0.9.
 * The same with fd09:: and fd08::. On a macvlan the container and the host do not reach one another. The host publishes tcp 8080 and udp 5353 as Docker does, and counts what leaves.
 */
export async function stage(t: TestContext, { side = false, isMacvlan = false } = {}) {
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
    if (isMacvlan && ns === inside) {
      host.ip('link', 'add', port, 'link', 'br0', 'type', 'macvlan', 'mode', 'bridge');
      host.ip('link', 'set', port, 'netns', inside.name, 'name', 'eth0');
      inside.ip('link', 'set', 'eth0', 'up');
      continue;
    }
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
  const { sandboxes } = await programmer(t);
  const hostInterfaceAddresses: HostInterfaceAddress[] = ['10.9.0.1/24', 'fd09::1/64'].map(text => ({
    prefix: prefix(text),
    mac: MAC,
  }));
  return {
    world,
    host,
    inside,
    gateway,
    tunnel,
    /** Where packets of the host and of its routers come from; a test may add some. */
    hostInterfaceAddresses,
    /** Programs the container, with a gateway that may be gone. */
    label(
      labels: Record<string, string> = ROUTES,
      gw: ContainerOptions = {},
      app: ContainerOptions = {},
    ): void {
      const [net, places] = side ? ['side', '10.7.0.3 fd07::3'] : ['main', '10.9.0.3 fd09::3'];
      const networks = { main: '10.9.0.2 fd09::2', ...(side && { side: '10.7.0.2 fd07::2' }) };
      const { sandboxes: planned } = plan(
        [
          container('app', { networks, labels, ...app }),
          container('gw', { networks: { [net]: places }, ...gw }),
        ],
        { hostInterfaceAddresses },
      );
      const desired = { ...planned[0]!, netns: inside.ref };
      assert.deepEqual(sandboxes.reconcile(desired)?.failures, []);
      assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
    },
    /**
     * Programs both as far as that is known to be in force which their labels rely on.
     * @param filtered if their network is internal, the families of which the host filters what passes a bridge
     * @returns the routes that they rely on
     */
    labelBoth(
      app: Record<string, string>,
      gw: Record<string, string>,
      routesInForce: ReadonlySet<string> = new Set(),
      filtered?: readonly Family[],
    ): ReadonlySet<string> {
      const places = {
        subnets: { main: '10.9.0.0/24 fd09::/64' },
        ...(filtered ? { isInternal: true as const } : { gateways: { main: '10.9.0.1 fd09::1' } }),
      };
      const { sandboxes: planned, routesAsked } = plan(
        [
          container('app', { networks: { main: '10.9.0.2 fd09::2' }, labels: app, ...places }),
          container('gw', { networks: { main: '10.9.0.3 fd09::3' }, labels: gw, ...places }),
        ],
        { hostInterfaceAddresses, routesInForce, ...(filtered && { bridgeFiltered: filtered }) },
      );
      for (const desired of planned) {
        const ns = desired.containers[0] === 'app' ? inside : gateway;
        assert.deepEqual(sandboxes.reconcile({ ...desired, netns: ns.ref })?.failures, []);
      }
      return routesAsked;
    },
    unlabel: (): void => assert.deepEqual(sandboxes.clear(inside.ref)?.failures, []),
    /** Packets of connections that the container opened which went to the world by way of the host. */
    leaked(): number {
      return counted(host, 'leaked');
    },
    /** Packets to the tunnel's network that were sent to the host. */
    astray: (): number => counted(host, 'astray'),
  };
}

const PUBLISHED = `
table inet host {
  counter leaked { }
  counter astray { }
  chain seen {
    type filter hook prerouting priority -300;
    ether daddr ${MAC} ip daddr 10.8.0.0/24 counter name astray
    ether daddr ${MAC} ip6 daddr fd08::/64 counter name astray
  }
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

/** Adds addresses of both families to a link. */
export function address(ns: Namespace, link: string, four: string, six: string): void {
  ns.ip('address', 'add', four, 'dev', link);
  ns.ip('address', 'add', six, 'dev', link, 'nodad');
}

/** Adds routes of both families. */
export function by(ns: Namespace, network: string, four: string, six: string): void {
  ns.ip('route', 'add', network, 'via', four);
  ns.ip('-6', 'route', 'add', network, 'via', six);
}

function counted(host: Namespace, name: string): number {
  const [, packets] = /packets (\d+)/.exec(host.exec('nft', `list counter inet host ${name}`))!;
  return Number(packets);
}

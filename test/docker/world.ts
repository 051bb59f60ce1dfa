// What is beyond the host: a namespace `world` behind it by a link of its own, where the address 203.0.113.1 answers;
// and a namespace `vpn` where it answers too, by a link that stands in for a tunnel. Packets are counted on the way.
import { sh } from '../support/lab.js';
import { inside, netnsPath, serve } from '../support/talk.js';

/** An address of the internet. */
export const FAR = '203.0.113.1';
export const FAR6 = '2001:db8:f00::1';
export const FAR_PORT = 7000;

/** The internet behind the host, by its own link. All that is routed to it is counted, but for answers. */
export async function makeWorld(): Promise<void> {
  await sh(`
    ip netns add world
    ip link add to-world type veth peer name eth0 netns world
    ip addr add 198.51.100.1/30 dev to-world
    ip link set to-world up
    ip route add 203.0.113.0/24 via 198.51.100.2 dev to-world onlink
    ip -n world link set lo up
    ip -n world addr add 198.51.100.2/30 dev eth0
    ip -n world addr add ${FAR}/32 dev lo
    ip -n world link set eth0 up
    ip -n world route add default via 198.51.100.1
    nft -f - <<'END'
table inet counted {
  set ways {
    typeof ether saddr . ip saddr . ip daddr . ip protocol
    flags dynamic
    counter
  }
  set ways6 {
    typeof ether saddr . ip6 saddr . ip6 daddr . meta l4proto
    flags dynamic
    counter
  }
  chain leaving {
    type filter hook forward priority -300
    oifname "to-world" ct direction reply return
    oifname "to-world" update @ways { ether saddr . ip saddr . ip daddr . ip protocol }
    oifname "to-world" update @ways6 { ether saddr . ip6 saddr . ip6 daddr . meta l4proto }
  }
}
END`);
  await serve('netns:world', 'world', 'udp', FAR_PORT, FAR);
  await serve('netns:world', 'world', 'tcp', FAR_PORT);
}

/**
 * Packets, but for answers, that went to the world by way of the host: by the link address of whoever sent them, their
 * source and destination, and their protocol.
 */
export async function leaks(): Promise<ReadonlyMap<string, number>> {
  const { nftables } = JSON.parse(await sh('nft -j list table inet counted')) as {
    nftables: {
      set?: { elem?: { elem: { val: { concat: string[] }; counter: { packets: number } } }[] };
    }[];
  };
  const elements = nftables.flatMap(({ set }) => set?.elem ?? []);
  return new Map(elements.map(({ elem }) => [elem.val.concat.join(' '), elem.counter.packets]));
}

/** Packets, but for answers, that a container itself has sent to the world by way of the host. */
export async function leaked(container: string): Promise<number> {
  const [link] = JSON.parse(await inside(container, 'ip -j link show eth0')) as { address: string }[];
  const own = [...(await leaks())].filter(([way]) => way.startsWith(`${link!.address} `));
  return own.reduce((sum, [, packets]) => sum + packets, 0);
}

/** A namespace behind a container, by a link that the container calls wg0: what a tunnel would be. */
export async function makeVpn(): Promise<void> {
  await sh(`
    ip netns add vpn
    ip -n vpn link set lo up
    ip -n vpn addr add ${FAR}/32 dev lo`);
  await serve('netns:vpn', 'vpn', 'udp', FAR_PORT, FAR);
  await serve('netns:vpn', 'vpn', 'tcp', FAR_PORT);
}

/**
 * Gives a container its tunnel: addresses 10.250.0.2, beyond it 10.250.0.1. What leads to the world goes by it.
 * @param routes the commands that lead there
 */
export async function connectVpn(
  container: string,
  routes: readonly string[] = ['ip route add 203.0.113.0/24 via 10.250.0.1'],
): Promise<void> {
  const path = await netnsPath(container);
  await sh(`
    ip -n vpn link del peer 2> /dev/null || true
    ip -n vpn link add peer type veth peer name wg0
    touch /run/netns/gateway-of-vpn
    mount --bind ${path} /run/netns/gateway-of-vpn
    ip -n vpn link set wg0 netns gateway-of-vpn
    umount /run/netns/gateway-of-vpn
    ip -n vpn addr add 10.250.0.1/24 dev peer
    ip -n vpn link set peer up`);
  await inside(
    container,
    ['set -e', 'ip addr add 10.250.0.2/24 dev wg0', 'ip link set wg0 up', ...routes].join('\n'),
  );
}

/** Takes a container's tunnel away. */
export async function disconnectVpn(): Promise<void> {
  await sh('ip -n vpn link del peer');
}

/** Takes it all away. */
export async function unmakeWorld(): Promise<void> {
  await sh(`
    for ns in world vpn; do ip netns del $ns 2> /dev/null || true; done
    ip link del to-world 2> /dev/null || true
    nft delete table inet counted 2> /dev/null || true`);
}

// A client, a gateway with a tunnel, and the two that a packet can get to, in namespaces of their own; each notes which packets
// it has seen, by nft(8). Nothing of it uses the project's own netlink code.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { WayPlace } from '../../src/explain/hop.js';
import { address, prefix } from './label-world.js';
import { Namespace } from './namespace.js';
import { keyPair } from './wireguard.js';

/** Who may see a packet: by the tunnel, by the gateway's own uplink, as the network's router, or at home. */
export type Sink = 'tunnel' | 'uplink' | 'router' | 'client' | 'gateway';

/** A packet to be sent: `id` is its source port, or the identifier of an echo request. */
export interface Sent {
  readonly to: string;
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  readonly port?: number;
  readonly id: number;
}

const SEEN = (hook: string, condition: string): string =>
  `
table inet seen {
  set ports { type inet_proto . inet_service; flags dynamic; size 4096; }
  set ids { type icmp_id_placeholder; flags dynamic; size 4096; }
  chain seen { type filter hook ${hook}; policy accept;
    ${condition} meta l4proto { tcp, udp } add @ports { meta l4proto . th sport }
    ${condition} icmp type echo-request add @ids { icmp id }
    ${condition} icmpv6 type echo-request add @ids { icmpv6 id }
  }
}`.replace('type icmp_id_placeholder', 'typeof icmp id');

/** Sends from where it is started: reads its packets as the argument. */
const SENDER = `
const dgram = require('node:dgram'), net = require('node:net');
for (const { to, protocol, port, id } of JSON.parse(process.argv[1])) {
  if (protocol === 'udp') {
    const socket = dgram.createSocket(to.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', () => {});
    socket.bind(id, () => socket.send('x', port, to, () => {}));
  } else net.connect({ host: to, port, localPort: id }).on('error', () => {});
}
setTimeout(() => process.exit(0), 40);`;

export class ExplainWorld {
  private constructor(
    readonly client: Namespace,
    readonly gateway: Namespace,
    readonly router: Namespace,
    readonly server: Namespace,
  ) {}

  static async create(t: TestContext): Promise<ExplainWorld> {
    const [client, gateway, router, server] = await Promise.all([0, 1, 2, 3].map(() => Namespace.create(t)));
    const world = new ExplainWorld(client!, gateway!, router!, server!);
    world.#link();
    world.#watch();
    return world;
  }

  #link(): void {
    const { client, gateway, router, server } = this;
    router.exec('sh', '-ec', 'ip link add br0 type bridge; ip link set br0 up; ip link set lo up');
    for (const [n, ns] of [client, gateway].entries()) {
      ns.ip('link', 'set', 'lo', 'up');
      ns.veth('eth0', router, `port${n}`);
      router.ip('link', 'set', `port${n}`, 'master', 'br0');
      ns.ip('address', 'add', `10.77.0.${n + 2}/24`, 'dev', 'eth0');
      ns.ip('address', 'add', `fd77::${n + 2}/64`, 'dev', 'eth0', 'nodad');
    }
    router.ip('address', 'add', '10.77.0.1/24', 'dev', 'br0');
    router.ip('address', 'add', 'fd77::1/64', 'dev', 'br0', 'nodad');
    gateway.veth('up0', server, 'up0');
    gateway.ip('address', 'add', '192.0.2.2/24', 'dev', 'up0');
    server.ip('address', 'add', '192.0.2.1/24', 'dev', 'up0');
    if (hasWireGuard(server)) this.#wireguard();
    else this.#plainTunnel();
    for (const [n, ns] of [server, gateway].entries()) {
      ns.ip('address', 'add', `10.88.0.${n + 1}/24`, 'dev', 'wg0');
      ns.ip('address', 'add', `fd88::${n + 1}/64`, 'dev', 'wg0', 'nodad');
    }
    gateway.exec('ping', '-c1', '-W5', '10.88.0.1');
    gateway.within(() => {
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
      writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
    });
    router.within(() => {
      for (const file of ['iptables', 'ip6tables']) {
        const path = `/proc/sys/net/bridge/bridge-nf-call-${file}`;
        if (existsSync(path)) writeFileSync(path, '0');
      }
    });
  }

  #wireguard(): void {
    const { gateway, server } = this;
    const [near, far] = [keyPair(), keyPair()];
    const tunnel = (ns: Namespace, own: string, peer: string, rest: string): string =>
      ns.exec(
        'bash',
        '-ec',
        `ip link set wg0 up; wg set wg0 private-key <(echo ${own}) listen-port 51820 peer ${peer} allowed-ips ${rest}`,
      );
    gateway.ip('link', 'add', 'wg0', 'type', 'wireguard');
    tunnel(server, far.privateKey, near.publicKey, '0.0.0.0/0,::/0');
    tunnel(gateway, near.privateKey, far.publicKey, '0.0.0.0/0,::/0 endpoint 192.0.2.1:51820');
  }

  /** Where the kernel has no WireGuard: a link whose ends do not ask who is there. */
  #plainTunnel(): void {
    this.gateway.veth('wg0', this.server, 'wg0');
    for (const ns of [this.gateway, this.server]) {
      ns.exec('sh', '-ec', 'ip link set wg0 address 02:00:00:00:00:01 arp off');
    }
  }

  #watch(): void {
    load(this.client, SEEN('input priority 1000', ''));
    load(this.gateway, SEEN('input priority 1000', ''));
    load(this.router, SEEN('prerouting priority -500', 'iifname br0'));
    load(this.server, SEEN('prerouting priority -500', 'iifname wg0'));
    load(this.server, SEEN('prerouting priority -500', 'iifname up0').replaceAll('inet seen', 'inet uplink'));
  }

  /** Rules and routes of a namespace instead of those before. @param routes of ip(8), a line each */
  program(who: 'client' | 'gateway', rules: string, routes: readonly string[]): void {
    const ns = this[who];
    load(ns, `add table inet own\ndelete table inet own\n${rules}`);
    const clear = ['route flush table all proto static', ...Array<string>(4).fill('rule del priority 500')];
    ns.exec(
      'sh',
      '-c',
      'printf "%s" "$0" | ip -force -batch - 2>/dev/null; ip -6 route flush table all proto static; printf "%s" "$1" | ip -batch -',
      clear.join('\n'),
      routes.join('\n'),
    );
  }

  /** The other end of its cable, in or out: what it has itself stays. */
  plugGateway(isIn: boolean): void {
    this.router.ip('link', 'set', 'port1', ...(isIn ? ['master', 'br0'] : ['nomaster']));
    // Who has asked three times in vain for a neighbour drops what waits for it, though the neighbour is there by now.
    this.client.ip('neighbour', 'flush', 'dev', 'eth0', 'nud', 'all');
  }

  /** All containers; a gateway that has stopped is none. */
  places(hasGateway: boolean): readonly WayPlace[] {
    const place = (name: string, n: number): WayPlace => ({
      name,
      netns: this[name as 'client' | 'gateway'].ref,
      attachments: [
        {
          ...{ networkId: 'lan', networkName: 'lan', driver: 'bridge', aliases: [] },
          addresses: [address(`10.77.0.${n}`), address(`fd77::${n}`)],
          subnets: [prefix('10.77.0.0/24'), prefix('fd77::/64')],
          gateways: [address('10.77.0.1'), address('fd77::1')],
        },
      ],
    });
    return [place('client', 2), ...(hasGateway ? [place('gateway', 3)] : [])];
  }

  /** Sends from the client, all at once. */
  send(packets: readonly Sent[]): void {
    const name = this.client.name;
    const echo = packets.filter(({ protocol }) => protocol === 'icmp');
    const others = packets.filter(({ protocol }) => protocol !== 'icmp');
    const pings = echo.map(({ to, id }) => `ping -n -c1 -W0.05 -e ${id} ${to} >/dev/null 2>&1 &`).join(' ');
    execFileSync('ip', [
      'netns',
      'exec',
      name,
      'sh',
      '-c',
      `${pings} node -e "$0" "$1"; wait`,
      SENDER,
      JSON.stringify(others),
    ]);
  }

  /** Who has seen which, as `PROTOCOL ID`. */
  seen(): ReadonlyMap<Sink, ReadonlySet<string>> {
    const read = (ns: Namespace, table: string): ReadonlySet<string> => {
      const { nftables } = JSON.parse(ns.exec('nft', '-j', 'list', 'table', 'inet', table)) as {
        nftables: { set?: { name: string; elem?: (number | { concat: [string, number] })[] } }[];
      };
      return new Set(
        nftables.flatMap(({ set }) =>
          (set?.elem ?? []).map(one => (typeof one === 'number' ? `icmp ${one}` : one.concat.join(' '))),
        ),
      );
    };
    return new Map<Sink, ReadonlySet<string>>([
      ['client', read(this.client, 'seen')],
      ['gateway', read(this.gateway, 'seen')],
      ['router', read(this.router, 'seen')],
      ['tunnel', read(this.server, 'seen')],
      ['uplink', read(this.server, 'uplink')],
    ]);
  }
}

/** Makes the one end, where it can. */
function hasWireGuard(ns: Namespace): boolean {
  try {
    ns.ip('link', 'add', 'wg0', 'type', 'wireguard');
    return true;
  } catch {
    return false;
  }
}

function load(ns: Namespace, rules: string): void {
  execFileSync('ip', ['netns', 'exec', ns.name, 'nft', '-f', '-'], {
    input: rules,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

// The router of an exit network in a namespace of its own, with containers, and what is beyond its tunnel, for tests on the kernel.
import { mkdtempSync, rmSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { parseAddress, parsePrefix } from '../../src/base/ip.js';
import { containerMac, planRouter } from '../../src/driver/router/desired-router.js';
import { KeptNamespaces } from '../../src/driver/router/kept-namespaces.js';
import { ExitRouter } from '../../src/driver/router/router.js';
import type { PortBinding } from '../../src/driver/router/router-tables.js';
import { NO_WAYS_IN, type WaysIn } from '../../src/driver/router/ways-in.js';
import type { ExitNetwork } from '../../src/driver/spec/model.js';
import { Netns, NetnsSwitch, type Synchronous } from '../../src/netlink/netns.js';
import { RtNetlink } from '../../src/netlink/route/client.js';
import { Nft } from '../../src/nft/client.js';
import { exitTunnel, tunnelFile } from './exit-world.js';
import { Namespace, run } from './namespace.js';
import { serveOn } from './peer.js';
import { answerOn } from './sockets.js';

export const ROUTED: ExitNetwork = {
  id: 'n'.repeat(64),
  files: ['/etc/dwgd/mullvad.conf'],
  prefix: 'wg',
  owner: 0,
  ipv4: { subnet: parsePrefix('10.66.0.0/24')!, gateway: parseAddress('10.66.0.1')! },
  ipv6: { subnet: parsePrefix('fd66::/64')!, gateway: parseAddress('fd66::1')! },
};
export interface Member {
  readonly ns: Namespace;
  readonly port: PortBinding;
}

/** A router with containers, the first 10.66.0.2 and fd66::2. */
export class RouterWorld {
  readonly members: Member[] = [];
  /** What is open to them from outside, from the next look on. */
  ways: WaysIn = NO_WAYS_IN;
  readonly folder = mkdtempSync('/run/dwgd-test-');
  readonly kept: KeptNamespaces;
  router: ExitRouter;
  readonly #nft = new Nft();
  readonly #parts;

  private constructor(
    readonly t: TestContext,
    readonly entry: NetnsSwitch,
  ) {
    this.kept = new KeptNamespaces(entry, `${this.folder}/netns`);
    this.#parts = { netnsSwitch: entry, rt: new RtNetlink(), nft: () => this.#nft };
    this.router = new ExitRouter(this.#parts, this.kept.open(ROUTED.id).netns);
    t.after(() => {
      this.router.close();
      this.#parts.rt.close();
      this.#nft.close();
      entry.close();
      this.kept.remove(ROUTED.id);
      rmSync(this.folder, { recursive: true });
    });
  }

  static async create(t: TestContext, count: number): Promise<RouterWorld> {
    const world = new RouterWorld(t, await NetnsSwitch.open());
    for (let n = 0; n < count; n++) await world.join();
    return world;
  }

  get desired() {
    const ports = this.members.map(({ port }) => port);
    return { ...planRouter(ROUTED, undefined, ports, this.ways), mtu: 1420 };
  }

  async join(): Promise<void> {
    const n = this.members.length + 2;
    const ns = await Namespace.create(this.t);
    const [ipv4, ipv6] = [parseAddress(`10.66.0.${n}`)!, parseAddress(`fd66::${n}`)!];
    const port = { name: `wg-${n}`, mac: containerMac(ROUTED.id, ipv4), ipv4, ipv6 };
    this.#parts.rt.createLink({
      name: 'wg0',
      kind: 'veth',
      mac: port.mac,
      netnsFd: ns.netns.fd,
      mtu: 1420,
      peer: { name: port.name, netnsFd: this.router.netnsFd },
    });
    this.members.push({ ns, port });
    this.router.reconcile(this.desired);
    ns.ip('address', 'add', `10.66.0.${n}/24`, 'dev', 'wg0');
    ns.ip('link', 'set', 'wg0', 'up');
    ns.ip('address', 'add', `fd66::${n}/64`, 'dev', 'wg0', 'nodad');
    ns.ip('route', 'add', 'default', 'via', '10.66.0.1');
    ns.settle('wg0');
  }

  /** Another daemon's router, in the namespace that was kept. */
  takeOver(isClosed = false): { readonly isNew: boolean } {
    if (!isClosed) this.router.close();
    const { netns, isNew } = this.kept.open(ROUTED.id);
    this.router = new ExitRouter(this.#parts, netns);
    return { isNew };
  }

  /** Runs a function in the router's namespace. */
  within<T>(fn: () => Synchronous<T>): Synchronous<T> {
    const netns = new Netns(`${this.folder}/netns/${ROUTED.id}`);
    try {
      return this.entry.within(netns, fn);
    } finally {
      netns.close();
    }
  }

  /** Flows that the router tracks. */
  flows(): { readonly udp: number; readonly all: number } {
    const udp = this.within(() => this.#nft.conntrack.flows().length);
    return { udp, all: Number(this.inside('sysctl', '-n', 'net.netfilter.nf_conntrack_count')) };
  }

  letGo(): void {
    this.within(() => this.#nft.conntrack.flush());
  }

  /** What a program prints in the router's namespace. */
  inside(...words: string[]): string {
    return run('nsenter', `--net=${this.folder}/netns/${ROUTED.id}`, ...words);
  }
}

/**
 * What plays the tunnel, a veth, and behind it the file's DNS servers and others: 198.51.100.9 and 2001:db8:f00d::9.
 * @returns both
 */
export async function beyond(
  world: RouterWorld,
  network: ExitNetwork,
): Promise<{ readonly far: Namespace; readonly other: Namespace }> {
  const far = await Namespace.create(world.t);
  const file = tunnelFile('far', { more: 'DNS = 10.64.0.1, fd64::1' });
  const { tunnel: _tunnel, ...desired } = planRouter(
    network,
    exitTunnel(file),
    world.members.map(({ port }) => port),
    world.ways,
  );
  world.router.reconcile(desired);
  world.inside('ip', 'link', 'add', 'wg0', 'type', 'veth', 'peer', 'name', 'up0', 'netns', far.name);
  world.inside('sysctl', '-qw', 'net.ipv6.conf.wg0.disable_ipv6=0', 'net.ipv6.conf.wg0.accept_dad=0');
  world.inside('ip', 'address', 'add', '10.64.0.2/24', 'dev', 'wg0');
  world.inside('ip', 'address', 'add', 'fd64::2/64', 'dev', 'wg0', 'nodad');
  world.inside('ip', 'link', 'set', 'wg0', 'up');
  far.ip('link', 'set', 'up0', 'up');
  far.ip('address', 'add', '10.64.0.1/24', 'dev', 'up0');
  far.ip('address', 'add', 'fd64::1/64', 'dev', 'up0', 'nodad');
  far.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  // WireGuard has no neighbours, so the router's tables drop what asks for them there.
  const macOf = (text: string): string => / ([0-9a-f:]{17}) /.exec(text)![1]!;
  const [near, beyondIt] = [
    world.inside('ip', '-br', 'link', 'show', 'wg0'),
    far.ip('-br', 'link', 'show', 'up0'),
  ];
  world.inside('ip', 'neigh', 'add', 'fd64::1', 'lladdr', macOf(beyondIt), 'dev', 'wg0');
  far.ip('neigh', 'add', 'fd64::2', 'lladdr', macOf(near), 'dev', 'up0');
  const other = await Namespace.create(world.t);
  far.veth('on0', other, 'up0');
  for (const [ns, link, n] of [
    [far, 'on0', 1],
    [other, 'up0', 9],
  ] as const) {
    ns.ip('address', 'add', `198.51.100.${n}/24`, 'dev', link);
    ns.ip('address', 'add', `2001:db8:f00d::${n}/64`, 'dev', link, 'nodad');
  }
  other.ip('route', 'add', 'default', 'via', '198.51.100.1');
  other.ip('-6', 'route', 'add', 'default', 'via', '2001:db8:f00d::1');
  world.inside('ip', 'route', 'add', 'default', 'via', '10.64.0.1');
  world.inside('ip', '-6', 'route', 'add', 'default', 'via', 'fd64::1');
  for (const [ns, name] of [
    [far, 'the server'],
    [other, 'another'],
  ] as const) {
    for (const protocol of ['tcp', 'udp'] as const) {
      const server = await answerOn(ns, protocol, 53, () => name);
      world.t.after(() => server.close());
    }
  }
  await serveOn(world.t, other, [853]);
  for (const { ns } of world.members) ns.ip('-6', 'route', 'add', 'default', 'via', 'fd66::1');
  return { far, other };
}

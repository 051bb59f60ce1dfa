// A client, a router and a server in namespaces of their own, joined by veth pairs, and a prober in each: what is
// sent, and what of it arrives. Not here: what a packet is (packet.ts), what rules the router has.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Namespace, run } from '../support/namespace.js';
import { describe, encode, type Packet } from './packet.js';

/** With nothing arriving for so long, all has arrived: the veth pairs have no delay. */
const QUIET_MS = 1;

/** Who an address belongs to; the second of each pair is there to tell sources and destinations apart. */
export const CLIENT = { 4: ['10.1.0.2', '10.1.0.9'], 6: ['fd01::2', 'fd01::9'] } as const;
export const SERVER = { 4: ['10.2.0.2', '10.2.0.9'], 6: ['fd02::2', 'fd02::9'] } as const;
export const ROUTER = { 4: ['10.1.0.1', '10.2.0.1'], 6: ['fd01::1', 'fd02::1'] } as const;

/** The program that sends and shows, in one namespace. */
class Prober {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, namespace: Namespace, ...args: readonly string[]) {
    this.#child = spawn('ip', ['netns', 'exec', namespace.name, program, ...args]);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  send(packets: readonly Packet[]): void {
    this.#child.stdin.write(packets.map(packet => `send ${encode(packet).toString('hex')}\n`).join(''));
  }

  /** What has come in since the last time. */
  async collect(): Promise<Buffer[]> {
    this.#child.stdin.write('collect\n');
    const packets: Buffer[] = [];
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error('the prober has ended');
      if (value === 'end') return packets;
      packets.push(Buffer.from(value, 'hex'));
    }
  }

  close(): void {
    this.#child.stdin.end();
  }
}

export type Place = 'client' | 'router' | 'server';

export class Network {
  private constructor(
    readonly router: Namespace,
    readonly probers: Readonly<Record<Place, Prober>>,
  ) {}

  /** @param program the prober, compiled */
  static async create(t: TestContext, program: string): Promise<Network> {
    const [client, router, server] = [
      await Namespace.create(t),
      await Namespace.create(t),
      await Namespace.create(t),
    ];
    for (const namespace of [client, router, server]) configure(namespace);
    connect(client, router, 'eth0', 1);
    connect(server, router, 'eth1', 2);
    const probers = {
      client: new Prober(program, client),
      router: new Prober(program, router, 'echo'),
      server: new Prober(program, server),
    };
    t.after(() => {
      for (const prober of Object.values(probers)) prober.close();
    });
    const network = new Network(router, probers);
    await network.settle();
    return network;
  }

  /** What arrives at the client and at the server until it is quiet, in words. */
  async settle(): Promise<string[]> {
    const found: string[] = [];
    // An answer of a prober means that it has done what it was told before: sent, or echoed what had come by then.
    for (let quiet = 0; quiet < 3; quiet++) {
      const { client, server, router } = this.probers;
      const [atClient, atServer] = await Promise.all([client.collect(), server.collect(), router.collect()]);
      const words = [
        ...atClient.flatMap(bytes => describe(bytes) ?? []).map(each => `client: ${each}`),
        ...atServer.flatMap(bytes => describe(bytes) ?? []).map(each => `server: ${each}`),
      ];
      found.push(...words);
      if (words.length > 0) quiet = 0;
      await sleep(QUIET_MS);
    }
    return found.sort();
  }
}

/** Errors of ICMP are sent each time, not so many a second. */
function configure(namespace: Namespace): void {
  const values = {
    'ipv4/ip_forward': 1,
    'ipv6/conf/all/forwarding': 1,
    'ipv6/conf/all/accept_dad': 0,
    'ipv6/conf/default/accept_dad': 0,
    'ipv6/conf/default/router_solicitations': 0,
    'ipv4/icmp_ratelimit': 0,
    'ipv6/icmp/ratelimit': 0,
    // Those of all kinds together, of both families. Before Linux 6.13 they are the host's and not here.
    'ipv4/icmp_msgs_per_sec': 1_000_000,
    'ipv4/icmp_msgs_burst': 1_000_000,
    'ipv4/conf/all/rp_filter': 0,
    'ipv4/conf/all/send_redirects': 0,
  };
  for (const [name, value] of Object.entries(values)) {
    run(
      'ip',
      'netns',
      'exec',
      namespace.name,
      'sh',
      '-c',
      `[ ! -e /proc/sys/net/${name} ] || echo ${value} > /proc/sys/net/${name}`,
    );
  }
  namespace.ip('link', 'set', 'lo', 'up');
}

/** A veth pair of the net 10.N.0.0/24 and fdNN::/64, neighbours told so that no rule can keep them apart. */
function connect(host: Namespace, router: Namespace, link: string, net: number): void {
  const [mine, theirs] = [`02:00:00:00:0${net}:02`, `02:00:00:00:0${net}:01`];
  router.ip(
    'link',
    'add',
    link,
    'address',
    theirs,
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'address',
    mine,
    'netns',
    host.name,
  );
  host.ip('link', 'set', 'eth0', 'up');
  router.ip('link', 'set', link, 'up');
  for (const [at, dev, last] of [
    [router, link, 1],
    [host, 'eth0', 2],
    [host, 'eth0', 9],
  ] as const) {
    at.ip('address', 'add', `10.${net}.0.${last}/24`, 'dev', dev);
    at.ip('address', 'add', `fd0${net}::${last}/64`, 'dev', dev, 'nodad');
  }
  for (const last of [2, 9]) {
    router.ip('neigh', 'replace', `10.${net}.0.${last}`, 'lladdr', mine, 'dev', link, 'nud', 'permanent');
    router.ip('neigh', 'replace', `fd0${net}::${last}`, 'lladdr', mine, 'dev', link, 'nud', 'permanent');
  }
  for (const gateway of [`10.${net}.0.1`, `fd0${net}::1`]) {
    host.ip('neigh', 'replace', gateway, 'lladdr', theirs, 'dev', 'eth0', 'nud', 'permanent');
    host.ip('route', 'add', 'default', 'via', gateway);
  }
}

// The hostile user who has a socket of the driver, and calls: with root's ids, for root's addresses, with files that are
// none, names that nobody answers for, and more of everything than he may have. His Docker lies.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Call, type Counts, callBy, forever, insist } from './attack.js';
import { LyingDocker } from './lies.js';
import { enter } from './namespaces.js';

/** What he knows of root's, and of the host. */
export interface Target {
  readonly uid: number;
  /** Root's network and endpoint, by their ids. */
  readonly network: string;
  readonly endpoint: string;
  /** The address of root's container on `open`, an interface that users may join; with a prefix length. */
  readonly address: string;
  readonly open: string;
  /** An interface that they may not. */
  readonly closed: string;
}

const SEED = { 'dwgd.seed': 'a seed of the hostile user' };
const PEER = { ...SEED, 'dwgd.pubkey': `${'A'.repeat(42)}E=` };
const POOL = [{ Pool: '10.99.0.0/16', Gateway: '10.99.0.1/16' }];
/** Names without an answer are asked for concurrently. */
const NAMES_AT_ONCE = 4;
const CONNECTIONS = 250;

const network = (NetworkID: string, options: Record<string, string>, IPv4Data: object[] = POOL): object => ({
  NetworkID,
  Options: { 'com.docker.network.generic': options },
  IPv4Data,
});

export async function callEverything(target: Target, counts: Counts): Promise<never> {
  const folder = `/run/user/${target.uid}`;
  const { pid } = await enter('right');
  spawnSync('mkfifo', [`${folder}/fifo`]);
  symlinkSync('/dev/zero', `${folder}/link`);
  new LyingDocker(counts).listen(`${folder}/docker.sock`);
  writeFileSync(`${folder}/docker.pid`, String(pid));
  const path = (): string => `/proc/${pid}/root/run/docker/plugins/dwgd.sock`;
  const call = callBy(path);
  const caller = new Caller(call, target, counts);
  while (!existsSync(path())) await sleep(100);
  await caller.prepare().catch(() => undefined);
  const attacks: readonly (readonly [rest: number, work: () => unknown])[] = [
    [50, () => caller.moreEndpoints()],
    [50, () => caller.rootsIds()],
    [10, () => caller.rootsLinks()],
    [50, () => caller.rootsAddress()],
    [50, () => caller.oddFiles()],
    [50, () => caller.oddSandboxes()],
    [100, () => caller.oddBodies()],
    [100, () => caller.deadNames()],
  ];
  // Each by itself first: side by side they keep one another waiting, as the driver takes the calls of a user in turn.
  for (const attack of attacks) await insist(...attack);
  return Promise.race([
    ...attacks.map(attack => forever(...attack)),
    forever(50, () => caller.moreNetworks()),
    // Now and then: connections wait for one another, and so do all the other attacks meanwhile.
    forever(10_000, () => crowd(path, counts)),
  ]);
}

/** Each method is one round of one attack; what the driver refuses is counted by its reason. */
class Caller {
  readonly #call: Call;
  readonly #target: Target;
  readonly #counts: Counts;
  #n = 0;
  readonly #attacked = new Set<string>();
  readonly #many: string[] = [];

  constructor(call: Call, target: Target, counts: Counts) {
    this.#call = call;
    this.#target = target;
    this.#counts = counts;
  }

  async #do(what: string, method: string, body: unknown): Promise<string> {
    const said = await this.#call(method, body);
    this.#counts.add(said === '' ? `done: ${what}` : `refused: ${what}`);
    return said;
  }

  /** The networks that the other attacks need, and then as many as he may have. */
  async prepare(): Promise<void> {
    const { open } = this.#target;
    const own = { ...PEER, 'dwgd.endpoint': '192.0.2.1:51820' };
    await this.#call('CreateNetwork', network('own', own));
    await this.#call('CreateNetwork', network('full', { ...own, 'dwgd.route': '0.0.0.0/0' }));
    await this.#call('CreateNetwork', network('open', { ...SEED, 'dwgd.ifname': open }, this.#pools()));
    while (this.#many.length < 70 && !(await this.moreNetworks()));
  }

  /** One more, or one of them for another. @returns whether there are as many as he may have */
  async moreNetworks(): Promise<boolean> {
    const id = `many-${this.#n++}`;
    const options = { ...PEER, 'dwgd.endpoint': `${id}.invalid:51820` };
    const said = await this.#do('networks', 'CreateNetwork', network(id, options));
    if (said === '') this.#many.push(id);
    if (!/has 64 networks/.test(said)) return false;
    this.#counts.add('refused: the 65th network');
    for (const NetworkID of this.#many.splice(0, 8)) await this.#call('DeleteNetwork', { NetworkID });
    return true;
  }

  async moreEndpoints(): Promise<void> {
    for (let k = 0; k < 8; k++) {
      const id = this.#n++;
      const Address = `10.99.${2 + ((id >> 7) % 200)}.${1 + (id & 127)}/16`;
      const body = { NetworkID: 'own', EndpointID: `endpoint-${id}`, Interface: { Address } };
      const said = await this.#do('endpoints', 'CreateEndpoint', body);
      if (/has 1024 containers/.test(said)) this.#counts.add('refused: the 1025th endpoint');
    }
  }

  /** Joins that wait for a name server which does not answer. */
  async deadNames(): Promise<void> {
    await Promise.all(
      Array.from({ length: NAMES_AT_ONCE }, async () => {
        const n = this.#n++;
        const NetworkID = `dead-${n}`;
        const options = { ...PEER, 'dwgd.endpoint': `name-${n}.invalid:51820` };
        const refused = await this.#call('CreateNetwork', network(NetworkID, options));
        if (refused !== '') return;
        const ids = { NetworkID, EndpointID: `dead-${n}` };
        await this.#call('CreateEndpoint', { ...ids, Interface: { Address: '10.99.1.2/16' } });
        this.#counts.add('dead names');
        await this.#do('dead names', 'Join', { ...ids, SandboxKey: '/run/none' }).catch(() => undefined);
        await this.#call('DeleteNetwork', { NetworkID });
      }),
    );
  }

  async rootsIds(): Promise<void> {
    const { network: NetworkID, endpoint: EndpointID } = this.#target;
    const own = { ...PEER, 'dwgd.endpoint': '192.0.2.1:51820' };
    const Interface = { Address: '10.99.0.9/16' };
    await this.#do("root's network id", 'CreateNetwork', network(NetworkID, own));
    await this.#do("root's network", 'CreateEndpoint', { NetworkID, EndpointID, Interface });
    await this.#do("root's endpoint id", 'CreateEndpoint', { NetworkID: 'own', EndpointID, Interface });
    await this.#do("root's endpoint", 'Join', { NetworkID, EndpointID, SandboxKey: '/proc/1/ns/net' });
    await this.#do("root's endpoint id", 'Join', { NetworkID: 'own', EndpointID, SandboxKey: '/x' });
    // An unknown one counts as gone: these are answered, and do nothing.
    for (const method of ['Leave', 'DeleteEndpoint', 'DeleteNetwork'])
      await this.#do(`${method} of root's`, method, { NetworkID, EndpointID });
  }

  /** The link of a container of root's that starts, by an id that begins like root's. */
  async rootsLinks(): Promise<void> {
    for (const link of readdirSync('/sys/class/net')) {
      const [, id] = /^wg-([0-9a-f]{12})$/.exec(link) ?? [];
      if (id === undefined || this.#attacked.has(id)) continue;
      this.#attacked.add(id);
      this.#counts.add("links of root's that were seen");
      await this.#join('own', `${id}X`, '10.99.0.8/16', '/proc/1/ns/net', "the name of a link of root's");
    }
  }

  async #join(
    NetworkID: string,
    EndpointID: string,
    Address: string,
    SandboxKey: string,
    what: string,
  ): Promise<void> {
    const ids = { NetworkID, EndpointID };
    await this.#call('CreateEndpoint', { ...ids, Interface: { Address } });
    await this.#do(what, 'Join', { ...ids, SandboxKey });
    await this.#call('Leave', ids);
    await this.#call('DeleteEndpoint', ids);
  }

  /** Also while the name of its own endpoint is being looked up. */
  async rootsAddress(): Promise<void> {
    const { open, closed, address } = this.#target;
    const inside = { ...SEED, 'dwgd.ifname': closed };
    await this.#do('a closed interface', 'CreateNetwork', network('closed', inside, this.#pools()));
    await this.#join('open', 'thief', address, '/x', "root's address");
    const slow = { ...SEED, 'dwgd.ifname': open, 'dwgd.endpoint': `slow-${this.#n++}.invalid:1` };
    await this.#call('CreateNetwork', network('slow', slow, this.#pools()));
    await this.#join('slow', 'slow-thief', address, '/x', "root's address, slowly");
    await this.#call('DeleteNetwork', { NetworkID: 'slow' });
  }

  /** The subnet of root's address. */
  #pools(): object[] {
    const { address } = this.#target;
    return [{ Pool: address.replace(/\d+\//, '0/'), Gateway: address.replace(/\d+\//, '1/') }];
  }

  async oddFiles(): Promise<void> {
    const folder = `/run/user/${this.#target.uid}`;
    const files = [
      ...[
        '/dev/zero',
        '/dev/ptmx',
        '/dev/watchdog',
        '/etc/shadow',
        '/root/.bashrc',
        '/root/none',
        '/proc/1/environ',
      ],
      ...['fifo', 'link', 'docker.sock', 'fuse/seed', '../2001/docker.pid'].map(name => `${folder}/${name}`),
    ];
    for (const file of files) {
      const options = { 'dwgd.pubkey': PEER['dwgd.pubkey'], 'dwgd.endpoint': '192.0.2.1:1' };
      const seed = network('file', { ...options, 'dwgd.seedfile': file });
      await this.#do('files as a seed', 'CreateNetwork', seed);
      const psk = network('file', { ...options, 'dwgd.seed': 's', 'dwgd.pskfile': file });
      await this.#do('files as a preshared key', 'CreateNetwork', psk);
    }
  }

  /** Real joins of his own, in a namespace of his own, whose container is somewhere else than he says. */
  async oddSandboxes(): Promise<void> {
    for (const path of ['/run/fifo', '/run/zero', '/run/host', '/proc/1/ns/net', `/${'x/'.repeat(1000)}`])
      await this.#join('full', `sandbox-${this.#n++}`, '10.99.0.7/16', path, 'links in odd sandboxes');
  }

  async oddBodies(): Promise<void> {
    const blank = network('odd', { [`a${' '.repeat(120_000)}b`]: '' });
    await this.#do('bodies', 'CreateNetwork', blank);
    await this.#do('bodies', 'CreateNetwork', '['.repeat(100_000));
    await this.#do('bodies', 'CreateNetwork', `${'{"a":'.repeat(20_000)}1`);
    const many = Object.fromEntries(Array.from({ length: 9000 }, (_, n) => [`dwgd.${n}`, '']));
    await this.#do('bodies', 'CreateNetwork', network('odd', many));
    // The connection may be closed before all of it is sent.
    await this.#do('bodies', 'CreateNetwork', ' '.repeat(10_000_000)).catch(() => undefined);
  }
}

/** Connections without number: half of them begin to ask, none of them ends. */
async function crowd(path: () => string, counts: Counts): Promise<void> {
  const sockets = Array.from({ length: CONNECTIONS }, (_, n) => {
    const socket = createConnection(path(), () => {
      counts.add('connections');
      if (n % 2 === 0) socket.write('POST /NetworkDriver.Join HTTP/1.1\r\nContent-Length: 9\r\nX: ');
    });
    // One beyond the limit is closed.
    socket.on('error', () => undefined).on('close', () => counts.add('connections closed'));
    return socket;
  });
  await sleep(1000);
  for (const socket of sockets) socket.destroy();
  // His other calls want some, too.
  await sleep(1500);
}

// Exit networks whose daemon was killed, lost its database or finds a router damaged, in namespaces of the kernel: what containers
// go out by stays, and what cannot be mended is told. Docker is what the test says; tunnels are for the laboratory.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { parseAddress } from '../../src/base/ip.js';
import type { DockerNetwork } from '../../src/driver/lifecycle/docker-networks.js';
import { ExitRouters } from '../../src/driver/lifecycle/exit-routers.js';
import { Exits } from '../../src/driver/lifecycle/exits.js';
import { Recovery } from '../../src/driver/lifecycle/recovery.js';
import { AllNetworks } from '../../src/driver/lifecycle/verbs.js';
import { ToldWays } from '../../src/driver/ports/told-ways.js';
import { portOf } from '../../src/driver/router/desired-router.js';
import { KeptNamespaces } from '../../src/driver/router/kept-namespaces.js';
import type { Endpoint } from '../../src/driver/spec/model.js';
import { Store } from '../../src/driver/store/store.js';
import { linkName } from '../../src/driver/tunnel/join-plan.js';
import { NetnsSwitch } from '../../src/netlink/netns.js';
import { RtNetlink } from '../../src/netlink/route/client.js';
import { Nft } from '../../src/nft/client.js';
import { World } from '../support/driver-world.js';
import { EXIT, NOTHING_ELSE, providerText } from '../support/exit-world.js';
import { FakeDocker } from '../support/fake-docker.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';

const GATEWAY = '10.66.0.1';

/** A daemon's exit networks; others may follow it, with the same namespaces. */
class Daemon {
  readonly world: World;
  readonly kept: KeptNamespaces;
  readonly routers: ExitRouters;
  readonly exits: Exits;
  readonly all: AllNetworks;
  readonly recovery: Recovery;
  readonly #nft = new Nft();
  readonly #rt = new RtNetlink();
  /** Endpoints of whose labels Docker is to be asked. */
  readonly askedForLabels: string[] = [];

  /** @param database its path; absent: in memory, and so lost */
  constructor(
    readonly host: Host,
    readonly database = '',
    nft = (): Nft => this.#nft,
  ) {
    this.world = new World(new Store(database));
    const { entry, folder } = host;
    this.kept = new KeptNamespaces(entry, `${folder}/netns`);
    this.routers = new ExitRouters({
      ...{ ...this.world, rt: this.#rt, netnsSwitch: entry, nft, kept: this.kept },
      links: { mtu: async () => 1420, hasRoute: () => true },
      ways: new ToldWays({ nameOf: () => undefined, assigned: () => undefined, log: this.world.log }),
    });
    this.exits = new Exits({
      ...this.world,
      ...NOTHING_ELSE,
      labels: { joined: id => void this.askedForLabels.push(id) },
      routers: this.routers,
      links: undefined as never,
    });
    this.all = new AllNetworks(this.world.store, this.world.driver, this.exits, undefined as never);
    this.recovery = new Recovery(
      { ...this.world, driver: this.all, exits: this.exits },
      async () => undefined,
    );
    host.t.after(() => this.end());
  }

  get store(): Store {
    return this.world.store;
  }

  async compare(networks: () => DockerNetwork[]): Promise<void> {
    await this.recovery.compare(new FakeDocker(networks), 0);
  }

  #hasEnded = false;
  async end(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.routers.close();
    await this.routers.idle();
    this.#rt.close();
    this.#nft.close();
    this.store.close();
  }
}

/** A host with a folder for namespaces, and containers. */
class Host {
  readonly folder = mkdtempSync('/run/dwgd-test-');

  private constructor(
    readonly t: TestContext,
    readonly entry: NetnsSwitch,
  ) {
    t.after(() => {
      const kept = new KeptNamespaces(entry, `${this.folder}/netns`);
      for (const name of kept.names()) kept.remove(name);
      entry.close();
      rmSync(this.folder, { recursive: true });
    });
  }

  static async create(t: TestContext): Promise<Host> {
    return new Host(t, await NetnsSwitch.open());
  }

  /** A container on the exit network, 10.66.0.N, that is on a daemon's record and runs. */
  async attach(daemon: Daemon, n: number): Promise<{ ns: Namespace; endpoint: Endpoint }> {
    const ns = await Namespace.create(this.t);
    const endpoint = endpointOf(n);
    daemon.store.putExit(EXIT);
    daemon.store.putEndpoint(endpoint);
    const { name, mac } = portOf(EXIT.id, endpoint);
    const peer = { name, netnsFd: daemon.routers.netnsFd(EXIT) };
    const rt = new RtNetlink();
    rt.createLink({ name: 'wg0', kind: 'veth', mac, netnsFd: ns.netns.fd, mtu: 1280, peer });
    rt.close();
    daemon.routers.reconcile(EXIT);
    ns.ip('address', 'add', `10.66.0.${n}/24`, 'dev', 'wg0');
    ns.ip('link', 'set', 'wg0', 'up');
    assert.ok(reaches(ns), 'the gateway does not answer');
    return { ns, endpoint };
  }

  /** Of the ports in the router's namespace, with their indexes: those of one that was made anew are others. */
  ports(): string[] {
    const links = run('nsenter', `--net=${this.folder}/netns/${EXIT.id}`, 'ip', '-o', 'link');
    return links.split('\n').flatMap(line => /^\d+: wg-\w+/.exec(line)?.[0] ?? []);
  }
}

function endpointOf(n: number): Endpoint {
  const id = `${n}`.repeat(64).slice(0, 64);
  const ifname = linkName(id, 0);
  return { id, networkId: EXIT.id, ifname, state: 'joined', ipv4: parseAddress(`10.66.0.${n}`)! };
}

function reaches(ns: Namespace): boolean {
  try {
    ns.exec('ping', '-c', '1', '-W', '5', GATEWAY);
    return true;
  } catch {
    return false;
  }
}

/** What Docker says of the network, with running containers. */
const listed = (...containers: readonly number[]): DockerNetwork => ({
  id: EXIT.id,
  options: new Map([['dwgd.conf', EXIT.files[0]!]]),
  ipv4: [{ Pool: '10.66.0.0/24', Gateway: GATEWAY }],
  ipv6: [{ Pool: 'fd66::/64', Gateway: 'fd66::1' }],
  endpoints: new Map(
    containers.map(n => [endpointOf(n).id, { id: `${n}`.padStart(64, 'c'), ipv4: `10.66.0.${n}/24` }]),
  ),
});

async function eventually(check: () => void): Promise<void> {
  for (const end = Date.now() + 30_000; ; await sleep(200)) {
    try {
      return check();
    } catch (err) {
      if (Date.now() > end) throw err;
    }
  }
}

/** As many looks as it takes to tell, and more. */
const LOOKS_MS = 3_000;

kernelTest(
  'with a lost database, routers stay until Docker has said what there is, and its containers go on by the same links',
  async t => {
    const host = await Host.create(t);
    const before = new Daemon(host);
    const { ns } = await host.attach(before, 2);
    before.kept.open('f'.repeat(64)).netns.close();
    await before.end();
    const ports = host.ports();
    const after = new Daemon(host);
    after.routers.start();
    const down = (): never => {
      throw new Error('connect ENOENT');
    };
    await after.compare(down);
    await sleep(LOOKS_MS);
    assert.equal(after.kept.names().length, 2, 'nobody has said that they are to go');
    assert.ok(reaches(ns));
    await after.compare(() => [listed(2)]);
    await sleep(LOOKS_MS);
    assert.deepEqual(after.kept.names(), [EXIT.id]);
    assert.deepEqual(after.store.networkEndpoints(EXIT.id), [endpointOf(2)]);
    assert.deepEqual(after.askedForLabels, [endpointOf(2).id]);
    assert.equal(after.world.lines.filter(line => line.includes('restart those containers')).length, 1);
    assert.deepEqual(host.ports(), ports);
    assert.ok(reaches(ns));
  },
  'ping',
  'nsenter',
);

kernelTest(
  'a port whose container is not on record stays until Docker was asked; one of nobody goes then',
  async t => {
    const host = await Host.create(t);
    const daemon = new Daemon(host);
    const kept = await host.attach(daemon, 2);
    await host.attach(daemon, 3);
    const [first] = host.ports();
    for (const n of [2, 3]) daemon.store.deleteEndpoint(endpointOf(n).id);
    daemon.routers.start();
    await sleep(LOOKS_MS);
    assert.equal(host.ports().length, 2);
    await daemon.compare(() => [listed(2)]);
    await eventually(() => assert.deepEqual(host.ports(), [first]));
    await eventually(() => assert.ok(reaches(kept.ns)));
  },
  'ping',
  'nsenter',
);

kernelTest(
  'a container whose link to the router is gone is told with what to do, once, and no longer when it is back',
  async t => {
    const host = await Host.create(t);
    const daemon = new Daemon(host);
    const { ns, endpoint } = await host.attach(daemon, 2);
    await host.attach(daemon, 3);
    const problems = () => [...daemon.routers.reading(EXIT).lost!];
    const said = () => daemon.world.lines.filter(line => line.includes('its link to the router'));
    ns.ip('link', 'del', 'wg0');
    daemon.routers.start();
    await sleep(LOOKS_MS);
    assert.deepEqual([problems(), said()], [[], []], 'before Docker was asked it may have ended long ago');
    await daemon.compare(() => [listed(2, 3)]);
    await eventually(() => assert.equal(problems().length, 1));
    const [[id, problem]] = problems() as [[string, string]];
    assert.equal(id, endpoint.id);
    assert.match(problem, /: restart the container, or have docker network disconnect and connect it again$/);
    await sleep(LOOKS_MS);
    assert.equal(said().length, 1);
    daemon.store.putEndpoint({ ...endpoint, state: 'left' });
    await eventually(() => assert.deepEqual(problems(), []));
  },
  'ping',
  'nsenter',
);

kernelTest(
  'a namespace that is unmounted under a daemon, with its file or without, is kept all the same, and the next takes it over',
  async t => {
    for (const isFileGone of [false, true]) {
      const host = await Host.create(t);
      const path = join(host.folder, 'dwgd.db');
      const before = new Daemon(host, path);
      const { ns } = await host.attach(before, 2);
      const ports = host.ports();
      run('umount', `${host.folder}/netns/${EXIT.id}`);
      if (isFileGone) rmSync(`${host.folder}/netns`, { recursive: true });
      before.routers.start();
      await eventually(() => assert.deepEqual(host.ports(), ports));
      await sleep(LOOKS_MS);
      await before.end();
      const mounts = readFileSync('/proc/self/mounts', 'latin1').split(`${host.folder}/netns/`).length - 1;
      assert.equal(mounts, 1);
      const after = new Daemon(host, path);
      after.routers.reconcile(EXIT);
      assert.deepEqual(host.ports(), ports);
      assert.ok(reaches(ns));
    }
  },
  'ping',
  'nsenter',
);

kernelTest(
  'a router whose namespace cannot be kept is looked at all the same, which is told once, and kept as soon as it can be',
  async t => {
    const host = await Host.create(t);
    const daemon = new Daemon(host);
    const { ns } = await host.attach(daemon, 2);
    const path = `${host.folder}/netns/${EXIT.id}`;
    const said = () => daemon.world.lines.filter(line => line.includes('the next daemon will not find'));
    run('umount', path);
    rmSync(path);
    mkdirSync(path);
    ns.ip('link', 'del', 'wg0');
    daemon.routers.start();
    await daemon.compare(() => [listed(2)]);
    await eventually(() =>
      assert.deepEqual([...daemon.routers.reading(EXIT).lost!.keys()], [endpointOf(2).id]),
    );
    await sleep(LOOKS_MS);
    assert.equal(said().length, 1, said().join('\n'));
    assert.match(said()[0]!, /EISDIR/);
    rmdirSync(path);
    await eventually(() => assert.ok(readFileSync('/proc/self/mounts', 'latin1').includes(path)));
  },
  'ping',
);

kernelTest(
  'of routers that are not on record, one that cannot be taken away keeps no other, which is told once',
  async t => {
    const host = await Host.create(t);
    const daemon = new Daemon(host);
    const pathOf = (letter: string) => `${host.folder}/netns/${letter.repeat(64)}`;
    // In whatever order the folder is read, one of them comes before the router.
    mkdirSync(pathOf('a'), { recursive: true });
    daemon.kept.open('b'.repeat(64)).netns.close();
    mkdirSync(pathOf('c'));
    const said = () => daemon.world.lines.filter(line => line.includes('cannot take away the router'));
    daemon.routers.start();
    await daemon.compare(() => []);
    const names = daemon.kept.names().toSorted();
    // One more look comes after five seconds.
    await sleep(6_000);
    for (const letter of ['a', 'c']) rmdirSync(pathOf(letter));
    assert.deepEqual(names, ['a'.repeat(64), 'c'.repeat(64)]);
    assert.equal(said().length, 2, said().join('\n'));
  },
);

kernelTest(
  "a namespace that was unmounted by hand: the next daemon makes the router anew, and tells which containers' links went with the old one",
  async t => {
    const host = await Host.create(t);
    const path = join(host.folder, 'dwgd.db');
    const before = new Daemon(host, path);
    await host.attach(before, 2);
    run('umount', `${host.folder}/netns/${EXIT.id}`);
    await before.end();
    const after = new Daemon(host, path);
    after.routers.start();
    await after.compare(() => [listed(2)]);
    await eventually(() =>
      assert.deepEqual([...after.routers.reading(EXIT).lost!.keys()], [endpointOf(2).id]),
    );
    assert.deepEqual(after.kept.names(), [EXIT.id]);
  },
  'ping',
);

kernelTest('an exit network whose row cannot be read, or is lost, is removed with its router', async t => {
  for (const damage of ["UPDATE network SET dns = 'x'", 'DELETE FROM network']) {
    const host = await Host.create(t);
    const path = join(host.folder, 'dwgd.db');
    const before = new Daemon(host, path);
    before.store.putExit(EXIT);
    before.routers.reconcile(EXIT);
    await before.end();
    const db = new Database(path);
    db.exec(damage);
    db.close();
    const after = new Daemon(host, path);
    assert.equal(after.store.exit(EXIT.id), undefined);
    const [sandbox, request] = [{ SandboxKey: '/x' }, { NetworkID: EXIT.id, EndpointID: endpointOf(2).id }];
    await assert.rejects(after.all.join({ ...request, ...sandbox }, 0), /is not known to dwgd/);
    await after.all.deleteNetwork(EXIT.id, 1000);
    assert.deepEqual(after.kept.names(), [EXIT.id], "it is root's");
    await after.all.deleteNetwork(EXIT.id, 0);
    assert.deepEqual([after.kept.names(), after.store.ownerOf(EXIT.id)], [[], undefined]);
  }
});

kernelTest(
  'a repeated create that fails leaves the router that there is; a first one leaves none',
  async t => {
    const host = await Host.create(t);
    const file = join(host.folder, 'provider.conf');
    writeFileSync(file, providerText(), { mode: 0o600 });
    const failing = (): never => {
      throw new Error('no tables today');
    };
    const daemon = new Daemon(host, '', failing);
    const network = { ...EXIT, files: [file] };
    await assert.rejects(daemon.routers.make(network), /no tables today/);
    assert.deepEqual(daemon.kept.names(), []);
    assert.ok(daemon.routers.netnsFd(network) > 0);
    await assert.rejects(daemon.routers.make(network), /no tables today/);
    assert.deepEqual(daemon.kept.names(), [EXIT.id]);
  },
);

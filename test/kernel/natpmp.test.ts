// Ports that a provider assigns to an exit network: asked of a real server (Debian's miniupnpd) from the router's namespace, and led to
// a container. Real packets; a veth plays the tunnel.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.js';
import type { TunnelFile } from '../../src/driver/exit/tunnel-file.js';
import { INTERNAL_PORT } from '../../src/driver/natpmp/assigned-port.js';
import { AssignedPorts } from '../../src/driver/natpmp/assigned-ports.js';
import { PortFiles } from '../../src/driver/natpmp/port-files.js';
import { ToldWays } from '../../src/driver/ports/told-ways.js';
import { planRouter } from '../../src/driver/router/desired-router.js';
import type { Endpoint, ExitNetwork } from '../../src/driver/spec/model.js';
import { Store } from '../../src/driver/store/store.js';
import { Nft } from '../../src/nft/client.js';
import { replaceTable } from '../../src/nft/table.js';
import { exitTunnel, tunnelFile } from '../support/exit-world.js';
import { kernelTest, type Namespace } from '../support/namespace.js';
import { ask, askInVain, serveOn } from '../support/peer.js';
import { PortGateway, PUBLIC } from '../support/port-gateway.js';
import { beyond, type Member, ROUTED, RouterWorld } from '../support/router-world.js';
import { hearOn, literal } from '../support/sockets.js';

const ASKING: ExitNetwork = { ...ROUTED, natpmp: 'on' };
const TOOLS = ['nsenter', 'sysctl', 'nft', 'miniupnpd'];
const BOTH = ['tcp', 'udp'] as const;

/** The daemon's part of it, with two containers on record that ask for the port. */
class AskingWorld {
  readonly store = new Store('');
  readonly said: string[] = [];
  readonly ways: ToldWays;
  file: TunnelFile = tunnelFile('far');
  far!: Namespace;
  /** Somebody else, at 198.51.100.9. */
  client!: Namespace;
  #assigned: AssignedPorts;
  readonly #nft = new Nft();

  private constructor(readonly world: RouterWorld) {
    this.store.putExit(ASKING);
    const log = createLog(false, true, line => this.said.push(line));
    this.ways = new ToldWays({ nameOf: id => id, assigned: id => this.#assigned.port(id), log });
    this.#assigned = this.#open();
    for (const [n, { port }] of world.members.entries()) this.put(n, { name: port.name });
  }

  static async create(t: TestContext): Promise<AskingWorld> {
    const world = await RouterWorld.create(t, 2);
    const asking = new AskingWorld(world);
    const { far, other } = await beyond(world, ASKING);
    Object.assign(asking, { far, client: other });
    t.after(() => {
      asking.assigned.close();
      asking.store.close();
      asking.#nft.close();
    });
    return asking;
  }

  #open(): AssignedPorts {
    return new AssignedPorts({
      store: this.store,
      fileOf: () => this.file,
      router: () => this.world.router,
      names: async () => new Map([[ASKING.id, 'mullvad']]),
      changed: () => this.reconcile(),
      files: new PortFiles(join(this.world.folder, 'ports')),
      log: createLog(false, true, line => this.said.push(line)),
    });
  }

  get assigned(): AssignedPorts {
    return this.#assigned;
  }

  /** Another daemon takes over. */
  async restart(): Promise<void> {
    this.#assigned.close();
    this.#assigned = this.#open();
    await this.#assigned.start();
    this.reconcile();
  }

  member(n: number): Member {
    return this.world.members[n]!;
  }

  put(n: number, { name = this.member(n).port.name, ...more }: Partial<Endpoint> & { name?: string }): void {
    const { ipv4, ipv6 } = this.member(n).port;
    const addresses = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
    this.store.putEndpoint({
      ...{ id: name, networkId: ASKING.id, ifname: name, state: 'joined', forward: 'auto' },
      ...addresses,
      ...more,
    });
  }

  reconcile(): void {
    const ways = this.ways.plan(ASKING, this.store.networkEndpoints(ASKING.id));
    const ports = this.world.members.map(({ port }) => port);
    const { tables } = planRouter(ASKING, exitTunnel(this.file), ports, ways);
    // No more than that: the link that plays the tunnel is none of WireGuard's, and would be taken away.
    const nftables = tables.flatMap(table => replaceTable(table).nftables);
    this.world.within(() => this.#nft.apply({ nftables }, 'the tables of a router'));
  }

  get told(): string | undefined {
    const path = join(this.world.folder, 'ports', 'mullvad');
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  async until(isSo: () => boolean, ms = 20_000): Promise<void> {
    for (const end = Date.now() + ms; !isSo(); await sleep(50))
      assert.ok(Date.now() < end, `${this.told}\n${this.said.join('\n')}`);
  }
}

async function startGateway(t: TestContext, ns: Namespace): Promise<PortGateway> {
  const gateway = await PortGateway.start(ns);
  t.after(() => gateway.close());
  return gateway;
}

/** Asks a gateway from its own namespace for a port, as another client of its would. */
async function takePort(ns: Namespace, protocol: (typeof BOTH)[number], port: number): Promise<void> {
  const socket = createSocket({ type: 'udp4', lookup: literal });
  ns.within(() => void socket.bind({ port: 0, address: '10.64.0.1' }));
  const request = Buffer.alloc(12);
  request.writeUInt8(protocol === 'udp' ? 1 : 2, 1);
  request.writeUInt16BE(port, 4);
  request.writeUInt16BE(port, 6);
  request.writeUInt32BE(600, 8);
  await new Promise(resolve => {
    socket.once('message', resolve);
    socket.send(request, 5351, '10.64.0.1');
  });
  socket.close();
}

kernelTest(
  "the port that a real server assigns leads to the first container that asks for it, with the client's own address",
  async t => {
    const asking = await AskingWorld.create(t);
    const { far, client, ways, store, said } = asking;
    const gateway = await startGateway(t, far);
    // Then the port is not the one at the tunnel's own address.
    for (const protocol of BOTH) await takePort(far, protocol, INTERNAL_PORT);
    await asking.assigned.start();
    await asking.until(() => asking.told !== undefined);
    const port = Number(asking.told);
    assert.equal(asking.told, `${port}\n`);
    assert.notEqual(port, INTERNAL_PORT);
    assert.equal(asking.assigned.port(ASKING.id), port);
    assert.ok(
      said.some(line => line.includes('the provider has assigned a port') && line.includes(`port=${port}`)),
    );
    for (const n of [0, 1]) await serveOn(t, asking.member(n).ns, [port, port + 1]);
    for (const how of BOTH) {
      assert.equal(await ask(client, `${PUBLIC}:${port}`, how), `${port} 198.51.100.9`);
      assert.equal(await askInVain(client, `${PUBLIC}:${port + 1}`, how), 'ECONNREFUSED');
    }
    const [first, second] = store.networkEndpoints(ASKING.id) as [Endpoint, Endpoint];
    const problem = `auto is not forwarded: ${first.id} has the port that the provider assigns already`;
    assert.equal(ways.problem(second), problem);
    assert.equal(ways.taker(ASKING.id), first.id);
    // A container is no router of the provider's: it ends nothing, and asks for nothing.
    assert.equal(await askInVain(asking.member(1).ns, '10.64.0.1:5351', 'udp'), 'ECONNREFUSED');
    // The next one gets it when the first has gone.
    asking.put(0, { state: 'left' });
    asking.reconcile();
    assert.equal(ways.problem(second), undefined);
    for (const how of BOTH) assert.equal(await ask(client, `${PUBLIC}:${port}`, how), `${port} 198.51.100.9`);
    assert.match(gateway.rules, new RegExp(`dport ${port} `));
    await asking.assigned.release(ASKING.id);
    assert.doesNotMatch(gateway.rules, new RegExp(`dport ${port} `));
    assert.equal(asking.told, undefined);
  },
  ...TOOLS,
);

kernelTest(
  'it is asked for again in time, and anew where the server has forgotten it, which its clock says',
  async t => {
    const asking = await AskingWorld.create(t);
    const gateway = await startGateway(t, asking.far);
    await asking.assigned.start();
    await asking.until(() => asking.told !== undefined);
    const port = asking.told!;
    // Half of what has passed by the time that it is asked again: its clock is well behind.
    await sleep(15_000);
    await gateway.stop();
    await gateway.serve();
    assert.doesNotMatch(gateway.rules, /dport/);
    await asking.until(
      () => asking.said.some(line => line.includes('the gateway has lost what it had assigned')),
      60_000,
    );
    await asking.until(() => gateway.rules.split(`dport ${port.trim()} `).length > 2);
    assert.equal(asking.told, port);
    assert.ok(!asking.said.some(line => line.includes('not in force any more')));
  },
  ...TOOLS,
);

kernelTest(
  'another daemon goes on with the port; another tunnel has it asked for anew; that nobody listens is told',
  async t => {
    const asking = await AskingWorld.create(t);
    const gateway = await startGateway(t, asking.far);
    await asking.assigned.start();
    await asking.until(() => asking.told !== undefined);
    const port = asking.told!;
    await serveOn(t, asking.member(0).ns, [Number(port)]);
    await asking.restart();
    // Before anything is answered.
    assert.equal(`${asking.assigned.port(ASKING.id)}\n`, port);
    assert.equal(await ask(asking.client, `${PUBLIC}:${port.trim()}`), `${port.trim()} 198.51.100.9`);
    // The same tunnel, read again.
    const before = asking.said.length;
    asking.file = tunnelFile('far');
    await asking.until(() => asking.said.slice(before).some(line => line.includes('asking the provider')));
    assert.equal(asking.told, port);
    asking.file = tunnelFile('second');
    await asking.until(() => asking.said.some(line => line.includes('not in force any more')));
    await asking.until(() => asking.told === port);
    await gateway.stop();
    asking.file = tunnelFile('third');
    await asking.until(() => asking.told === undefined);
    await asking.until(
      () => asking.assigned.reading(ASKING)?.problem?.includes('the port is refused') ?? false,
    );
  },
  ...TOOLS,
);

kernelTest(
  'what does not come from the gateway and its port is not heard, nor what is no answer; a refusal is told; nothing is asked from the host',
  async t => {
    const asking = await AskingWorld.create(t);
    const sockets = (text: string): string[] => text.split('\n').filter(line => line.includes(':14E7 '));
    let [from, isRefusing] = [0, false];
    const rival = createSocket({ type: 'udp4', lookup: literal });
    asking.far.within(() => void rival.bind({ port: 0, address: '10.64.0.1' }));
    t.after(() => rival.close());
    const answer = (opcode: number, external: number, internal = INTERNAL_PORT): Buffer => {
      const bytes = Buffer.alloc(16);
      bytes.writeUInt8(128 + opcode, 1);
      bytes.writeUInt32BE(5, 4);
      bytes.writeUInt16BE(internal, 8);
      bytes.writeUInt16BE(external, 10);
      bytes.writeUInt32BE(60, 12);
      return bytes;
    };
    const server = hearOn(asking.far, 5351, '10.64.0.1', (request, { port, address }) => {
      from = sockets(asking.world.inside('cat', '/proc/net/udp')).length;
      const opcode = request.readUInt8(1);
      rival.send(answer(opcode, 1111), port, address);
      if (isRefusing) return server.send(Buffer.from([0, 128 + opcode, 0, 2, 0, 0, 0, 6]), port, address);
      const wrong = [answer(opcode ^ 3, 1112), answer(opcode, 1113, 9), answer(opcode, 1114).subarray(0, 15)];
      for (const bytes of [...wrong, answer(opcode, 2222)]) server.send(bytes, port, address);
    });
    t.after(() => server.close());
    await asking.assigned.start();
    await asking.until(() => asking.told !== undefined);
    assert.equal(asking.told, '2222\n');
    assert.equal(from, 1);
    assert.deepEqual(sockets(readFileSync('/proc/net/udp', 'utf8')), []);
    isRefusing = true;
    asking.file = tunnelFile('second');
    await asking.until(
      () => asking.assigned.reading(ASKING)?.problem === 'the gateway 10.64.0.1: it refuses',
    );
    assert.equal(asking.told, undefined);
    assert.ok(
      asking.said.some(line => line.includes('no port is assigned by the gateway 10.64.0.1: it refuses')),
    );
  },
  ...TOOLS,
);

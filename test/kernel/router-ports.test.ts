// What reaches the containers of an exit network from outside: ports at the tunnel's address, by rules of the router, and ports
// of the host, by sockets of the daemon. Real packets; a veth plays the tunnel.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyedQueue } from '../../src/base/keyed-queue.js';
import { createLog } from '../../src/base/log.js';
import { PublishedPorts } from '../../src/driver/ports/published-ports.js';
import { Sessions } from '../../src/driver/ports/sessions.js';
import { listenUdp } from '../../src/driver/ports/udp-relay.js';
import { planRouter } from '../../src/driver/router/desired-router.js';
import { planWaysIn } from '../../src/driver/router/ways-in.js';
import type { Endpoint } from '../../src/driver/spec/model.js';
import type { PortRequest } from '../../src/driver/spec/port-map.js';
import { Store } from '../../src/driver/store/store.js';
import { exitTunnel, tunnelFile } from '../support/exit-world.js';
import { kernelTest } from '../support/namespace.js';
import { ask, askInVain, serveOn } from '../support/peer.js';
import { beyond, type Member, ROUTED, RouterWorld } from '../support/router-world.js';
import { askEvery, hearOn, type Protocol, question } from '../support/sockets.js';

/** On record as the endpoint of a container. */
function endpointOf({ port: { name, ipv4, ipv6 } }: Member, more: Partial<Endpoint> = {}): Endpoint {
  const addresses = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  return { id: name, networkId: ROUTED.id, ifname: name, state: 'joined', ...addresses, ...more };
}

const BOTH: readonly Protocol[] = ['tcp', 'udp'];

kernelTest(
  "forwarded ports are reached at the tunnel's address with the client's own, and no other port is",
  async t => {
    const world = await RouterWorld.create(t, 2);
    const [a, b] = world.members as [Member, Member];
    world.ways = planWaysIn([
      endpointOf(a, { forward: '8080, 5000-5001, 7000-7001:6000, 9000:5100/tcp' }),
      endpointOf(b, { forward: '8080, 8081:8080' }),
    ]);
    const { far, other: client } = await beyond(world, ROUTED);
    await serveOn(t, a.ns, [8080, 5000, 5001, 6000, 6001, 5100]);
    await serveOn(t, b.ns, [8080]);
    for (const [to, from, own, other] of [
      ['10.64.0.2', '198.51.100.9', '10.66.0.1', b.ns],
      ['[fd64::2]', '2001:db8:f00d::9', 'fd66::1', b.ns],
    ] as const) {
      for (const how of BOTH) {
        for (const [port, reached] of [
          [8080, 8080],
          [5000, 5000],
          [5001, 5001],
          [7000, 6000],
          [7001, 6001],
          [8081, 8080],
        ])
          assert.equal(await ask(client, `${to}:${port}`, how), `${reached} ${from}`, `${how} ${to} ${port}`);
        // From another container, and from the one itself.
        for (const ns of [other, a.ns])
          assert.equal(await ask(ns, `${to}:8080`, how), `8080 ${own}`, `${how} ${to} from within`);
      }
      assert.equal(await ask(client, `${to}:9000`), `5100 ${from}`);
      for (const [port, how] of [
        [9000, 'udp'],
        [5100, 'tcp'],
        [5002, 'tcp'],
      ] as const)
        assert.equal(await askInVain(client, `${to}:${port}`, how), 'nothing', `${how} ${port}`);
    }
    // Nor is the container itself reached past that, by an address that leads there.
    far.ip('route', 'add', '10.66.0.0/24', 'via', '10.64.0.2');
    assert.equal(await askInVain(client, '10.66.0.2:8080'), 'nothing');
  },
  'nsenter',
  'sysctl',
);

kernelTest(
  'a flow of UDP ends with its forward, although somebody goes on to send; one whose forward is left goes on',
  async t => {
    const world = await RouterWorld.create(t, 2);
    const [a, b] = world.members as [Member, Member];
    const ways = (forward: string) => planWaysIn([endpointOf(a, { forward }), endpointOf(b)]);
    world.ways = ways('5000/udp, 5001:6001/udp');
    await beyond(world, ROUTED);
    const heard: number[] = [];
    for (const port of [5000, 6001]) {
      const server = hearOn(a.ns, port, '10.66.0.2', () => heard.push(port));
      t.after(() => server.close());
    }
    const senders = [5000, 5001].map(port => askEvery(b.ns, '10.64.0.2', port, 20, () => {}));
    t.after(() => {
      for (const sender of senders) sender.close();
    });
    const hear = async (...ports: number[]): Promise<void> => {
      heard.length = 0;
      for (const end = Date.now() + 10_000; ports.some(port => !heard.includes(port)); await sleep(20))
        assert.ok(Date.now() < end, `${heard}`);
    };
    await hear(5000, 6001);
    world.ways = ways('5001:6001/udp');
    const file = exitTunnel(tunnelFile('far'));
    const { tunnel: _tunnel, ...desired } = planRouter(ROUTED, file, [a.port, b.port], world.ways);
    world.router.reconcile(desired);
    // What had come before is read first.
    await sleep(200);
    await hear(6001);
    await sleep(200);
    assert.deepEqual([...new Set(heard)], [6001]);
  },
  'nsenter',
  'sysctl',
);

/** The daemon's part, with containers on record. */
async function relayed(t: TestContext, count: number) {
  const world = await RouterWorld.create(t, count);
  const store = new Store('');
  store.putExit(ROUTED);
  const said: string[] = [];
  const log = createLog(false, true, line => said.push(line));
  const open = (): PublishedPorts =>
    new PublishedPorts({ store, router: () => world.router, queue: new KeyedQueue(), log });
  const parts = { published: open() };
  const reconcile = (): void => {
    world.ways = planWaysIn(store.networkEndpoints(ROUTED.id));
    world.router.reconcile(world.desired);
  };
  const publish = async (member: Member, requests: readonly PortRequest[]): Promise<number[]> => {
    const endpoint = endpointOf(member);
    store.putEndpoint(endpoint);
    await parts.published.publish(endpoint, requests, published =>
      store.putEndpoint({ ...endpoint, published }),
    );
    reconcile();
    return store.endpoint(endpoint.id)!.published!.map(({ port }) => port);
  };
  t.after(() => {
    parts.published.close();
    store.close();
  });
  return { world, store, parts, open, publish, reconcile, said, members: world.members };
}

/** Somewhere: the thread's own namespace. */
const HERE = { within: <T>(fn: () => T): T => fn() } as Parameters<typeof question>[0];
const asked = (port: number, protocol: Protocol = 'tcp', host = '127.0.0.1'): Promise<string> =>
  question(HERE, { host, port, protocol, ms: 30_000 });
const anyPort = (protocol: Protocol, containerPort: number): PortRequest => ({
  ...{ protocol, containerPort, first: 0, last: 0 },
});

kernelTest(
  'a published port is reached over both protocols and families; nothing else of the container is, and it reaches nothing',
  async t => {
    const { world, publish, members } = await relayed(t, 1);
    const { ns } = members[0]!;
    await serveOn(t, ns, [80, 81]);
    const ports = await publish(members[0]!, [anyPort('tcp', 80), anyPort('udp', 80)]);
    for (const [n, how] of BOTH.entries()) {
      assert.equal(await asked(ports[n]!, how), '80 10.66.0.1');
      assert.equal(await asked(ports[n]!, how, '::1'), '80 fd66::1');
    }
    const inside = { within: world.within.bind(world) } as Parameters<typeof question>[0];
    const past = await question(inside, { host: '10.66.0.2', port: 81, protocol: 'tcp', ms: 700 });
    assert.match(past, /EPERM|nothing/);
    await serveOn(t, world as never, [80]);
    for (const how of BOTH) assert.equal(await askInVain(ns, '10.66.0.1:80', how), 'nothing');
  },
  'nsenter',
);

kernelTest('of a range the next port that is free is taken, and where none is, all are let go', async t => {
  const { publish, parts, store, members } = await relayed(t, 2);
  const [a, b] = members as [Member, Member];
  await serveOn(t, a.ns, [80]);
  const [free = 0] = await publish(a, [anyPort('tcp', 80)]);
  const range = { protocol: 'tcp', containerPort: 80, first: free, last: free + 1 } as const;
  assert.deepEqual(await publish(b, [range]), [free + 1]);
  // An address of which the port is held for all counts, too; and what was opened before is open no more.
  const [before = 0] = await publish(a, [
    anyPort('udp', 80),
    { ...anyPort('tcp', 80), first: free, last: free },
  ]);
  const endpoint = endpointOf(b, { published: [] });
  await assert.rejects(
    parts.published.publish(
      endpoint,
      [
        { ...anyPort('udp', 80), first: before + 1, last: before + 1 },
        { ...range, last: free },
      ],
      () => assert.fail('recorded'),
    ),
    { name: 'UserError', message: `Bind for 0.0.0.0:${free} failed: port is already allocated` },
  );
  store.putEndpoint(endpoint);
  assert.deepEqual(await publish(b, [{ ...anyPort('udp', 80), first: before + 1, last: before + 1 }]), [
    before + 1,
  ]);
  const elsewhere = { ...range, address: { family: 4, bytes: Buffer.from([192, 0, 2, 77]) } } as const;
  await assert.rejects(
    parts.published.publish(endpoint, [elsewhere], () => undefined),
    {
      message: `listen tcp 192.0.2.77:${free}-${free + 1} failed: the host does not have that address`,
    },
  );
});

/** A server of TCP in a container. */
async function serveTcp(t: TestContext, { ns }: Member, serve: (socket: Socket) => void): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, socket => serve(socket.on('error', () => {})));
  ns.within(() => void server.listen(80));
  if (!server.listening) await once(server, 'listening');
  t.after(() => server.close());
}

kernelTest('the end of one direction is the end of that one alone; what breaks off breaks off', async t => {
  const { publish, members } = await relayed(t, 1);
  const ends: string[] = [];
  await serveTcp(t, members[0]!, socket => {
    let heard = '';
    socket.on('data', data => {
      heard += data;
      if (heard === 'break') socket.resetAndDestroy();
    });
    socket.on('end', () => setTimeout(() => socket.end(`heard ${heard}`), 50));
    socket.on('close', () => ends.push(heard));
  });
  const [port = 0] = await publish(members[0]!, [anyPort('tcp', 80)]);
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.end('all of it');
  let answer = '';
  client.on('data', data => (answer += data));
  await once(client, 'end');
  assert.equal(answer, 'heard all of it');
  const broken = connect({ port, host: '127.0.0.1' });
  broken.write('break');
  const [err] = (await once(broken, 'error')) as [NodeJS.ErrnoException];
  assert.equal(err.code, 'ECONNRESET');
  const leaving = connect({ port, host: '127.0.0.1' });
  leaving.write('leaving');
  await sleep(100);
  leaving.resetAndDestroy();
  for (const end = Date.now() + 10_000; !ends.includes('leaving'); await sleep(20))
    assert.ok(Date.now() < end, 'the container was not told');
});

kernelTest('a client that reads slowly is sent slowly, and gets all of it', async t => {
  const { publish, members } = await relayed(t, 1);
  const [SIZE, CHUNK] = [96 << 20, Buffer.alloc(1 << 20)];
  let sent = 0;
  await serveTcp(t, members[0]!, socket => {
    const more = (): void => {
      while (sent < SIZE) {
        sent += CHUNK.length;
        if (!socket.write(CHUNK)) return void socket.once('drain', more);
      }
      socket.end();
    };
    more();
  });
  const [port = 0] = await publish(members[0]!, [anyPort('tcp', 80)]);
  const client = connect({ port, host: '127.0.0.1' });
  client.pause();
  await once(client, 'connect');
  await sleep(1_500);
  assert.ok(sent < SIZE / 2, `${sent} bytes are on their way`);
  let got = 0;
  client.on('data', data => (got += data.length)).resume();
  await once(client, 'end');
  assert.equal(got, SIZE);
});

kernelTest('a client of UDP keeps its socket as long as something passes, and no longer', async t => {
  const { world, publish, members, parts } = await relayed(t, 1);
  const { ns } = members[0]!;
  const server = hearOn(ns, 53, '0.0.0.0', (_data, from) =>
    server.send(`${from.port}`, from.port, from.address),
  );
  t.after(() => server.close());
  const [port = 0] = await publish(members[0]!, [{ ...anyPort('udp', 53) }]);
  parts.published.withdraw(members[0]!.port.name);
  const inward = {
    addresses: [members[0]!.port.ipv4!],
    port: 53,
    within: world.router.within.bind(world.router),
  };
  const relay = await listenUdp({ address: '127.0.0.1', port }, inward, new Sessions(), 600);
  t.after(() => relay.close());
  const client = createSocket('udp4');
  t.after(() => client.close());
  const say = async (): Promise<string> => {
    client.send('?', port, '127.0.0.1');
    const [data] = (await once(client, 'message')) as [Buffer];
    return `${data}`;
  };
  const first = await say();
  for (let n = 0; n < 4; n++) {
    await sleep(250);
    assert.equal(await say(), first);
  }
  await sleep(1_500);
  assert.notEqual(await say(), first);
});

kernelTest(
  'another daemon opens what is on record, and a container that has gone leaves nothing',
  async t => {
    const { store, parts, open, publish, members } = await relayed(t, 1);
    const [member] = members as [Member];
    await serveTcp(t, member, socket => void socket.write('here'));
    const [port = 0] = await publish(member, [anyPort('tcp', 80)]);
    parts.published.close();
    assert.equal(await asked(port), 'ECONNREFUSED');
    parts.published = open();
    parts.published.start();
    for (const end = Date.now() + 10_000; (await asked(port)) !== 'here'; await sleep(50))
      assert.ok(Date.now() < end, 'it is not opened again');
    const client = connect({ port, host: '127.0.0.1' });
    client.on('error', () => {}).resume();
    store.putEndpoint({ ...store.endpoint(member.port.name)!, state: 'deleting' });
    await new Promise(resolve => client.once('close', resolve));
    assert.equal(await asked(port), 'ECONNREFUSED');
  },
);

kernelTest(
  'a port that somebody else has taken while the daemon was away is told, and opened once it is free',
  async t => {
    const { store, parts, open, publish, said, members } = await relayed(t, 1);
    const [member] = members as [Member];
    await serveOn(t, member.ns, [80]);
    const [kept = 0, port = 0] = await publish(member, [anyPort('tcp', 80), anyPort('tcp', 80)]);
    parts.published.close();
    const rival = createServer().listen({ port, host: '0.0.0.0' });
    await once(rival, 'listening');
    parts.published = open();
    parts.published.start();
    const id = member.port.name;
    const problem = `published ports are closed: Bind for 0.0.0.0:${port} failed: port is already allocated`;
    for (const end = Date.now() + 10_000; parts.published.problem(id) !== problem; await sleep(50))
      assert.ok(Date.now() < end, `${parts.published.problem(id)}`);
    // The other port is open throughout.
    const client = connect({ port: kept, host: '127.0.0.1' });
    await once(client, 'connect');
    let isBroken = false;
    client.on('error', () => {}).once('close', () => (isBroken = true));
    await sleep(2_500);
    assert.equal(parts.published.problem(id), problem);
    assert.equal(isBroken, false);
    client.destroy();
    rival.close();
    for (const end = Date.now() + 10_000; (await asked(port)) !== '80 10.66.0.1'; await sleep(50))
      assert.ok(Date.now() < end, 'it is not opened');
    assert.equal(parts.published.problem(id), undefined);
    assert.equal(said.filter(line => line.includes(problem)).length, 1);
    assert.ok(store.endpoint(id)?.published);
  },
);

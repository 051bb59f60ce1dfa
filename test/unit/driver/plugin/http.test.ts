// Docker's calls over a real unix socket, down to a kernel that is not there: what is answered to every method,
// to bad requests, and to the mistakes that users make.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UnixServer } from '../../../../src/control/unix-server.js';
import { createPlugin } from '../../../../src/driver/plugin/http.js';
import { PLUGIN_LIMITS } from '../../../../src/driver/plugin/socket.js';
import { HOST_KEY, SEED, World } from '../../../support/driver-world.js';

const folder = mkdtempSync(join(tmpdir(), 'dwgd-plugin-'));
const path = join(folder, 'dwgd.sock');
const world = new World();
world.kernel.addLink({ name: 'eth0', mtu: 1500, group: 0, up: true });
world.kernel.addDevice('nokey', {});
world.kernel.addDevice('noport', { privateKey: HOST_KEY });
let cutShort = 0;
const plugin = createPlugin(world.driver, 0, world.log, { cutShort: () => void cutShort++ });
const server = new UnixServer(plugin, process.getuid!(), PLUGIN_LIMITS);
await server.listen(path);
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** As Docker sends it: no Content-Type, no length of what is empty. */
function send(method: string, route: string, body?: string | Buffer, headers = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath: path, method, path: route, headers }, response => {
      const chunks: Buffer[] = [];
      response.on('data', chunk => chunks.push(chunk as Buffer));
      response.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
        resolve({ status: response.statusCode!, body });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

const call = (name: string, body: unknown): Promise<Answer> =>
  send('POST', `/NetworkDriver.${name}`, JSON.stringify(body));

const ids = { NetworkID: 'n1', EndpointID: 'e1' };
const POOL = [{ Pool: '10.0.0.0/24', Gateway: '10.0.0.1/24' }];
const generic = (options: Record<string, string>) => ({ 'com.docker.network.generic': options });
const create = (options: Record<string, string>, more: object = {}) =>
  call('CreateNetwork', {
    NetworkID: 'n1',
    Options: generic(options),
    IPv4Data: POOL,
    IPv6Data: [],
    ...more,
  });
const ifname = { 'dwgd.ifname': 'wg0', 'dwgd.seed': SEED };
const peer = { 'dwgd.pubkey': Buffer.alloc(32, 1).toString('base64'), 'dwgd.seed': SEED };

const OK: Answer = { status: 200, body: {} };
const refused = (Err: string, status = 400): Answer => ({ status, body: { Err } });

test('a container comes and goes, and every call may come twice', async () => {
  const endpoint = {
    ...ids,
    Interface: { Address: '10.0.0.2/24', AddressIPv6: '', MacAddress: '' },
    Options: {},
  };
  const joined = {
    InterfaceName: { SrcName: 'wg-e1', DstPrefix: 'wg' },
    StaticRoutes: [],
    DisableGatewayService: true,
  };
  for (const [name, body, answer] of [
    ['CreateNetwork', { NetworkID: 'n1', Options: generic(ifname), IPv4Data: POOL }, {}],
    ['CreateEndpoint', endpoint, { Interface: {} }],
    ['Join', { ...ids, SandboxKey: '/run/docker/netns/1', Options: {} }, joined],
    ['ProgramExternalConnectivity', ids, {}],
    ['EndpointOperInfo', ids, { Value: {} }],
    ['RevokeExternalConnectivity', ids, {}],
    ['Leave', ids, {}],
    ['DeleteEndpoint', ids, {}],
    ['DeleteNetwork', { NetworkID: 'n1' }, {}],
  ] as const) {
    assert.deepEqual(await call(name, body), { status: 200, body: answer }, name);
    assert.deepEqual(await call(name, body), { status: 200, body: answer }, `${name} again`);
  }
  assert.deepEqual([...world.kernel.links.keys()], ['wg0', 'eth0', 'nokey', 'noport']);
});

for (const [route, body] of [
  ['/Plugin.Activate', { Implements: ['NetworkDriver'] }],
  ['/NetworkDriver.GetCapabilities', { Scope: 'local', ConnectivityScope: 'local' }],
] as const) {
  test(`${route} is answered with or without a body`, async () => {
    assert.deepEqual(await send('POST', route), { status: 200, body });
    assert.deepEqual(await send('POST', route, 'null'), { status: 200, body });
    assert.deepEqual(await send('POST', route, '{}'), { status: 200, body });
  });
}

for (const name of [
  'FreeNetwork',
  'DiscoverNew',
  'DiscoverDelete',
  'Leave',
  'DeleteEndpoint',
  'DeleteNetwork',
]) {
  test(`${name} of what nobody knows succeeds`, async () => {
    assert.deepEqual(await call(name, { NetworkID: 'nobody', EndpointID: 'nobody' }), OK);
  });
}

test('AllocateNetwork answers options', async () => {
  assert.deepEqual(await call('AllocateNetwork', { NetworkID: 'n' }), { status: 200, body: { Options: {} } });
});

const START_AGAIN =
  /: start the container again \(docker start\), or connect it again \(docker network connect\)$/;
const REMEDIES: Readonly<Record<string, RegExp>> = {
  CreateNetwork: /: create the network again$/,
  CreateEndpoint: START_AGAIN,
  EndpointOperInfo: START_AGAIN,
  Join: START_AGAIN,
  ProgramExternalConnectivity: START_AGAIN,
};
const METHODS = ['CreateNetwork', 'DeleteNetwork', 'CreateEndpoint', 'DeleteEndpoint', 'Join', 'Leave'];
for (const name of [
  ...METHODS,
  'EndpointOperInfo',
  'ProgramExternalConnectivity',
  'DiscoverNew',
  'AllocateNetwork',
]) {
  test(`${name} refuses an empty body, with which Docker repeats a call after a broken connection`, async () => {
    const before = cutShort;
    const { status, body } = await send('POST', `/NetworkDriver.${name}`);
    assert.equal(status, 400);
    assert.match(
      String(body.Err),
      /^the request has no body: dwgd was ended or restarted during this call, /,
    );
    assert.match(String(body.Err), REMEDIES[name] ?? /: dwgd takes away what is left, within seconds$/);
    assert.equal(cutShort, before + 1);
    assert.deepEqual(await send('POST', `/NetworkDriver.${name}`, '{'), refused('the request is not JSON'));
  });
}

for (const name of METHODS) {
  test(`${name} refuses what is not an object`, async () => {
    for (const body of [[], 'text', 7, null]) {
      assert.deepEqual(await call(name, body), refused('the request is not a JSON object'));
    }
  });
}

test('a body of 10 MiB is refused, announced or not', async () => {
  const body = Buffer.alloc(10 * 1024 * 1024, 0x20);
  const answer = refused('the request is larger than 1024 KiB', 413);
  assert.deepEqual(await send('POST', '/NetworkDriver.Join', body), answer);
  assert.deepEqual(
    await send('POST', '/NetworkDriver.Join', body, { 'Transfer-Encoding': 'chunked' }),
    answer,
  );
});

test('an encoding that we do not read is refused', async () => {
  const { status, body } = await send('POST', '/NetworkDriver.Join', 'x', { 'Content-Encoding': 'zstd' });
  assert.deepEqual([status, body], [415, { Err: 'the request cannot be read' }]);
});

test('the Content-Type is not looked at', async () => {
  const body = JSON.stringify({ NetworkID: 'nobody' });
  for (const type of ['text/plain', 'application/json', 'application/octet-stream', 'nonsense']) {
    assert.deepEqual(await send('POST', '/NetworkDriver.DeleteNetwork', body, { 'Content-Type': type }), OK);
  }
});

for (const [method, route] of [
  ['POST', '/NetworkDriver.Nonsense'],
  ['POST', '/VolumeDriver.Create'],
  ['POST', '/'],
  ['GET', '/Plugin.Activate'],
  ['PUT', '/NetworkDriver.Join'],
] as const) {
  test(`${method} ${route} is not found`, async () => {
    assert.deepEqual(
      await send(method, route, method === 'GET' ? '' : '{}'),
      refused(`unknown method ${method} ${route}`, 404),
    );
  });
}

/** Of root, and readable by everybody. */
const seedFile = '/etc/passwd';

for (const [name, options, message] of [
  [
    'a missing interface',
    { ...ifname, 'dwgd.ifname': 'wg9' },
    'there is no interface wg9 on this host (dwgd.ifname): bring it up first, such as by "wg-quick up wg9"',
  ],
  [
    'an interface that is no WireGuard one',
    { ...ifname, 'dwgd.ifname': 'eth0' },
    'eth0 is not a WireGuard interface (dwgd.ifname): give the name of one',
  ],
  ['an unknown option', { ...ifname, 'dwgd.sed': 'x' }, 'unknown option dwgd.sed: did you mean dwgd.seed?'],
  [
    'a bad route',
    { ...ifname, 'dwgd.route': 'all' },
    'dwgd.route=all is not valid: give networks such as 10.1.0.0/16 or fd00::/8, separated by commas',
  ],
  [
    'a seed file that others can read',
    { 'dwgd.ifname': 'wg0', 'dwgd.seedfile': seedFile },
    `dwgd.seedfile=${seedFile} can be read by others: make it its owner's alone (chmod 600 ${seedFile})`,
  ],
] as const) {
  test(`a network is refused for ${name}`, async () => {
    assert.deepEqual(await create(options), refused(message));
    assert.deepEqual(world.store.networks(), []);
  });
}

for (const [name, options] of [
  ['the name of an option', { ...ifname, [`dwgd.${' '.repeat(60_000)}x`]: '' }],
  ['the name of an option of which none is seen', { ...ifname, [`dwgd.${'\u202e'.repeat(60_000)}`]: '' }],
  ['an interface', { ...ifname, 'dwgd.ifname': '\n'.repeat(60_000) }],
  ['a route', { ...ifname, 'dwgd.route': `${':'.repeat(60_000)}x` }],
  ['a path', { 'dwgd.ifname': 'wg0', 'dwgd.seedfile': `/${' '.repeat(60_000)}` }],
  ['an endpoint', { ...peer, 'dwgd.endpoint': '\u2028'.repeat(60_000) }],
  ['what is not a string', { [' \n'.repeat(30_000)]: 1 } as unknown as Record<string, string>],
] as const) {
  test(`${name} of 60,000 characters is answered, and logged, in a line of its first`, async () => {
    const { length } = world.lines;
    const { status, body } = await create(options);
    assert.equal(status, 400);
    for (const text of [String(body.Err), ...world.lines.slice(length)]) {
      assert.ok(text.length <= 1100, `${text.length} characters`);
      assert.match(text, /^[^\n\p{Cf}\u2028]*\n?$/u);
    }
  });
}

for (const [name, call, body] of [
  ['a subnet', 'CreateNetwork', { Options: generic(ifname), IPv4Data: [{ Pool: '9'.repeat(60_000) }] }],
  ['a MAC address', 'CreateEndpoint', { EndpointID: 'e1', Interface: { MacAddress: '9'.repeat(60_000) } }],
  ['an address', 'CreateEndpoint', { EndpointID: 'e1', Interface: { Address: '9'.repeat(60_000) } }],
  ['a sandbox', 'Join', { EndpointID: 'e1', SandboxKey: '/'.repeat(60_000) }],
] as const) {
  test(`${name} of 60,000 characters is refused before anybody reads it`, async () => {
    const answer = await send('POST', `/NetworkDriver.${call}`, JSON.stringify({ NetworkID: 'n1', ...body }));
    assert.match(String(answer.body.Err), /^\w+ is longer than \d+ characters$/);
  });
}

test('a network without any option is refused', async () => {
  const message =
    'none of dwgd.conf, dwgd.ifname and dwgd.pubkey is given: give -o dwgd.conf=<file of wg-quick(8)>, -o dwgd.ifname=<WireGuard interface of this host>, or -o dwgd.pubkey=<key of the peer> with -o dwgd.endpoint=<host:port>';
  for (const Options of [undefined, null, {}, { 'com.docker.network.enable_ipv6': false }]) {
    assert.deepEqual(
      await call('CreateNetwork', { NetworkID: 'n1', Options, IPv4Data: POOL }),
      refused(message),
    );
  }
});

test('a network is refused for a bad subnet', async () => {
  assert.deepEqual(
    await create(ifname, { IPv4Data: [{ Pool: '10.0.0.0/99' }] }),
    refused('the subnet "10.0.0.0/99" is not an IPv4 network'),
  );
});

for (const [name, options, Interface, message] of [
  [
    'an IP outside the pool',
    ifname,
    { Address: '10.9.0.2/24' },
    "the address 10.9.0.2 is not in the network's subnet 10.0.0.0/24",
  ],
  [
    'a requested MAC address',
    ifname,
    { Address: '10.0.0.2/24', MacAddress: '02:42:0a:00:00:02' },
    'a WireGuard interface has no MAC address: leave out --mac-address (02:42:0a:00:00:02)',
  ],
  ['no Interface at all', ifname, undefined, 'the endpoint has no address: the network needs a --subnet'],
] as const) {
  test(`an endpoint is refused for ${name}`, async () => {
    assert.deepEqual(await create(options), OK);
    assert.deepEqual(await call('CreateEndpoint', { ...ids, Interface }), refused(message));
    assert.deepEqual(world.store.endpoints(), []);
    await call('DeleteNetwork', ids);
  });
}

for (const [name, options, message] of [
  [
    'a name that does not resolve',
    { ...peer, 'dwgd.endpoint': 'nowhere.invalid:51820' },
    /^the name nowhere\.invalid of dwgd\.endpoint does not resolve \(E[A-Z_]+\): check the name, and this host's DNS$/,
  ],
] as const) {
  test(`a join is refused for ${name}, and leaves nothing`, async () => {
    assert.deepEqual(await create(options), OK);
    await call('CreateEndpoint', { ...ids, Interface: { Address: '10.0.0.2/24' } });
    const { status, body } = await call('Join', { ...ids, SandboxKey: '/x' });
    assert.equal(status, 400);
    assert.match(String(body.Err), message);
    assert.equal(world.kernel.links.has('wg-e1'), false);
    await call('DeleteEndpoint', ids);
    await call('DeleteNetwork', ids);
  });
}

for (const [name, why] of [
  ['nokey', 'the WireGuard interface nokey has no private key: set one (wg set nokey private-key …)'],
  ['noport', 'the WireGuard interface noport listens on no port: bring it up (wg-quick up noport)'],
] as const) {
  test(`a join by an interface that is not ready (${name}) is answered, its link closed, and the reason logged`, async () => {
    assert.deepEqual(await create({ ...ifname, 'dwgd.ifname': name }), OK);
    await call('CreateEndpoint', { ...ids, Interface: { Address: '10.0.0.2/24' } });
    const { status } = await call('Join', { ...ids, SandboxKey: '/x' });
    assert.equal(status, 200);
    assert.deepEqual(world.kernel.devices.get('wg-e1')!.peers, []);
    assert.deepEqual(world.kernel.devices.get(name)!.peers, []);
    assert.ok(world.lines.some(line => line.includes(`the tunnel of a container is closed: ${why}`)));
    await call('Leave', ids);
    await call('DeleteEndpoint', ids);
    await call('DeleteNetwork', ids);
    await world.reaper.idle();
  });
}

test('calls about what is not known say what to do', async () => {
  const network = refused(
    'network nobody is not known to dwgd: remove it and create it again (docker network rm, docker network create)',
  );
  const endpoint = { NetworkID: 'nobody', EndpointID: 'e1', Interface: { Address: '10.0.0.2/24' } };
  assert.deepEqual(await call('CreateEndpoint', endpoint), network);
  assert.deepEqual(await call('Join', { ...endpoint, SandboxKey: '/x' }), network);
  await create(ifname);
  assert.deepEqual(
    await call('Join', { ...ids, SandboxKey: '/x' }),
    refused('endpoint e1 is not known: start the container again'),
  );
  await call('DeleteNetwork', ids);
});

test('a refusal of the kernel is a 500 with what was being done', async () => {
  world.kernel.refuse = () => 1;
  const answer = await create(ifname);
  world.kernel.refuse = () => undefined;
  assert.deepEqual(answer, refused('reading WireGuard device wg0: EPERM (operation not permitted)', 500));
});

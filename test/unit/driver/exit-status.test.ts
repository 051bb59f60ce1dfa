// What is told of an exit network: its file, gateways, the tunnel's peers as the router counts them, and no secret.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../../../src/base/ip.js';
import { statusLines } from '../../../src/cli/commands/status.js';
import type { Status } from '../../../src/control/answers.js';
import { exitPlaces } from '../../../src/driver/exit-places.js';
import { readExit } from '../../../src/driver/router/exit-reading.js';
import { goesByExit } from '../../../src/explain/exit-ends.js';
import { exitWayPlace } from '../../../src/explain/hop.js';
import { graphOf } from '../../../src/page/browser/graph.js';
import { AskedDriver } from '../../support/control-world.js';
import { exitTunnel, FAR_END, tunnelFile } from '../../support/exit-world.js';

const FILE = '/etc/dwgd/provider.conf';
const AT = Date.UTC(2026, 0, 31);

async function withExit(): Promise<AskedDriver> {
  const asked = await AskedDriver.make();
  asked.counted = { lastHandshake: AT, rxBytes: 5n, txBytes: 7n };
  asked.addExit();
  return asked;
}

const peer = {
  interface: 'wg0',
  publicKey: `${tunnelFile().peers[0]!.publicKey}`,
  endpoint: '192.0.2.2:51820',
  lastHandshake: new Date(AT).toISOString(),
  receivedBytes: 5,
  sentBytes: 7,
};

test('an exit network is told with its file, gateways and peers', async () => {
  const { status } = await withExit();
  assert.deepEqual((await status.networks())[2], {
    id: 'n3',
    name: 'mullvad',
    owner: 0,
    mode: 'exit',
    via: FILE,
    endpoint: '192.0.2.2:51820',
    subnets: ['10.66.0.0/24', 'fd66::/64'],
    endpoints: [{ id: 'e3', container: 'torrent', addresses: ['10.66.0.2'], state: 'joined' }],
    exit: {
      files: [{ path: FILE, isInForce: true }],
      gateways: ['10.66.0.1', 'fd66::1'],
      peers: [peer],
    },
  });
});

async function withOwnTunnel(): Promise<AskedDriver> {
  const asked = await AskedDriver.make();
  asked.counted = { lastHandshake: AT, rxBytes: 5n, txBytes: 7n };
  asked.addOwnTunnel();
  return asked;
}

test('a container that has the tunnel itself is told with its peer, and no router is', async () => {
  const asked = await withOwnTunnel();
  const network = (await asked.status.networks())[2]!;
  assert.deepEqual([network.mode, network.subnets, network.exit!.gateways], ['exit', [], []]);
  assert.deepEqual(network.endpoints[0]!.peer, peer);
  assert.deepEqual(await exitPlaces(asked.exitParts), []);
  const { parts } = (await asked.status.inspect('torrent'))!;
  assert.deepEqual(
    parts.map(({ title, comparisons }) => [
      title,
      comparisons[0]!.observed,
      comparisons.every(one => one.isSame),
    ]),
    [['tunnel of mullvad', 'wg0 in its container', true]],
  );
  assert.match(await textOf(asked), /^torrent +mullvad +10\.66\.0\.2 +joined +wg0 +60 s ago/m);
  const samples = await asked.status.metrics();
  const counted = samples.filter(({ name }) => name === 'wireguard_peer_receive_bytes_total');
  assert.ok(counted.some(({ labels }) => labels?.[0] === 'mullvad' && labels[1] === 'torrent'));
  const { blocks } = graphOf({ networks: [network], containers: [] }, AT);
  const cell = blocks.flatMap(({ cells }) => cells).find(({ name }) => name === 'torrent')!;
  assert.doesNotMatch(cell.detail, /out by/);
});

test('a tunnel that is not in its container is told with the reason, and of a network without one there is none', async () => {
  const asked = await withOwnTunnel();
  const problem = 'its tunnel is not in its container: restart the container';
  asked.exit = { files: [{ path: FILE, isInForce: true }], problem };
  assert.match(await textOf(asked), /^torrent +mullvad +10\.66\.0\.2 +joined .* restart the container$/m);
  const parts = async () => (await asked.status.inspect('mullvad'))!.parts;
  assert.deepEqual(
    (await parts()).map(one => [one.problem, one.comparisons.map(({ isSame }) => isSame)]),
    [[problem, [false]]],
  );
  asked.world.store.deleteEndpoint('e3');
  asked.exit = { files: [{ path: FILE, isInForce: true }] };
  assert.deepEqual(
    (await parts()).map(one => [one.problem, one.comparisons]),
    [[undefined, []]],
  );
});

test('ways of packets are told where its router is, and where questions to the DNS go', async () => {
  const asked = await withExit();
  const [place] = await exitPlaces(asked.exitParts);
  const { gateways, dns, ...rest } = place!;
  assert.deepEqual(rest, { networkId: 'n3', name: 'mullvad', file: FILE });
  assert.deepEqual(gateways.map(formatAddress), ['10.66.0.1', 'fd66::1']);
  assert.deepEqual(dns, [
    'questions to the DNS go where the container sends them: no server is set for the network',
  ]);
  assert.equal(
    goesByExit({ at: { place: exitWayPlace(place!) } }, place!, 'wg0', {
      ...{ publicKey: tunnelFile().peers[0]!.publicKey, endpoint: FAR_END, lastHandshake: 0 },
    }).words,
    `goes by exit network mullvad (file ${FILE}, peer ${peer.publicKey} at 192.0.2.2:51820), but there was no handshake yet`,
  );
});

async function textOf(asked: AskedDriver): Promise<string> {
  const networks = await asked.status.networks();
  const half = { state: 'working' } as const;
  const rest: Omit<Status, 'networks'> = {
    ...{ version: '1', started: new Date(AT).toISOString(), healthy: true, driver: half, labels: half },
    containers: [],
  };
  return statusLines({ ...rest, networks }, false, AT + 60_000).join('\n');
}

test('status has a row for each peer of the tunnel', async () => {
  const text = await textOf(await withExit());
  assert.match(
    text,
    /^mullvad {2}root {2}exit +\/etc\/dwgd\/provider\.conf +192\.0\.2\.2:51820 +10\.66\.0\.0\/24, fd66::\/64 +1$/m,
  );
  assert.match(text, /^EXIT +GATEWAY +PEER +AT +HANDSHAKE +RECEIVED +SENT +PROBLEM$/m);
  assert.match(
    text,
    /^mullvad {2}10\.66\.0\.1, fd66::1 {2}\S{44} {2}192\.0\.2\.2:51820 {2}60 s ago +5 B +7 B +-$/m,
  );
});

test('one that has no tunnel is told with the reason, in the table, in inspect and on the page', async () => {
  const asked = await withExit();
  asked.exit = { files: [{ path: FILE, isInForce: true }], problem: 'it may be read by others' };
  assert.match(await textOf(asked), /^mullvad {2}10\.66\.0\.1, fd66::1 .* it may be read by others$/m);
  const [part] = (await asked.status.inspect('mullvad'))!.parts;
  assert.deepEqual(
    [part!.problem, part!.comparisons],
    ['it may be read by others', [{ what: 'link', desired: 'wg0 in the router', isSame: false }]],
  );
  const { blocks } = graphOf({ networks: await asked.status.networks(), containers: [] }, AT);
  const cell = blocks.flatMap(({ cells }) => cells).find(({ name }) => name === 'mullvad')!;
  assert.deepEqual([cell.kind, cell.state, cell.detail], ['exit', 'broken', 'it may be read by others']);
});

test('a container whose link to the router is gone has that as its problem, in the table, in inspect and on the page', async () => {
  const asked = await withExit();
  assert.equal((await asked.status.inspect('torrent'))!.parts.length, 1);
  asked.exit = { ...asked.exit, lost: new Map([['e3', 'its link is gone: restart it']]) };
  const networks = await asked.status.networks();
  assert.equal(networks[2]!.endpoints[0]!.problem, 'its link is gone: restart it');
  assert.equal(networks[2]!.exit!.problem, undefined);
  assert.match(
    await textOf(asked),
    /^torrent +mullvad +10\.66\.0\.2 +joined .* its link is gone: restart it$/m,
  );
  for (const name of ['torrent', 'mullvad'])
    assert.deepEqual((await asked.status.inspect(name))!.parts[1], {
      title: 'link of torrent on mullvad',
      problem: 'its link is gone: restart it',
      comparisons: [],
    });
  const { blocks, links } = graphOf({ networks, containers: [] }, AT);
  const cell = blocks.flatMap(({ cells }) => cells).find(({ name }) => name === 'torrent')!;
  assert.deepEqual([cell.state, cell.problems[0]!.reason], ['broken', 'its link is gone: restart it']);
  assert.equal(links.find(({ from }) => from === cell.id)!.isBroken, true);
});

test('on the page it is a way out of its containers', async () => {
  const { status } = await withExit();
  const { blocks, links } = graphOf({ networks: await status.networks(), containers: [] }, AT);
  const cells = blocks.flatMap(block => block.cells);
  const way = cells.find(({ name }) => name === 'mullvad')!;
  assert.deepEqual([way.kind, way.state, way.detail], ['exit', 'well', 'out to 192.0.2.2:51820 · ↓5 B ↑7 B']);
  assert.equal(cells.find(({ name }) => name === 'torrent')!.detail, 'out by mullvad');
  assert.ok(links.some(({ from, to }) => from === 'container torrent' && to === way.id));
});

for (const name of ['mullvad', 'torrent'] as const) {
  test(`${name} is inspected by the file beside the router's tunnel`, async () => {
    const asked = await withExit();
    const found = (await asked.status.inspect(name))!;
    assert.equal(found.kind, name === 'torrent' ? 'container' : 'network');
    const [part] = found.parts;
    assert.deepEqual([part!.title, part!.note], ['tunnel of mullvad', `by the file ${FILE}`]);
    assert.deepEqual(
      part!.comparisons.map(({ what, isSame }) => [what, isSame]),
      ['link', 'peer', 'endpoint', 'allowed IPs', 'keepalive', 'preshared key'].map(what => [what, true]),
    );
    const { device } = asked.exit;
    asked.exit = { ...asked.exit, device: { ...device!, peers: [] } };
    const differing = (await asked.status.inspect(name))!.parts[0]!.comparisons.filter(one => !one.isSame);
    assert.deepEqual(
      differing.map(({ what }) => what),
      ['peer'],
    );
  });
}

test('metrics have the tunnel with the name of the network', async () => {
  const { status } = await withExit();
  const samples = await status.metrics();
  const labels = ['mullvad', '', 'wg0', peer.publicKey];
  for (const [name, value] of [
    ['wireguard_peer_receive_bytes_total', 5],
    ['wireguard_peer_transmit_bytes_total', 7],
    ['wireguard_peer_last_handshake_seconds', AT / 1000],
  ] as const)
    assert.ok(
      samples.some(one => one.name === name && one.value === value && `${one.labels}` === `${labels}`),
      name,
    );
  assert.equal(samples.find(({ name }) => name === 'dwgd_networks')!.value, 3);
  assert.equal(samples.find(({ name }) => name === 'dwgd_endpoints')!.value, 3);
});

test('the private key of the file is in no answer', async () => {
  const { status } = await withExit();
  const text = JSON.stringify([
    await status.networks(),
    await status.inspect('mullvad'),
    await status.metrics(),
  ]);
  const key = tunnelFile().privateKey.reveal();
  for (const form of ['latin1', 'base64', 'base64url', 'hex'] as const)
    assert.ok(!text.includes(key.toString(form)), form);
});

test('of several files it is told which one is in force, since when, why, and what is wrong with the others', async () => {
  const asked = await withExit();
  const [at, why] = [
    new Date(AT - 3_600_000),
    'it came in place of /a.conf: a reason that a column has no room for',
  ];
  const files = [
    { path: '/a.conf', isInForce: false, problem: 'it is not there' },
    { path: '/b.conf', isInForce: true, change: { at, why } },
  ];
  asked.exit = { ...asked.exit, files };
  const [, , network] = await asked.status.networks();
  assert.equal(network!.via, '/b.conf');
  assert.deepEqual(network!.exit!.files, [
    { path: '/a.conf', isInForce: false, problem: 'it is not there' },
    { path: '/b.conf', isInForce: true, since: at.toISOString(), why },
  ]);
  const text = await textOf(asked);
  assert.match(text, /^EXIT +FILE +IN FORCE +SINCE +REASON$/m);
  assert.match(text, /^mullvad {2}\/a\.conf +no +- +it is not there$/m);
  assert.match(
    text,
    /^mullvad {2}\/b\.conf +yes +61 min ago +it came in place of \/a\.conf: a reason that a column has no room for$/m,
  );
  const [part] = (await asked.status.inspect('mullvad'))!.parts;
  assert.equal(part!.note, `by the file /b.conf: at ${at.toISOString()} ${why}`);
  const samples = (await asked.status.metrics()).filter(({ name }) => name === 'dwgd_exit_file_in_force');
  assert.deepEqual(
    samples.map(({ labels, value }) => [...labels!, value]),
    [
      ['mullvad', '/a.conf', 0],
      ['mullvad', '/b.conf', 1],
    ],
  );
});

const device = { index: 1, name: 'wg0', listenPort: 1, fwmark: 0, peers: [] };

const netns = { key: '4:1', path: '/proc/self/fd/9' };
const there = { netns, device: () => device };
const refusing = {
  netns,
  device: () => {
    throw new Error('no');
  },
};
const tunnel = exitTunnel();
const unresolved = { ...exitTunnel(), endpoints: new Map() };
const failing = [{ path: FILE, isInForce: true, problem: 'why' }];

for (const [what, known, router, problem] of [
  ['no router', {}, undefined, 'its router is not there yet'],
  ['a router without a tunnel', { standings: failing }, { netns, device: () => undefined }, 'why'],
  ['a file that is not read', {}, there, 'its file is not read yet'],
  ['a file that cannot be read again', { standings: failing, tunnel }, there, undefined],
  [
    'a tunnel by which nothing comes back',
    { standings: [{ path: FILE, isInForce: true, hindrance: 'why' }], tunnel },
    there,
    'why',
  ],
  ['a router that cannot be mended', { tunnel, failure: 'cannot' }, there, 'cannot'],
  ['a peer whose name has no address', { standings: failing, tunnel: unresolved }, there, 'why'],
  ['a kernel that refuses', {}, refusing, 'no'],
] as const) {
  test(`${what} is read as such`, () => {
    const standings = [{ path: FILE, isInForce: true }];
    assert.equal(readExit({ standings, ...known }, router).problem, problem);
  });
}

test('the port that the provider assigns is told with its container, in the table, in inspect, on the page and in metrics', async () => {
  const asked = await withExit();
  assert.equal((await asked.status.networks())[2]!.exit!.assigned, undefined);
  assert.doesNotMatch(await textOf(asked), /ASSIGNED/);
  asked.assigned = { gateway: parseAddress('10.64.0.1')!, port: 51413 };
  const port = { gateway: '10.64.0.1', port: 51413, container: 'torrent' };
  assert.deepEqual((await asked.status.networks())[2]!.exit!.assigned, port);
  const text = await textOf(asked);
  assert.match(text, /^EXIT +ASSIGNED PORT +BY +CONTAINER +PROBLEM$/m);
  assert.match(text, /^mullvad +51413 +10\.64\.0\.1 +torrent +-$/m);
  const compared = async () => (await asked.status.inspect('mullvad'))!.parts[0]!.comparisons.at(-1);
  const wanted = { what: 'assigned port', desired: 'one of the gateway 10.64.0.1' };
  assert.deepEqual(await compared(), { ...wanted, observed: '51413', isSame: true });
  const sample = async () =>
    (await asked.status.metrics()).filter(({ name }) => name === 'dwgd_exit_assigned_port');
  assert.deepEqual(await sample(), [{ name: 'dwgd_exit_assigned_port', labels: ['mullvad'], value: 51413 }]);
  const problem = 'the gateway 10.64.0.1: it refuses';
  asked.assigned = { gateway: parseAddress('10.64.0.1')!, problem };
  assert.match(
    await textOf(asked),
    /^mullvad +none +10\.64\.0\.1 +torrent +the gateway 10\.64\.0\.1: it refuses$/m,
  );
  assert.deepEqual(await compared(), { ...wanted, observed: problem, isSame: false });
  assert.equal((await sample())[0]!.value, 0);
  const { blocks } = graphOf({ networks: await asked.status.networks(), containers: [] }, AT);
  const cell = blocks.flatMap(({ cells }) => cells).find(({ name }) => name === 'mullvad')!;
  assert.deepEqual([cell.state, cell.problems.map(({ reason }) => reason)], ['broken', [problem]]);
});

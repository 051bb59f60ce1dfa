// Docker's answers as views: names, services, aliases, addresses, and which network comes first.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, formatPrefix, parseAddress } from '../../../../src/base/ip.js';
import {
  type DockerEndpoint,
  fingerprint,
  type InspectedContainer,
  type ListedContainer,
  type NetworkKind,
  twineLabels,
  viewInspected,
  viewListed,
} from '../../../../src/labels/discovery/docker-view.js';
import { networkIds, networkKind } from '../../../../src/labels/discovery/networks.js';

const ID = 'a1b2c3d4e5f6'.padEnd(64, '0');

function inspected(
  networks: Record<string, DockerEndpoint> = {},
  labels: Record<string, string> = {},
): InspectedContainer {
  return {
    Id: ID,
    Name: '/web',
    Image: 'sha256:1',
    State: { Running: true, Pid: 7 },
    Config: { Labels: labels },
    NetworkSettings: { Networks: networks },
  };
}

function listed(networks: Record<string, DockerEndpoint> = {}, names = ['/web']): ListedContainer {
  return { Id: ID, Names: names, State: 'running', Labels: {}, NetworkSettings: { Networks: networks } };
}

const kindOf = (id: string): NetworkKind | undefined => (id === 'n1' ? { driver: 'bridge' } : undefined);

test('a view has its name, its service and its networks', () => {
  const view = viewInspected(
    inspected(
      {
        main: {
          NetworkID: 'n1',
          IPAddress: '172.18.0.2',
          IPPrefixLen: 16,
          GlobalIPv6Address: 'fd00::2',
          GlobalIPv6PrefixLen: 64,
          Gateway: '172.18.0.1',
          IPv6Gateway: 'fd00::1',
          Aliases: ['web', 'a1b2c3d4e5f6', 'www'],
        },
      },
      { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web', 'twine.route.::/0': 'x' },
    ),
    kindOf,
  );
  assert.equal(view.name, 'web');
  assert.deepEqual(view.service, { project: 'shop', name: 'web' });
  const [attachment] = view.attachments;
  assert.deepEqual(attachment!.addresses.map(formatAddress), ['172.18.0.2', 'fd00::2']);
  assert.deepEqual(
    {
      ...attachment,
      addresses: [],
      subnets: attachment!.subnets!.map(formatPrefix),
      gateways: attachment!.gateways!.map(formatAddress),
    },
    {
      networkId: 'n1',
      networkName: 'main',
      driver: 'bridge',
      addresses: [],
      subnets: ['172.18.0.0/16', 'fd00::/64'],
      gateways: ['172.18.0.1', 'fd00::1'],
      aliases: ['web', 'www'],
    },
  );
});

test('the name of its host is an alias, whichever way Docker says so', () => {
  const aliases = (endpoint: DockerEndpoint) =>
    viewInspected(inspected({ main: { NetworkID: 'n1', ...endpoint } }), kindOf).attachments[0]!.aliases;
  assert.deepEqual(aliases({ Aliases: ['www', 'a1b2c3d4e5f6', 'vpn-host'] }), ['www', 'vpn-host']);
  const since25 = { Aliases: ['www'], DNSNames: ['web', 'www', 'a1b2c3d4e5f6', 'vpn-host'] };
  assert.deepEqual(aliases(since25), ['www', 'web', 'vpn-host']);
  assert.deepEqual(aliases({ Aliases: null, DNSNames: null }), []);
});

for (const [what, labels, service, taskNames] of [
  [
    'of a stack',
    { service: 'shop_vpn', task: 'shop_vpn.1.x7ab', stack: 'shop' },
    { project: 'shop', name: 'vpn' },
    ['shop_vpn', 'shop_vpn.1'],
  ],
  ['of no stack', { service: 'vpn', task: 'vpn.12.x7ab' }, { project: '', name: 'vpn' }, ['vpn', 'vpn.12']],
  [
    'on each node, with a dot in its name',
    { service: 'shop_a.b', task: 'shop_a.b.node7.x7ab', stack: 'shop' },
    { project: 'shop', name: 'a.b' },
    ['shop_a.b', 'shop_a.b.node7'],
  ],
] as const) {
  test(`a task of a service of Swarm ${what} has the service's names`, () => {
    const { service: name, task, stack } = { stack: undefined, ...labels };
    const swarm = {
      'com.docker.swarm.service.name': name,
      'com.docker.swarm.task.name': task,
      ...(stack && { 'com.docker.stack.namespace': stack }),
    };
    const view = viewInspected({ ...inspected({}, swarm), Name: `/${task}` }, kindOf);
    assert.deepEqual([view.service, view.taskNames], [service, taskNames]);
  });
}

for (const [what, task] of [
  ['no name of its task', undefined],
  ['the name of another task', 'gluetun.1.x7ab'],
  ['a name that is no task of that service', 'web'],
] as const) {
  test(`an image whose labels say that it is a service of Swarm, with ${what}, gives a container no other's name`, () => {
    const swarm = {
      'com.docker.swarm.service.name': 'gluetun',
      'com.docker.swarm.service.id': 'x',
      ...(task !== undefined && { 'com.docker.swarm.task.name': task }),
    };
    const { service, taskNames, swarmService } = viewInspected(inspected({}, swarm), kindOf);
    assert.deepEqual([service, taskNames, swarmService], [undefined, undefined, undefined]);
  });
}

const COMPOSE = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'vpn' };
for (const [what, name, networks, labels, isService] of [
  ['its name of Compose', 'shop-vpn-1', { main: {} }, {}, true],
  ['its name of Compose 1', 'shop_vpn_1', { main: {} }, {}, true],
  [
    "a name of its own and the service's alias",
    'gluetun',
    { main: { Aliases: ['gluetun', 'vpn'] } },
    {},
    true,
  ],
  ['a name of its own on the default bridge, which knows no aliases', 'gluetun', { bridge: {} }, {}, true],
  ["a name of its own in another container's network", 'gluetun', {}, {}, true],
  [
    'a name of its own by docker compose run',
    'try',
    { main: {} },
    { 'com.docker.compose.oneoff': 'True' },
    true,
  ],
  ['labels that its image has, and no more', 'adoring_x', { main: { Aliases: ['0123456789ab'] } }, {}, false],
  ['labels of its image on two networks', 'adoring_x', { bridge: {}, main: { Aliases: null } }, {}, false],
  ["another service's name", 'shop-vpnx-1', { main: {} }, {}, false],
] as const) {
  const word = isService ? 'a' : 'no';
  test(`a container with ${what} is ${word} service of a project`, () => {
    const container = inspected(networks, { ...COMPOSE, ...labels });
    const { service } = viewInspected({ ...container, Name: `/${name}` }, kindOf);
    assert.deepEqual(service, isService ? { project: 'shop', name: 'vpn' } : undefined);
  });
}

test('links are names that the container itself has for others', () => {
  const container = inspected({ main: { Links: ['shop-vpn-1:gw', 'shop-db-1:db'] }, other: { Links: null } });
  const view = viewInspected({ ...container, HostConfig: { Links: ['/old:/web/legacy'] } }, kindOf);
  assert.deepEqual(Object.fromEntries(view.links!), { gw: 'shop-vpn-1', db: 'shop-db-1', legacy: 'old' });
  assert.equal(viewInspected(inspected({ main: {} }), kindOf).links, undefined);
});

for (const [status, state, health] of [
  ['Up 5 minutes (unhealthy)', { Health: { Status: 'unhealthy' } }, 'unhealthy'],
  ['Up 5 minutes (health: starting)', { Health: { Status: 'starting' } }, 'starting'],
  ['Up 5 minutes (healthy)', { Health: { Status: 'healthy' } }, undefined],
  ['Up 5 minutes', { Health: { Status: 'none' } }, undefined],
  ['Up 5 minutes', {}, undefined],
  ['Up 5 minutes (Paused)', { Paused: true, Health: { Status: 'unhealthy' } }, undefined],
  ['Restarting (1) 3 seconds ago', { Restarting: true, Health: { Status: 'unhealthy' } }, undefined],
] as const) {
  test(`a container that is ${status} has the same fingerprint in listing and inspection`, () => {
    const container = { ...inspected(), State: { Running: true, Pid: 7, ...state } };
    assert.equal(viewInspected(container, kindOf).health, health);
    assert.equal(fingerprint({ ...listed(), Status: status }), fingerprint(container));
    const isOther = fingerprint({ ...listed(), Status: 'Up 1 second' }) !== fingerprint(container);
    assert.equal(isOther, health !== undefined);
  });
}

test('one half of a service is no service', () => {
  assert.equal(
    viewInspected(inspected({}, { 'com.docker.compose.service': 'web' }), kindOf).service,
    undefined,
  );
});

for (const [text, expected] of [
  ['True', true],
  ['true', true],
  ['False', undefined],
] as const) {
  test(`a container with the label oneoff=${text} is ${expected ? 'a one-off' : 'its service'}`, () => {
    const labels = { 'com.docker.compose.oneoff': text };
    assert.equal(viewInspected(inspected({}, labels), kindOf).isOneOff, expected);
  });
}

for (const [driver, options, expected] of [
  ['dwgd', {}, 'driver dwgd'],
  ['ipvlan', { ipvlan_mode: 'l3' }, 'driver ipvlan, mode l3'],
  ['ipvlan', { ipvlan_mode: 'l3s', parent: 'eth0' }, 'driver ipvlan, mode l3s'],
  ['ipvlan', { ipvlan_mode: 'l2' }, undefined],
  ['ipvlan', null, undefined],
  ['macvlan', { ipvlan_mode: 'l3' }, undefined],
  ['bridge', {}, undefined],
  ['overlay', {}, undefined],
] as const) {
  test(`a network of ${driver} ${JSON.stringify(options)} ${expected ? 'ignores' : 'heeds'} gateways`, () => {
    const kind = networkKind({ Id: 'n1', Driver: driver, Options: options });
    assert.deepEqual(kind, { driver, ...(expected && { ignoresNextHop: expected }) });
    const [attachment] = viewInspected(inspected({ main: { NetworkID: 'n1' } }), () => kind).attachments;
    assert.equal(attachment!.ignoresNextHop, expected);
  });
}

for (const [what, endpoint, former] of [
  ['has none', { IPAMConfig: { IPv4Address: '10.0.0.5', IPv6Address: 'fd00::5' } }, ['10.0.0.5', 'fd00::5']],
  ['has it', { IPAddress: '10.0.0.5', IPPrefixLen: 24, IPAMConfig: { IPv4Address: '10.0.0.5' } }, undefined],
  ['was given none', { IPAMConfig: {} }, undefined],
  ['is of a Docker that says null', { IPAMConfig: null }, undefined],
] as const) {
  test(`an address that was given by --ip may come while the container ${what}: ${former ?? 'none'}`, () => {
    const { attachments } = viewInspected(
      inspected({ main: { NetworkID: 'n', ...endpoint } }),
      () => undefined,
    );
    assert.deepEqual(attachments[0]!.formerAddresses?.map(formatAddress), former);
  });
}

const OVER = { over: { NetworkID: 'o', IPAddress: '10.0.1.3', IPPrefixLen: 24 } };
const BESIDE = { NetworkID: 'b', IPAddress: '172.20.0.2', IPPrefixLen: 16, Gateway: '172.20.0.1' };
for (const [what, networks, isInternal, expected] of [
  ['by docker_gwbridge', OVER, false, ['172.18.0.1']],
  ['not, where it is internal', OVER, true, []],
  ['not, while it does not run', { over: { NetworkID: 'o' } }, false, []],
  ['by a bridge that it is on as well', { ...OVER, beside: BESIDE }, false, ['172.20.0.1']],
] as const) {
  test(`a container on an overlay network leaves the host ${what}`, () => {
    const kind = networkKind({ Id: 'o', Driver: 'overlay', Internal: isInternal }, [
      parseAddress('172.18.0.1')!,
    ]);
    const { attachments } = viewInspected(inspected(networks), id =>
      id === 'o' ? kind : { driver: 'bridge' },
    );
    assert.deepEqual(
      attachments.flatMap(({ gateways = [] }) => gateways.map(formatAddress)),
      expected,
    );
  });
}

for (const Internal of [true, false, null, undefined]) {
  test(`a network of which Docker says internal=${Internal} is ${Internal ? 'internal' : 'not internal'}`, () => {
    const kind = networkKind({ Id: 'n1', Driver: 'bridge', ...(Internal !== undefined && { Internal }) });
    const [attachment] = viewInspected(inspected({ main: { NetworkID: 'n1' } }), () => kind).attachments;
    assert.equal(attachment!.isInternal ?? false, Internal === true);
  });
}

for (const [name, networks, expected] of [
  ['by name', { b: { Gateway: '1' }, a: { Gateway: '1' }, c: { Gateway: '1' } }, 'a b c'],
  ['those with a gateway first', { a: {}, b: { Gateway: '1' }, c: { IPv6Gateway: '1' } }, 'b c a'],
  [
    'by priority among those with a gateway',
    { a: { Gateway: '1' }, b: { Gateway: '1', GwPriority: 7 }, c: { GwPriority: 9 } },
    'b a c',
  ],
] as const satisfies readonly [string, Record<string, DockerEndpoint>, string][]) {
  test(`networks come ${name}`, () => {
    const view = viewInspected(inspected(networks), kindOf);
    assert.equal(view.attachments.map(({ networkName }) => networkName).join(' '), expected);
  });
}

test('a container without networks, aliases or labels is a view, too', () => {
  const bare = { Id: ID, Name: '/x', Image: '', State: { Running: false, Pid: 0 }, Config: { Labels: null } };
  assert.deepEqual(viewInspected(bare, kindOf), { id: ID, name: 'x', attachments: [] });
  assert.deepEqual(viewListed({ Id: ID, State: 'created' }, kindOf), {
    id: ID,
    name: 'a1b2c3d4e5f6',
    attachments: [],
  });
});

test('names of links are not the name', () => {
  assert.equal(viewListed(listed({}, ['/other/alias', '/web']), kindOf).name, 'web');
});

test('an unusable address is left out', () => {
  const [attachment] = viewInspected(
    inspected({ a: { IPAddress: 'x', GlobalIPv6Address: '' } }),
    kindOf,
  ).attachments;
  assert.deepEqual(attachment!.addresses, []);
});

test('the listing and the inspection of the same container have the same fingerprint', () => {
  const networks = { b: { EndpointID: 'e1', IPAddress: '10.0.0.1' }, a: { EndpointID: 'e2' } };
  assert.equal(fingerprint(listed(networks)), fingerprint(inspected(networks)));
});

for (const [what, other] of [
  ['name', { ...inspected({ a: { EndpointID: 'e' } }), Name: '/other' }],
  ['endpoint', inspected({ a: { EndpointID: 'f' } })],
  ['address', inspected({ a: { EndpointID: 'e', IPAddress: '10.0.0.9' } })],
  ['network', inspected({ b: { EndpointID: 'e' } })],
  ['state', { ...inspected({ a: { EndpointID: 'e' } }), State: { Running: false, Pid: 0 } }],
] as const) {
  test(`another ${what} is another fingerprint`, () => {
    assert.notEqual(fingerprint(listed({ a: { EndpointID: 'e' } })), fingerprint(other));
  });
}

test('a listed container is one by its state, whatever else the listing tells of it', () => {
  const entry = { ...listed({}), Names: null, State: 'running', Name: [['x']] };
  assert.equal(viewListed(entry, kindOf).name, 'a1b2c3d4e5f6');
});

test('the networks of a listed container are those with an id', () => {
  assert.deepEqual(networkIds(listed({ a: { NetworkID: 'n1' }, b: { NetworkID: '' }, c: {} })), ['n1']);
});

test('labels of others do not count', () => {
  const labels = { 'twine.route.10.0.0.0/8': 'x', twine: 'y', 'traefik.enable': 'true', 'twined.x': 'z' };
  assert.deepEqual([...twineLabels(labels)], [['twine.route.10.0.0.0/8', 'x']]);
  assert.deepEqual([...twineLabels(null)], []);
});

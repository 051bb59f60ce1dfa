// Docker's requests as they are read: what may be absent, and the sentence for each wrong shape.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../../../src/base/errors.js';
import {
  readCreateEndpoint,
  readCreateNetwork,
  readEndpoint,
  readJoin,
  readNetworkRequest,
  readProgramExternalConnectivity,
} from '../../../../src/driver/spec/protocol.js';

const ids = { NetworkID: 'n1', EndpointID: 'e1' };

test('a network is read with its options and pools', () => {
  const request = readCreateNetwork({
    NetworkID: 'n1',
    Options: { 'com.docker.network.enable_ipv6': false, 'com.docker.network.generic': { 'dwgd.seed': 's' } },
    IPv4Data: [
      { AddressSpace: 'LocalDefault', Pool: '10.0.0.0/24', Gateway: '10.0.0.1/24', AuxAddresses: {} },
    ],
    IPv6Data: [],
  });
  assert.deepEqual(request, {
    NetworkID: 'n1',
    Options: new Map([['dwgd.seed', 's']]),
    IPv4Data: [{ Pool: '10.0.0.0/24', Gateway: '10.0.0.1/24' }],
    IPv6Data: [],
  });
});

test('a network without options or pools has none', () => {
  const none = { NetworkID: 'n1', Options: new Map(), IPv4Data: [], IPv6Data: [] };
  assert.deepEqual(readCreateNetwork({ NetworkID: 'n1' }), none);
  assert.deepEqual(
    readCreateNetwork({ NetworkID: 'n1', Options: null, IPv4Data: null, IPv6Data: null }),
    none,
  );
  assert.deepEqual(
    readCreateNetwork({ NetworkID: 'n1', Options: { 'com.docker.network.generic': null } }),
    none,
  );
});

test('an endpoint is read with its addresses, and empty ones are absent', () => {
  const Interface = { Address: '10.0.0.2/24', AddressIPv6: '', MacAddress: '' };
  assert.deepEqual(readCreateEndpoint({ ...ids, Interface, Options: null }), {
    ...ids,
    Address: '10.0.0.2/24',
    publishesPorts: false,
  });
});

test('an endpoint without Interface has no address', () => {
  assert.deepEqual(readCreateEndpoint(ids), { ...ids, publishesPorts: false });
});

test('an endpoint publishes ports where the port map has an entry', () => {
  const publishes = (ports: unknown) =>
    readCreateEndpoint({ ...ids, Options: { 'com.docker.network.portmap': ports } }).publishesPorts;
  assert.equal(publishes([{ Proto: 6, Port: 80 }]), true);
  assert.equal(publishes([]), false);
  assert.equal(publishes(null), false);
});

test('an endpoint has the options of ours that its user gave', () => {
  const Options = { 'dwgd.forward': '80', 'com.docker.network.portmap': [], 'com.example': 5 };
  assert.deepEqual(readCreateEndpoint({ ...ids, Options }).driverOptions, new Map([['dwgd.forward', '80']]));
});

test('what is to be reachable is read with its port map', () => {
  const Options = { 'com.docker.network.portmap': [{ Proto: 6 }] };
  assert.deepEqual(readProgramExternalConnectivity({ ...ids, Options }), { ...ids, portMap: [{ Proto: 6 }] });
  assert.deepEqual(readProgramExternalConnectivity(ids), { ...ids, portMap: undefined });
});

test('a join is read with its sandbox, whose path may be empty', () => {
  assert.deepEqual(readJoin({ ...ids, SandboxKey: '/run/docker/netns/1' }).SandboxKey, '/run/docker/netns/1');
  assert.equal(readJoin({ ...ids, SandboxKey: '' }).SandboxKey, '');
});

for (const [name, read, body, message] of [
  ['a text', readNetworkRequest, 'n1', 'the request is not a JSON object'],
  ['a list', readNetworkRequest, [ids], 'the request is not a JSON object'],
  ['null', readEndpoint, null, 'the request is not a JSON object'],
  ['no network', readNetworkRequest, {}, 'NetworkID is missing or not a string'],
  [
    'a network that is a number',
    readNetworkRequest,
    { NetworkID: 7 },
    'NetworkID is missing or not a string',
  ],
  ['an empty network', readNetworkRequest, { NetworkID: '' }, 'NetworkID is empty or not an id'],
  ['a network that is a path', readNetworkRequest, { NetworkID: '../n1' }, 'NetworkID is empty or not an id'],
  ['a network of two lines', readNetworkRequest, { NetworkID: 'n1\n' }, 'NetworkID is empty or not an id'],
  [
    'a network of 129 letters',
    readNetworkRequest,
    { NetworkID: 'n'.repeat(129) },
    'NetworkID is empty or not an id',
  ],
  ['no endpoint', readEndpoint, { NetworkID: 'n1' }, 'EndpointID is missing or not a string'],
  [
    'an endpoint with a space',
    readEndpoint,
    { ...ids, EndpointID: 'e 1' },
    'EndpointID is empty or not an id',
  ],
  ['options that are a list', readCreateNetwork, { ...ids, Options: [] }, 'Options is not a JSON object'],
  [
    'generic options that are a text',
    readCreateNetwork,
    { ...ids, Options: { 'com.docker.network.generic': 'x' } },
    'com.docker.network.generic is not a JSON object',
  ],
  [
    'an option that is a number',
    readCreateNetwork,
    { ...ids, Options: { 'com.docker.network.generic': { 'dwgd.mtu': 1400 } } },
    'com.docker.network.generic: dwgd.mtu is not a string',
  ],
  ['pools that are an object', readCreateNetwork, { ...ids, IPv4Data: {} }, 'IPv4Data is not a list'],
  [
    'a pool that is a text',
    readCreateNetwork,
    { ...ids, IPv6Data: ['fd00::/64'] },
    'IPv6Data is not a JSON object',
  ],
  ['a pool without Pool', readCreateNetwork, { ...ids, IPv4Data: [{}] }, 'Pool is missing or not a string'],
  [
    'a gateway that is a number',
    readCreateNetwork,
    { ...ids, IPv4Data: [{ Pool: '10.0.0.0/24', Gateway: 1 }] },
    'Gateway is missing or not a string',
  ],
  [
    'an interface that is a text',
    readCreateEndpoint,
    { ...ids, Interface: 'x' },
    'Interface is not a JSON object',
  ],
  [
    'an address that is a list',
    readCreateEndpoint,
    { ...ids, Interface: { Address: ['10.0.0.2/24'] } },
    'Address is missing or not a string',
  ],
  ['a join without a sandbox', readJoin, ids, 'SandboxKey is missing or not a string'],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(() => read(body), new UserError(message));
  });
}

test('whatever JSON comes, it is read or refused with a UserError', () => {
  const field = fc.constantFrom(
    'NetworkID',
    'EndpointID',
    'Options',
    'IPv4Data',
    'Interface',
    'SandboxKey',
    '__proto__',
  );
  const body = fc.oneof(fc.jsonValue(), fc.dictionary(field, fc.jsonValue()));
  fc.assert(
    fc.property(body, value => {
      for (const read of [
        readCreateNetwork,
        readNetworkRequest,
        readEndpoint,
        readCreateEndpoint,
        readJoin,
      ]) {
        try {
          read(value);
        } catch (err) {
          assert.ok(err instanceof UserError, String(err));
        }
      }
    }),
  );
});

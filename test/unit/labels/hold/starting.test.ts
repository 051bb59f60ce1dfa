// Which containers are held while they start, and by which end of a bridge.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bridgeNameOf, endpointOn, isToBeHeld } from '../../../../src/labels/hold/starting.js';

const container = (labels: Readonly<Record<string, string>> = {}) => ({
  ...{ Id: 'c1', Names: ['/app'], State: 'created', Labels: labels },
});

for (const { key, isHeld, strict = false } of [
  { key: 'twine.route.0.0.0.0/0', isHeld: true },
  { key: 'twine.iptables.rule.a', isHeld: true },
  { key: 'twine.strict', isHeld: true },
  { key: 'twine.rout.0.0.0.0/0', isHeld: true },
  { key: 'twin.route.0.0.0.0/0', isHeld: true },
  { key: 'twine.nat.interfaces', isHeld: false },
  { key: 'twine.nat.in-interfaces', isHeld: false },
  { key: 'twine.nat.forward.80', isHeld: false },
  { key: 'twine.host.routes', isHeld: false },
  { key: 'twine.nat.forward.80', isHeld: true, strict: true },
  { key: 'com.example.route', isHeld: false },
  { key: 'com.example.route', isHeld: false, strict: true },
]) {
  test(`one with ${key} is ${isHeld ? '' : 'not '}held while it starts${strict ? ', with --strict' : ''}`, () => {
    assert.equal(isToBeHeld(container({ [key]: 'x' }), strict), isHeld);
  });
}

const ID = '0123456789abcdef';
const MAC = '02:42:0a:00:00:02';
const own = { Name: 'app', MacAddress: MAC };
const network = { Id: ID, Driver: 'bridge', Containers: { c1: own } };
const named = (name: string) => ({ ...network, Options: { 'com.docker.network.bridge.name': name } });
const OTHER = { c2: { ...own, Name: 'other' } };
for (const { what, on, endpoint } of [
  { what: 'by its id', on: network, endpoint: { bridge: 'br-0123456789ab', mac: MAC } },
  {
    what: "by its endpoint's, while it starts",
    on: { ...network, Containers: { ...OTHER, 'ep-1': own } },
    endpoint: { bridge: 'br-0123456789ab', mac: MAC },
  },
  { what: 'of a name of its own', on: named('docker0'), endpoint: { bridge: 'docker0', mac: MAC } },
  {
    what: 'with capitals',
    on: { ...network, Containers: { c1: { MacAddress: MAC.toUpperCase() } } },
    endpoint: { bridge: 'br-0123456789ab', mac: MAC },
  },
  { what: 'with others alone', on: { ...network, Containers: OTHER }, endpoint: undefined },
  { what: 'with another of its name', on: { ...network, Containers: { c2: own } }, endpoint: undefined },
  { what: 'with nobody', on: { ...network, Containers: null }, endpoint: undefined },
  { what: 'of another driver', on: { ...network, Driver: 'macvlan' }, endpoint: undefined },
  {
    what: 'without an address',
    on: { ...network, Containers: { c1: { Name: 'app' } } },
    endpoint: undefined,
  },
  ...['', 'x', '01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', `${MAC}:00`, `${MAC} `].map(MacAddress => ({
    what: `with the address ${JSON.stringify(MacAddress)}`,
    on: { ...network, Containers: { c1: { MacAddress } } },
    endpoint: undefined,
  })),
  ...['', 'br*', '@held', 'tcp', 'a b', 'a-name-that-is-too-long'].map(name => ({
    what: `of the name ${JSON.stringify(name)}`,
    on: named(name),
    endpoint: undefined,
  })),
]) {
  test(`the end of a bridge ${what}: ${JSON.stringify(endpoint) ?? 'none'}`, () => {
    const bridge = bridgeNameOf(on);
    assert.deepEqual(bridge === undefined ? undefined : endpointOn(on, bridge, container()), endpoint);
  });
}

// Answers of a Docker that is none: every one is read or refused by its field, before anything is made of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError } from '../../../../src/base/errors.js';
import {
  connectionIn,
  containerOf,
  createdIn,
  lifeIn,
  readContainerListing,
  readImageLabels,
  readInspection,
  readNetworkListing,
  removedIn,
} from '../../../../src/labels/discovery/docker-answers.js';

const LISTED = { Id: 'c1', State: 'running' };
const INSPECTED = {
  Id: 'c1',
  Name: '/x',
  Image: '',
  State: { Running: true, Pid: 1 },
  Config: { Labels: null },
};
const networks = (endpoint: unknown): object => ({ NetworkSettings: { Networks: { a: endpoint } } });

test('what Docker leaves out, or has as null, is not missed', () => {
  const bare = { ...LISTED, Names: null, Labels: null, HostConfig: {}, NetworkSettings: { Networks: null } };
  assert.deepEqual(readContainerListing([LISTED, bare]), [LISTED, LISTED]);
  assert.equal(readInspection({ ...INSPECTED, NetworkSettings: null }).Id, 'c1');
  assert.equal(readImageLabels({ Config: null }), undefined);
  assert.deepEqual(readNetworkListing([{ Id: 'n', Driver: 'bridge', Options: null }]).length, 1);
});

test('of a listing no more is kept than is used', () => {
  const used = {
    ...{ ...LISTED, Names: ['/web'], Status: 'Up 5 minutes', Labels: { a: 'b' } },
    ...{ HostConfig: { NetworkMode: 'bridge' }, ...networks({ IPAddress: '10.1.0.2' }) },
  };
  const all = { ...used, Command: 'sleep', Ports: [{ PrivatePort: 80 }], Mounts: [{ Source: '/' }] };
  assert.deepEqual(readContainerListing([all]), [used]);
});

for (const [what, answer, message] of [
  ['that is no list', { message: 'x' }, "Docker's list of containers is not a list"],
  ['with nothing in it', [null], "Docker's entry of list of containers is not an object"],
  ['of names alone', ['/web'], "Docker's entry of list of containers is not an object"],
  ['without an id', [{ State: 'created' }], "Docker's Id is not an id"],
  ['with a path for an id', [{ ...LISTED, Id: '../images/x' }], "Docker's Id is not an id"],
  ['with one name for many', [{ ...LISTED, Names: 'web' }], "Docker's Names is not a list"],
  ['with a number for a name', [{ ...LISTED, Names: [5] }], "Docker's entry of Names is not a string"],
  [
    'with a number for a label',
    [{ ...LISTED, Labels: { a: 5 } }],
    "Docker's entry of Labels is not a string",
  ],
  ['without an endpoint', [{ ...LISTED, ...networks(null) }], "Docker's entry of Networks is not an object"],
  [
    'with a number for an address',
    [{ ...LISTED, ...networks({ IPAddress: 5 }) }],
    "Docker's IPAddress is not a string",
  ],
] as const) {
  test(`a listing ${what} is refused`, () => {
    assert.throws(() => readContainerListing(answer), new DecodeError(message));
  });
}

for (const [what, answer, message] of [
  ['that is a number', 32767, "Docker's answer about a container is not an object"],
  ['without labels and all', { ...INSPECTED, Config: undefined }, "Docker's Config is not an object"],
  ['with a list for a name', { ...INSPECTED, Name: [[]] }, "Docker's Name is not a string"],
  ['without a state', { ...INSPECTED, State: null }, "Docker's State is not an object"],
  [
    'with a text for a pid',
    { ...INSPECTED, State: { Running: true, Pid: '1' } },
    "Docker's Pid is not a number",
  ],
] as const) {
  test(`an inspection ${what} is refused`, () => {
    assert.throws(() => readInspection(answer), new DecodeError(message));
  });
}

for (const event of [
  null,
  5,
  'x',
  [],
  {},
  { Type: 'network' },
  { Actor: null },
  { Actor: { ID: 5 } },
  { Actor: { ID: '../x' } },
]) {
  test(`the event ${JSON.stringify(event)} is about no container`, () => {
    assert.equal(containerOf(event), undefined);
  });
}

for (const { event, life } of [
  { event: { Type: 'container', Action: 'die', Actor: { ID: 'a' } }, life: { id: 'a', action: 'die' } },
  { event: { Type: 'container', Action: 'start', Actor: { ID: 'a' } }, life: { id: 'a', action: 'start' } },
  { event: { Type: 'container', Action: 'exec_die: sh', Actor: { ID: 'a' } }, life: undefined },
  { event: { Type: 'container', Action: 'die', Actor: { ID: '../a' } }, life: undefined },
  { event: { Type: 'network', Action: 'die', Actor: { Attributes: { container: 'a' } } }, life: undefined },
  { event: { Type: 'container', Action: ['die'], Actor: { ID: 'a' } }, life: undefined },
  { event: null, life: undefined },
] as const) {
  test(`what an event tells of a container's life: ${JSON.stringify(event)}`, () => {
    assert.deepEqual(lifeIn(event), life);
  });
}

const MADE = { name: 'app', 'twine.strict': 'true' };
for (const { event, creation } of [
  {
    event: { Type: 'container', Action: 'create', Actor: { ID: 'a', Attributes: { ...MADE, image: 7 } } },
    creation: { id: 'a', name: 'app', labels: MADE },
  },
  {
    event: { Type: 'container', Action: 'create', Actor: { ID: 'a', Attributes: null } },
    creation: { id: 'a', name: '', labels: {} },
  },
  {
    event: { Type: 'container', Action: 'start', Actor: { ID: 'a', Attributes: MADE } },
    creation: undefined,
  },
  { event: { Type: 'network', Action: 'create', Actor: { ID: 'a', Attributes: MADE } }, creation: undefined },
  { event: { Type: 'container', Action: 'create', Actor: { ID: '../a' } }, creation: undefined },
  { event: { Type: 'container', Action: 'create', Actor: 'a' }, creation: undefined },
  { event: null, creation: undefined },
] as const) {
  test(`what an event tells of a container that is made: ${JSON.stringify(event)}`, () => {
    assert.deepEqual(createdIn(event), creation);
  });
}

const CONNECTED = { ID: 'n', Attributes: { container: 'c' } };
for (const { event, connection } of [
  {
    event: { Type: 'network', Action: 'connect', Actor: CONNECTED },
    connection: { container: 'c', network: 'n' },
  },
  { event: { Type: 'network', Action: 'disconnect', Actor: CONNECTED }, connection: undefined },
  { event: { Type: 'container', Action: 'connect', Actor: CONNECTED }, connection: undefined },
  {
    event: { Type: 'network', Action: 'connect', Actor: { ...CONNECTED, ID: '../n' } },
    connection: undefined,
  },
  { event: { Type: 'network', Action: 'connect', Actor: { ...CONNECTED, ID: 5 } }, connection: undefined },
  { event: { Type: 'network', Action: 'connect', Actor: { ID: 'n' } }, connection: undefined },
  { event: { Type: 'network', Action: 'connect', Actor: 'n' }, connection: undefined },
  { event: { Type: 'network', Action: 'connect', Actor: null }, connection: undefined },
  { event: null, connection: undefined },
] as const) {
  test(`whom and what an event has connected: ${JSON.stringify(event)}`, () => {
    assert.deepEqual(connectionIn(event), connection);
  });
}

for (const { event, removed } of [
  ...(['container', 'network'] as const).map(what => ({
    event: { Type: what, Action: 'destroy', Actor: { ID: 'x' } },
    removed: { what, id: 'x' },
  })),
  ...[
    { Type: 'volume', Action: 'destroy', Actor: { ID: 'x' } },
    { Type: 'container', Action: 'die', Actor: { ID: 'x' } },
    { Type: 'container', Action: 'destroy', Actor: { ID: '../x' } },
    { Type: 'network', Action: 'destroy', Actor: null },
    { Type: 'network', Action: 'destroy', Actor: 'x' },
    null,
  ].map(event => ({ event, removed: undefined })),
])
  test(`what an event has taken away: ${JSON.stringify(event)}`, () => {
    assert.deepEqual(removedIn(event), removed);
  });

// Who has which port at the tunnel's address, and what is told of those who do not get theirs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../../../src/base/log.js';
import { readImageForward, readLabelListing } from '../../../../src/driver/ports/label-listing.js';
import { ToldWays } from '../../../../src/driver/ports/told-ways.js';
import { formatForward } from '../../../../src/driver/spec/forwarded-ports.js';
import type { Endpoint } from '../../../../src/driver/spec/model.js';

const endpoint = (id: string, forward: string, state: Endpoint['state'] = 'joined'): Endpoint => ({
  ...{ id, networkId: 'n1', ifname: `wg-${id}`, state, forward },
});

const NETWORK = { id: 'n1' };

function told(assigned: () => number | undefined = () => undefined) {
  const said: string[] = [];
  const log = createLog(false, true, line => said.push(line));
  const names = new Map([['one', 'web']]);
  return { ways: new ToldWays({ nameOf: id => names.get(id), assigned, log }), said };
}

test('the first that asks for a port keeps it; the other is told once, and has it when the first is gone', () => {
  const { ways, said } = told();
  const [one, two] = [endpoint('one', '80-90/tcp'), endpoint('two', '85,7000/udp')];
  const plan = (...endpoints: Endpoint[]): string[] =>
    ways.plan(NETWORK, endpoints).forwards.map(formatForward);
  for (let n = 0; n < 2; n++) assert.deepEqual(plan(one, two), ['80-90/tcp', '85/udp', '7000/udp']);
  const problem = "85/tcp is not forwarded: web has the port at the tunnel's address already";
  assert.equal(ways.problem(two), problem);
  assert.equal(ways.problem(one), undefined);
  assert.equal(said.length, 1);
  assert.ok(said[0]!.includes(problem));
  assert.deepEqual(plan({ ...one, state: 'left' }, two), ['85/tcp', '85/udp', '7000/udp']);
  assert.equal(ways.problem(two), undefined);
  plan(two, endpoint('three', '85/tcp'));
  assert.match(ways.problem(endpoint('three', ''))!, /endpoint two has the port/);
  ways.forget('n1');
  assert.equal(ways.problem(endpoint('three', '')), undefined);
});

test('a label that cannot be read opens nothing, which is told', () => {
  const { ways, said } = told();
  assert.deepEqual(ways.plan(NETWORK, [endpoint('one', 'http')]).forwards, []);
  assert.match(ways.problem(endpoint('one', ''))!, /^no port is forwarded: dwgd\.forward=http is not valid/);
  assert.equal(said.length, 1);
});

test('a listing of Docker gives label and name by endpoint, and nothing is made of what cannot be read', () => {
  const networks = (id: string) => ({ Networks: { exit: { EndpointID: id }, other: { EndpointID: '' } } });
  const listing = [
    { Names: ['/web'], Labels: { 'dwgd.forward': '80' }, ImageID: 'i1', NetworkSettings: networks('e1') },
    { Names: ['/db'], Labels: { 'dwgd.forward': 5 }, NetworkSettings: networks('e2') },
    { Names: 5, Labels: null, NetworkSettings: networks('e3') },
    null,
    { NetworkSettings: { Networks: null } },
  ];
  assert.deepEqual(
    [...readLabelListing(listing)],
    [
      ['e1', { container: 'web', image: 'i1', forward: '80' }],
      ['e2', { container: 'db', image: '' }],
      ['e3', { container: '', image: '' }],
    ],
  );
  assert.deepEqual([...readLabelListing('no')], []);
});

test('an image gives the label to its containers, or none', () => {
  assert.equal(readImageForward({ Config: { Labels: { 'dwgd.forward': '80' } } }), '80');
  for (const image of [{ Config: { Labels: null } }, { Config: null }, {}, null, 'no'])
    assert.equal(readImageForward(image), undefined);
});

test('a network forwards 1,000 ports of each protocol at most; ports and ranges that are not moved count once', () => {
  const { ways, said } = told();
  const [one, two] = [endpoint('one', '1000-1899:5000/tcp'), endpoint('two', '2000-2100:7000,30000-40000')];
  const plan = ways.plan(NETWORK, [one, two]);
  assert.deepEqual(plan.forwards.map(formatForward), [
    '1000-1899:5000/tcp',
    '2000-2100:7000/udp',
    '30000-40000/tcp',
    '30000-40000/udp',
  ]);
  const problem =
    '2000-2100:7000/tcp is not forwarded: the network forwards 1000 ports already, which is the most';
  assert.equal(ways.problem(two), problem);
  assert.equal(said.length, 1);
});

test('what has not changed is not planned again, and what has is', () => {
  const { ways } = told();
  const plan = () => ways.plan(NETWORK, [endpoint('one', '80/tcp')]);
  const first = plan();
  assert.equal(plan(), first);
  assert.notEqual(ways.plan(NETWORK, [endpoint('one', '80/tcp', 'left')]), first);
  assert.deepEqual(ways.plan(NETWORK, [endpoint('one', '81/tcp')]).forwards.map(formatForward), ['81/tcp']);
});

test('the port that the provider assigns is of the first that asks for it, as long as there is one; the second is told', () => {
  let port: number | undefined;
  const { ways, said } = told(() => port);
  const [one, two] = [endpoint('one', 'auto'), endpoint('two', '80/tcp,auto')];
  const plan = (...endpoints: Endpoint[]): string[] =>
    ways.plan({ id: 'n1', natpmp: 'on' }, endpoints).forwards.map(formatForward);
  assert.deepEqual(plan(one, two), ['80/tcp']);
  assert.equal(ways.taker('n1'), 'one');
  const problem = 'auto is not forwarded: web has the port that the provider assigns already';
  assert.equal(ways.problem(two), problem);
  assert.equal(ways.problem(one), undefined);
  port = 40_000;
  assert.deepEqual(plan(one, two), ['60351:40000/tcp', '60351:40000/udp', '80/tcp']);
  port = 40_001;
  assert.deepEqual(plan(one, two), ['60351:40001/tcp', '60351:40001/udp', '80/tcp']);
  assert.deepEqual(plan({ ...one, state: 'left' }, two), ['60351:40001/tcp', '60351:40001/udp', '80/tcp']);
  assert.equal(ways.problem(two), undefined);
  assert.equal(ways.taker('n1'), 'two');
  port = undefined;
  assert.deepEqual(plan(two), ['80/tcp']);
  assert.equal(said.filter(line => line.includes(problem)).length, 1);
});

test('on a network that asks for no port, who wants it is told what to do, and gets its others', () => {
  const { ways } = told(() => 40_000);
  const one = endpoint('one', '80/tcp,auto');
  assert.deepEqual(ways.plan(NETWORK, [one]).forwards.map(formatForward), ['80/tcp']);
  assert.equal(
    ways.problem(one),
    'no port is forwarded: dwgd.forward=auto is for networks that ask their provider for a port: make the network with dwgd.natpmp=on, or give a port',
  );
  assert.equal(ways.taker('n1'), undefined);
});

test('where another has the port at which the provider sends, that is told of who asks for its port', () => {
  const { ways } = told(() => 40_000);
  const endpoints = [endpoint('one', '60000-61000/udp'), endpoint('two', 'auto')] as const;
  assert.deepEqual(ways.plan({ id: 'n1', natpmp: 'on' }, endpoints).forwards.map(formatForward), [
    '60000-61000/udp',
    '60351:40000/tcp',
  ]);
  assert.match(ways.problem(endpoints[1])!, /^60351:40000\/udp is not forwarded: web has the port/);
});

// Who has which port at the tunnel's address, and what is told of those who do not get theirs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../../../src/base/log.js';
import { readLabelListing } from '../../../../src/driver/ports/label-listing.js';
import { ToldWays } from '../../../../src/driver/ports/told-ways.js';
import { formatForward } from '../../../../src/driver/spec/forwarded-ports.js';
import type { Endpoint } from '../../../../src/driver/spec/model.js';

const endpoint = (id: string, forward: string, state: Endpoint['state'] = 'joined'): Endpoint => ({
  ...{ id, networkId: 'n1', ifname: `wg-${id}`, state, forward },
});

function told() {
  const said: string[] = [];
  const log = createLog(false, true, line => said.push(line));
  const names = new Map([['one', 'web']]);
  return { ways: new ToldWays({ nameOf: id => names.get(id), log }), said };
}

test('the first that asks for a port keeps it; the other is told once, and has it when the first is gone', () => {
  const { ways, said } = told();
  const [one, two] = [endpoint('one', '80-90/tcp'), endpoint('two', '85,7000/udp')];
  const plan = (...endpoints: Endpoint[]): string[] => ways.plan('n1', endpoints).forwards.map(formatForward);
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
  assert.deepEqual(ways.plan('n1', [endpoint('one', 'http')]).forwards, []);
  assert.match(ways.problem(endpoint('one', ''))!, /^no port is forwarded: dwgd\.forward=http is not valid/);
  assert.equal(said.length, 1);
});

test('a listing of Docker gives label and name by endpoint, and nothing is made of what cannot be read', () => {
  const networks = (id: string) => ({ Networks: { exit: { EndpointID: id }, other: { EndpointID: '' } } });
  const listing = [
    { Names: ['/web'], Labels: { 'dwgd.forward': '80' }, NetworkSettings: networks('e1') },
    { Names: ['/db'], Labels: { 'dwgd.forward': 5 }, NetworkSettings: networks('e2') },
    { Names: 5, Labels: null, NetworkSettings: networks('e3') },
    null,
    { NetworkSettings: { Networks: null } },
  ];
  assert.deepEqual(
    [...readLabelListing(listing)],
    [
      ['e1', { container: 'web', forward: '80' }],
      ['e2', { container: 'db' }],
      ['e3', { container: '' }],
    ],
  );
  assert.deepEqual([...readLabelListing('no')], []);
});

// Flows of UDP that go on to where a forward leads no more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../../../src/base/ip.js';
import { isStale } from '../../../../src/labels/diff/stale-flows.js';
import type { Flow, FlowEnd } from '../../../../src/nft/flows.js';
import { container, plan } from '../../../support/label-world.js';

const end = (text: string): FlowEnd => {
  const [, address = '', port = ''] = /^(.*)\/(\d+)$/.exec(text)!;
  return { address: parseAddress(address)!, port: Number(port) };
};
const port = (first: number, last = first) => ({ first, last });
const FORWARD = { ports: port(53), destinations: [end('10.9.0.3/5353'), end('fd09::3/5353')] };

for (const [what, destination, answering, translated, stale] of [
  ['goes to the destination', '10.8.0.2/53', '10.9.0.3/5353', 'both', false],
  ['goes to the destination by IPv6', 'fd08::2/53', 'fd09::3/5353', 'both', false],
  ['goes to an old destination', '10.8.0.2/53', '10.9.0.4/5353', 'both', true],
  ['goes to an old port', '10.8.0.2/53', '10.9.0.3/53', 'destination', true],
  ['began before the forward', '10.8.0.2/53', '10.8.0.2/53', 'neither', true],
  ['only passes through, masqueraded', '192.0.2.1/53', '192.0.2.1/53', 'source', false],
  ['goes to another port', '10.8.0.2/54', '10.9.0.4/5353', 'both', false],
  ["goes to Docker's DNS", '127.0.0.11/53', '127.0.0.11/41234', 'destination', false],
] as const) {
  test(`a flow that ${what} is ${stale ? 'let go of' : 'left alone'}`, () => {
    const flow: Flow = {
      destination: end(destination),
      answering: end(answering),
      isSourceTranslated: translated === 'both' || translated === 'source',
      isDestinationTranslated: translated === 'both' || translated === 'destination',
      handle: { family: 2, attrs: [] },
    };
    assert.equal(isStale(flow, [FORWARD]), stale);
  });
}

test('the plan names each port that labels forward by UDP, also while its destination is not there', () => {
  const labels = {
    'twine.nat.forward.80': 'web',
    'twine.nat.forward.53/udp': 'web:5353',
    'twine.nat.forward.lo.53/udp': 'web:54',
    'twine.nat.forward.99/udp': 'gone',
  };
  const { sandboxes } = plan([
    container('a', { networks: { main: '10.9.0.2' }, labels }),
    container('web', { networks: { main: '10.9.0.3' } }),
    container('gone', { netns: null, networks: { main: '' } }),
  ]);
  assert.deepEqual(sandboxes[0]!.udpForwards, [
    { ports: port(53), destinations: [end('10.9.0.3/5353'), end('10.9.0.3/54')] },
    { ports: port(99), destinations: [] },
  ]);
});

const RANGES = [
  { ports: port(6881, 6889), destinations: [end('10.9.0.3/7881')] },
  { ports: port(6885), destinations: [end('10.9.0.4/1')] },
];

for (const [what, destination, answering, stale] of [
  ['of a range goes to the port as far from the first', '10.8.0.2/6883', '10.9.0.3/7883', false],
  ['of a range goes to another port of it', '10.8.0.2/6883', '10.9.0.3/7884', true],
  ['of a range goes to an old destination', '10.8.0.2/6889', '10.9.0.9/7889', true],
  ['of a port within a range goes where the port does', '10.8.0.2/6885', '10.9.0.4/1', false],
  ['goes to a port beside the range', '10.8.0.2/6890', '10.9.0.9/7890', false],
] as const) {
  test(`a flow that ${what} is ${stale ? 'let go of' : 'left alone'}`, () => {
    const flow: Flow = {
      destination: end(destination),
      answering: end(answering),
      isSourceTranslated: true,
      isDestinationTranslated: true,
      handle: { family: 2, attrs: [] },
    };
    assert.equal(isStale(flow, RANGES), stale);
  });
}

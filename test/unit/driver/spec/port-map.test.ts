// Docker's port map: what it asks for, and the sentence for what it cannot ask for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { parseAddress } from '../../../../src/base/ip.js';
import { readPortMap } from '../../../../src/driver/spec/port-map.js';

test('a port map is read as engines send it', () => {
  assert.deepEqual(readPortMap(undefined), []);
  assert.deepEqual(
    readPortMap([
      { Proto: 6, IP: '', Port: 80, HostIP: '', HostPort: 8080, HostPortEnd: 8080 },
      { Proto: 17, IP: '', Port: 53, HostIP: '192.0.2.1', HostPort: 5000, HostPortEnd: 5009 },
      { Proto: 6, Port: 22, HostIP: '::1' },
    ]),
    [
      { protocol: 'tcp', first: 8080, last: 8080, containerPort: 80 },
      { protocol: 'udp', address: parseAddress('192.0.2.1'), first: 5000, last: 5009, containerPort: 53 },
      { protocol: 'tcp', address: parseAddress('::1'), first: 0, last: 0, containerPort: 22 },
    ],
  );
});

for (const [what, map, message] of [
  ['no list', {}, 'the port map is not a list'],
  ['no entry', [null], 'the port map has an entry of no port'],
  [
    'SCTP',
    [{ Proto: 132, Port: 80 }],
    'a port of protocol 132 cannot be published on an exit network: publish tcp and udp alone',
  ],
  ['no port', [{ Proto: 6 }], 'the port map has a number that is no port'],
  [
    'a port that is none',
    [{ Proto: 6, Port: 80, HostPort: 70_000 }],
    'the port map has a number that is no port',
  ],
  [
    'an address that is none',
    [{ Proto: 6, Port: 80, HostIP: 'here' }],
    'the port map has the address here, which is none',
  ],
  ['too many', Array.from({ length: 1001 }, () => ({})), '1001 ports are published: publish at most 1000'],
] as const) {
  test(`a port map with ${what} is refused`, () => {
    assert.throws(() => readPortMap(map), new UserError(message));
  });
}

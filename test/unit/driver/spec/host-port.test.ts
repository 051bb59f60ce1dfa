// Where a peer listens, as text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHostPort, parseHostPort } from '../../../../src/driver/spec/host-port.js';

for (const [text, host, port] of [
  ['localhost:51820', 'localhost', 51820],
  ['1.2.3.4:1', '1.2.3.4', 1],
  ['[::1]:65535', '::1', 65535],
  ['under_score.example.:80', 'under_score.example.', 80],
] as const) {
  test(`the endpoint ${text} is read and written back`, () => {
    const endpoint = parseHostPort(text);
    assert.deepEqual(endpoint, { host, port });
    assert.equal(formatHostPort(endpoint!), text);
  });
}

for (const text of [
  '',
  ':51820',
  'host:',
  '-x.example:1',
  'a..b:1',
  '[1.2.3.4]:5',
  '[::1]',
  'h ost:1',
  '1.2.3:4',
  'x:1:2',
]) {
  test(`the endpoint ${JSON.stringify(text)} is refused`, () => {
    assert.equal(parseHostPort(text), undefined);
  });
}

// How many sessions there may be, of whom, and over what.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, type PortSessions, Sessions } from '../../../../src/driver/ports/sessions.js';

/** Begins sessions of clients, of `each` per client, until one is refused. */
function fill(
  port: PortSessions,
  name: string,
  each = 200,
): { readonly count: number; readonly full: string } {
  for (let count = 0; ; count++) {
    const end = port.begin(`${name} ${Math.floor(count / each)}`);
    if (typeof end === 'string') return { count, full: end };
  }
}

test('a client has an eighth of all sessions, over all ports', () => {
  const sessions = new Sessions();
  const [web, dns] = [sessions.ofPort('tcp'), sessions.ofPort('udp')];
  const client = clientOf('2001:db8::1');
  const ends: (() => void)[] = [];
  for (let n = 0; n < 256; n++) {
    const end = (n % 2 ? web : dns).begin(client);
    assert.equal(typeof end, 'function');
    if (typeof end === 'function') ends.push(end);
  }
  assert.equal(web.begin(clientOf('2001:db8::dead:beef')), 'client');
  assert.equal(typeof web.begin(clientOf('2001:db8:0:1::1')), 'function');
  // Ended twice, it is counted once.
  for (const _ of [1, 2]) ends[0]!();
  assert.equal(typeof dns.begin(client), 'function');
  assert.equal(dns.begin(client), 'client');
});

test('datagrams leave half of all sessions to TCP, and a port half of them to others', () => {
  const sessions = new Sessions();
  assert.deepEqual(fill(sessions.ofPort('udp'), 'a'), { count: 1_024, full: 'port' });
  assert.deepEqual(fill(sessions.ofPort('udp'), 'b'), { count: 0, full: 'all' });
  assert.deepEqual(fill(sessions.ofPort('tcp'), 'c'), { count: 1_024, full: 'port' });
  assert.deepEqual(fill(sessions.ofPort('tcp'), 'd'), { count: 0, full: 'all' });
});

test('new senders have one budget over all ports', () => {
  const sessions = new Sessions();
  const begun = Array.from({ length: 201 }, () => sessions.mayBegin());
  assert.deepEqual([begun.indexOf(false), begun.lastIndexOf(true)], [200, 199]);
});

test('who has an IPv4 address is one client, and whoever is on a link is, too', () => {
  assert.notEqual(clientOf('192.0.2.1'), clientOf('192.0.2.2'));
  assert.equal(clientOf('fe80::1%eth0'), clientOf('fe80::2'));
});

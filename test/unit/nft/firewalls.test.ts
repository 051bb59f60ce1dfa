// Firewalls of others as they are read: each table once, and no more of their rules than a look may take.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TooManyError } from '../../../src/base/errors.js';
import { attr, attrString, nest } from '../../../src/netlink/attributes.js';
import type { Connection } from '../../../src/netlink/connection.js';
import type { Message } from '../../../src/netlink/message.js';
import { FIREWALL_LIMITS, forwardChainsIn } from '../../../src/nft/firewalls.js';
import { getChainsRequest } from '../../../src/nft/messages.js';

const OWN = { family: 'inet', name: 'dwgd' } as const;
const NFPROTO_INET = 1;
const ofInet = (...attrs: Buffer[]): Message => {
  const payload = Buffer.concat([Buffer.from([NFPROTO_INET, 0, 0, 0]), ...attrs]);
  return { type: 0, flags: 0, seq: 0, payload };
};
/** A base chain at hook forward. */
const chain = (table: string, name: string): Message =>
  ofInet(attrString(1, table), attrString(3, name), nest(4, attr(1, Buffer.from([0, 0, 0, 2]))));
const rule = (of: string): Message => ofInet(attrString(2, of));

/** A kernel with these chains, and so many rules in each table; and how often it was asked for rules. */
function kernel(chains: readonly Message[], rules: number, each = rule('a')) {
  let asked = 0;
  const connection: Pick<Connection, 'request'> = {
    request: ({ type }) => {
      if (type === getChainsRequest().type) return [...chains];
      asked++;
      return Array.from({ length: rules }, () => each);
    },
  };
  return { connection: connection as Connection, asked: () => asked };
}

test('a table with several chains at the hook is read once, and our own never', () => {
  const { connection, asked } = kernel([chain('fw', 'a'), chain('fw', 'b'), chain('dwgd', 'forward')], 3);
  const found = forwardChainsIn(connection, OWN);
  assert.deepEqual(
    found.map(({ table, name, rules }) => `${table} ${name} ${rules.length}`),
    ['fw a 3', 'fw b 0'],
  );
  assert.equal(asked(), 1);
});

test('tables that have more than 1024 rules in all are not read', () => {
  const chains = [chain('one', 'a'), chain('two', 'a')];
  assert.equal(forwardChainsIn(kernel(chains, 512).connection, OWN).length, 2);
  assert.throws(() => forwardChainsIn(kernel(chains, 513).connection, OWN), TooManyError);
});

test('of more than eight chains the first eight are read', () => {
  const chains = Array.from({ length: 9 }, (_, n) => chain(`t${n}`, 'a'));
  assert.equal(forwardChainsIn(kernel(chains, 1).connection, OWN).length, 8);
});

test('rules of more than 256 KiB in all are not read', () => {
  const chains = [chain('fw', 'a')];
  const long = ofInet(attrString(2, 'a'), attr(7, Buffer.alloc(1000)));
  const read = (rules: number) => forwardChainsIn(kernel(chains, rules, long).connection, OWN);
  assert.equal(read(200).length, 1);
  assert.throws(() => read(300), TooManyError);
  assert.equal(FIREWALL_LIMITS.bytes, 256 * 1024);
});

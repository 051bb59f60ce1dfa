// The verbs of wg(8) on a connection that is a function: which requests they make of one call.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpError, UserError } from '../../../../src/base/errors.js';
import { attr, attrMap, attrString, attrU16, attrU32 } from '../../../../src/netlink/attributes.js';
import type { Connection } from '../../../../src/netlink/connection.js';
import type { Request } from '../../../../src/netlink/message.js';
import { WgCtrl } from '../../../../src/netlink/wireguard/client.js';
import { Key } from '../../../../src/netlink/wireguard/key.js';

const FAMILY = 0x1d;
const family = Buffer.concat([Buffer.alloc(4), attrU16(1, FAMILY)]);

/** A connection that answers each request by a function, and keeps them. */
function connection(answer: (request: Request, what: string) => Buffer[]): Connection & { sent: Request[] } {
  const sent: Request[] = [];
  return {
    sent,
    request: (request, { op, subject }) => {
      sent.push(request);
      const payloads = answer(request, `${op} ${subject}`);
      return payloads.map(payload => ({ type: request.type, flags: 0, seq: 1, payload }));
    },
    batch: () => assert.fail('no transaction of nfnetlink is meant for it'),
    close: () => undefined,
  };
}

const isFamily = ({ type }: Request): boolean => type === 16;
const device = Buffer.concat([Buffer.alloc(4), attrU32(1, 3), attrString(2, 'wg0')]);

test("the family's number is asked for once", () => {
  const fake = connection(request => (isFamily(request) ? [family] : [device]));
  const wg = new WgCtrl(fake);
  wg.device('wg0');
  wg.device('wg0');
  assert.deepEqual(
    fake.sent.map(({ type }) => type),
    [16, FAMILY, FAMILY],
  );
  assert.deepEqual(
    [fake.sent[1]!.flags, fake.sent[1]!.payload[0]],
    [0x300, 0],
    'a dump of WG_CMD_GET_DEVICE',
  );
});

test('a kernel without WireGuard is reported, and asked again the next time', () => {
  let loaded = false;
  const fake = connection((request, what) => {
    if (isFamily(request) && !loaded) throw new OpError(what, '', 2);
    return isFamily(request) ? [family] : [device];
  });
  const wg = new WgCtrl(fake);
  assert.throws(
    () => wg.device('wg0'),
    (err: unknown) =>
      err instanceof UserError &&
      err.message === 'this kernel has no WireGuard: load the module (modprobe wireguard)',
  );
  loaded = true;
  assert.equal(wg.device('wg0').index, 3);
});

test('1,500 peers are several requests, one after the other', () => {
  const fake = connection(request => (isFamily(request) ? [family] : []));
  const peers = Array.from({ length: 1500 }, (_, n) => ({
    publicKey: new Key(Buffer.from(String(n).padStart(32, '0'))),
    keepalive: 25,
    allowedIPs: [],
  }));
  new WgCtrl(fake).configure('wg0', { replacePeers: true, peers });
  const [, first, ...rest] = fake.sent;
  assert.ok(rest.length >= 1);
  assert.deepEqual([first!.flags, first!.payload[0]], [0, 1], 'WG_CMD_SET_DEVICE');
  const replaces = fake.sent.slice(1).map(({ payload }) => attrMap(payload.subarray(4)).has(5));
  assert.deepEqual(replaces, [true, ...rest.map(() => false)]);
});

test('after a refusal the rest is not sent', () => {
  let sets = 0;
  const fake = connection((request, what) => {
    if (isFamily(request)) return [family];
    if (++sets === 1) throw new OpError(what, '', 19);
    return [];
  });
  const peers = Array.from({ length: 1500 }, (_, n) => ({
    publicKey: new Key(Buffer.from(String(n).padStart(32, '0'))),
  }));
  assert.throws(() => new WgCtrl(fake).configure('wg0', { peers }), /configuring WireGuard device wg0/);
  assert.equal(sets, 1);
});

test('an answer that is no device is no device', () => {
  const fake = connection(request => (isFamily(request) ? [family] : [attr(1, Buffer.alloc(4))]));
  assert.throws(() => new WgCtrl(fake).device('wg0'), /DecodeError|without index or name/);
});

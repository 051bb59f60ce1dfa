// Events of namespaces: whose they are, by what comes beside the message.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../src/base/errors.js';
import {
  decodeEvent,
  decodeNsid,
  getNsidRequest,
  newNsidRequest,
} from '../../../src/netlink/namespace-event.js';

const NONE = Buffer.alloc(0);

/** struct nlmsghdr: RTM_DELRULE by port 4242. */
function header(type = 33, port = 4242): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt32LE(port, 12);
  return bytes;
}

/** struct cmsghdr with a value, padded as CMSG_ALIGN does. */
function ancillary(level: number, type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc((16 + value.length + 7) & ~7);
  bytes.writeBigUInt64LE(BigInt(16 + value.length), 0);
  bytes.writeInt32LE(level, 8);
  bytes.writeInt32LE(type, 12);
  value.copy(bytes, 16);
  return bytes;
}

const four = (value: number): Buffer => Buffer.from(Int32Array.of(value).buffer);
/** SOL_NETLINK and NETLINK_LISTEN_ALL_NSID, as the kernel sends them. */
const nsid = (value: number): Buffer => ancillary(270, 8, four(value));

const CASES: readonly (readonly [string, Buffer, number | undefined])[] = [
  ['no ancillary data', NONE, undefined],
  ['a number', nsid(7), 7],
  ['the first of all numbers', nsid(0), 0],
  ['the last of all numbers', nsid(0x7fff_ffff), 0x7fff_ffff],
  ['a number behind something else', Buffer.concat([ancillary(270, 3, Buffer.alloc(5)), nsid(9)]), 9],
  ['the same type of another level', ancillary(1, 8, four(7)), undefined],
  ['another type', ancillary(270, 3, four(7)), undefined],
  ['a number without its value', ancillary(270, 8, NONE), undefined],
];
for (const [what, control, expected] of CASES)
  test(`an event with ${what}`, () => {
    const event = { type: 33, port: 4242, payload: NONE, ...(expected !== undefined && { nsid: expected }) };
    assert.deepEqual(decodeEvent(header(), control), event);
  });

test('what is shorter than it says is no event', () => {
  assert.throws(() => decodeEvent(header().subarray(0, 15), NONE), DecodeError);
  for (const length of [0n, 15n, 25n, 2n ** 63n]) {
    const control = nsid(7);
    control.writeBigUInt64LE(length, 0);
    assert.throws(() => decodeEvent(header(), control), DecodeError, String(length));
  }
});

test('whatever bytes come, it answers or throws a DecodeError', () => {
  const bytes = fc.uint8Array({ maxLength: 80 }).map(array => Buffer.from(array));
  const mixed = fc
    .array(fc.oneof(bytes, fc.nat(9).map(nsid)), { maxLength: 4 })
    .map(all => Buffer.concat(all));
  fc.assert(
    fc.property(bytes, fc.oneof(bytes, mixed), (data, control) => {
      try {
        const event = decodeEvent(data, control);
        assert.equal(event.type, data.readUInt16LE(4));
      } catch (err) {
        assert.ok(err instanceof DecodeError, String(err));
      }
    }),
    { numRuns: 5000 },
  );
});

test('an event keeps its number whatever stands in front of it', () => {
  const others = fc.array(fc.tuple(fc.constantFrom(0, 1, 270), fc.nat(7), fc.uint8Array({ maxLength: 20 })), {
    maxLength: 3,
  });
  fc.assert(
    fc.property(others, fc.nat(0x7fff_ffff), (before, number) => {
      const control = before.map(([level, type, value]) => ancillary(level, type, Buffer.from(value)));
      assert.equal(decodeEvent(header(), Buffer.concat([...control, nsid(number)])).nsid, number);
    }),
  );
});

test('a number is given as ip-netns(8) does', () => {
  const { type, payload } = newNsidRequest(5, 42);
  assert.equal(type, 88);
  assert.equal(payload.toString('hex'), '00000000' + '0800010005000000' + '080003002a000000');
});

test('the number of a namespace is asked for by its descriptor, and may be none', () => {
  const { type, payload } = getNsidRequest(5);
  assert.deepEqual([type, payload.toString('hex')], [90, '000000000800030005000000']);
  const answer = (value: number): Buffer =>
    Buffer.concat([Buffer.alloc(4), Buffer.from('08000100', 'hex'), four(value)]);
  assert.deepEqual([answer(7), answer(-1), Buffer.alloc(4)].map(decodeNsid), [7, undefined, undefined]);
  assert.throws(
    () => decodeNsid(Buffer.concat([Buffer.alloc(4), Buffer.from('06000100abcd0000', 'hex')])),
    DecodeError,
  );
});

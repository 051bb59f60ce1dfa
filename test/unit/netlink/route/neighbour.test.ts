// Neighbours: byte by byte what ip-neighbour(8) sends, and what the kernel answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../../src/base/errors.js';
import { formatAddress, parseAddress } from '../../../../src/base/ip.js';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE } from '../../../../src/netlink/message.js';
import {
  decodeNeighbour,
  deleteNeighbourRequest,
  getNeighbourRequest,
  getNeighboursRequest,
  macOf,
  NUD_REACHABLE,
  newNeighbourRequest,
  probeNeighbourRequest,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from '../../../../src/netlink/route/neighbour.js';

const four = { index: 258, address: parseAddress('10.0.0.3')! };
const six = { index: 2, address: parseAddress('fd00::3')! };
const lladdr = Buffer.from('024200000003', 'hex');
const hex = (...parts: string[]): string => parts.join('').replaceAll(' ', '');

for (const [what, request, type, flags, payload] of [
  [
    '"ip neighbour get 10.0.0.3 dev INDEX"',
    getNeighbourRequest(four),
    RTM_GETNEIGH,
    0,
    hex('02 00 0000 02010000 0000 00 00', '0800 0100 0a000003'),
  ],
  [
    '"ip neighbour get fd00::3 dev INDEX"',
    getNeighbourRequest(six),
    RTM_GETNEIGH,
    0,
    hex('0a 00 0000 02000000 0000 00 00', '1400 0100 fd000000000000000000000000000003'),
  ],
  [
    '"ip neighbour replace 10.0.0.3 lladdr 02:42:00:00:00:03 dev INDEX nud probe"',
    probeNeighbourRequest({ ...four, lladdr }),
    RTM_NEWNEIGH,
    NLM_F_REPLACE,
    hex('02 00 0000 02010000 1000 00 00', '0800 0100 0a000003', '0a00 0200 024200000003 0000'),
  ],
  [
    '"ip neighbour add 10.0.0.3 dev INDEX use" of one whose link-layer address is not known',
    probeNeighbourRequest(four),
    RTM_NEWNEIGH,
    NLM_F_CREATE,
    hex('02 00 0000 02010000 0000 01 00', '0800 0100 0a000003'),
  ],
  [
    '"ip neighbour replace 10.0.0.3 lladdr 02:42:00:00:00:03 dev INDEX nud permanent"',
    newNeighbourRequest({ ...four, lladdr }),
    RTM_NEWNEIGH,
    NLM_F_CREATE | NLM_F_REPLACE,
    hex('02 00 0000 02010000 8000 00 00', '0800 0100 0a000003', '0a00 0200 024200000003 0000'),
  ],
  [
    '"ip neighbour del 10.0.0.3 dev INDEX"',
    deleteNeighbourRequest(four),
    29,
    0,
    hex('02 00 0000 02010000 0000 00 00', '0800 0100 0a000003'),
  ],
] as const) {
  test(`${what} is sent byte by byte`, () => {
    assert.deepEqual([request.type, request.flags], [type, flags]);
    assert.equal(request.payload.toString('hex'), payload);
  });
}

test('all neighbours are asked for by an ndmsg of zeros', () => {
  assert.deepEqual(getNeighboursRequest(), {
    type: RTM_GETNEIGH,
    flags: NLM_F_DUMP,
    payload: Buffer.alloc(12),
  });
});

const answer = (state: string, ...attrs: string[]): Buffer =>
  Buffer.from(hex(`02 00 0000 02010000 ${state} 00 01`, ...attrs), 'hex');
const [TO, MAC] = ['0800 0100 0a000003', '0a00 0200 024200000003 0000'];

test('a neighbour is read with its state and its link-layer address', () => {
  assert.deepEqual(decodeNeighbour(answer('0200', TO, MAC)), { ...four, state: NUD_REACHABLE, lladdr });
});

test('one that does not answer has no link-layer address', () => {
  assert.deepEqual(decodeNeighbour(answer('2000', TO)), { ...four, state: 0x20 });
});

test('one without its address is left out', () => {
  assert.equal(decodeNeighbour(answer('0200', MAC)), undefined);
});

test('a short ndmsg is refused', () => {
  assert.throws(() => decodeNeighbour(Buffer.alloc(11)), DecodeError);
});

for (const [what, state, attrs, expected] of [
  ['one that is reachable', '0200', [TO, MAC], '02:42:00:00:00:03'],
  ['one that was', '0400', [TO, MAC], '02:42:00:00:00:03'],
  ['one that never goes', '8000', [MAC, TO], '02:42:00:00:00:03'],
  ['one that does not answer', '2000', [TO, MAC], undefined],
  ['one that is asked for', '0100', [TO], undefined],
  ['a group, or one of a link without addresses', '4000', [TO, MAC], undefined],
  ['one with a longer link-layer address', '0200', [TO, '0c00 0200 0242000000030506'], undefined],
] as const) {
  test(`packets for ${what} go to ${expected ?? 'no address that is known'}`, () => {
    const found = decodeNeighbour(answer(state, ...attrs))!;
    assert.equal(formatAddress(found.address), '10.0.0.3');
    assert.equal(macOf(found), expected);
  });
}

test('any bytes are read, or refused by a DecodeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      try {
        decodeNeighbour(Buffer.from(bytes));
      } catch (err) {
        assert.ok(err instanceof DecodeError, String(err));
      }
    }),
  );
});

// Neighbours: byte by byte what ip-neighbour(8) sends, and what the kernel answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../../src/base/errors.js';
import { parseAddress } from '../../../../src/base/ip.js';
import { NLM_F_CREATE, NLM_F_REPLACE } from '../../../../src/netlink/message.js';
import {
  decodeNeighbour,
  getNeighbourRequest,
  NUD_REACHABLE,
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
] as const) {
  test(`${what} is sent byte by byte`, () => {
    assert.deepEqual([request.type, request.flags], [type, flags]);
    assert.equal(request.payload.toString('hex'), payload);
  });
}

const answer = (state: string, ...attrs: string[]): Buffer =>
  Buffer.from(hex(`02 00 0000 02010000 ${state} 00 01`, ...attrs), 'hex');

test('a neighbour is read with its state and its link-layer address', () => {
  const said = answer('0200', '0800 0100 0a000003', '0a00 0200 024200000003 0000');
  assert.deepEqual(decodeNeighbour(said, four.address), { ...four, state: NUD_REACHABLE, lladdr });
});

test('one that does not answer has no link-layer address', () => {
  assert.deepEqual(decodeNeighbour(answer('2000', '0800 0100 0a000003'), four.address), {
    ...four,
    state: 0x20,
  });
});

for (const [what, said] of [
  ['of another address', answer('0200', '0800 0100 0a000004')],
  ['of no address', answer('0200')],
  ['that is cut off', answer('0200').subarray(0, 11)],
] as const) {
  test(`an answer ${what} is refused`, () => {
    assert.throws(() => decodeNeighbour(said, four.address), DecodeError);
  });
}

test('any bytes are read, or refused by a DecodeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      try {
        decodeNeighbour(Buffer.from(bytes), four.address);
      } catch (err) {
        assert.ok(err instanceof DecodeError, String(err));
      }
    }),
  );
});

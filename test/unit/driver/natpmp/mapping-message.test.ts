// Messages of NAT-PMP: their bytes, and what is made of those that anybody may send.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeMapping,
  encodeMapping,
  type MappingRequest,
} from '../../../../src/driver/natpmp/mapping-message.js';

const UDP: MappingRequest = { protocol: 'udp', internal: 60_351, suggested: 4_660, lifetime: 60 };
const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

for (const [what, request, expected] of [
  ['UDP', UDP, '00 01 0000 ebbf 1234 0000003c'],
  ['TCP', { ...UDP, protocol: 'tcp' }, '00 02 0000 ebbf 1234 0000003c'],
  ['any port', { ...UDP, suggested: 0, lifetime: 7_200 }, '00 01 0000 ebbf 0000 00001c20'],
  ['the end of a mapping', { ...UDP, suggested: 0, lifetime: 0 }, '00 01 0000 ebbf 0000 00000000'],
  [
    'the last of all',
    { ...UDP, internal: 65_535, suggested: 65_535, lifetime: 2 ** 32 - 1 },
    '00 01 0000 ffff ffff ffffffff',
  ],
] as const) {
  test(`a request for ${what} is these 12 bytes`, () => {
    assert.deepEqual(encodeMapping(request), bytes(expected));
  });
}

// As Debian's miniupnpd sends it.
const ANSWER = '00 81 0000 00000001 ebbf 115c 0000003c';

test('an answer gives the port, its time and the clock of the gateway', () => {
  assert.deepEqual(decodeMapping(bytes(ANSWER), UDP), {
    result: 0,
    epoch: 1,
    granted: { external: 4_444, lifetime: 60 },
  });
  const ending = { ...UDP, suggested: 0, lifetime: 0 };
  const ended = bytes('00 81 0000 ffffffff ebbf 0000 00000000');
  assert.deepEqual(decodeMapping(ended, ending), {
    result: 0,
    epoch: 2 ** 32 - 1,
    granted: { external: 0, lifetime: 0 },
  });
  // Servers differ in what they answer for the port there.
  assert.deepEqual(decodeMapping(bytes('00 81 0000 00000001 ebbf ebbf 00000000'), ending)?.granted, {
    external: 60_351,
    lifetime: 0,
  });
});

for (const length of [8, 12, 16]) {
  test(`a refusal of ${length} bytes gives its result and the clock`, () => {
    const refusal = bytes('00 81 0002 00000105 ebbf 0000 00000000').subarray(0, length);
    assert.deepEqual(decodeMapping(refusal, UDP), { result: 2, epoch: 261 });
  });
}

for (const [what, text] of [
  ['nothing', ''],
  ['less than every answer has', '00 81 0002 000000'],
  ['success without a port', '00 81 0000 00000001'],
  ['success that is cut short', ANSWER.slice(0, -2)],
  ['an answer with more behind it', `${ANSWER} 00`],
  ['a refusal with more behind it', `${ANSWER.replace('81 0000', '81 0002')} 00`],
  ['another version', `02${ANSWER.slice(2)}`],
  ['a request', ANSWER.replace('81', '01')],
  ['an answer about the other protocol', ANSWER.replace('81', '82')],
  ['an answer about an address', ANSWER.replace('81', '80')],
  ['an answer about another port', ANSWER.replace('ebbf', 'ebbe')],
  ['port 0', ANSWER.replace('115c', '0000')],
  ['a port for no time', ANSWER.replace('3c', '00')],
] as const) {
  test(`${what} is no answer`, () => {
    assert.equal(decodeMapping(bytes(text), UDP), undefined);
  });
}

test('a mapping is no answer to who wants its end', () => {
  assert.equal(decodeMapping(bytes(ANSWER), { ...UDP, suggested: 0, lifetime: 0 }), undefined);
});

test('of any bytes comes an answer within its bounds, or none', () => {
  const near = fc.tuple(fc.nat(15), fc.nat(255)).map(([at, byte]) => {
    const changed = bytes(ANSWER);
    changed[at] = byte;
    return changed;
  });
  const any = fc.uint8Array({ maxLength: 24 });
  fc.assert(
    fc.property(fc.oneof(any, near), fc.boolean(), (given, isEnd) => {
      const request = isEnd ? { ...UDP, lifetime: 0 } : UDP;
      const found = decodeMapping(given, request);
      if (!found) return;
      assert.ok(given.length >= 8 && given.length <= 16);
      assert.equal(found.granted !== undefined, found.result === 0);
      if (!found.granted) return;
      const { external, lifetime } = found.granted;
      assert.ok(external >= 0 && external <= 65_535 && lifetime >= 0 && lifetime < 2 ** 32);
      assert.equal(lifetime === 0, isEnd);
      assert.ok(isEnd || external > 0);
    }),
    { numRuns: 2_000 },
  );
});

test('what is asked for is what is answered, whatever it is', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 65_535 }),
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      fc.boolean(),
      (port, lifetime, isTcp) => {
        const request: MappingRequest = {
          protocol: isTcp ? 'tcp' : 'udp',
          internal: port,
          suggested: port,
          lifetime,
        };
        const [head, asked] = [Buffer.alloc(8), encodeMapping(request)];
        head.writeUInt8(128 + asked.readUInt8(1), 1);
        const echo = Buffer.concat([head, asked.subarray(4)]);
        assert.deepEqual(decodeMapping(echo, request), {
          result: 0,
          epoch: 0,
          granted: { external: port, lifetime },
        });
      },
    ),
  );
});

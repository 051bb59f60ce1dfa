// Every decoder is total: whatever bytes come, it answers or throws a DecodeError, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../src/base/errors.js';
import {
  decodeChain,
  decodeElements,
  decodeListedRule,
  decodeSet,
} from '../../../src/explain/machine/decode.js';
import { readAttrs } from '../../../src/netlink/attributes.js';
import { decodeFamilyId } from '../../../src/netlink/generic.js';
import { readErrno, readMessages } from '../../../src/netlink/message.js';
import { decodeAddress } from '../../../src/netlink/route/address.js';
import { decodeLink } from '../../../src/netlink/route/link.js';
import { decodeFoundRoute } from '../../../src/netlink/route/lookup.js';
import { decodeNeighbour } from '../../../src/netlink/route/neighbour.js';
import { decodeRoute } from '../../../src/netlink/route/route.js';
import { decodeDevice } from '../../../src/netlink/wireguard/decode.js';
import { decodeFlow } from '../../../src/nft/flows.js';
import { golden, readGolden, replies } from '../../support/golden.js';

const decoders: Record<string, (bytes: Buffer) => unknown> = {
  attributes: readAttrs,
  messages: readMessages,
  errnos: bytes => readMessages(bytes).map(readErrno),
  links: decodeLink,
  addresses: decodeAddress,
  neighbours: decodeNeighbour,
  routes: decodeRoute,
  'found routes': decodeFoundRoute,
  'nftables rules': decodeListedRule,
  'nftables chains': decodeChain,
  'nftables sets': decodeSet,
  'elements of sets': decodeElements,
  flows: decodeFlow,
  families: decodeFamilyId,
  devices: bytes => decodeDevice([bytes]),
  'devices in two messages': bytes => decodeDevice([bytes, bytes]),
};

/** What the kernel really sent, to be damaged: datagrams, payloads, attributes behind a genlmsghdr. */
const payloads = ['link', 'address', 'route', 'wireguard', 'handshake'].flatMap(name =>
  readGolden(name).flatMap(exchange => replies(exchange).map(({ payload }) => payload)),
);
const devices = replies(golden('handshake', 'wg show fresh0 dump')).map(({ payload }) => payload.subarray(4));
const real = [...new Map([...payloads, ...devices].map(bytes => [bytes.toString('hex'), bytes])).values()];

const random = fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes));
const damaged = fc
  .tuple(
    fc.constantFrom(...real),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
    fc.option(fc.nat(), { nil: undefined }),
  )
  .map(([bytes, changes, cut]) => {
    const copy = Buffer.from(bytes);
    for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
    return cut === undefined ? copy : copy.subarray(0, cut % (copy.length + 1));
  });

/** Attributes of plausible types with values of any length, nested or not. */
const shaped = fc
  .array(fc.tuple(fc.nat(20), fc.uint8Array({ maxLength: 40 }), fc.nat(3)), { maxLength: 8 })
  .map(attrs =>
    Buffer.concat(
      attrs.map(([type, value, shape]) => {
        const inner = shape === 0 ? nested(type, nested(shape, Buffer.from(value))) : Buffer.from(value);
        return nested(type, inner);
      }),
    ),
  );

function nested(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(value.length + 4, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, value, Buffer.alloc(-value.length & 3)]);
}

for (const [name, decode] of Object.entries(decoders)) {
  test(`whatever bytes come, reading ${name} throws nothing but a DecodeError`, () => {
    fc.assert(
      fc.property(fc.oneof(random, damaged, shaped), bytes => {
        try {
          decode(bytes);
        } catch (err) {
          assert.ok(err instanceof DecodeError, String(err));
        }
      }),
      { numRuns: 3000 },
    );
  });
}

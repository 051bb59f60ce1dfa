// Addresses of links: byte by byte what ip(8) sends, and what the kernel lists.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../../src/base/errors.js';
import { formatPrefix, parsePrefix } from '../../../../src/base/ip.js';
import { NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, readErrno } from '../../../../src/netlink/message.js';
import {
  decodeAddress,
  deleteAddressRequest,
  getAddressesRequest,
  newAddressRequest,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from '../../../../src/netlink/route/address.js';
import { prefix } from '../../../support/arbitrary.js';
import { golden, replies, request } from '../../../support/golden.js';

const LINK = 'wg-0123456789ab';
const at = (index: number, text: string) => ({ index, prefix: parsePrefix(text)! });

for (const [command, type, ours] of [
  [`add 10.0.0.2/24 dev ${LINK}`, RTM_NEWADDR, newAddressRequest(at(4, '10.0.0.2/24'))],
  [`add fd00::2/64 dev ${LINK} nodad`, RTM_NEWADDR, newAddressRequest(at(4, 'fd00::2/64'))],
  ['del 10.8.0.1/24 dev dev1', RTM_DELADDR, deleteAddressRequest(at(2, '10.8.0.1/24'))],
] as const) {
  test(`"ip address ${command}" is sent byte by byte`, () => {
    const theirs = request(golden('address', `ip address ${command}`), type);
    assert.equal(ours.type, type);
    assert.equal(ours.flags | NLM_F_REQUEST | NLM_F_ACK, theirs.flags);
    assert.equal(ours.payload.toString('hex'), theirs.payload.toString('hex'));
  });
}

test('addresses are asked for by an ifaddrmsg of zeros', () => {
  assert.deepEqual(getAddressesRequest(), { type: RTM_GETADDR, flags: 0x300, payload: Buffer.alloc(8) });
});

test('all addresses are read, of a point-to-point link the local end', () => {
  const list = replies(golden('address', 'ip address show')).filter(({ type }) => type === RTM_NEWADDR);
  const read = list
    .map(({ payload }) => decodeAddress(payload))
    .map(a => `${a.index} ${formatPrefix(a.prefix)}`);
  // The link-local ones derive from MAC addresses, which are made up anew each time.
  assert.deepEqual(
    read.filter(text => !text.includes('fe80::')),
    ['2 10.9.0.1/32', '4 10.0.0.2/24', '4 fd00::2/64'],
  );
  assert.equal(read.length, 5);
});

test('an address that is there already is EEXIST', () => {
  const exchange = golden('address', `ip address add 10.0.0.2/24 dev ${LINK}`, 1);
  assert.equal(readErrno(replies(exchange).find(({ type }) => type === NLMSG_ERROR)!), 17);
});

for (const [name, hex] of [
  ['is cut short', '02180000040000'],
  ['has no bytes', '0218000004000000'],
  ['has three bytes', '0218000004000000' + '070001000a000000'],
] as const) {
  test(`an address that ${name} is refused`, () => {
    assert.throws(() => decodeAddress(Buffer.from(hex, 'hex')), DecodeError);
  });
}

test('an address is read back as it was written', () => {
  fc.assert(
    fc.property(fc.nat(0x7fff_ffff), prefix, (index, prefix) => {
      assert.deepEqual(decodeAddress(newAddressRequest({ index, prefix }).payload), { index, prefix });
    }),
  );
});

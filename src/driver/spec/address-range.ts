// Ranges of addresses as they are typed, and which addresses of them containers of a network may have. Not here: the network's
// pools (model.ts).

import { UserError } from '../../base/errors.js';
import {
  type Address,
  fromBytes,
  maskPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  sameAddress,
} from '../../base/ip.js';
import { excerpt } from '../../base/text.js';
import type { Pool } from './model.js';

/** Of a range. */
const MAX_ADDRESSES = 1024;
const RIGHT = 'give an address, a network such as 10.0.0.0/28, or a range such as 10.0.0.2-10.0.0.9';

/**
 * All addresses of `10.0.0.2`, `10.0.0.2-10.0.0.9` or `10.0.0.0/28`, in order.
 * @throws UserError of the code EINVAL
 */
export function parseRange(text: string): Address[] {
  const ends = text.split('-').map(part => parseAddress(part.trim()));
  const [first, last] = [ends[0], ends.at(-1)];
  if (first && last && ends.length <= 2 && first.family === last.family)
    return between(first, numberOf(first), numberOf(last), text);
  const prefix = parsePrefix(text);
  if (!prefix) throw refused(`${excerpt(text)} is no range of addresses: ${RIGHT}`);
  const { address } = maskPrefix(prefix);
  const start = numberOf(address);
  return between(address, start, start + (1n << hostBits(prefix)) - 1n, text);
}

/** Those that a container may have: in the pool's subnet, and neither its gateway nor the subnet's own first and last. */
export function forContainers(addresses: readonly Address[], { subnet, gateway }: Pool): Address[] {
  const bits = hostBits(subnet);
  const start = numberOf(maskPrefix(subnet).address);
  const isOwn = (address: Address): boolean => {
    const n = numberOf(address);
    // Subnets of one or two addresses have no others. Of IPv6, the last one is like any.
    return bits >= 2n && (n === start || (address.family === 4 && n === start + (1n << bits) - 1n));
  };
  return addresses.filter(
    address =>
      prefixContains(subnet, address) && !isOwn(address) && !(gateway && sameAddress(gateway, address)),
  );
}

function between(like: Address, first: bigint, last: bigint, text: string): Address[] {
  if (first > last) throw refused(`${excerpt(text)} ends before it begins: ${RIGHT}`);
  if (last - first >= BigInt(MAX_ADDRESSES))
    throw refused(`${excerpt(text)} has more than ${MAX_ADDRESSES} addresses: give fewer at a time`);
  const { length } = like.bytes;
  return Array.from({ length: Number(last - first) + 1 }, (_, n) =>
    fromBytes(Buffer.from((first + BigInt(n)).toString(16).padStart(length * 2, '0'), 'hex')),
  );
}

function hostBits({ address, length }: Prefix): bigint {
  return BigInt(address.bytes.length * 8 - length);
}

function numberOf({ bytes }: Address): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function refused(sentence: string): UserError {
  return new UserError(sentence, { code: 'EINVAL' });
}

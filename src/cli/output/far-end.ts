// What the far end of a network's tunnels has to know of its containers, as text: sections of a file of wg(8), JSON, or a
// table. Not here: which containers there are, and their keys.

import { UserError } from '../../base/errors.js';
import {
  type Address,
  formatAddress,
  formatPrefix,
  fromBytes,
  hostPrefix,
  maskPrefix,
  parseAddress,
  parsePrefix,
} from '../../base/ip.js';
import { excerpt } from '../../base/text.js';
import type { Key, SecretKey } from '../../netlink/wireguard/key.js';
import { table } from './text-table.js';

/** A container as a peer of the far end. */
export interface FarPeer {
  readonly publicKey: Key;
  readonly presharedKey?: SecretKey;
  /** One, or one of each family. */
  readonly addresses: readonly Address[];
}

/** Of a range. */
const MAX_ADDRESSES = 4096;
const RIGHT = 'give an address, a network such as 10.0.0.0/28, or a range such as 10.0.0.2-10.0.0.9';

/** Sections [Peer] to paste into a file of the far end, preshared keys with them. */
export function peersAsWg(peers: readonly FarPeer[]): string {
  return peers
    .map(({ publicKey, presharedKey, addresses }) =>
      [
        '[Peer]',
        `PublicKey = ${publicKey}`,
        ...(presharedKey ? [`PresharedKey = ${presharedKey.reveal().toString('base64')}`] : []),
        `AllowedIPs = ${addresses.map(address => formatPrefix(hostPrefix(address))).join(', ')}`,
        '',
      ].join('\n'),
    )
    .join('\n');
}

/** The same as a JSON array, preshared keys with them. */
export function peersAsJson(peers: readonly FarPeer[]): string {
  const entries = peers.map(({ publicKey, presharedKey, addresses }) => ({
    publicKey: `${publicKey}`,
    ...(presharedKey && { presharedKey: presharedKey.reveal().toString('base64') }),
    allowedIPs: addresses.map(address => formatPrefix(hostPrefix(address))),
  }));
  return `${JSON.stringify(entries, undefined, 2)}\n`;
}

/** For people: no preshared key. */
export function peersAsTable(peers: readonly FarPeer[], hasColours: boolean): string {
  const rows = peers.map(({ publicKey, addresses }) => [
    addresses.map(formatAddress).join(', '),
    `${publicKey}`,
  ]);
  return `${table(['ADDRESS', 'PUBLIC KEY'], rows, hasColours).join('\n')}\n`;
}

/**
 * The addresses of `10.0.0.2`, `10.0.0.2-10.0.0.9` or `10.0.0.0/28`, of which no container has the first and the last.
 * @throws UserError
 */
export function parseRange(text: string): Address[] {
  const ends = text.split('-').map(part => parseAddress(part.trim()));
  const [first, last] = [ends[0], ends.at(-1)];
  if (first && last && ends.length <= 2 && first.family === last.family)
    return between(first, numberOf(first), numberOf(last), text);
  const prefix = parsePrefix(text);
  if (!prefix) throw new UserError(`${excerpt(text)} is no range of addresses: ${RIGHT}`);
  const { address } = maskPrefix(prefix);
  const bits = BigInt(address.bytes.length * 8 - prefix.length);
  const [start, end] = [numberOf(address), numberOf(address) + (1n << bits) - 1n];
  // Networks of one or two addresses have no other than those.
  return bits < 2n ? between(address, start, end, text) : between(address, start + 1n, end - 1n, text);
}

function between(like: Address, first: bigint, last: bigint, text: string): Address[] {
  if (first > last) throw new UserError(`${excerpt(text)} ends before it begins: ${RIGHT}`);
  if (last - first >= BigInt(MAX_ADDRESSES))
    throw new UserError(`${excerpt(text)} has more than ${MAX_ADDRESSES} addresses: give fewer at a time`);
  const { length } = like.bytes;
  return Array.from({ length: Number(last - first) + 1 }, (_, n) =>
    fromBytes(Buffer.from((first + BigInt(n)).toString(16).padStart(length * 2, '0'), 'hex')),
  );
}

function numberOf({ bytes }: Address): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

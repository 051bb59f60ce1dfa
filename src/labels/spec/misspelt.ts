// The networks that a misspelt route label must have meant, so that its unreachable fallback is there whatever else is wrong
// with it. Pure. Not here: labels without a mistake (parse.ts), which keys there are (label-keys.ts).

import { formatPrefix, type Prefix, parsePrefix } from '../../base/ip.js';
import { parseNetwork } from './destination.js';
import { KNOWN_HEADS, nearestKey, ROUTE } from './label-keys.js';

/** Networks in the list of one key. */
const MAX_NETWORKS = 8;
const [ALL_IPV4, ALL_IPV6] = ['0.0.0.0/0', '::/0'] as const;
/** Words for all networks in ip-route(8), route(8) and firewalls. */
const EVERYTHING: ReadonlyMap<string, readonly string[]> = new Map([
  ['default', [ALL_IPV4, ALL_IPV6]],
  ['any', [ALL_IPV4, ALL_IPV6]],
  ['all', [ALL_IPV4, ALL_IPV6]],
  ['0', [ALL_IPV4]],
  ['0.0.0.0', [ALL_IPV4]],
  ['::', [ALL_IPV6]],
]);

/** The networks that a label with a mistake must have meant; none where it is not about a route, or is ambiguous. */
export function networksMeant(key: string): readonly Prefix[] {
  if (key.startsWith(ROUTE)) return readNetworks(key.slice(ROUTE.length));
  if (KNOWN_HEADS.some(head => key.startsWith(head)) || key.includes('host')) return [];
  const behind = /^twine.*?routes?(.*)$/is.exec(key)?.[1];
  if (behind !== undefined) return readNetworks(behind.replace(/^[\s._-]*(:(?!:))?/, ''));
  const near = nearestKey(key);
  return near?.startsWith(ROUTE) && parsePrefix(near.slice(ROUTE.length))
    ? readNetworks(near.slice(ROUTE.length))
    : [];
}

/** `0.0.0.0/0 and ::/0 are unreachable`. */
export function describeClosed(networks: readonly Prefix[]): string {
  const names = networks.map(formatPrefix);
  const last = names.pop()!;
  return names.length > 0 ? `${names.join(', ')} and ${last} are unreachable` : `${last} is unreachable`;
}

/** A network, several separated by commas, or a word for all; none unless every part is understood. */
function readNetworks(text: string): readonly Prefix[] {
  const parts = text.split(',', MAX_NETWORKS + 1);
  if (parts.length > MAX_NETWORKS) return [];
  const networks = parts.map(readNetwork);
  return networks.every(found => found.length > 0) ? networks.flat() : [];
}

function readNetwork(text: string): readonly Prefix[] {
  const bare = text.replace(/^[\s"'`.]+|[\s"'`.]+$/g, '').replace(/^\[([^\]]*)\]/, '$1');
  const texts = EVERYTHING.get(bare.toLowerCase()) ?? [inFull(bare)];
  return texts.flatMap(routable);
}

/** Expands `10/8` as ip(8) accepts it, and a mask instead of a length. */
function inFull(text: string): string {
  const match = /^(\d{1,3}(?:\.\d{1,3}){0,3})[/_\\](\d{1,2}|\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (!match) return text;
  const [, address = '', length = ''] = match;
  const octets = address.split('.');
  while (octets.length < 4) octets.push('0');
  return `${octets.join('.')}/${length.includes('.') ? lengthOf(length) : length}`;
}

/** The length of a mask such as 255.255.0.0; NaN for one with gaps. */
function lengthOf(mask: string): number {
  const bits = mask
    .split('.')
    .map(octet => Number(octet).toString(2).padStart(8, '0'))
    .join('');
  return /^1*0*$/.test(bits) && bits.length === 32 ? bits.replace(/0+$/, '').length : Number.NaN;
}

/** The network, unless no route can lead to it. */
function routable(text: string): Prefix[] {
  try {
    return [parseNetwork(text)];
  } catch {
    return [];
  }
}

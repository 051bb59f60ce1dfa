// Special-purpose addresses: loopback, link-local, multicast and their like. Not here: which of them a caller
// refuses.

import { type Address, type Prefix, parseAddress, parsePrefix, prefixContains } from './ip.js';

/** Docker's embedded DNS, inside every container. Its own rules redirect what is sent there. */
export const DOCKER_DNS = parseAddress('127.0.0.11')!;

/** Addresses that mean something on one link alone. */
export const LINK_LOCAL: Prefix = parsePrefix('fe80::/10')!;

const METADATA = "the address of a cloud's metadata service";

/** Addresses that no packet can be sent to by way of a gateway or by destination NAT. */
const UNUSABLE: readonly [network: string, why: string][] = [
  ['0.0.0.0/8', 'no address of a host'],
  ['127.0.0.0/8', 'a loopback address'],
  ['224.0.0.0/4', 'a multicast address'],
  ['255.255.255.255/32', 'the broadcast address'],
  ['::/128', 'no address of a host'],
  ['::1/128', 'a loopback address'],
  ['::ffff:0:0/96', 'an IPv4-mapped address'],
  ['fe80::/10', 'a link-local address, which means nothing without an interface'],
  ['ff00::/8', 'a multicast address'],
];

/** Addresses that a label may name, but a DNS answer may not: the owner of the name chooses it, not the label's author. */
const UNTRUSTED: readonly [network: string, why: string][] = [
  ['169.254.0.0/16', 'a link-local address'],
  ['100.100.100.200/32', METADATA],
  ['168.63.129.16/32', METADATA],
  ['192.0.0.192/32', METADATA],
  ['64:ff9b::a9fe:0/112', 'a link-local address behind NAT64'],
  ['fd00:ec2::/32', METADATA],
  ['fd00:42::42/128', METADATA],
  ['fd20:ce::254/128', METADATA],
];

export const NETWORKS = networksOf(UNUSABLE);

/** RFC 1918 and RFC 4193. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'].map(text => parsePrefix(text)!);

/** Whether it is an address of a private network, such as a LAN. */
export function isPrivate(address: Address): boolean {
  return PRIVATE.some(network => prefixContains(network, address));
}

const NO_ANSWERS = networksOf([...UNUSABLE, ...UNTRUSTED]);

/** Why the address cannot be where a route or a forward leads; undefined where it can. */
export function whyUnusable(address: Address): string | undefined {
  return NETWORKS.find(({ network }) => prefixContains(network, address))?.why;
}

/** Why the address, as an answer of the DNS, cannot be where a route or a forward leads; undefined where it can. */
export function whyUnusableAnswer(address: Address): string | undefined {
  return NO_ANSWERS.find(({ network }) => prefixContains(network, address))?.why;
}

function networksOf(list: readonly [network: string, why: string][]): { network: Prefix; why: string }[] {
  return list.map(([text, why]) => ({ network: parsePrefix(text)!, why }));
}

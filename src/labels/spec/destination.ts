// Destinations: `web`, `192.0.2.1:80`, `[fd00::2]:80`, or the network of a route; and which addresses can be one. Pure. Not
// here: who has a name (labels/planner/name-holders.ts).

import { UserError } from '../../base/errors.js';
import {
  type Address,
  formatAddress,
  formatPrefix,
  maskPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixCovers,
} from '../../base/ip.js';
import { quote } from '../../base/plain-text.js';
import { NETWORKS, whyUnusable } from '../../base/special-addresses.js';
import type { Destination } from './intent.js';

/** RFC 1035: bytes of a name at most. */
const NAME_MAX = 253;
const NETWORK_RIGHT = 'give one such as 10.1.0.0/16 or fd00::/8, or a single address';

/** A network with its host bits cleared. @throws UserError */
export function parseNetwork(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) {
    const right = text === 'default' ? 'did you mean 0.0.0.0/0 or ::/0?' : NETWORK_RIGHT;
    throw new UserError(`${quote(text)} is not a network: ${right}`);
  }
  const network = maskPrefix(prefix);
  const why = whyUnroutable(network);
  if (why !== undefined) {
    throw new UserError(`no route can lead to ${formatPrefix(network)}, which is ${why}: ${NETWORK_RIGHT}`);
  }
  return network;
}

/** Why no route can lead to the network: it is within a loopback, multicast or link-local one. */
function whyUnroutable(prefix: Prefix): string | undefined {
  const found = NETWORKS.find(({ network }) => prefixCovers(network, prefix));
  return found?.why.replace(/an? (\S+) address/, '$1');
}

/**
 * An address or a name, without a port.
 * @throws UserError
 */
export function parseDestination(text: string): Destination {
  const address = parseAddress(text) ?? bracketedAddress(text);
  if (address) return { kind: 'address', address: usable(address) };
  if (isName(text)) return { kind: 'name', name: text };
  throw new UserError(
    `${quote(text)} is not a destination: give the name of a container, a service or a host, or an IP address`,
  );
}

/** `[fd00::2]`. */
function bracketedAddress(text: string): Address | undefined {
  const inner = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : '';
  return inner.includes(':') ? parseAddress(inner) : undefined;
}

/** What may be a destination and its ports, taken apart at the colon. */
export function splitPort(text: string): { readonly host: string; readonly port?: string } {
  // The last group of a bare IPv6 address is not a port.
  if (parseAddress(text)) return { host: text };
  const [, host, port] = /^(\[[^\]]*\]|[^:[\]]*):([^:]*)$/.exec(text) ?? [];
  return host === undefined || port === undefined ? { host: text } : { host, port };
}

/** The text that parseDestination() reads, with ports behind it. */
export function formatDestination(destination: Destination, ports?: string): string {
  const host = destination.kind === 'name' ? destination.name : formatAddress(destination.address);
  if (ports === undefined) return host;
  return host.includes(':') ? `[${host}]:${ports}` : `${host}:${ports}`;
}

/** A name that Docker or the DNS may have, and that cannot be mistaken for an address. */
function isName(text: string): boolean {
  return (
    text.length <= NAME_MAX && /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text) && !/^[\d.]*\.[\d.]*$/.test(text)
  );
}

function usable(address: Address): Address {
  const why = whyUnusable(address);
  if (why === undefined) return address;
  throw new UserError(
    `${formatAddress(address)} is ${why}: give an address that packets can be sent to, such as that of another container`,
  );
}

/** Whether the host's resolver may be asked for the name: not if it would take it for a number. */
export function mayBeHostName(name: string): boolean {
  const last = name.replace(/\.$/, '').split('.').at(-1) ?? '';
  return !/^(\d+|0[xX][0-9A-Fa-f]*)$/.test(last);
}

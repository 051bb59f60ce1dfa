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
import type { Destination, SingleDestination } from './intent.js';

/** RFC 1035: bytes of a name at most. */
const NAME_MAX = 253;
/** Parts of one list. */
const MAX_PARTS = 64;
/** Words that are no names. */
const [UNREACHABLE, HOST_GATEWAY] = ['unreachable', 'host-gateway'] as const;
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
 * `<destination>[,<destination>…]`, without ports.
 * @throws UserError
 */
export function parseDestinations(text: string): Destination {
  const parts = splitList(text);
  if (parts.length === 1) return text === UNREACHABLE ? { kind: 'unreachable' } : parseDestination(text);
  if (parts.includes(UNREACHABLE))
    throw new UserError(
      `${quote(text)} has ${UNREACHABLE} beside others: leave it out, that is what holds when none of the others is there`,
    );
  const choices = new Map(
    parts.map(part => {
      const choice = parseDestination(part);
      return [formatDestination(choice), choice];
    }),
  );
  const [only] = choices.values();
  return choices.size === 1 ? only! : { kind: 'list', choices: [...choices.values()] };
}

/** The parts of a list between its commas. @throws UserError */
export function splitList(text: string): string[] {
  const parts = text.split(',').map(part => part.trim());
  if (parts.length > MAX_PARTS)
    throw new UserError(`the list has ${parts.length} parts: give at most ${MAX_PARTS}`);
  if (parts.length > 1 && parts.includes('')) {
    const meant = parts.filter(part => part !== '').join(',');
    throw new UserError(`${quote(text)} has a comma too many: did you mean ${quote(meant)}?`);
  }
  return parts;
}

/**
 * An address or a name, without a port.
 * @throws UserError
 */
export function parseDestination(text: string): SingleDestination {
  if (text === HOST_GATEWAY) return { kind: 'hostGateway' };
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
  const host = formatHost(destination);
  if (ports === undefined) return host;
  return host.includes(':') && destination.kind !== 'list' ? `[${host}]:${ports}` : `${host}:${ports}`;
}

function formatHost(destination: Destination): string {
  switch (destination.kind) {
    case 'name':
      return destination.name;
    case 'address':
      return formatAddress(destination.address);
    case 'hostGateway':
      return HOST_GATEWAY;
    case 'unreachable':
      return UNREACHABLE;
    case 'list':
      return destination.choices
        .map(choice =>
          choice.kind === 'address' && choice.address.family === 6
            ? `[${formatHost(choice)}]`
            : formatHost(choice),
        )
        .join(',');
  }
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

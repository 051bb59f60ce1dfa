// What `dwgd explain` is asked about: `ADDRESS[:PORT][/PROTOCOL]`, an address or the name of a container. Pure. Not here: the
// way there (explain.ts).

import { type Address, type Family, formatAddress, parseAddress } from '../base/ip.js';
import { quote } from '../base/plain-text.js';
import type { ContainerView } from '../labels/discovery/container.js';
import type { AskedProtocol, PacketQuestion } from './machine/first-packet.js';

/** As it was typed: an address, or a name. */
export interface TypedDestination extends Omit<PacketQuestion, 'to'> {
  readonly host: string;
}

const FORM = /^(?:\[([0-9a-fA-F:.]{1,45})\]|([^\s/[\]]{1,255}?))(?::(\d{1,5}))?(?:\/(tcp|udp|icmp))?$/;
const MAX_PORT = 65_535;

/** Undefined where it is of no such form. Without a protocol it is TCP where a port is given, else an echo request. */
export function readDestination(text: string): TypedDestination | undefined {
  // An address of IPv6 has colons of its own: its port takes brackets.
  const [bare = '', given, more] = text.split('/');
  if (more === undefined && parseAddress(bare)?.family === 6)
    return isProtocol(given) ? question(bare, undefined, given) : undefined;
  const [, bracketed, plain, port, protocol] = FORM.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || host.includes(':') !== (bracketed !== undefined)) return undefined;
  if (bracketed !== undefined && parseAddress(bracketed)?.family !== 6) return undefined;
  return question(host, port, protocol as AskedProtocol | undefined);
}

/** What is wrong with a text of no such form, and what would be right. */
export function destinationMistake(text: string): string {
  return `${quote(text)} is no destination: give an address or a container, such as 10.1.2.3, 10.1.2.3:443, [fd00::2]:53/udp or vpn/icmp`;
}

function isProtocol(text: string | undefined): text is AskedProtocol | undefined {
  return text === undefined || text === 'tcp' || text === 'udp' || text === 'icmp';
}

function question(
  host: string,
  port: string | undefined,
  protocol: AskedProtocol | undefined,
): TypedDestination | undefined {
  const number = port === undefined ? undefined : Number(port);
  if (number === 0 || (number ?? 0) > MAX_PORT || (number !== undefined && protocol === 'icmp'))
    return undefined;
  return {
    ...{ host, protocol: protocol ?? (number === undefined ? 'icmp' : 'tcp') },
    ...(number !== undefined && { port: number }),
  };
}

/** As messages have it: `[fd00::1]:80/tcp`. */
export function formatQuestion({ to, protocol, port }: PacketQuestion): string {
  const address = formatAddress(to);
  const host = port === undefined ? address : `${to.family === 6 ? `[${address}]` : address}:${port}`;
  return `${host}/${protocol}`;
}

/** The address of a container by one of its names, on a network that both are on. */
export function addressOnNetworks(
  name: string,
  from: ContainerView,
  containers: readonly ContainerView[],
  family: Family = 4,
): Address | undefined {
  const networks = new Set(from.attachments.map(({ networkId }) => networkId));
  for (const one of containers) {
    for (const { networkId, aliases, addresses } of one.attachments) {
      if (!networks.has(networkId) || !(one.name === name || aliases.includes(name))) continue;
      const found = addresses.find(address => address.family === family) ?? addresses[0];
      if (found) return found;
    }
  }
  return undefined;
}

// Ports of forwards: one, a range, several, and the protocols behind them, as `80`, `6881-6889`, `80,443/tcp,udp`. Pure.
// Not here: the interface before them and the destination (forward.ts).

import { UserError } from '../../base/errors.js';
import { plain, quote } from '../../base/plain-text.js';
import { nearest } from '../../base/suggest.js';
import { SERVICES } from '../../nft/iptables/values/names.js';
import { splitList } from './destination.js';
import type { ForwardProtocol, PortRange } from './intent.js';

const PORT_MAX = 65535;
/** Characters of a suggestion. */
const SHOWN_MAX = 80;
const PROTOCOLS: readonly ForwardProtocol[] = ['tcp', 'udp'];
/** What people write for every port, and for both protocols. */
const [EVERY_PORT, BOTH] = [/^(\*|any|all|0-65535)$/i, /^(\*|any|all|both|(tcp\W?udp|udp\W?tcp))$/i] as const;

/** Ports of one protocol. */
export interface ProtocolPorts {
  readonly protocol: ForwardProtocol;
  readonly ports: PortRange;
}

/**
 * `<ports>[/<protocols>]`, and after that perhaps more of them: `80,443`, `80/tcp,53/udp`, `53/tcp,udp`.
 * @param protocol the one of ports behind which none stands
 * @returns each with its place among the ports as they are written
 * @throws UserError
 */
export function parseProtocolPorts(
  text: string,
  protocol: ForwardProtocol,
): (ProtocolPorts & { place: number })[] {
  let ports: { ports: PortRange; place: number }[] = [];
  let protocols: ForwardProtocol[] = [];
  const found: (ProtocolPorts & { place: number })[] = [];
  const flush = (): void => {
    for (const one of ports)
      for (const each of new Set(protocols.length > 0 ? protocols : [protocol]))
        found.push({ protocol: each, ...one });
    [ports, protocols] = [[], []];
  };
  let place = 0;
  for (const part of splitList(text)) {
    const [, first = '', last = ''] = /^([a-z][\w+-]*)\s*[/:@]\s*([\d-]+)$/i.exec(part) ?? [];
    if (first !== '' && !EVERY_PORT.test(first))
      throw new UserError(`${quote(part)} is not a port: did you mean ${whichPort(first, last)}?`);
    const slash = part.indexOf('/');
    // Behind a slash, what is no number is one more protocol.
    if (slash < 0 && protocols.length > 0 && !/\d/.test(part)) {
      protocols.push(parseProtocol(part));
      continue;
    }
    if (protocols.length > 0) flush();
    ports.push({ ports: parsePorts(slash < 0 ? part : part.slice(0, slash)), place: place++ });
    if (slash >= 0) protocols.push(parseProtocol(part.slice(slash + 1)));
  }
  flush();
  return found;
}

/** `7881-7889,80`, as ports of a destination. @throws UserError */
export function parsePortList(text: string): PortRange[] {
  return splitList(text).map(parsePorts);
}

/** `80`, `6881-6889`; white space around a part is ignored. @throws UserError */
function parsePorts(given: string): PortRange {
  const text = given.trim();
  const [from = '', to = from, ...more] = text.split('-');
  const [first, last] = [numberOf(from), numberOf(to)];
  if (first === undefined || last === undefined || more.length > 0)
    throw new UserError(`${quote(text)} is not a port: ${hintFor(text)}`);
  if (first <= last) return { first, last };
  throw new UserError(`${quote(text)} is a range that ends before it begins: did you mean ${last}-${first}?`);
}

function numberOf(text: string): number | undefined {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= PORT_MAX ? port : undefined;
}

/** What was perhaps meant. */
function hintFor(text: string): string {
  if (EVERY_PORT.test(text))
    return `every port is 1-${PORT_MAX}, those that the container itself listens on too`;
  const meant = meantBy(text);
  const [from = '', to = from, ...more] = meant.split('-');
  const isRight =
    more.length === 0 && meant !== text && numberOf(from) !== undefined && numberOf(to) !== undefined;
  if (isRight && /^\d+:\d+$/.test(text))
    return `for the ports from ${from} to ${to} write ${meant}; where the destination has another port, it stands in the value, as web:${to}`;
  if (isRight) return `did you mean ${meant}?`;
  const service = SERVICES.tcp?.get(text.toLowerCase()) ?? SERVICES.udp?.get(text.toLowerCase());
  if (service !== undefined) return `did you mean ${service}?`;
  const list = text.split(/[\s;|&+]+/);
  if (list.length > 1 && list.every(one => numberOf(one) !== undefined))
    return `did you mean ${plain(list.join(','), SHOWN_MAX)}?`;
  const [, before, number, after] = /^(tcp|udp)?[\W_]?(\d+)[\W_]?(tcp|udp)?$/i.exec(text) ?? [];
  if (number !== undefined && numberOf(number) !== undefined && (before ?? after))
    return `did you mean ${number}/${(before ?? after)!.toLowerCase()}?`;
  return `give a whole number from 1 to ${PORT_MAX}, or a range such as 6881-6889`;
}

/** With a hyphen for what is taken for one, and without zeros in front. */
function meantBy(text: string): string {
  return text
    .replace(/(?<=\d)\s*to\s*(?=\d)/g, '-')
    .replace(/\s*(?:[:~_\u2010-\u2015\u2212]|\.\.+|-+)\s*/g, '-')
    .replace(/(^|-)0+(?=\d)/g, '$1');
}

/** A port with a protocol or an interface, as a label has them. @param word the one or the other */
export function whichPort(word: string, ports: string): string {
  const protocol = PROTOCOLS.find(known => known === word.toLowerCase());
  return protocol ? `${ports}/${protocol}` : quote(`${word}.${ports}`);
}

/** @throws UserError */
export function parseProtocol(given: string): ForwardProtocol {
  const text = given.trim();
  const protocol = PROTOCOLS.find(known => known === text);
  if (protocol) return protocol;
  const near = BOTH.test(text) ? 'tcp,udp' : nearest(text, PROTOCOLS);
  throw new UserError(
    `${quote(text)} is not a protocol: ${near ? `did you mean ${near}?` : 'give tcp or udp, or both as tcp,udp'}`,
  );
}

/** How many they are. */
export function countPorts({ first, last }: PortRange): number {
  return last - first + 1;
}

/** `80`, or `6881-6889`. */
export function formatPorts({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** As many ports, the first of them another. */
export function portsFrom(first: number, { first: from, last }: PortRange): PortRange {
  return { first, last: first + (last - from) };
}

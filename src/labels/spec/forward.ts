// The label of a forward, `twine.nat.forward.[<pattern>.]<ports>[/<protocols>]=<destination>[:<ports>][/<protocol>][,keep]`:
// one intent for each range of ports and protocol. Pure. Not here: the ports themselves (ports.ts), labels that contradict
// each other (reading.ts).

import { UserError } from '../../base/errors.js';
import { parsePrefix } from '../../base/ip.js';
import { plain, quote } from '../../base/plain-text.js';
import { nearest } from '../../base/suggest.js';
import { formatDestination, parseDestinations, splitPort } from './destination.js';
import type {
  ClientAddresses,
  Destination,
  ForwardIntent,
  ForwardProtocol,
  InterfacePattern,
  PortRange,
} from './intent.js';
import { ANY, formatPattern, parsePattern } from './interface-pattern.js';
import {
  countPorts,
  formatPorts,
  type ProtocolPorts,
  parsePortList,
  parseProtocol,
  parseProtocolPorts,
  portsFrom,
  whichPort,
} from './ports.js';

/** Characters of ports that a message shows. */
const SHOWN_MAX = 80;
const [KEEP, MASQUERADE] = ['keep', 'masquerade'] as const satisfies readonly ClientAddresses[];
/** What people write for the one and the other. */
const [LIKE_KEEP, LIKE_MASQUERADE] = [
  /^(keeps?|kept|(keep|preserve)[-_]?(sources?|src|clients?|ips?|addr(ess(es)?)?)|preserve|no[-_]?(masq\w*|s?nat))$/i,
  /^(masq\w*|snat)$/i,
] as const;

/** Where a forward leads; without ports, to the same as it comes in for. */
interface ForwardDestination {
  readonly destination: Destination;
  readonly ports?: readonly PortRange[];
  readonly protocol?: ForwardProtocol;
}

/**
 * @param name the key without what all forwards begin with
 * @param value not empty
 * @throws UserError
 */
export function parseForward(key: string, name: string, value: string): ForwardIntent[] {
  const ofAddress = whyAddress(name);
  if (ofAddress !== undefined) throw new UserError(ofAddress);
  const dot = name.lastIndexOf('.');
  const pattern = dot < 0 ? undefined : parseForwardPattern(name.slice(0, dot), name.slice(dot + 1));
  const { rest, clients } = splitClients(value);
  const to = parseForwardDestination(rest);
  const given = parseProtocolPorts(name.slice(dot + 1), to.protocol ?? 'tcp');
  const other = given.find(({ protocol }) => to.protocol !== undefined && protocol !== to.protocol);
  if (other)
    throw new UserError(
      `the destination is ${to.protocol} and the port ${other.protocol}: a forward does not change the protocol, so give it behind the port of the label alone`,
    );
  const destinationPorts = matchPorts(given, to);
  return given.map(({ protocol, ports, place }) => ({
    key,
    ...(pattern && { pattern }),
    protocol,
    ports,
    destination: to.destination,
    destinationPort: destinationPorts?.[place]?.first ?? ports.first,
    ...(clients && { clients }),
  }));
}

/** The value without the word at its end that says what becomes of clients' addresses. @throws UserError */
function splitClients(value: string): { readonly rest: string; readonly clients?: ClientAddresses } {
  const word = value.split(/[^\w-]+/).at(-1) ?? '';
  const start = value.slice(0, value.length - word.length);
  const bare = start.trimEnd();
  const sign = /[,;|+/:]$/.exec(bare)?.[0] ?? (bare.length < start.length ? ' ' : undefined);
  // `web.keep` is a name with its network.
  if (start !== '' && sign === undefined) return { rest: value };
  const before = sign === ' ' ? bare : bare.slice(0, -1).trimEnd();
  const clients = wordMeant(word);
  if (clients === undefined) return { rest: value };
  if (before === '')
    throw new UserError(
      `${quote(value)} says what becomes of clients' addresses: give the destination before it, such as web:80,${clients}`,
    );
  const others = before.split(',').map(part => part.trim());
  if (others.some(part => wordMeant(part) !== undefined))
    throw new UserError(
      `${quote(value)} says twice what becomes of clients' addresses: give one of ${KEEP} and ${MASQUERADE}, at the end`,
    );
  if (sign !== ',' || word !== clients)
    throw new UserError(
      `${quote(value)} does not say what becomes of clients' addresses: did you mean ${plain(`${before},${clients}`, SHOWN_MAX)}?`,
    );
  return { rest: before, clients };
}

/** Which of the words it is, or was meant to be. */
function wordMeant(word: string): ClientAddresses | undefined {
  if (LIKE_KEEP.test(word)) return KEEP;
  return LIKE_MASQUERADE.test(word) || nearest(word, [MASQUERADE]) ? MASQUERADE : undefined;
}

/** `127.0.0.1:80`, as `docker run -p` has it. */
function whyAddress(name: string): string | undefined {
  const [, text = '', ports] = /^(\d+\.\d+\.\d+\.\d+|\[[\da-f:.]*\]):([\d-]+)(?:\/\w+)?$/i.exec(name) ?? [];
  if (ports === undefined) return undefined;
  const isLoopback = /^127\.|^\[::1\]$/.test(text);
  const meant = /^0+\.0+\.0+\.0+$|^\[::\]$/.test(text)
    ? quote(ports)
    : quote(`${isLoopback ? 'lo' : 'eth0'}.${ports}`);
  return `${quote(name)} has an address, and a forward is told by its interface: did you mean ${meant}?`;
}

/** @throws UserError */
function parseForwardPattern(text: string, ports: string): InterfacePattern {
  // `6881..6889`, and `80.443`: no interface is called like that.
  if (/^[\d.]+$/.test(text) && /^\d+$/.test(ports)) {
    const sign = text.endsWith('.') ? '-' : ',';
    const meant = text.replace(/\.+$/, '').replace(/\.+/g, sign) + sign + ports;
    throw new UserError(`${quote(text)} is not an interface pattern: did you mean ${quote(meant)}?`);
  }
  // `wg0.80.tcp`.
  if (/^(tcp|udp)$/i.test(ports) && /^\D.*\.[\d,-]+$/.test(text))
    throw new UserError(
      `${quote(ports)} is not a port: did you mean ${quote(`${text}/${ports.toLowerCase()}`)}?`,
    );
  // `80.tcp`, `80.eth0` and `tcp.80`.
  const [word, number] = /^[\d,-]+$/.test(text) ? [ports, text] : [text, ports];
  if (/^[a-z]/i.test(word) && (number === text || /^(tcp|udp)$/i.test(word)))
    throw new UserError(
      `${quote(`${text}.${ports}`)} is not a port: did you mean ${whichPort(word, number)}?`,
    );
  if (text.includes(','))
    throw new UserError(
      `${quote(text)} is not an interface pattern: give each interface a label of its own, or a prefix such as wg+; several ports are 80,443`,
    );
  return parsePattern(text);
}

/** `<destination>[:<ports>][,<destination>[:<ports>]…][/<protocol>]`. @throws UserError */
function parseForwardDestination(value: string): ForwardDestination {
  const slash = value.lastIndexOf('/');
  const hasProtocol = slash >= 0 && !value.includes('://');
  const protocol = hasProtocol ? parseDestinationProtocol(value, slash) : undefined;
  const choices = splitChoices(hasProtocol ? value.slice(0, slash) : value).map(splitPort);
  const word = choices.find(({ host, port }) => !port && (host === KEEP || host === MASQUERADE))?.host;
  if (word !== undefined)
    throw new UserError(
      `${quote(value)} has ${word} before its end: it says what becomes of clients' addresses, so put it last, as in web:80/tcp,${word}`,
    );
  const destination = parseDestinations(choices.map(({ host }) => host).join(','));
  if (destination.kind === 'unreachable')
    throw new UserError(
      'a forward leads somewhere: leave the label out for a port that is not to be forwarded',
    );
  const given = [...new Set(choices.flatMap(({ port }) => port ?? []))];
  if (given.length > 1)
    throw new UserError(
      `the destinations have ports of their own (${plain(given.join(' and '), SHOWN_MAX)}): give all the same ones`,
    );
  const [port] = given;
  return {
    destination,
    ...(port !== undefined && { ports: parsePortList(port) }),
    ...(protocol && { protocol }),
  };
}

/** The destinations of a list, each with its ports, which may be a list themselves: `a:80,443,b` are `a:80,443` and `b`. */
function splitChoices(text: string): string[] {
  const choices: string[] = [];
  for (const part of text.split(',')) {
    const isPort = /^[\s\d-]*$/.test(part) && choices.at(-1)?.includes(':');
    if (isPort) choices.push(`${choices.pop()},${part}`);
    else choices.push(part.trim());
  }
  return choices;
}

/** @throws UserError */
function parseDestinationProtocol(value: string, slash: number): ForwardProtocol {
  const [host, text] = [value.slice(0, slash), value.slice(slash + 1)];
  if (/^\d+$/.test(text)) {
    const meant = parsePrefix(value) ? host : `${host}:${text}`;
    throw new UserError(`${quote(value)} is not a destination: did you mean ${quote(meant)}?`);
  }
  return parseProtocol(text);
}

/** The destination's ports, as many as the label's. @throws UserError */
function matchPorts(
  given: readonly (ProtocolPorts & { readonly place: number })[],
  { destination, ports }: ForwardDestination,
): readonly PortRange[] | undefined {
  if (!ports) return undefined;
  const wanted = [...new Map(given.map(({ place, ports }) => [place, ports])).values()];
  const isSame =
    wanted.length === ports.length && wanted.every((range, n) => countPorts(range) === countPorts(ports[n]!));
  if (isSame) return ports;
  const text = (ranges: readonly PortRange[]): string => plain(ranges.map(formatPorts).join(','), SHOWN_MAX);
  const total = (ranges: readonly PortRange[]): number =>
    ranges.reduce((sum, range) => sum + countPorts(range), 0);
  throw new UserError(
    `${text(wanted)} ${total(wanted) === 1 ? 'is 1 port' : `are ${total(wanted)} ports`} and ${text(ports)} of the destination ${
      total(ports) === 1 ? 'is 1' : `are ${total(ports)}`
    }: give as many, range for range, such as ${quote(formatDestination(destination, suggestPorts(wanted, ports)))}, or none for the same ports`,
  );
}

function suggestPorts(wanted: readonly PortRange[], [first]: readonly PortRange[]): string {
  const range = wanted[0]!;
  const fits = wanted.length === 1 && first && first.first + countPorts(range) - 1 <= 65535;
  return fits ? formatPorts(portsFrom(first.first, range)) : wanted.map(formatPorts).join(',');
}

/** What a forward is about: two of the same contradict each other unless they lead to the same. */
export function forwardSubject({ pattern, ports, protocol }: ForwardIntent): string {
  return `${formatPattern(pattern ?? ANY)} ${formatPorts(ports)}/${protocol}`;
}

/** Where a forward leads, as its label may say it. */
export function forwardTarget({ destination, destinationPort, ports, clients }: ForwardIntent): string {
  const to = formatDestination(destination, formatPorts(portsFrom(destinationPort, ports)));
  return clients ? `${to},${clients}` : to;
}

// Values of the keys of wg-quick(8) and wg(8), one by one, as those programs take them. A value that is wrongValue is quoted only
// where no key can be in it. Not here: which key has which (file-keys.ts).

import { UserError } from '../../base/errors.js';
import { type Address, hostPrefix, maskPrefix, type Prefix, parseAddress } from '../../base/ip.js';
import { excerpt } from '../../base/text.js';
import { Key, parseKeyBytes, SecretKey } from '../../netlink/wireguard/key.js';
import { type HostPort, parseHostPort } from '../spec/host-port.js';

/** So much of a key may be given away: what is left cannot be guessed. */
const KEY_LIKE = /[A-Za-z0-9+/]{15}/;
const MAX_U32 = 0xffff_ffff;

/** `KEY=VALUE`, or the key alone where somebody may have put a secret into the value. */
export function withValue(key: string, value: string): string {
  return value === '' || KEY_LIKE.test(value) ? key : `${key}=${excerpt(value)}`;
}

/** The sentence for a value. @param right what would be right */
export function wrongValue(key: string, value: string, right: string): UserError {
  return new UserError(`${withValue(key, value)} is not valid: give ${right}`);
}

/** Decimal digits, as many zeros before them as there are. @throws UserError */
export function wholeNumber(key: string, text: string, min: number, max: number, or = ''): number {
  const value = /^0*\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max))
    throw wrongValue(key, text, `a whole number from ${min} to ${max}${or}`);
  return value;
}

/** The number, or 0 for `off`. @throws UserError */
export function numberOrOff(key: string, text: string, max: number): number {
  return text.toLowerCase() === 'off' ? 0 : wholeNumber(key, text, 0, max, ', or off');
}

/** @throws UserError */
export function readFwMark(text: string): number {
  if (text.toLowerCase() === 'off') return 0;
  const value = /^(0x[0-9a-fA-F]{1,16}|\d{1,16})$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= MAX_U32)) throw wrongValue('FwMark', text, 'a number from 0 to 0xffffffff, or off');
  return value;
}

/** The tables that every ip(8) has a name for. */
const TABLES: ReadonlyMap<string, number> = new Map([
  ['default', 253],
  ['main', 254],
  ['local', 255],
]);

/** @throws UserError */
export function readTable(text: string): 'auto' | 'off' | number {
  const word = text.toLowerCase();
  if (word === '' || word === 'auto') return 'auto';
  if (word === 'off') return 'off';
  const value = TABLES.get(word) ?? (/^(0x[0-9a-f]{1,16}|\d{1,16})$/.test(word) ? Number(word) : Number.NaN);
  if (!(value >= 1 && value <= MAX_U32))
    throw wrongValue('Table', text, 'auto, off, or the number of a table, 1 to 4294967295');
  return value;
}

function keyBytes(key: string, text: string, from: string): Buffer {
  const bytes = parseKeyBytes(text);
  if (!bytes) throw new UserError(`${key} is not a key: give what ${from}, 44 characters of base64`);
  return bytes;
}

/** @throws UserError without the key */
export function readFilePrivateKey(text: string): SecretKey {
  const key = new SecretKey(keyBytes('PrivateKey', text, '"wg genkey" prints'));
  if (key.isZero) throw new UserError('PrivateKey is all zero, which is none: give what "wg genkey" prints');
  return key;
}

/** @throws UserError without the key: it may be one that is not public */
export function readFilePublicKey(text: string): Key {
  const key = new Key(keyBytes('PublicKey', text, 'the peer has for "wg pubkey"'));
  if (key.isZero) throw new UserError('PublicKey is all zero, which is no key: give that of the peer');
  return key;
}

/** Undefined for zeros, which say that there is none. @throws UserError without the key */
export function readFilePresharedKey(text: string): SecretKey | undefined {
  const key = new SecretKey(keyBytes('PresharedKey', text, '"wg genpsk" prints'));
  return key.isZero ? undefined : key;
}

/** The address with the length of its network's prefix, all bits where none are said. @throws UserError */
export function readAddressBits(key: string, text: string, right: string): Prefix {
  const [address, length, ...more] = text.split('/');
  const parsed = parseAddress(address!);
  if (!parsed || more.length > 0) throw wrongValue(key, text, right);
  const whole = hostPrefix(parsed);
  if (length === undefined) return whole;
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (!(bits <= whole.length)) throw wrongValue(key, text, right);
  return { address: parsed, length: bits };
}

/** One of AllowedIPs, host bits cleared. @throws UserError */
export function readAllowedIP(text: string): Prefix {
  return maskPrefix(
    readAddressBits('AllowedIPs', text, 'networks such as 10.1.0.0/16 or ::/0, separated by commas'),
  );
}

/** A server of the DNS, or a domain to search, told apart as wg-quick does. @throws UserError */
export function readDns(text: string): { readonly server: Address } | { readonly domain: string } {
  if (/^[\d.]+$/.test(text) || text.includes(':')) {
    const server = parseAddress(text);
    if (!server) throw wrongValue('DNS', text, 'addresses such as 10.64.0.1, or domains to search');
    return { server };
  }
  const domain = text.replace(/\.$/, '').toLowerCase();
  const labels = domain.split('.');
  if (domain.length > 253 || !labels.every(label => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label)))
    throw wrongValue('DNS', text, 'addresses such as 10.64.0.1, or domains to search');
  return { domain };
}

/** `host:port`, `[v6]:port`, and `v6:port`, which wg takes too. @throws UserError */
export function readFileEndpoint(text: string): HostPort {
  const right = 'host:port, 192.0.2.1:51820 or [2001:db8::1]:51820, with a port from 1 to 65535';
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|(.*)):0*(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw wrongValue('Endpoint', text, right);
  if (host.includes('%'))
    throw wrongValue('Endpoint', text, 'an address without a zone: the tunnel leaves by any link');
  const endpoint = parseHostPort(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
  if (!endpoint) throw wrongValue('Endpoint', text, right);
  return endpoint;
}

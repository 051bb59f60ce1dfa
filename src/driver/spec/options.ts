// The options of `docker network create -o`: from text to NetworkOptions, or one sentence that says what is
// wrong. The whole of the input is checked before anything is touched; a secret is never quoted.
// Not here: whether an interface exists or a name resolves.

import { UserError } from '../../base/errors.js';
import { formatPrefix, maskPrefix, type Prefix, parseAddress, parsePrefix } from '../../base/ip.js';
import { nearest } from '../../base/suggest.js';
import { excerpt } from '../../base/text.js';
import { IFNAME_MAX, isLinkName } from '../../netlink/route/link.js';
import { Key, parseKeyBytes, SecretKey } from '../../netlink/wireguard/key.js';
import { type HostPort, type Mode, type NetworkOptions, PATH_MAX, type SecretSource } from './model.js';

export const DEFAULT_KEEPALIVE = 25;
export const DEFAULT_PREFIX = 'wg';
export const DEFAULT_ALLOWED_IPS = '0.0.0.0/0,::/0';
/** IPV6_MIN_MTU: below it the kernel takes IPv6 off a link. */
export const IPV6_MIN_MTU = 1280;
const IPV4_MIN_MTU = 576;
const MAX_MTU = 65535;
const MAX_KEEPALIVE = 65535;

/** Digits that Docker may append to the prefix: `wg0` to `wg999`. */
const INDEX_DIGITS = 3;

/** An option as docs/reference.md shows it; text in Markdown. */
interface OptionSpec {
  readonly name: `dwgd.${string}`;
  readonly meaning: string;
  readonly accepts: string;
  /** What holds without it; absent where it has to be given. */
  readonly default?: string;
}

const KEY_TEXT = '44 characters of base64, not all zero';

/** Every option, in the order of the manual. */
export const OPTIONS = [
  {
    name: 'dwgd.ifname',
    meaning: 'ifname mode: the WireGuard interface of this host. It must exist when the network is made.',
    accepts: `the name of an interface: 1 to ${IFNAME_MAX} bytes, no space, \`/\` or \`:\``,
  },
  {
    name: 'dwgd.pubkey',
    meaning: 'pubkey mode: public key of the remote peer',
    accepts: `what \`wg pubkey\` prints: ${KEY_TEXT}`,
  },
  {
    name: 'dwgd.endpoint',
    meaning: "Where the container's packets go. Needed in pubkey mode. A name is kept as a name.",
    accepts: '`host:port`, `192.0.2.1:51820` or `[2001:db8::1]:51820`; port 1 to 65535',
    default: "ifname mode: the interface's own port on 127.0.0.1",
  },
  {
    name: 'dwgd.seed',
    meaning: "The secret. With a container's address it gives the container's keys.",
    accepts: 'any text that is not empty; the log warns of one below 16 bytes, in a file too',
  },
  {
    name: 'dwgd.seedfile',
    meaning: 'In place of `dwgd.seed`: the file that holds it',
    accepts: `the absolute path, at most ${PATH_MAX - 1} bytes, of a [file of secrets](#files-of-secrets)`,
  },
  {
    name: 'dwgd.psk',
    meaning: 'Preshared key, for both ends in ifname mode',
    accepts: `what \`wg genpsk\` prints: ${KEY_TEXT}`,
    default: 'none',
  },
  {
    name: 'dwgd.pskfile',
    meaning: 'In place of `dwgd.psk`: the file that holds it',
    accepts: 'as `dwgd.seedfile`; white space around the key is ignored',
    default: 'none',
  },
  {
    name: 'dwgd.route',
    meaning:
      'What the container reaches through the tunnel beyond the subnet. `0.0.0.0/0` and `::/0`, or both halves of ' +
      'either, are the full tunnel.',
    accepts:
      'networks separated by commas, of a family of which the network has a subnet. Host bits are cleared; an ' +
      'address alone is a /32 or /128.',
    default: 'none',
  },
  {
    name: 'dwgd.mtu',
    meaning: "MTU of the container's interface",
    accepts: `${IPV4_MIN_MTU} to ${MAX_MTU}; at least ${IPV6_MIN_MTU} where the network has an IPv6 subnet`,
    default: '[by the path](#mtu)',
  },
  {
    name: 'dwgd.keepalive',
    meaning: "Seconds between the container's keepalive packets; 0 is off",
    accepts: `0 to ${MAX_KEEPALIVE}`,
    default: `\`${DEFAULT_KEEPALIVE}\``,
  },
  {
    name: 'dwgd.allowedips',
    meaning: 'What the container accepts from, and may send to, its peer',
    accepts: 'networks separated by commas',
    default: `\`${DEFAULT_ALLOWED_IPS}\``,
  },
  {
    name: 'dwgd.prefix',
    meaning: "Beginning of the interface's name in the container. Docker adds a number: `wg0`.",
    accepts: `1 to ${IFNAME_MAX - INDEX_DIGITS} bytes of an interface name`,
    default: `\`${DEFAULT_PREFIX}\``,
  },
] as const satisfies readonly OptionSpec[];

type OptionName = (typeof OPTIONS)[number]['name'];

const OPTION_NAMES: readonly string[] = OPTIONS.map(({ name }) => name);

/**
 * @param given option names to values, as typed; names outside `dwgd.` are not ours and are passed over
 * @throws UserError that names the option, its value (never a secret) and what would be right
 */
export function parseOptions(given: ReadonlyMap<string, string>): NetworkOptions {
  refuseUnknown(given);
  const options = given as ReadonlyMap<OptionName, string>;
  const presharedKey = readPresharedKey(options);
  const mtu = options.get('dwgd.mtu');
  const route = options.get('dwgd.route');
  const keepalive = options.get('dwgd.keepalive');
  return {
    mode: readMode(options),
    seed: readSeed(options),
    ...(presharedKey && { presharedKey }),
    routes: route ? prefixes('dwgd.route', route) : [],
    ...(mtu !== undefined && { mtu: integer('dwgd.mtu', mtu, IPV4_MIN_MTU, MAX_MTU) }),
    keepalive:
      keepalive === undefined ? DEFAULT_KEEPALIVE : integer('dwgd.keepalive', keepalive, 0, MAX_KEEPALIVE),
    allowedIPs: prefixes('dwgd.allowedips', options.get('dwgd.allowedips') ?? DEFAULT_ALLOWED_IPS),
    prefix: readPrefix(options.get('dwgd.prefix') ?? DEFAULT_PREFIX),
  };
}

function refuseUnknown(given: ReadonlyMap<string, string>): void {
  for (const name of given.keys()) {
    if (!name.startsWith('dwgd.') || OPTION_NAMES.includes(name)) continue;
    const near = nearest(name, OPTION_NAMES);
    throw new UserError(
      near
        ? `unknown option ${excerpt(name)}: did you mean ${near}?`
        : `unknown option ${excerpt(name)}: the options are ${OPTION_NAMES.join(', ')}`,
    );
  }
}

function readMode(options: ReadonlyMap<OptionName, string>): Mode {
  const ifname = options.get('dwgd.ifname');
  const pubkey = options.get('dwgd.pubkey');
  const endpoint = options.get('dwgd.endpoint');
  if (ifname !== undefined && pubkey !== undefined) {
    throw new UserError(
      'dwgd.ifname and dwgd.pubkey are both given: give dwgd.ifname for a WireGuard interface of this host, ' +
        'or dwgd.pubkey with dwgd.endpoint for a peer elsewhere',
    );
  }
  if (ifname !== undefined) {
    if (!isLinkName(ifname)) {
      throw wrong(
        'dwgd.ifname',
        ifname,
        `the name of a WireGuard interface of this host, 1 to ${IFNAME_MAX} bytes`,
      );
    }
    return { kind: 'ifname', ifname, ...(endpoint !== undefined && { endpoint: readEndpoint(endpoint) }) };
  }
  if (pubkey === undefined) {
    throw new UserError(
      'neither dwgd.ifname nor dwgd.pubkey is given: give -o dwgd.ifname=<WireGuard interface of this host>, ' +
        'or -o dwgd.pubkey=<key of the peer> with -o dwgd.endpoint=<host:port>',
    );
  }
  const key = parseKeyBytes(pubkey);
  if (!key || key.every(byte => byte === 0)) {
    throw wrong(
      'dwgd.pubkey',
      pubkey,
      'a public key as "wg pubkey" prints it, 44 characters of base64, not all zero',
    );
  }
  if (endpoint === undefined) {
    throw new UserError(
      'dwgd.endpoint is missing: dwgd.pubkey needs -o dwgd.endpoint=<host:port> of that peer',
    );
  }
  return { kind: 'pubkey', publicKey: new Key(key), endpoint: readEndpoint(endpoint) };
}

/** `host:port`, `1.2.3.4:port` or `[v6]:port`. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port < 1 || port > 65535) return undefined;
  if (bracketed !== undefined)
    return parseAddress(bracketed)?.family === 6 ? { host: bracketed, port } : undefined;
  return plain !== undefined && isHost(plain) ? { host: plain, port } : undefined;
}

/** An IPv4 address, or a host name of letters, digits, hyphens and underscores that is no mistyped address. */
function isHost(text: string): boolean {
  if (parseAddress(text)) return true;
  if (text.length > 253 || /^[\d.]*$/.test(text)) return false;
  const labels = text.replace(/\.$/, '').split('.');
  return labels.every(label => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label));
}

/** The text that parseHostPort() reads. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function readEndpoint(text: string): HostPort {
  const endpoint = parseHostPort(text);
  if (!endpoint) {
    throw wrong(
      'dwgd.endpoint',
      text,
      'host:port, 192.0.2.1:51820 or [2001:db8::1]:51820, with a port from 1 to 65535',
    );
  }
  return endpoint;
}

function readSeed(options: ReadonlyMap<OptionName, string>): SecretSource<Buffer> {
  const seed = options.get('dwgd.seed');
  const file = options.get('dwgd.seedfile');
  if (seed !== undefined && file !== undefined) {
    throw new UserError('dwgd.seed and dwgd.seedfile are both given: give one of them');
  }
  if (file !== undefined) return { file: readFilePath('dwgd.seedfile', file) };
  if (seed === undefined) {
    throw new UserError(
      'dwgd.seed is missing: give -o dwgd.seed=<secret>, or -o dwgd.seedfile=<path of a file that holds it>',
    );
  }
  if (seed === '') throw new UserError('dwgd.seed is empty: give a secret that nobody can guess');
  return { value: Buffer.from(seed) };
}

function readPresharedKey(options: ReadonlyMap<OptionName, string>): SecretSource<SecretKey> | undefined {
  const psk = options.get('dwgd.psk');
  const file = options.get('dwgd.pskfile');
  if (psk !== undefined && file !== undefined) {
    throw new UserError('dwgd.psk and dwgd.pskfile are both given: give one of them');
  }
  if (file !== undefined) return { file: readFilePath('dwgd.pskfile', file) };
  return psk === undefined ? undefined : { value: parsePresharedKey(psk, 'dwgd.psk') };
}

/**
 * @param where the option or file it came from, for the message
 * @throws UserError without the key
 */
export function parsePresharedKey(text: string, where: string): SecretKey {
  const bytes = parseKeyBytes(text);
  if (!bytes || bytes.every(byte => byte === 0)) {
    throw new UserError(
      `${where} is not a preshared key: give what "wg genpsk" prints, 44 characters of base64`,
    );
  }
  return new SecretKey(bytes);
}

function readFilePath(name: OptionName, path: string): string {
  if (!path.startsWith('/') || path.includes('\0') || Buffer.byteLength(path) >= PATH_MAX)
    throw wrong(name, path, 'the absolute path of a file');
  return path;
}

function readPrefix(text: string): string {
  if (!isLinkName(text) || Buffer.byteLength(text) > IFNAME_MAX - INDEX_DIGITS) {
    throw wrong(
      'dwgd.prefix',
      text,
      `the beginning of an interface name, 1 to ${IFNAME_MAX - INDEX_DIGITS} bytes`,
    );
  }
  return text;
}

/** A comma-separated list of networks, host bits cleared, each once. */
function prefixes(name: OptionName, text: string): Prefix[] {
  const found = new Map<string, Prefix>();
  for (const part of text.split(',')) {
    const prefix = parsePrefix(part.trim());
    if (!prefix)
      throw wrong(name, part.trim(), 'networks such as 10.1.0.0/16 or fd00::/8, separated by commas');
    const masked = maskPrefix(prefix);
    found.set(formatPrefix(masked), masked);
  }
  return [...found.values()];
}

function integer(name: OptionName, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw wrong(name, text, `a whole number from ${min} to ${max}`);
  return value;
}

function wrong(name: OptionName, value: string, right: string): UserError {
  return new UserError(`${name}=${excerpt(value)} is not valid: give ${right}`);
}

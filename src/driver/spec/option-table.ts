// Every option of `docker network create -o`, as docs/reference.md shows it, and the bounds of their values. Not here:
// how they are read (options.ts).

import { IFNAME_MAX } from '../../netlink/route/link.js';
import { PATH_MAX } from './model.js';

export const DEFAULT_KEEPALIVE = 25;
export const DEFAULT_PREFIX = 'wg';
export const DEFAULT_ALLOWED_IPS = '0.0.0.0/0,::/0';
/** IPV6_MIN_MTU: below it the kernel takes IPv6 off a link. */
export const IPV6_MIN_MTU = 1280;
export const IPV4_MIN_MTU = 576;
export const MAX_MTU = 65535;
export const MAX_KEEPALIVE = 65535;

/** Bytes of a prefix at most: Docker may append three digits, `wg0` to `wg999`. */
export const PREFIX_MAX = IFNAME_MAX - 3;

/** Files of `dwgd.conf`. */
export const MAX_FILES = 8;

/** Servers of `dwgd.dns`. */
export const MAX_DNS = 8;
/** In their place: questions stay as they are. */
export const DNS_OFF = 'off';
/** Where gateways are asked for ports (RFC 6886), of UDP. */
export const NATPMP_PORT = 5351;
/** `dwgd.natpmp`: the provider is asked for a port, at the gateway that follows from the file; or it is not. */
export const [NATPMP_ON, NATPMP_OFF] = ['on', 'off'] as const;
/** Bounds of `dwgd.failback`, in seconds: a minute and a week. */
export const [MIN_FAILBACK, MAX_FAILBACK] = [60, 604_800] as const;

/** An option as docs/reference.md shows it; text in Markdown. */
interface NetworkOption {
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
    name: 'dwgd.conf',
    meaning:
      'exit network: the file of wg-quick(8) that a provider hands out, or several, of which one is in force',
    accepts:
      `1 to ${MAX_FILES} absolute paths separated by commas, of [files of tunnels](#files-of-tunnels), each once; ` +
      'beside it `dwgd.dns`, `dwgd.failback`, `dwgd.mtu`, `dwgd.natpmp` and `dwgd.prefix` alone',
  },
  {
    name: 'dwgd.failback',
    meaning: 'exit network of several files: seconds after which the first one is tried again',
    accepts: `${MIN_FAILBACK} to ${MAX_FAILBACK}`,
    default: 'never',
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
    name: 'dwgd.dns',
    meaning: 'exit network: the servers that [questions to the DNS](#dns-of-exit-networks) go to',
    accepts:
      `1 to ${MAX_DNS} addresses separated by commas, of which the first of each family is asked, or \`${DNS_OFF}\`: ` +
      'questions stay as they are',
    default: 'what the file says (`DNS`)',
  },
  {
    name: 'dwgd.natpmp',
    meaning: 'exit network: whether the provider is asked for [a port that it assigns](#assigned-ports)',
    accepts: `\`${NATPMP_ON}\`, \`${NATPMP_OFF}\`, or the IPv4 address of the gateway in the tunnel`,
    default: `\`${NATPMP_OFF}\``,
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
    accepts: `1 to ${PREFIX_MAX} bytes of an interface name`,
    default: `\`${DEFAULT_PREFIX}\``,
  },
] as const satisfies readonly NetworkOption[];

export type OptionName = (typeof OPTIONS)[number]['name'];

export const OPTION_NAMES: readonly string[] = OPTIONS.map(({ name }) => name);

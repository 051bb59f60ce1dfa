// The options of `docker network create -o`: from text to NetworkOptions, or one sentence that says what is
// wrong. The whole of the input is checked before anything is touched; a secret is never quoted. Not here: which options
// there are (option-table.ts), those of exit networks (exit-options.ts), whether an interface exists or a name resolves.

import { UserError } from '../../base/errors.js';
import { IFNAME_MAX, isLinkName } from '../../netlink/route/link.js';
import { Key, parseKeyBytes, type SecretKey } from '../../netlink/wireguard/key.js';
import { type HostPort, parseHostPort } from './host-port.js';
import type { Mode, NetworkOptions, SecretSource } from './model.js';
import {
  DEFAULT_ALLOWED_IPS,
  DEFAULT_KEEPALIVE,
  DEFAULT_PREFIX,
  IPV4_MIN_MTU,
  MAX_KEEPALIVE,
  MAX_MTU,
  type OptionName,
} from './option-table.js';
import { integer, prefixes, readFilePath, readPrefix, refuseUnknown, wrong } from './option-values.js';
import { parsePresharedKey } from './secret-text.js';

/**
 * @param given option names to values, as typed; names outside `dwgd.` are not ours and are passed over
 * @throws UserError that names the option, its value (never a secret) and what would be right
 */
export function parseOptions(given: ReadonlyMap<string, string>): NetworkOptions {
  refuseUnknown(given);
  const options = given as ReadonlyMap<OptionName, string>;
  if (options.has('dwgd.dns'))
    throw new UserError(
      'dwgd.dns goes with dwgd.conf alone: give containers the server by --dns (dns: in Compose)',
    );
  if (options.has('dwgd.natpmp'))
    throw new UserError('dwgd.natpmp goes with dwgd.conf alone: leave it out, no port is asked for here');
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
      'none of dwgd.conf, dwgd.ifname and dwgd.pubkey is given: give -o dwgd.conf=<file of wg-quick(8)>, ' +
        '-o dwgd.ifname=<WireGuard interface of this host>, ' +
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

// The options of an exit network (`dwgd.conf`): from text to ExitOptions, or one sentence that says what is wrong. Not here:
// the files themselves.

import { UserError } from '../../base/errors.js';
import { type Address, addressKey, formatAddress, parseAddress } from '../../base/ip.js';
import { whyUnusable } from '../../base/special-addresses.js';
import type { ExitNetwork, ExitOptions } from './model.js';
import {
  DEFAULT_PREFIX,
  DNS_OFF,
  IPV4_MIN_MTU,
  MAX_DNS,
  MAX_FAILBACK,
  MAX_FILES,
  MAX_MTU,
  MIN_FAILBACK,
  NATPMP_OFF,
  NATPMP_ON,
  type OptionName,
} from './option-table.js';
import { integer, readFilePath, readPrefix, refuseUnknown, wrong } from './option-values.js';
import { shortId } from './protocol.js';

/** What the file says in place of an option. */
const IN_THE_FILE = {
  'dwgd.endpoint': 'Endpoint',
  'dwgd.seed': 'PrivateKey',
  'dwgd.seedfile': 'PrivateKey',
  'dwgd.psk': 'PresharedKey',
  'dwgd.pskfile': 'PresharedKey',
  'dwgd.route': 'AllowedIPs',
  'dwgd.allowedips': 'AllowedIPs',
  'dwgd.keepalive': 'PersistentKeepalive',
} as const satisfies Partial<Record<OptionName, string>>;

/** Whether the options are for parseExitOptions(), rather than for parseOptions(). */
export function isExit(given: ReadonlyMap<string, string>): boolean {
  return given.has('dwgd.conf');
}

/**
 * @param given as parseOptions() takes them; isExit()
 * @throws UserError that names the option, its value (never a secret) and what would be right
 */
export function parseExitOptions(given: ReadonlyMap<string, string>): ExitOptions {
  refuseUnknown(given);
  const options = given as ReadonlyMap<OptionName, string>;
  for (const mode of ['dwgd.ifname', 'dwgd.pubkey'] as const) {
    if (options.has(mode))
      throw new UserError(
        `dwgd.conf and ${mode} are both given: give dwgd.conf for one tunnel that all containers share, ` +
          `or ${mode} for one tunnel for each container`,
      );
  }
  for (const name of Object.keys(IN_THE_FILE) as (keyof typeof IN_THE_FILE)[]) {
    if (options.has(name))
      throw new UserError(
        `${name} cannot stand beside dwgd.conf: leave it out, the file itself says that (${IN_THE_FILE[name]})`,
      );
  }
  const mtu = options.get('dwgd.mtu');
  const dns = options.get('dwgd.dns');
  const natpmp = readNatpmp(options.get('dwgd.natpmp') ?? NATPMP_OFF);
  const files = readFiles(options.get('dwgd.conf') ?? '');
  const failback = options.get('dwgd.failback');
  if (failback !== undefined && files.length === 1)
    throw new UserError(
      'dwgd.failback is for several files: leave it out, or give dwgd.conf more than one (dwgd.conf=<path>,<path>)',
    );
  return {
    files,
    ...(failback !== undefined && {
      failback: integer('dwgd.failback', failback, MIN_FAILBACK, MAX_FAILBACK),
    }),
    ...(mtu !== undefined && { mtu: integer('dwgd.mtu', mtu, IPV4_MIN_MTU, MAX_MTU) }),
    ...(dns !== undefined && { dns: readServers(dns) }),
    ...(natpmp && { natpmp }),
    prefix: readPrefix(options.get('dwgd.prefix') ?? DEFAULT_PREFIX),
  };
}

/**
 * Two tunnels of one key take the far end from each other.
 * @param others networks, of which one that has the same file cannot be beside this one
 * @throws UserError where there is one
 */
export function refuseTaken(
  { id, files }: Pick<ExitNetwork, 'id' | 'files'>,
  others: readonly Pick<ExitNetwork, 'id' | 'files'>[],
): void {
  for (const other of others) {
    const file = other.id === id ? undefined : files.find(one => other.files.includes(one));
    if (file !== undefined)
      throw new UserError(
        `network ${shortId(other.id)} has the tunnel of ${file}, and one of the two gives it to a container itself (--ipam-driver=null): use a file with another key`,
      );
  }
}

/** Each once; none where it is off. */
function readServers(text: string): Address[] {
  if (text.trim() === DNS_OFF) return [];
  const parts = text.split(',');
  if (parts.length > MAX_DNS)
    throw new UserError(`dwgd.dns has ${parts.length} addresses: give at most ${MAX_DNS}`);
  const servers = parts.map(part => {
    const server = parseAddress(part.trim());
    if (!server)
      throw wrong('dwgd.dns', text, `addresses such as 10.64.0.1, separated by commas, or ${DNS_OFF}`);
    const why = whyUnusable(server);
    if (why !== undefined)
      throw new UserError(
        `dwgd.dns has ${formatAddress(server)}, ${why}: give the address of a server behind the tunnel`,
      );
    return server;
  });
  return [...new Map(servers.map(server => [addressKey(server), server])).values()];
}

/** Undefined where it is off. */
function readNatpmp(text: string): ExitOptions['natpmp'] | undefined {
  if (text === NATPMP_ON) return NATPMP_ON;
  if (text === NATPMP_OFF) return undefined;
  const gateway = parseAddress(text);
  if (gateway?.family !== 4)
    throw wrong(
      'dwgd.natpmp',
      text,
      `${NATPMP_ON}, ${NATPMP_OFF}, or the gateway's IPv4 address such as 10.2.0.1`,
    );
  const why = whyUnusable(gateway);
  if (why !== undefined)
    throw new UserError(
      `dwgd.natpmp has ${formatAddress(gateway)}, ${why}: give the address of the provider's gateway in the tunnel`,
    );
  return gateway;
}

function readFiles(text: string): string[] {
  const parts = text.split(',');
  if (parts.length > MAX_FILES)
    throw new UserError(`dwgd.conf has ${parts.length} files: give at most ${MAX_FILES}`);
  const files = parts.map(part => readFilePath('dwgd.conf', part.trim()));
  const twice = files.find((file, n) => files.indexOf(file) < n);
  if (twice !== undefined) throw new UserError(`dwgd.conf has ${twice} twice: give each file once`);
  return files;
}

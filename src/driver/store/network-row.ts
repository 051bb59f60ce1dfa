// Rows of the table `network` to networks, and back. The original's own columns keep its meaning. Pure. Not here: queries
// (store.ts), the table's shape (migrations.ts), exit networks (exit-row.ts).

import { UserError } from '../../base/errors.js';
import { formatPrefix, type Prefix, parsePrefix } from '../../base/ip.js';
import { Key, SecretKey } from '../../netlink/wireguard/key.js';
import { formatHostPort, type HostPort, parseHostPort } from '../spec/host-port.js';
import type { Mode, Network, SecretSource } from '../spec/model.js';
import { DEFAULT_ALLOWED_IPS, DEFAULT_KEEPALIVE, DEFAULT_PREFIX } from '../spec/option-table.js';
import { checkTypes, type PoolColumns, poolColumns, readBytes, readKey, readPools } from './columns.js';

export interface NetworkRow extends PoolColumns {
  readonly id: string;
  readonly endpoint: string | null;
  readonly seed: Buffer | null;
  readonly pubkey: Buffer | null;
  readonly route: string | null;
  readonly ifname: string | null;
  readonly seedfile: string | null;
  readonly psk: Buffer | null;
  readonly pskfile: string | null;
  readonly mtu: number | null;
  readonly keepalive: number | null;
  readonly allowedips: string | null;
  readonly prefix: string | null;
  /** Paths of files, separated by commas, of an exit network; NULL on all others. */
  readonly conf: string | null;
  /** Addresses, separated by commas, or `off`, of an exit network; NULL: what its file says. */
  readonly dns: string | null;
  /** In seconds, of an exit network; NULL is never. */
  readonly failback: number | null;
  /** `on` or the address of a gateway, of an exit network; NULL is off. */
  readonly natpmp: string | null;
  readonly owner: number;
}

export const NETWORK_COLUMNS = [
  'id',
  'endpoint',
  'seed',
  'pubkey',
  'route',
  'ifname',
  'seedfile',
  'psk',
  'pskfile',
  'mtu',
  'keepalive',
  'allowedips',
  'prefix',
  'ipv4_pool',
  'ipv4_gateway',
  'ipv6_pool',
  'ipv6_gateway',
  'conf',
  'dns',
  'failback',
  'natpmp',
  'owner',
] satisfies (keyof NetworkRow)[];

/** The original's seeds may be texts. */
export const NETWORK_TYPES: Partial<Record<keyof NetworkRow, 'string' | 'number'>> = {
  ...{ id: 'string', endpoint: 'string', route: 'string', ifname: 'string', seedfile: 'string' },
  ...{ pskfile: 'string', mtu: 'number', keepalive: 'number', allowedips: 'string', prefix: 'string' },
  ...{ ipv4_pool: 'string', ipv4_gateway: 'string', ipv6_pool: 'string', ipv6_gateway: 'string' },
  ...{ conf: 'string', dns: 'string', failback: 'number', natpmp: 'string', owner: 'number' },
};

export function networkRow(network: Network): NetworkRow {
  const { mode, seed, presharedKey } = network;
  return {
    id: network.id,
    endpoint: mode.endpoint ? writeEndpoint(mode.endpoint) : null,
    seed: 'value' in seed ? seed.value : null,
    seedfile: 'file' in seed ? seed.file : null,
    psk: presharedKey && 'value' in presharedKey ? presharedKey.value.reveal() : null,
    pskfile: presharedKey && 'file' in presharedKey ? presharedKey.file : null,
    pubkey: mode.kind === 'pubkey' ? mode.publicKey.bytes : null,
    ifname: mode.kind === 'ifname' ? mode.ifname : '',
    route: network.routes.map(formatPrefix).join(','),
    mtu: network.mtu ?? null,
    keepalive: network.keepalive,
    allowedips: network.allowedIPs.map(formatPrefix).join(','),
    prefix: network.prefix,
    ...poolColumns(network),
    conf: null,
    dns: null,
    failback: null,
    natpmp: null,
    owner: network.owner,
  };
}

/**
 * @throws UserError when the row names neither an interface nor a peer; DecodeError when it is not as we write it
 */
export function readNetworkRow(row: NetworkRow): Network {
  checkTypes(row, NETWORK_TYPES);
  const presharedKey = readSecret(row.psk, row.pskfile, value => new SecretKey(readKey(value, 'psk')));
  return {
    id: row.id,
    mode: readMode(row),
    seed: readSecret(row.seed, row.seedfile, value => readBytes(value, 'seed')) ?? { value: Buffer.alloc(0) },
    ...(presharedKey && { presharedKey }),
    routes: readPrefixes(row.route ?? ''),
    ...(row.mtu !== null && { mtu: row.mtu }),
    keepalive: row.keepalive ?? DEFAULT_KEEPALIVE,
    allowedIPs: readPrefixes(row.allowedips ?? DEFAULT_ALLOWED_IPS),
    prefix: row.prefix ?? DEFAULT_PREFIX,
    ...readPools(row),
    owner: row.owner,
  };
}

function readMode(row: NetworkRow): Mode {
  if (row.ifname) {
    const endpoint = row.endpoint === null ? undefined : parseHostPort(row.endpoint);
    return { kind: 'ifname', ifname: row.ifname, ...(endpoint && { endpoint }) };
  }
  if (!row.pubkey || row.endpoint === null) throw new UserError('it has no peer');
  return {
    kind: 'pubkey',
    publicKey: new Key(readKey(row.pubkey, 'pubkey')),
    endpoint: readEndpoint(row.endpoint),
  };
}

/**
 * The original accepted endpoints with port 0 or a zone. Such a text is kept as a host that never resolves: a Join
 * says so, and other networks are none the worse for it.
 */
function readEndpoint(text: string): HostPort {
  return parseHostPort(text) ?? { host: text, port: 0 };
}

function writeEndpoint(endpoint: HostPort): string {
  return endpoint.port === 0 ? endpoint.host : formatHostPort(endpoint);
}

function readSecret<T>(
  value: Buffer | null,
  file: string | null,
  read: (value: Buffer) => T,
): SecretSource<T> | undefined {
  if (file !== null) return { file };
  return value === null ? undefined : { value: read(value) };
}

/** What cannot be read is left out: the original accepted any text as a route. */
function readPrefixes(text: string): Prefix[] {
  return text.split(',').flatMap(part => parsePrefix(part.trim()) ?? []);
}

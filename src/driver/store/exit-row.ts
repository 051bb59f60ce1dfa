// Rows of the table `network` to exit networks, and back: the paths of their files, and nothing of what is in those. Pure. Not
// here: networks of the other kinds (network-row.ts).

import { DecodeError } from '../../base/errors.js';
import { type Address, formatAddress, parseAddress } from '../../base/ip.js';
import type { ExitNetwork } from '../spec/model.js';
import { DEFAULT_PREFIX, DNS_OFF, NATPMP_ON } from '../spec/option-table.js';
import { checkTypes, poolColumns, readPools } from './columns.js';
import { NETWORK_TYPES, type NetworkRow } from './network-row.js';

/** What only networks of the other kinds have. */
const NOTHING = {
  ...{ endpoint: null, seed: null, pubkey: null, route: null, seedfile: null, psk: null, pskfile: null },
  ...{ keepalive: null, allowedips: null },
} as const satisfies Partial<NetworkRow>;

export function exitRow(network: ExitNetwork): NetworkRow {
  return {
    ...NOTHING,
    id: network.id,
    ifname: '',
    conf: network.files.join(','),
    failback: network.failback ?? null,
    mtu: network.mtu ?? null,
    dns: network.dns ? network.dns.map(formatAddress).join(',') || DNS_OFF : null,
    natpmp: writeNatpmp(network.natpmp),
    prefix: network.prefix,
    ...poolColumns(network),
    owner: network.owner,
  };
}

/** @throws DecodeError when it is not as we write it */
export function readExitRow(row: NetworkRow): ExitNetwork {
  checkTypes(row, NETWORK_TYPES);
  const files = (row.conf ?? '').split(',');
  if (!files.every(file => file.startsWith('/'))) throw new DecodeError('conf is no list of paths');
  const pools = readPools(row);
  // Without any, its one container has the tunnel itself.
  if ((row.ipv4_pool !== null && !pools.ipv4) || (row.ipv6_pool !== null && !pools.ipv6))
    throw new DecodeError('a subnet is none');
  return {
    id: row.id,
    files,
    ...(row.failback !== null && { failback: row.failback }),
    ...(row.mtu !== null && { mtu: row.mtu }),
    ...(row.dns !== null && { dns: readServers(row.dns) }),
    ...(row.natpmp !== null && { natpmp: readNatpmp(row.natpmp) }),
    prefix: row.prefix ?? DEFAULT_PREFIX,
    ...pools,
    owner: row.owner,
  };
}

function writeNatpmp(natpmp: ExitNetwork['natpmp']): string | null {
  if (natpmp === undefined) return null;
  return natpmp === NATPMP_ON ? NATPMP_ON : formatAddress(natpmp);
}

function readNatpmp(text: string): NonNullable<ExitNetwork['natpmp']> {
  if (text === NATPMP_ON) return NATPMP_ON;
  const gateway = parseAddress(text);
  if (gateway?.family !== 4) throw new DecodeError('natpmp is no address of IPv4');
  return gateway;
}

function readServers(text: string): Address[] {
  if (text === DNS_OFF) return [];
  return text.split(',').map(part => {
    const server = parseAddress(part);
    if (!server) throw new DecodeError('dns is no list of addresses');
    return server;
  });
}

// Values of a row as SQLite gives them: any type in any column. Not here: which columns there are (network-row.ts,
// client-row.ts).

import { DecodeError } from '../../base/errors.js';
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../base/ip.js';
import { WG_KEY_LEN } from '../../netlink/wireguard/key.js';
import type { Network, Pool } from '../spec/model.js';

/** A network's pools. */
export interface PoolColumns {
  readonly ipv4_pool: string | null;
  readonly ipv4_gateway: string | null;
  readonly ipv6_pool: string | null;
  readonly ipv6_gateway: string | null;
}

/** @throws DecodeError when a column that is not NULL is of another type */
export function checkTypes<R extends object>(row: R, types: Partial<Record<keyof R, string>>): void {
  for (const column of Object.keys(types) as (keyof R)[]) {
    if (row[column] !== null && typeof row[column] !== types[column])
      throw new DecodeError(`${String(column)} is not a ${types[column]}`);
  }
}

/** The bytes of a column, which may be a text: the original bound Go strings and byte slices alike. */
export function readBytes(value: unknown, column: string): Buffer {
  if (typeof value === 'string' || value instanceof Uint8Array) return Buffer.from(value as Uint8Array);
  throw new DecodeError(`${column} is neither bytes nor a text`);
}

/** @throws DecodeError when it does not have the length of a key */
export function readKey(value: unknown, column: string): Buffer {
  const bytes = readBytes(value, column);
  if (bytes.length !== WG_KEY_LEN) throw new DecodeError(`${column} has ${bytes.length} bytes`);
  return bytes;
}

export function poolColumns({ ipv4, ipv6 }: Pick<Network, 'ipv4' | 'ipv6'>): PoolColumns {
  return {
    ipv4_pool: ipv4 ? formatPrefix(ipv4.subnet) : null,
    ipv4_gateway: ipv4?.gateway ? formatAddress(ipv4.gateway) : null,
    ipv6_pool: ipv6 ? formatPrefix(ipv6.subnet) : null,
    ipv6_gateway: ipv6?.gateway ? formatAddress(ipv6.gateway) : null,
  };
}

/** What cannot be read is as good as not there. */
export function readPools(row: PoolColumns): Pick<Network, 'ipv4' | 'ipv6'> {
  const ipv4 = readPool(row.ipv4_pool, row.ipv4_gateway);
  const ipv6 = readPool(row.ipv6_pool, row.ipv6_gateway);
  return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

function readPool(subnet: string | null, gateway: string | null): Pool | undefined {
  const prefix = subnet === null ? undefined : parsePrefix(subnet);
  const address = gateway === null ? undefined : parseAddress(gateway);
  return prefix && { subnet: prefix, ...(address && { gateway: address }) };
}

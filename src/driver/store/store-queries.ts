// What the store asks of its database, as SQL. Not here: the tables' shape (migrations.ts).

import { groupBy } from '../../base/group-by.js';
import { CLIENT_COLUMNS } from './client-row.js';
import { NETWORK_COLUMNS } from './network-row.js';

/** Networks but exit networks, and these. */
export const SELECT_NETWORK = 'SELECT * FROM network WHERE id = ? AND conf IS NULL';
export const SELECT_EXIT = 'SELECT * FROM network WHERE id = ? AND conf IS NOT NULL';
export const NETWORK_IDS = 'SELECT id FROM network WHERE conf IS NULL';
export const EXIT_IDS = 'SELECT id FROM network WHERE conf IS NOT NULL';
export const IS_EXIT = 'SELECT EXISTS (SELECT 1 FROM network WHERE id = ? AND conf IS NOT NULL)';
/** `ip` holds an address of either family; see clientRow. */
export const SELECT_AT = 'SELECT * FROM client WHERE network_id = ? AND (ip IN (?, ?) OR ipv6 IN (?, ?))';
export const ALL_CLIENTS = 'SELECT * FROM client';
export const OF_TUNNELS = `SELECT * FROM client WHERE NOT EXISTS
  (SELECT 1 FROM network WHERE id = client.network_id AND conf IS NOT NULL)`;
export const LINK_NAMES = `SELECT client.ifname FROM client LEFT JOIN network ON network.id = client.network_id
  WHERE coalesce(owner, 0) = ?`;
export const INTERFACES = "SELECT DISTINCT ifname, owner FROM network WHERE ifname <> '' ORDER BY owner";
export interface InterfaceRow {
  readonly ifname: string;
  readonly owner: number;
}

/** Of such rows. */
export function ownersByInterface(rows: readonly InterfaceRow[]): ReadonlyMap<string, readonly number[]> {
  const found = groupBy(rows, ({ ifname }) => ifname);
  return new Map([...found].map(([ifname, rows]) => [ifname, rows.map(({ owner }) => owner)]));
}

export const IN_USE = `SELECT DISTINCT ifname FROM network WHERE ifname <> ''
  AND EXISTS (SELECT 1 FROM client WHERE network_id = network.id AND state = 'joined')`;
export const PENDING = "SELECT EXISTS (SELECT 1 FROM client WHERE pending <> 0 AND state = 'joined')";
export const COUNT = `SELECT
  (SELECT count(*) FROM network WHERE owner = @owner) AS networks,
  (SELECT count(*) FROM network JOIN client ON network_id = network.id WHERE owner = @owner) AS endpoints`;
export const SELECT_PEERS = `
  SELECT client.*, network.owner FROM client JOIN network ON network.id = client.network_id
  WHERE network.ifname = ? AND client.state IN ('joining', 'joined')
    AND (client.pubkey = ? OR client.ip IN (?, ?) OR client.ipv6 IN (?, ?))`;
export const UPSERT_NETWORK = upsert('network', NETWORK_COLUMNS);
export const UPSERT_CLIENT = upsert('client', CLIENT_COLUMNS);

function upsert(table: string, columns: readonly string[]): string {
  const values = columns.map(column => `@${column}`).join(', ');
  const updates = columns.map(column => `${column} = excluded.${column}`).join(', ');
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values}) ON CONFLICT(id) DO UPDATE SET ${updates}`;
}

// Networks and endpoints on disk (SQLite): what neither Docker nor the kernel can give back. Intent is written
// here before the kernel is touched. Not here: the tables' shape (migrations.ts), their rows (rows.ts), what a
// state means to the kernel.

import { chmodSync, closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { messageOf, UserError } from '../errors.js';
import { formatAddress } from '../ip.js';
import { migrate } from './migrations.js';
import type { Endpoint, Network } from './network.js';
import {
  CLIENT_COLUMNS,
  type ClientRow,
  clientRow,
  NETWORK_COLUMNS,
  type NetworkRow,
  networkRow,
  readClientRow,
  readNetworkRow,
} from './rows.js';

/** An endpoint that may be a peer of an interface of the host, and whose it is. */
export interface PeerRecord {
  readonly endpoint: Endpoint;
  readonly owner: number;
}

export class Store {
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();
  /** Networks as read: they change by way of this class alone, and every call asks for one. */
  readonly #networks = new Map<string, Network>();

  /**
   * Opens or makes the database, mode 0600, and brings it to the present shape.
   * @param path a file, or `''` for one in memory
   * @throws UserError that says which file and why
   */
  constructor(path: string) {
    try {
      if (path !== '') {
        closeSync(openSync(path, 'a', 0o600));
        // The original left its file, seed and all, readable to everybody.
        chmodSync(path, 0o600);
      }
      this.#db = new Database(path === '' ? ':memory:' : path);
    } catch (err) {
      throw new UserError(`cannot open the database ${path}: ${messageOf(err)}`, { cause: err });
    }
    try {
      this.#db.pragma('journal_mode = WAL');
      this.#db.pragma('foreign_keys = ON');
      migrate(this.#db);
      // What endpoints need survives a crash of ours without fsync(2); networks are written with it.
      this.#db.pragma('synchronous = NORMAL');
    } catch (err) {
      this.#db.close();
      throw new UserError(`cannot use the database ${path}: ${messageOf(err)}`, { cause: err });
    }
  }

  close(): void {
    this.#db.close();
  }

  /** Adds a network; one of the same id is replaced, its endpoints kept. On disk when this returns. */
  putNetwork(network: Network): void {
    this.#networks.delete(network.id);
    this.#db.pragma('synchronous = FULL');
    try {
      this.#prepare(UPSERT_NETWORK).run(networkRow(network));
    } finally {
      this.#db.pragma('synchronous = NORMAL');
    }
  }

  /** Takes a network away, and with it its endpoints. */
  deleteNetwork(id: string): void {
    this.#networks.delete(id);
    this.#prepare('DELETE FROM network WHERE id = ?').run(id);
  }

  network(id: string): Network | undefined {
    const known = this.#networks.get(id);
    if (known) return known;
    const row = this.#prepare('SELECT * FROM network WHERE id = ?').get(id);
    if (!row) return undefined;
    const network = readNetworkRow(row as NetworkRow);
    this.#networks.set(id, network);
    return network;
  }

  /** Those that can be read; a row that cannot be used keeps no other network from its work. */
  networks(): Network[] {
    const rows = this.#prepare('SELECT id FROM network').all() as { id: string }[];
    return rows.flatMap(({ id }) => {
      try {
        return this.network(id) ?? [];
      } catch (err) {
        if (err instanceof UserError) return [];
        throw err;
      }
    });
  }

  /** Adds an endpoint, or replaces the one of the same id. */
  putEndpoint(endpoint: Endpoint): void {
    this.#prepare(UPSERT_CLIENT).run(clientRow(endpoint));
  }

  deleteEndpoint(id: string): void {
    this.#prepare('DELETE FROM client WHERE id = ?').run(id);
  }

  endpoint(id: string): Endpoint | undefined {
    const row = this.#prepare('SELECT * FROM client WHERE id = ?').get(id);
    return row ? readClientRow(row as ClientRow) : undefined;
  }

  endpoints(): Endpoint[] {
    return (this.#prepare('SELECT * FROM client').all() as ClientRow[]).map(readClientRow);
  }

  networkEndpoints(networkId: string): Endpoint[] {
    const rows = this.#prepare('SELECT * FROM client WHERE network_id = ?').all(networkId);
    return (rows as ClientRow[]).map(readClientRow);
  }

  /** The endpoints of a network that have one of the addresses. */
  endpointsAt(networkId: string, { ipv4, ipv6 }: Pick<Endpoint, 'ipv4' | 'ipv6'>): Endpoint[] {
    const texts = [ipv4, ipv6].map(address => (address ? formatAddress(address) : null));
    const rows = this.#prepare(SELECT_AT).all(networkId, ...texts, ...texts);
    return (rows as ClientRow[]).map(readClientRow);
  }

  /** The endpoint whose link has that name, if it is another one than the one of the id. */
  endpointOfLink(ifname: string, exceptId: string): Endpoint | undefined {
    const row = this.#prepare('SELECT * FROM client WHERE ifname = ? AND id <> ?').get(ifname, exceptId);
    return row ? readClientRow(row as ClientRow) : undefined;
  }

  /**
   * The endpoints that have, or are about to have, a peer on an interface of the host with one of the addresses or with
   * the key.
   */
  peersAt(
    ifname: string,
    { ipv4, ipv6, publicKey }: Pick<Endpoint, 'ipv4' | 'ipv6' | 'publicKey'>,
  ): PeerRecord[] {
    const texts = [ipv4, ipv6].map(address => (address ? formatAddress(address) : null));
    const rows = this.#prepare(SELECT_PEERS).all(ifname, publicKey?.bytes ?? null, ...texts, ...texts);
    return (rows as (ClientRow & { owner: number })[]).map(row => ({
      endpoint: readClientRow(row),
      owner: row.owner,
    }));
  }

  #prepare(sql: string): Database.Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** `ip` holds an address of either family; see clientRow. */
const SELECT_AT = 'SELECT * FROM client WHERE network_id = ? AND (ip IN (?, ?) OR ipv6 IN (?, ?))';
const SELECT_PEERS = `
  SELECT client.*, network.owner FROM client JOIN network ON network.id = client.network_id
  WHERE network.ifname = ? AND client.state IN ('joining', 'joined')
    AND (client.pubkey = ? OR client.ip IN (?, ?) OR client.ipv6 IN (?, ?))`;
const UPSERT_NETWORK = upsert('network', NETWORK_COLUMNS);
const UPSERT_CLIENT = upsert('client', CLIENT_COLUMNS);

function upsert(table: string, columns: readonly string[]): string {
  const values = columns.map(column => `@${column}`).join(', ');
  const updates = columns.map(column => `${column} = excluded.${column}`).join(', ');
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values}) ON CONFLICT(id) DO UPDATE SET ${updates}`;
}

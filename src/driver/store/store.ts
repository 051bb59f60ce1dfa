// Networks and endpoints on disk (SQLite): what neither Docker nor the kernel can give back. Intent is written
// here before the kernel is touched. Not here: how the file is opened (database.ts), rows (network-row.ts,
// client-row.ts), what a state means to the kernel.

import { UserError } from '../../base/errors.js';
import { groupBy } from '../../base/group-by.js';
import { formatAddress } from '../../base/ip.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { Endpoint, Network } from '../spec/model.js';
import { CLIENT_COLUMNS, type ClientRow, clientRow, readClientRow } from './client-row.js';
import { NETWORK_COLUMNS, type NetworkRow, networkRow, readNetworkRow } from './network-row.js';
import { StoreFile } from './store-file.js';

/** An endpoint that may be a peer of an interface of the host, and whose it is. */
export interface PeerRecord {
  readonly endpoint: Endpoint;
  readonly owner: number;
}

export class Store {
  readonly #file: StoreFile;
  /** Cache of networks: only this class changes them, and every call reads one. */
  readonly #networks = new Map<string, Network>();
  /** The owners of the networks of each host interface; rebuilt when a network is added or removed. */
  #interfaces: ReadonlyMap<string, readonly number[]> | undefined;
  readonly #report: (text: string) => void;
  /** The unreadable rows that were reported, each once. */
  readonly #reported = new Set<string>();

  /**
   * Opens or makes the database.
   * @param path a file, or `''` for one in memory
   * @param report called once for each row that cannot be read, which is treated as missing; and with what becomes of the file
   * @throws UserError that says which file and why; its code is `EUCLEAN` where the file is damaged
   */
  constructor(path: string, report: (text: string) => void = () => undefined) {
    this.#report = report;
    this.#file = new StoreFile(path, report);
  }

  /** Looks whether its file is still there, and makes it anew where it is not; reports what is wrong. */
  look(): void {
    this.#file.look();
  }

  close(): void {
    this.#file.close();
  }

  /** Adds a network; one of the same id is replaced, its endpoints kept. On disk when this returns. */
  putNetwork(network: Network): void {
    this.#forget(network.id);
    faultPoint('put-network');
    this.#file.runDurably(UPSERT_NETWORK, networkRow(network));
  }

  /** Takes a network away, and with it its endpoints. */
  deleteNetwork(id: string): void {
    this.#forget(id);
    faultPoint('delete-network');
    this.#file.run('DELETE FROM network WHERE id = ?', id);
  }

  #forget(networkId: string): void {
    this.#networks.delete(networkId);
    this.#reported.delete(networkId);
    this.#interfaces = undefined;
  }

  /** Undefined if there is none, or if its row cannot be read. */
  network(id: string): Network | undefined {
    const known = this.#networks.get(id);
    if (known) return known;
    const row = this.#file.get('SELECT * FROM network WHERE id = ?', id);
    if (!row) return undefined;
    const network = this.#read('network', row as NetworkRow, readNetworkRow);
    if (network) this.#networks.set(id, network);
    return network;
  }

  /** The owner of a network, even if its row cannot be read. */
  ownerOf(networkId: string): number | undefined {
    return this.#file.value('SELECT owner FROM network WHERE id = ?', networkId) as number | undefined;
  }

  /** All networks with a readable row. */
  networks(): Network[] {
    const ids = this.#file.values('SELECT id FROM network') as string[];
    return ids.flatMap(id => this.network(id) ?? []);
  }

  /** The networks of one user with a readable row. */
  networksOf(owner: number): Network[] {
    const ids = this.#file.values('SELECT id FROM network WHERE owner = ?', owner) as string[];
    return ids.flatMap(id => this.network(id) ?? []);
  }

  /** The users that have networks, root first. */
  owners(): number[] {
    return this.#file.values('SELECT DISTINCT owner FROM network ORDER BY owner') as number[];
  }

  /** The users that have networks of an interface of the host, root first. No query, but after a change of networks. */
  ownersAt(ifname: string): readonly number[] {
    this.#interfaces ??= this.#readInterfaces();
    return this.#interfaces.get(ifname) ?? [];
  }

  /** The interfaces of the host that containers are peers of now. */
  interfacesInUse(): string[] {
    return this.#file.values(IN_USE) as string[];
  }

  /** Whether a container waits for an interface of the host. */
  hasPending(): boolean {
    return this.#file.value(PENDING) === 1;
  }

  #readInterfaces(): ReadonlyMap<string, readonly number[]> {
    const rows = this.#file.all(INTERFACES) as { ifname: string; owner: number }[];
    const found = groupBy(rows, ({ ifname }) => ifname);
    return new Map([...found].map(([ifname, rows]) => [ifname, rows.map(({ owner }) => owner)]));
  }

  /** How many networks and endpoints a user has, those that cannot be read too. */
  count(owner: number): { readonly networks: number; readonly endpoints: number } {
    return this.#file.get(COUNT, { owner }) as { networks: number; endpoints: number };
  }

  /** Adds an endpoint, or replaces the one of the same id. */
  putEndpoint(endpoint: Endpoint): void {
    this.#reported.delete(endpoint.id);
    faultPoint('put-endpoint');
    this.#file.run(UPSERT_CLIENT, clientRow(endpoint));
  }

  deleteEndpoint(id: string): void {
    this.#reported.delete(id);
    faultPoint('delete-endpoint');
    this.#file.run('DELETE FROM client WHERE id = ?', id);
  }

  /** Undefined where there is none, or none that can be read; so are those missing in the lists below. */
  endpoint(id: string): Endpoint | undefined {
    return this.#readClients(this.#file.all('SELECT * FROM client WHERE id = ?', id))[0];
  }

  endpoints(): Endpoint[] {
    return this.#readClients(this.#file.all('SELECT * FROM client'));
  }

  networkEndpoints(networkId: string): Endpoint[] {
    return this.#readClients(this.#file.all('SELECT * FROM client WHERE network_id = ?', networkId));
  }

  /** The names of the links of an owner's endpoints, of those that cannot be read too. */
  linkNames(owner: number): Set<string> {
    return new Set(this.#file.values(LINK_NAMES, owner) as string[]);
  }

  /** The endpoints of a network that have one of the addresses. */
  endpointsAt(networkId: string, { ipv4, ipv6 }: Pick<Endpoint, 'ipv4' | 'ipv6'>): Endpoint[] {
    const texts = [ipv4, ipv6].map(address => (address ? formatAddress(address) : null));
    return this.#readClients(this.#file.all(SELECT_AT, networkId, ...texts, ...texts));
  }

  #readClients(rows: unknown[]): Endpoint[] {
    return (rows as ClientRow[]).flatMap(row => this.#read('endpoint', row, readClientRow) ?? []);
  }

  /** A row that cannot be read does not affect the others. */
  #read<R extends { readonly id: string }, T>(what: string, row: R, read: (row: R) => T): T | undefined {
    try {
      return read(row);
    } catch (err) {
      if (!this.#reported.has(row.id)) {
        this.#reported.add(row.id);
        // Only our own errors: others may quote the row, and with it a key.
        const why = err instanceof UserError ? err.message : 'it is damaged';
        this.#report(`the ${what} ${row.id} in the database is left out: ${why}`);
      }
      return undefined;
    }
  }

  /** Another endpoint than the given one whose link has that name. */
  endpointOfLink(ifname: string, exceptId: string): Endpoint | undefined {
    const row = this.#file.get('SELECT * FROM client WHERE ifname = ? AND id <> ?', ifname, exceptId);
    return row ? this.#readClients([row])[0] : undefined;
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
    const rows = this.#file.all(SELECT_PEERS, ifname, publicKey?.bytes ?? null, ...texts, ...texts);
    return (rows as (ClientRow & { owner: number })[]).flatMap(row =>
      this.#readClients([row]).map(endpoint => ({ endpoint, owner: row.owner })),
    );
  }
}

/** `ip` holds an address of either family; see clientRow. */
const SELECT_AT = 'SELECT * FROM client WHERE network_id = ? AND (ip IN (?, ?) OR ipv6 IN (?, ?))';
const LINK_NAMES = `SELECT client.ifname FROM client LEFT JOIN network ON network.id = client.network_id
  WHERE coalesce(owner, 0) = ?`;
const INTERFACES = "SELECT DISTINCT ifname, owner FROM network WHERE ifname <> '' ORDER BY owner";
const IN_USE = `SELECT DISTINCT ifname FROM network WHERE ifname <> ''
  AND EXISTS (SELECT 1 FROM client WHERE network_id = network.id AND state = 'joined')`;
const PENDING = "SELECT EXISTS (SELECT 1 FROM client WHERE pending <> 0 AND state = 'joined')";
const COUNT = `SELECT
  (SELECT count(*) FROM network WHERE owner = @owner) AS networks,
  (SELECT count(*) FROM network JOIN client ON network_id = network.id WHERE owner = @owner) AS endpoints`;
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

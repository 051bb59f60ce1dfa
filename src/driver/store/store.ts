// Networks and endpoints on disk (SQLite): what neither Docker nor the kernel can give back. Intent is written
// here before the kernel is touched. Not here: how the file is opened (database.ts), rows (network-row.ts,
// client-row.ts), what a state means to the kernel.

import { UserError } from '../../base/errors.js';
import { formatAddress } from '../../base/ip.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { Endpoint, ExitNetwork, Network } from '../spec/model.js';
import { type ClientRow, clientRow, readClientRow } from './client-row.js';
import { exitRow, readExitRow } from './exit-row.js';
import { type NetworkRow, networkRow, readNetworkRow } from './network-row.js';
import { StoreFile } from './store-file.js';
import {
  ALL_CLIENTS,
  COUNT,
  EXIT_IDS,
  IN_USE,
  INTERFACES,
  type InterfaceRow,
  IS_EXIT,
  LINK_NAMES,
  NETWORK_IDS,
  OF_TUNNELS,
  ownersByInterface,
  PENDING,
  SELECT_AT,
  SELECT_EXIT,
  SELECT_NETWORK,
  SELECT_PEERS,
  UPSERT_CLIENT,
  UPSERT_NETWORK,
} from './store-queries.js';

/** An endpoint that may be a peer of an interface of the host, and whose it is. */
export interface PeerRecord {
  readonly endpoint: Endpoint;
  readonly owner: number;
}

export class Store {
  readonly #file: StoreFile;
  /** Cache of networks: only this class changes them, and every call reads one. */
  readonly #networks = new Map<string, Network>();
  readonly #exits = new Map<string, ExitNetwork>();
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
    this.#put(networkRow(network));
  }

  /** The same for an exit network. */
  putExit(network: ExitNetwork): void {
    this.#put(exitRow(network));
  }

  #put(row: NetworkRow): void {
    this.#forget(row.id);
    faultPoint('put-network');
    this.#file.runDurably(UPSERT_NETWORK, row);
  }

  /** Takes a network of any kind away, and with it its endpoints. */
  deleteNetwork(id: string): void {
    this.#forget(id);
    faultPoint('delete-network');
    this.#file.run('DELETE FROM network WHERE id = ?', id);
  }

  #forget(networkId: string): void {
    this.#networks.delete(networkId);
    this.#exits.delete(networkId);
    this.#reported.delete(networkId);
    this.#interfaces = undefined;
  }

  /** Undefined if there is none, if it is an exit network, or if its row cannot be read. */
  network(id: string): Network | undefined {
    return this.#cached(this.#networks, SELECT_NETWORK, id, readNetworkRow);
  }

  /** An exit network, likewise. */
  exit(id: string): ExitNetwork | undefined {
    return this.#cached(this.#exits, SELECT_EXIT, id, readExitRow);
  }

  #cached<T>(cache: Map<string, T>, sql: string, id: string, read: (row: NetworkRow) => T): T | undefined {
    const known = cache.get(id);
    if (known) return known;
    const row = this.#file.get(sql, id);
    if (!row) return undefined;
    const network = this.#read('network', row as NetworkRow, read);
    if (network) cache.set(id, network);
    return network;
  }

  /** All exit networks with a readable row. */
  exits(): ExitNetwork[] {
    return (this.#file.values(EXIT_IDS) as string[]).flatMap(id => this.exit(id) ?? []);
  }

  /** Whether there is an exit network of that id, even if its row cannot be read. */
  isExit(networkId: string): boolean {
    return this.#file.value(IS_EXIT, networkId) === 1;
  }

  /** The owner of a network of any kind, even if its row cannot be read. */
  ownerOf(networkId: string): number | undefined {
    return this.#file.value('SELECT owner FROM network WHERE id = ?', networkId) as number | undefined;
  }

  /** All networks with a readable row, exit networks aside; so are those below. */
  networks(): Network[] {
    return (this.#file.values(NETWORK_IDS) as string[]).flatMap(id => this.network(id) ?? []);
  }

  /** The networks of one user with a readable row. */
  networksOf(owner: number): Network[] {
    const ids = this.#file.values(`${NETWORK_IDS} AND owner = ?`, owner) as string[];
    return ids.flatMap(id => this.network(id) ?? []);
  }

  /** The users that have networks, root first. */
  owners(): number[] {
    return this.#file.values('SELECT DISTINCT owner FROM network ORDER BY owner') as number[];
  }

  /** The users that have networks of an interface of the host, root first. No query, but after a change of networks. */
  ownersAt(ifname: string): readonly number[] {
    this.#interfaces ??= ownersByInterface(this.#file.all(INTERFACES) as InterfaceRow[]);
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

  /** Those of exit networks only where all are asked for: then also those of networks whose rows cannot be read. */
  endpoints(which: 'of tunnels' | 'all' = 'of tunnels'): Endpoint[] {
    return this.#readClients(this.#file.all(which === 'all' ? ALL_CLIENTS : OF_TUNNELS));
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

// Docker's calls to a running daemon in the laboratory, each timed by itself: a network, and endpoints on it that
// come and go as containers would. Not here: the yardsticks (yardsticks.ts).
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { database, eventually } from '../support/lab.js';
import { networkBody } from '../support/libnetwork.js';
import { type Connection, newId } from './connection.js';

export const OPTIONS = { 'dwgd.ifname': 'wg0', 'dwgd.seed': 'supersecretseed' };
const NO_CONTAINER = '/run/netns/none';
/** What the kernel still has to do behind a deletion is not to be part of the next round. */
const REST_MS = 100;

/** Milliseconds of each call of one method, in order. */
export class Timings {
  readonly #values = new Map<string, number[]>();

  add(what: string, ...ms: number[]): void {
    this.of(what).push(...ms);
  }

  of(what: string): number[] {
    const known = this.#values.get(what);
    if (known) return known;
    const made: number[] = [];
    this.#values.set(what, made);
    return made;
  }
}

/** An endpoint with its address, as Docker names them. */
export interface Endpoint {
  readonly NetworkID: string;
  readonly EndpointID: string;
}

/** `docker network create`; the id. */
export async function createNetwork(
  connection: Connection,
  subnet: string,
  timings: Timings,
  options: Record<string, string> = OPTIONS,
): Promise<string> {
  const id = newId();
  const body = networkBody(id, options, { ipv4: [subnet, ...gatewayOf(subnet, options)] });
  timings.add('CreateNetwork', await connection.call('NetworkDriver.CreateNetwork', body));
  return id;
}

/** Docker gives each network one; those of exit networks need it. */
function gatewayOf(subnet: string, options: Record<string, string>): [] | [string] {
  return 'dwgd.conf' in options ? [subnet.replace('.0.0/', '.0.1/')] : [];
}

/** CreateEndpoint and Join, as `docker run` has them; both together are kept as well. */
export async function attach(
  connection: Connection,
  NetworkID: string,
  address: string,
  timings: Timings,
): Promise<Endpoint> {
  const ids = { NetworkID, EndpointID: newId() };
  const created = await connection.call('NetworkDriver.CreateEndpoint', {
    ...ids,
    Interface: { Address: address, AddressIPv6: '', MacAddress: '' },
    Options: { 'com.docker.network.endpoint.exposedports': [], 'com.docker.network.portmap': [] },
  });
  const joined = await connection.call('NetworkDriver.Join', {
    ...ids,
    SandboxKey: NO_CONTAINER,
    Options: {},
  });
  timings.add('CreateEndpoint', created);
  timings.add('Join', joined);
  timings.add('CreateEndpoint + Join', created + joined);
  return ids;
}

/** Leave and DeleteEndpoint, as `docker stop` has them; returns when the link is gone and the kernel at rest. */
export async function detach(connection: Connection, endpoint: Endpoint, timings: Timings): Promise<void> {
  timings.add('Leave', await connection.call('NetworkDriver.Leave', endpoint));
  timings.add('DeleteEndpoint', await connection.call('NetworkDriver.DeleteEndpoint', endpoint));
  await eventually(() => !isRecorded(endpoint.EndpointID), { every: 0.05 });
  await sleep(REST_MS);
}

/** The record goes when the kernel has deleted the link. */
function isRecorded(id: string): boolean {
  const db = new Database(database, { readonly: true });
  try {
    return db.prepare('SELECT 1 FROM client WHERE id = ?').get(id) !== undefined;
  } finally {
    db.close();
  }
}

/** One container after the other. */
export async function measureCalls(
  connection: Connection,
  network: string,
  rounds: number,
  timings: Timings,
): Promise<void> {
  for (let n = 0; n < rounds; n++) {
    timings.add('an empty call', await connection.call('Plugin.Activate', {}));
    await detach(connection, await attach(connection, network, '10.0.0.2/16', timings), timings);
  }
}

/** Networks made, and taken away again. */
export async function measureNetworks(
  connection: Connection,
  rounds: number,
  timings: Timings,
): Promise<void> {
  for (let n = 0; n < rounds; n++) {
    const NetworkID = await createNetwork(connection, '10.1.0.0/24', timings);
    timings.add('DeleteNetwork', await connection.call('NetworkDriver.DeleteNetwork', { NetworkID }));
  }
}

/** So many endpoints that stay; the nth has the nth address of 10.0.0.0/16 after the gateway. */
export async function crowd(
  connection: Connection,
  network: string,
  count: number,
  timings: Timings,
): Promise<void> {
  for (let n = 0; n < count; n++) {
    const host = n + 10;
    await attach(connection, network, `10.0.${host >> 8}.${host & 255}/16`, timings);
  }
}

// Quotas of users other than root: networks, endpoints, bytes in the database. What exists already is not removed. Not
// here: connections and calls (driver/plugin/socket.ts, driver/plugin/http.ts), lines of the log (base/log.ts).

import { UserError } from '../../base/errors.js';
import type { Network } from '../spec/model.js';
import { networkRow } from '../store/network-row.js';
import type { Store } from '../store/store.js';

/** Docker's default address pools last for 31 networks; this is about twice as many. */
export const MAX_NETWORKS = 64;
/** As many as a bridge of the kernel has ports (BR_PORT_BITS). Each is a link, a socket and a peer. */
export const MAX_ENDPOINTS = 1024;
/** Of a network's row, in bytes: some 4,000 routes. With the other two, a user's part of the database ends at 10 MiB. */
const MAX_NETWORK_BYTES = 64 * 1024;

type Counts = Pick<Store, 'count' | 'ownerOf'>;

/** Call it right before the network is written. @throws UserError with the code `EDQUOT` */
export function checkNetworkQuota(store: Counts, network: Network): void {
  if (network.owner === 0) return;
  const bytes = sizeOf(network);
  if (bytes > MAX_NETWORK_BYTES) {
    throw refused(
      `the options of the network have ${bytes} bytes, and a user other than root may have ${MAX_NETWORK_BYTES}: give fewer routes or allowed IPs`,
    );
  }
  if (store.ownerOf(network.id) !== undefined) return;
  if (store.count(network.owner).networks >= MAX_NETWORKS) {
    throw refused(
      `user ${network.owner} has ${MAX_NETWORKS} networks of dwgd already, the most for a user other than root: remove one first (docker network rm)`,
    );
  }
}

/** Call it right before a new endpoint is written. @throws UserError with the code `EDQUOT` */
export function checkEndpointQuota(store: Counts, owner: number): void {
  if (owner === 0 || store.count(owner).endpoints < MAX_ENDPOINTS) return;
  throw refused(
    `user ${owner} has ${MAX_ENDPOINTS} containers on networks of dwgd already, the most for a user other than root: stop one first`,
  );
}

/** In the database, in bytes; numbers are nothing. */
function sizeOf(network: Network): number {
  const values: unknown[] = Object.values(networkRow(network));
  return values.reduce(
    (sum: number, value) =>
      typeof value === 'string' || Buffer.isBuffer(value) ? sum + Buffer.byteLength(value) : sum,
    0,
  );
}

function refused(message: string): UserError {
  return new UserError(message, { code: 'EDQUOT' });
}

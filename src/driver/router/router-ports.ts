// The ports of a router's bridge: which there are to be by the endpoints on record, and which of them are gone. Pure. Not here:
// what they are allowed (router-tables.ts).

import { type Endpoint, keyAddress } from '../spec/model.js';
import { containerMac } from './desired-router.js';
import type { PortBinding } from './router-tables.js';

/** The port of a container, and the link-layer address of its end. */
export function portOf(networkId: string, endpoint: Endpoint): PortBinding {
  const { ifname: name, ipv4, ipv6 } = endpoint;
  const mac = containerMac(networkId, keyAddress(endpoint));
  return { name, mac, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

/**
 * Those of containers that are attached, or about to be.
 * @param except an endpoint that has no port yet
 */
export function attachedTo(endpoints: readonly Endpoint[], except?: string): Endpoint[] {
  return endpoints.filter(({ id, state }) => id !== except && state !== 'created' && state !== 'deleting');
}

/**
 * How often in a row the port of each joined endpoint was not there; those that have theirs are left out. A port goes with its
 * other end, and can only be made again by a Join: Docker alone knows what it called the link in the container.
 * @param present the names of links in the router's namespace
 * @param before what the last look came to
 */
export function countLost(
  endpoints: readonly Endpoint[],
  present: ReadonlySet<string>,
  before: ReadonlyMap<string, number>,
): Map<string, number> {
  const lost = endpoints.filter(({ state, ifname }) => state === 'joined' && !present.has(ifname));
  return new Map(lost.map(({ id }) => [id, (before.get(id) ?? 0) + 1]));
}

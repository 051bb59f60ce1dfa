// What the far end of a network's tunnels has to know of its containers: public keys and addresses, of those that are there or
// of a range. Not here: whom a name means (status.ts), the text of it (cli/output/far-end.ts).

import { setImmediate as nextTurn } from 'node:timers/promises';
import { UserError } from '../base/errors.js';
import { type Address, addressKey, formatPrefix } from '../base/ip.js';
import { excerpt } from '../base/text.js';
import type { FarPeer } from '../control/answers.js';
import { derivePrivateKey, type Key, publicKey } from '../netlink/wireguard/key.js';
import { forContainers, parseRange } from './spec/address-range.js';
import { type Endpoint, endpointPrefixes, keyAddress, type Network } from './spec/model.js';
import { readSeed } from './tunnel/secrets.js';

/** For so long keys are derived at a time, in milliseconds: others are answered meanwhile. */
const TURN_MS = 4;

/** An endpoint as far as its key is concerned, or an address that one may have. */
type Holder = Pick<Endpoint, 'ipv4' | 'ipv6' | 'publicKey'> & { readonly id?: string };

interface FarQuestion {
  /** All of the network's. */
  readonly endpoints: readonly Endpoint[];
  /** Absent: the addresses in use. */
  readonly range: string | undefined;
  /** The name of an endpoint's container. */
  readonly containerOf: (endpointId: string) => string | undefined;
}

/**
 * @param name of the network, for sentences
 * @throws UserError: of the code EINVAL for a range that containers of the network cannot have, others where there is no peer to
 *   add, or no seed to be read
 */
export async function farPeersOf(
  network: Network,
  name: string,
  { endpoints, range, containerOf }: FarQuestion,
): Promise<FarPeer[]> {
  const { mode } = network;
  if (mode.kind === 'ifname')
    throw new UserError(
      `dwgd itself makes the containers of ${excerpt(name)} peers of ${mode.ifname}, as they come: there is no other end that has to know them`,
    );
  const used = endpoints.filter(({ state }) => state !== 'deleting');
  const holders = range === undefined ? used : holdersIn(network, name, used, range);
  // Where all keys are on record, no seed is needed.
  const seed = holders.every(holder => holder.publicKey) ? undefined : await readSeed(network);
  const peers: FarPeer[] = [];
  let began = performance.now();
  for (const holder of holders) {
    const key: Key = holder.publicKey ?? publicKey(derivePrivateKey(seed!, keyAddress(holder)));
    const container = holder.id === undefined ? undefined : containerOf(holder.id);
    peers.push({
      publicKey: `${key}`,
      allowedIPs: endpointPrefixes(holder).map(formatPrefix),
      ...(container !== undefined && { container }),
    });
    if (performance.now() - began < TURN_MS) continue;
    await nextTurn();
    began = performance.now();
  }
  return peers;
}

/** Says why an exit network has none. */
export function noFarPeers(name: string): UserError {
  return new UserError(
    `the containers of ${excerpt(name)} share the tunnel of its file, whose key the other end knows already: there is no peer to add`,
  );
}

/** Each address of the range, as the endpoint that has it where there is one. */
function holdersIn(network: Network, name: string, used: readonly Endpoint[], range: string): Holder[] {
  const addresses = parseRange(range);
  // The original's networks, of which no pool is known until Docker is asked, had IPv4 alone.
  const pool = network.ipv4 ?? network.ipv6;
  const family = pool?.subnet.address.family ?? 4;
  if (addresses[0]?.family !== family)
    throw new UserError(
      `keys of ${excerpt(name)} derive from IPv${family} addresses: give a range of those`,
      { code: 'EINVAL' },
    );
  const own = pool ? forContainers(addresses, pool) : addresses;
  if (pool && own.length === 0)
    throw new UserError(
      `no container of ${excerpt(name)} can have an address of ${excerpt(range)}: its subnet is ${formatPrefix(pool.subnet)}`,
      { code: 'EINVAL' },
    );
  const known = new Map(used.map(endpoint => [addressKey(keyAddress(endpoint)), endpoint]));
  return own.map(address => known.get(addressKey(address)) ?? holderOf(address));
}

function holderOf(address: Address): Holder {
  return address.family === 4 ? { ipv4: address } : { ipv6: address };
}

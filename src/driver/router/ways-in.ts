// What may reach the containers of an exit network from outside: ports at the tunnel's address (`dwgd.forward`), and those that
// the host publishes (`-p`). Pure. Not here: the rules for them (way-in-rules.ts), the host's sockets (driver/ports).

import { messageOf } from '../../base/errors.js';
import { type Address, type Prefix, prefixContains, sameAddress } from '../../base/ip.js';
import type { Flow } from '../../nft/flows.js';
import {
  AUTO,
  asksForAssigned,
  type Forward,
  formatForward,
  MAX_WEIGHT,
  NONE_ASSIGNED,
  overlaps,
  parseForwards,
  weightOf,
} from '../spec/forwarded-ports.js';
import { type Endpoint, mayHavePeer } from '../spec/model.js';
import type { PublishedPort } from '../spec/port-map.js';

/** Of a container: one of each family at most. */
type Addresses = readonly Address[];

export interface WaysIn {
  readonly forwards: readonly (Forward & { readonly addresses: Addresses })[];
  /** What a socket of the router connects to. */
  readonly published: readonly (Pick<PublishedPort, 'protocol' | 'containerPort'> & {
    readonly addresses: Addresses;
  })[];
}

export const NO_WAYS_IN: WaysIn = { forwards: [], published: [] };

/** An entry that has no effect. */
interface ForwardClash {
  readonly endpoint: string;
  /** The endpoint that has the port; absent: the network forwards as many as it may. */
  readonly holder?: string;
  /** As it is written. */
  readonly forward: string;
}

export interface PlannedWays extends WaysIn {
  /** The endpoint that gets the port which the provider assigns. */
  readonly taker?: string;
  readonly clashes: readonly ForwardClash[];
  /** Sentences about values that cannot be read, by endpoints. */
  readonly mistakes: ReadonlyMap<string, string>;
}

/** The port that a provider assigns. */
export interface AssignedPort {
  /** Which containers listen at. */
  readonly port: number;
  /** Of the tunnel's address, where the provider sends what comes to it. */
  readonly at: number;
}

/**
 * @param endpoints of one network, in the order in which they came: the first that asks for a port has it
 * @param assigned for the first that asks for it (`auto`); `pending`: there is none now; absent: nobody asks the provider
 */
export function planWaysIn(endpoints: readonly Endpoint[], assigned?: AssignedPort | 'pending'): PlannedWays {
  const held: { readonly forward: Forward; readonly endpoint: Endpoint }[] = [];
  const clashes: ForwardClash[] = [];
  const mistakes = new Map<string, string>();
  const present = endpoints.filter(mayHavePeer);
  const weights = { tcp: 0, udp: 0 };
  let taker: Endpoint | undefined;
  for (const endpoint of present) {
    const asked = readForwards(endpoint, mistakes);
    if (asked.isAuto && assigned === undefined) mistakes.set(endpoint.id, NONE_ASSIGNED);
    const isTaker = asked.isAuto && assigned !== undefined && !taker;
    if (isTaker) taker = endpoint;
    else if (asked.isAuto && taker) clashes.push({ endpoint: endpoint.id, holder: taker.id, forward: AUTO });
    const ofProvider = isTaker && assigned !== 'pending' ? forwardsOf(assigned) : [];
    for (const forward of [...ofProvider, ...asked.forwards]) {
      const holder = held.find(other => overlaps(other.forward, forward))?.endpoint;
      const weight = weights[forward.protocol] + weightOf(forward);
      if (!holder && weight <= MAX_WEIGHT) {
        held.push({ forward, endpoint });
        weights[forward.protocol] = weight;
      } else {
        const whose = holder && { holder: holder.id };
        clashes.push({ endpoint: endpoint.id, ...whose, forward: formatForward(forward) });
      }
    }
  }
  return {
    forwards: held.map(({ forward, endpoint }) => ({ ...forward, addresses: addressesOf(endpoint) })),
    published: present.flatMap(endpoint =>
      (endpoint.published ?? []).map(({ protocol, containerPort }) => ({
        protocol,
        containerPort,
        addresses: addressesOf(endpoint),
      })),
    ),
    ...(taker && { taker: taker.id }),
    clashes,
    mistakes,
  };
}

function forwardsOf({ port, at }: AssignedPort): Forward[] {
  return (['tcp', 'udp'] as const).map(protocol => ({ protocol, first: at, last: at, to: port }));
}

/**
 * Whether a flow of UDP goes on to a container that it is no longer forwarded to: rules see its first packet alone, and it lasts
 * as long as somebody sends, whoever has the address next.
 * @param subnets of the network
 */
export function isFormerForward(flow: Flow, { forwards }: WaysIn, subnets: readonly Prefix[]): boolean {
  const { destination, answering, isDestinationTranslated } = flow;
  if (!isDestinationTranslated || !subnets.some(subnet => prefixContains(subnet, answering.address)))
    return false;
  return !forwards.some(
    ({ protocol, first, last, to, addresses }) =>
      protocol === 'udp' &&
      first <= destination.port &&
      destination.port <= last &&
      destination.port - first + to === answering.port &&
      addresses.some(address => sameAddress(address, answering.address)),
  );
}

function readForwards(
  { id, forward }: Endpoint,
  mistakes: Map<string, string>,
): { readonly forwards: readonly Forward[]; readonly isAuto: boolean } {
  const nothing = { forwards: [], isAuto: false };
  if (forward === undefined) return nothing;
  try {
    return { forwards: parseForwards(forward), isAuto: asksForAssigned(forward) };
  } catch (err) {
    mistakes.set(id, messageOf(err));
    return nothing;
  }
}

function addressesOf({ ipv4, ipv6 }: Endpoint): Addresses {
  return [ipv4, ipv6].filter(address => address !== undefined);
}

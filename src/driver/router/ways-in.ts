// What may reach the containers of an exit network from outside: ports at the tunnel's address (`dwgd.forward`), and those that
// the host publishes (`-p`). Pure. Not here: the rules for them (way-in-rules.ts), the host's sockets (driver/ports).

import { messageOf } from '../../base/errors.js';
import { type Address, type Prefix, prefixContains, sameAddress } from '../../base/ip.js';
import type { Flow } from '../../nft/flows.js';
import {
  type Forward,
  formatForward,
  MAX_WEIGHT,
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
  readonly clashes: readonly ForwardClash[];
  /** Sentences about values that cannot be read, by endpoints. */
  readonly mistakes: ReadonlyMap<string, string>;
}

/** @param endpoints of one network, in the order in which they came: the first that asks for a port has it */
export function planWaysIn(endpoints: readonly Endpoint[]): PlannedWays {
  const held: { readonly forward: Forward; readonly endpoint: Endpoint }[] = [];
  const clashes: ForwardClash[] = [];
  const mistakes = new Map<string, string>();
  const present = endpoints.filter(mayHavePeer);
  const weights = { tcp: 0, udp: 0 };
  for (const endpoint of present) {
    for (const forward of readForwards(endpoint, mistakes)) {
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
    clashes,
    mistakes,
  };
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

function readForwards({ id, forward }: Endpoint, mistakes: Map<string, string>): readonly Forward[] {
  if (forward === undefined) return [];
  try {
    return parseForwards(forward);
  } catch (err) {
    mistakes.set(id, messageOf(err));
    return [];
  }
}

function addressesOf({ ipv4, ipv6 }: Endpoint): Addresses {
  return [ipv4, ipv6].filter(address => address !== undefined);
}

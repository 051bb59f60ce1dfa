// Which of several destinations is taken: the first of the healthiest, and of gateways one that answers and whose tunnel is
// up. Pure. Not here: who they are (name-index.ts), asking them (labels/controller/gateway-watch.ts).

import { type Address, addressKey, formatAddress } from '../../base/ip.js';
import { DRIVER_NAME } from '../../base/ownership.js';
import type { NetnsRef } from '../discovery/container.js';
import type { Silence, SilentGateways } from '../discovery/world.js';
import type { SandboxMembers } from './merge.js';
import type { NameHolder } from './name-holders.js';
import { shown } from './unresolved.js';

/** What a destination leads to now. */
export type Resolution =
  | Found
  /** For the DNS, which has not answered yet. */
  | { readonly kind: 'unknown'; readonly name: string }
  | {
      readonly kind: 'missing';
      /** A sentence that says why there is no address and what would be right. */
      readonly why: string;
      /** Whether it cannot come by itself, as a stopped container can: it is perhaps misspelt. */
      readonly isWrong?: true;
    };

interface Found {
  readonly kind: 'found';
  /** The first address of each family; none where it leads nowhere. */
  readonly addresses: readonly Address[];
  /** How healthy the container is: 0 is the best. */
  readonly rank?: number;
  /** Of a gateway: why it is last; all that might be taken. */
  readonly silence?: Silence | undefined;
  readonly candidates?: readonly Candidate[];
  /** Sentences about parts of a list that are not taken; the others count. */
  readonly passedOver?: readonly string[];
}

/** An address that might be taken for a gateway. */
export interface Candidate {
  readonly address: Address;
  /** The namespace of a gateway that has tunnels of ours. */
  readonly tunnels?: NetnsRef | undefined;
}

/** Gateways of one namespace that are worth asking whether they are there, since there are others. */
export interface WatchedGateways {
  readonly netns: NetnsRef;
  readonly gateways: readonly Address[];
  /** In the same order: the namespaces of those that have tunnels of ours. */
  readonly tunnels: readonly (NetnsRef | undefined)[];
}

/** Gateways of one namespace that are asked: each takes time. */
const MAX_WATCHED = 16;
/** A container whose health Docker does not check counts as healthy. */
const RANKS = { healthy: 0, starting: 1, unhealthy: 2, silent: 3 } as const;

export class Preference {
  readonly #silent: SilentGateways | undefined;

  /** @param silent absent: all gateways answer */
  constructor(silent: SilentGateways | undefined) {
    this.#silent = silent;
  }

  /** The order of those that have a name, the best first: 0 is the best. @param gateway as NameIndex.resolve() has it */
  rank(
    { container, attachment }: NameHolder,
    sandbox: SandboxMembers,
    gateway: 4 | 6 | undefined,
  ): Pick<Found, 'silence'> & { readonly rank: number } {
    const silence = this.#silenceOf(
      sandbox,
      attachment?.addresses.filter(({ family }) => family === gateway),
    );
    return { silence, rank: silence ? RANKS.silent : RANKS[container.health ?? 'healthy'] };
  }

  /** The same for an address by itself. */
  asGateway(found: Resolution, sandbox: SandboxMembers): Resolution {
    if (found.kind !== 'found' || found.candidates) return found;
    const silence = this.#silenceOf(sandbox, found.addresses);
    const candidates = found.addresses.map(address => ({ address }));
    return { ...found, candidates, silence, rank: silence ? RANKS.silent : RANKS.healthy };
  }

  #silenceOf({ key }: SandboxMembers, addresses: readonly Address[] = []): Silence | undefined {
    for (const address of addresses) {
      const silence = this.#silent?.silenceOf(key, address);
      if (silence) return silence;
    }
    return undefined;
  }
}

/** Takes note of what might be taken for a gateway. */
export function watch(resolution: Resolution, watched: Map<string, Candidate>): void {
  const { candidates = [] } = resolution.kind === 'found' ? resolution : {};
  if (candidates.length < 2) return;
  for (const candidate of candidates)
    if (watched.size < MAX_WATCHED) watched.set(addressKey(candidate.address), candidate);
}

/** Those of one namespace that others could stand in for, if there are any. */
export function watchedIn({ members }: SandboxMembers, watched: readonly Candidate[]): WatchedGateways[] {
  const netns = members[0]?.netns;
  if (!netns || watched.length === 0) return [];
  const gateways = watched.map(({ address }) => address);
  return [{ netns, gateways, tunnels: watched.map(({ tunnels }) => tunnels) }];
}

/** What might be taken of a container that has a name. */
export function candidatesOf({ sandbox, attachment }: NameHolder, family: 4 | 6): Candidate[] {
  const hasTunnel = sandbox.attachments.some(({ driver }) => driver === DRIVER_NAME);
  const tunnels = hasTunnel ? sandbox.members[0]?.netns : undefined;
  const addresses = (attachment?.addresses ?? []).filter(address => address.family === family);
  return addresses.map(address => ({ address, ...(tunnels && { tunnels }) }));
}

/** The first of the healthiest. @param list as the label has it */
export function firstHealthy(resolutions: readonly Resolution[], list: string): Resolution {
  const found = resolutions.flatMap(one => (one.kind === 'found' ? [one] : []));
  const missing = resolutions.flatMap(one => (one.kind === 'missing' ? [one] : []));
  const [best] = [...found].sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0));
  if (best) {
    const passedOver = [
      ...missing.flatMap(({ why, isWrong }) => (isWrong ? [why] : [])),
      ...found.flatMap(one => (one !== best && one.rank === RANKS.silent ? whySilent(one) : [])),
    ];
    const candidates = found.flatMap(one => one.candidates ?? []);
    return {
      ...best,
      ...(candidates.length > 0 && { candidates }),
      ...(passedOver.length > 0 && { passedOver }),
    };
  }
  const [first] = missing;
  return (
    resolutions.find(({ kind }) => kind === 'unknown') ?? {
      kind: 'missing',
      why: `none of ${shown(list)} can be used; of the first, ${first?.why}`,
    }
  );
}

function whySilent({ addresses, silence }: Found): string[] {
  return addresses.map(address => {
    const gateway = formatAddress(address);
    return silence === 'tunnel'
      ? `the tunnel of the gateway ${gateway} is down (no link, or no handshake for three minutes)`
      : `the gateway ${gateway} does not answer (${address.family === 4 ? 'ARP' : 'neighbour discovery'})`;
  });
}

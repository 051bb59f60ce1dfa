// The address of a destination: that of the container with that name, on the networks that both containers share, or what
// the DNS says. Not here: which container has the name (name-holders.ts), which of several is taken
// (preference.ts), asking the DNS (its answers are given).

import { type Address, sameAddress } from '../../base/ip.js';
import { whyUnusableAnswer } from '../../base/special-addresses.js';
import { nearest } from '../../base/suggest.js';
import type { ContainerView } from '../discovery/container.js';
import type { SilentGateways } from '../discovery/world.js';
import { formatDestination, mayBeHostName } from '../spec/destination.js';
import type { Destination } from '../spec/intent.js';
import type { SandboxMembers } from './merge.js';
import type { NameHolders } from './name-holders.js';
import {
  type Candidate,
  candidatesOf,
  firstHealthy,
  Preference,
  type Resolution,
  watch,
} from './preference.js';
import type { Lookups, Reliances, Trail } from './steps.js';
import {
  shown,
  whyAddressWaits,
  whyHosts,
  whyNoAddress,
  whyNoAnswer,
  whyPassedOver,
  wordMeant,
} from './unresolved.js';

/** Is told what comes of resolving beside the addresses. */
export interface Inquiry {
  readonly lookups: Lookups;
  /** Names for which the DNS was or would have been asked. */
  readonly asked: Set<string>;
  /** Gateways that others could stand in for, by their addresses. */
  readonly watched: Map<string, Candidate>;
}

/** One question: a name that a label gives, or a part of it. */
interface Question {
  /** Whose label it is. */
  readonly asker: ContainerView;
  readonly sandbox: SandboxMembers;
  readonly gateway: 4 | 6 | undefined;
  readonly inquiry: Inquiry;
}

/** All names, Docker's and the DNS's. */
export class NameIndex {
  readonly #holders: NameHolders;
  readonly #external: ReadonlyMap<string, readonly Address[]>;
  readonly #hostAddresses: readonly Address[];
  readonly #preference: Preference;
  readonly #relied: Reliances | undefined;
  /** Sentences about names that nobody has: many labels may share one. */
  readonly #unknown = new Map<string, string>();
  /** The nearest of names that are together on networks. */
  readonly #nearestOf = new Map<object, Map<string, string | undefined>>();

  /**
   * @param external the DNS's answers for names that are not Docker's; an empty answer is one, too
   * @param hostAddresses the host's own, as far as they are known
   * @param silent absent: all gateways answer
   * @param relied is told of whom it depends where labels lead
   */
  constructor(
    holders: NameHolders,
    external: ReadonlyMap<string, readonly Address[]>,
    hostAddresses: readonly Address[] = [],
    silent?: SilentGateways,
    relied?: Reliances,
  ) {
    this.#relied = relied;
    this.#external = external;
    this.#hostAddresses = hostAddresses;
    this.#preference = new Preference(silent);
    this.#holders = holders;
  }

  /**
   * @param asker whose label it is, @param sandbox the namespace it is in
   * @param gateway wanted as a gateway of that family, on a network whose routes use next hops; absent: any address
   */
  resolve(
    destination: Destination,
    asker: ContainerView,
    sandbox: SandboxMembers,
    inquiry: Inquiry,
    gateway?: 4 | 6,
  ): Resolution {
    const found = this.#resolve(destination, { asker, sandbox, gateway, inquiry });
    if (gateway) watch(found, inquiry.watched);
    return found;
  }

  #resolve(destination: Destination, question: Question): Resolution {
    const { sandbox, gateway } = question;
    switch (destination.kind) {
      case 'address':
        return this.#resolveAddress(destination.address, question);
      case 'unreachable':
        return { kind: 'found', addresses: [] };
      case 'hostGateway':
        return resolveHostGateway(sandbox, gateway);
      case 'list':
        return firstHealthy(
          destination.choices.map(choice => {
            const found = this.#resolve(choice, question);
            return gateway ? this.#preference.asGateway(found, sandbox) : found;
          }),
          formatDestination(destination),
        );
      case 'name':
        return this.#resolveName(destination.name, question);
    }
  }

  #trail({ sandbox, gateway, inquiry: { lookups } }: Question): Trail {
    return { lookups, relied: this.#relied?.of(sandbox.key, gateway ? 'routes' : 'forwards') };
  }

  /** One that is a container's leads to it only as its name would. */
  #resolveAddress(address: Address, question: Question): Resolution {
    const found: Resolution = { kind: 'found', addresses: [address] };
    if (!question.gateway) return found;
    const holder = this.#holders.findByAddress(address, question.sandbox, this.#trail(question));
    if (!holder || mayLead(holder.container)) return found;
    return { kind: 'missing', why: whyAddressWaits(address, holder.container) };
  }

  #resolveName(name: string, question: Question): Resolution {
    const { asker, sandbox, gateway } = question;
    const links = asker.links ?? sandbox.members[0]?.links;
    const wanted = links?.get(name) ?? name;
    const { holders, isOwn, passedOver } = this.#holders.findQualified(
      wanted,
      asker,
      sandbox,
      this.#trail(question),
    );
    if (holders.length > 0) {
      const usable = holders
        .filter(({ attachment }) => attachment && !(gateway && attachment.ignoresNextHop))
        .filter(({ container }) => !gateway || mayLead(container))
        .map(holder => ({ ...holder, ...this.#preference.rank(holder, sandbox, gateway) }))
        .sort((a, b) => a.rank - b.rank);
      const all = usable.flatMap(({ attachment }) => attachment?.addresses ?? []);
      const addresses = firstOfEach(all, gateway);
      const [address] = addresses;
      if (!address) return { kind: 'missing', why: whyNoAddress(name, sandbox, holders, gateway) };
      const holder = usable.find(({ attachment }) => attachment?.addresses.includes(address));
      const { rank = 0, silence } = holder ?? {};
      const candidates = gateway && usable.flatMap(one => candidatesOf(one, gateway));
      return { kind: 'found', addresses, rank, silence, ...(candidates && { candidates }) };
    }
    if (isOwn)
      return {
        kind: 'missing',
        why: `${shown(name)} is this container itself: name another one`,
        isWrong: true,
      };
    if (passedOver.length > 0)
      return { kind: 'missing', why: whyPassedOver(name, asker, passedOver), isWrong: true };
    return this.#resolveOutside(name, question);
  }

  #resolveOutside(name: string, { sandbox, gateway: family, inquiry }: Question): Resolution {
    const meant = wordMeant(name);
    if (meant !== undefined) return { kind: 'missing', why: meant, isWrong: true };
    if (mayBeHostName(name)) {
      const answer = this.#external.get(externalName(name));
      inquiry.asked.add(externalName(name));
      if (!answer) return { kind: 'unknown', name: externalName(name) };
      const usable = answer.filter(address => whyUnusableAnswer(address) === undefined);
      // By the host, and by Docker's gateway, packets leave as if there were no label.
      const hosts = family === undefined ? [] : this.#hostsOn(sandbox);
      const [own, others] = [usable.find(isAmong(hosts)), usable.filter(address => !isAmong(hosts)(address))];
      const addresses = firstOfEach(others, family);
      if (addresses.length > 0) return { kind: 'found', addresses };
      if (own) return { kind: 'missing', why: whyHosts(name, own) };
      if (usable.length > 0)
        return { kind: 'missing', why: `the host ${shown(name)} has no IPv${family} address` };
      if (answer[0]) return { kind: 'missing', why: whyNoAnswer(name, answer[0]) };
    }
    // The sentence tells of names nearby, and so depends on all of them.
    inquiry.lookups.open();
    return { kind: 'missing', why: this.#whyUnknown(name, sandbox), isWrong: true };
  }

  /** Addresses of the host, and Docker's gateways on the sandbox's networks. */
  #hostsOn({ attachments }: SandboxMembers): readonly Address[] {
    return [...this.#hostAddresses, ...attachments.flatMap(({ gateways = [] }) => gateways)];
  }

  #whyUnknown(name: string, sandbox: SandboxMembers): string {
    const key = `${sandbox.key} ${name}`;
    const known = this.#unknown.get(key);
    if (known !== undefined) return known;
    const near = this.#nearest(name, sandbox);
    const why = `${shown(name)} is no container on a network of this one${
      near === undefined ? '' : ` (there is ${shown(near)})`
    }, and no host that the resolver knows`;
    this.#unknown.set(key, why);
    return why;
  }

  /** Of what containers and services on the sandbox's networks are called, without its own. */
  #nearest(name: string, { key, attachments }: SandboxMembers): string | undefined {
    const names = this.#holders.namesAround(attachments);
    const isOthers = (found: string): boolean => [...(names.get(found) ?? [])].some(one => one !== key);
    const known = this.#nearestOf.get(names) ?? new Map<string, string | undefined>();
    this.#nearestOf.set(names, known);
    if (!known.has(name)) known.set(name, nearest(name, [...names.keys()]));
    const found = known.get(name);
    if (found === undefined || isOthers(found)) return found;
    return nearest(name, [...names.keys()].filter(isOthers));
  }
}

/** Docker's gateway of the first network that has one. */
function resolveHostGateway({ attachments }: SandboxMembers, family: 4 | 6 | undefined): Resolution {
  const usable = attachments.filter(({ ignoresNextHop }) => !family || !ignoresNextHop);
  const addresses = firstOfEach(
    usable.flatMap(({ gateways = [] }) => gateways),
    family,
  );
  if (addresses.length > 0) return { kind: 'found', addresses };
  return {
    kind: 'missing',
    why: `Docker gives this container no ${family === undefined ? '' : `IPv${family} `}gateway: connect it to a bridge network that is not internal${family === 6 ? ', with an IPv6 subnet' : ''}`,
  };
}

/** The form in which DNS names are compared. */
function externalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function isAmong(addresses: readonly Address[]): (address: Address) => boolean {
  return address => addresses.some(other => sameAddress(address, other));
}

/** The first address of each family, or of the one alone. */
function firstOfEach(addresses: readonly Address[], only?: 4 | 6): Address[] {
  const families = only === undefined ? ([4, 6] as const) : [only];
  return families.flatMap(family => addresses.find(address => address.family === family) ?? []);
}

/**
 * Whether packets may be led to a container: one that is being started has its address before its labels can be in force, and
 * a host that forwards has it forward from the first packet on.
 */
function mayLead({ netns, unverifiedLabelKeys }: ContainerView): boolean {
  return netns !== undefined || unverifiedLabelKeys?.length === 0;
}

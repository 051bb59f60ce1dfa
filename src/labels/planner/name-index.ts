// The address of a destination: that of the container with that name, on the networks that both containers share, or what
// the DNS says. Not here: which container has the name (name-holders.ts), asking the DNS (its answers are given).

import { type Address, sameAddress } from '../../base/ip.js';
import { naturalCompare } from '../../base/plain-text.js';
import { whyUnusableAnswer } from '../../base/special-addresses.js';
import { nearest } from '../../base/suggest.js';
import type { ContainerView } from '../discovery/container.js';
import { mayBeHostName } from '../spec/destination.js';
import type { Destination } from '../spec/intent.js';
import type { SandboxMembers } from './merge.js';
import { NameHolders } from './name-holders.js';
import { shown, whyHosts, whyNoAddress, whyNoAnswer, whyPassedOver } from './unresolved.js';

/** What a destination leads to now. */
export type Resolution =
  /** The first address of each family; at least one. */
  | { readonly kind: 'found'; readonly addresses: readonly Address[] }
  /** For the DNS, which has not answered yet. */
  | { readonly kind: 'unknown'; readonly name: string }
  /** A sentence that says why there is no address and what would be right. */
  | { readonly kind: 'missing'; readonly why: string };

/** All names, Docker's and the DNS's. */
export class NameIndex {
  readonly #holders: NameHolders;
  readonly #external: ReadonlyMap<string, readonly Address[]>;
  readonly #hostAddresses: readonly Address[];
  readonly #asked = new Set<string>();
  /** Sentences about names that nobody has: many labels may share one. */
  readonly #unknown = new Map<string, string>();

  /**
   * @param external the DNS's answers for names that are not Docker's; an empty answer is one, too
   * @param hostAddresses the host's own, as far as they are known
   */
  constructor(
    sandboxes: readonly SandboxMembers[],
    external: ReadonlyMap<string, readonly Address[]>,
    hostAddresses: readonly Address[] = [],
  ) {
    this.#external = external;
    this.#hostAddresses = hostAddresses;
    this.#holders = new NameHolders(sandboxes);
  }

  /** Names for which the DNS was or would have been asked. */
  get asked(): ReadonlySet<string> {
    return this.#asked;
  }

  /**
   * @param asker whose label it is, @param sandbox the namespace it is in
   * @param gateway wanted as a gateway of that family, on a network whose routes use next hops; absent: any address
   */
  resolve(
    destination: Destination,
    asker: ContainerView,
    sandbox: SandboxMembers,
    gateway?: 4 | 6,
  ): Resolution {
    if (destination.kind === 'address') return { kind: 'found', addresses: [destination.address] };
    const { name } = destination;
    const { holders, isOwn, passedOver } = this.#holders.find(name, asker, sandbox);
    if (holders.length > 0) {
      const attachments = holders.flatMap(({ attachment }) => attachment ?? []);
      const usable = attachments.filter(({ ignoresNextHop }) => !gateway || !ignoresNextHop);
      const addresses = firstOfEach(
        usable.flatMap(({ addresses }) => addresses),
        gateway,
      );
      if (addresses.length > 0) return { kind: 'found', addresses };
      return { kind: 'missing', why: whyNoAddress(name, sandbox, holders, gateway) };
    }
    if (isOwn) return { kind: 'missing', why: `${shown(name)} is this container itself: name another one` };
    if (passedOver.length > 0) return { kind: 'missing', why: whyPassedOver(name, asker, passedOver) };
    return this.#resolveOutside(name, sandbox, gateway);
  }

  #resolveOutside(name: string, sandbox: SandboxMembers, family: 4 | 6 | undefined): Resolution {
    if (mayBeHostName(name)) {
      const answer = this.#external.get(externalName(name));
      this.#asked.add(externalName(name));
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
    return { kind: 'missing', why: this.#whyUnknown(name, sandbox) };
  }

  /** Addresses of the host, and Docker's gateways on the sandbox's networks. */
  #hostsOn({ attachments }: SandboxMembers): readonly Address[] {
    return [...this.#hostAddresses, ...attachments.flatMap(({ gateways = [] }) => gateways)];
  }

  #whyUnknown(name: string, sandbox: SandboxMembers): string {
    const key = `${sandbox.key} ${name}`;
    const known = this.#unknown.get(key);
    if (known !== undefined) return known;
    const near = nearest(name, this.#neighbours(sandbox));
    const why = `${shown(name)} is no container on a network of this one${
      near === undefined ? '' : ` (there is ${shown(near)})`
    }, and no host that the resolver knows`;
    this.#unknown.set(key, why);
    return why;
  }

  /** Container names and services on the sandbox's networks, without its own. */
  #neighbours(sandbox: SandboxMembers): string[] {
    const beside = this.#holders.beside(sandbox);
    const found = new Set(beside.flatMap(({ name, service }) => [name, ...(service ? [service.name] : [])]));
    return [...found].sort(naturalCompare);
  }
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

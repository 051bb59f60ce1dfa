// Whose name a destination is, on the networks that both containers share: container name, compose service, network
// alias, id. Not here: the DNS (its answers are given), what is done with the address.

import { type Address, formatAddress } from '../ip.js';
import { nearest } from '../nearest.js';
import { mayBeHostName, whyUnusableAnswer } from './destination.js';
import { naturalCompare, plain } from './text.js';
import type { Attachment, ContainerView, Destination } from './words.js';

/** Containers that share a network namespace. */
export interface SandboxMembers {
  /** The namespace's key, or the container's id while it is not running. */
  readonly key: string;
  /** The one whose networks they are first, the others by name. */
  readonly members: readonly ContainerView[];
  readonly attachments: readonly Attachment[];
}

/** A name on a network, and who has it. */
interface Bearer {
  readonly container: ContainerView;
  readonly sandbox: SandboxMembers;
  readonly addresses: readonly Address[];
}

/** What a destination is now. */
export type Resolution =
  /** First addresses of each family; at least one. */
  | { readonly kind: 'found'; readonly addresses: readonly Address[] }
  /** To be looked up by the DNS: nothing is known yet. */
  | { readonly kind: 'unknown'; readonly name: string }
  /** A sentence that says why there is no address and what would be right. */
  | { readonly kind: 'missing'; readonly why: string };

/** Every name of the world, by network. */
export class Names {
  readonly #onNetwork = new Map<string, Map<string, Bearer[]>>();
  readonly #anywhere = new Map<string, Bearer[]>();
  readonly #external: ReadonlyMap<string, readonly Address[]>;
  readonly #asked = new Set<string>();
  /** What was said of names that nobody has: many labels may have one. */
  readonly #unknown = new Map<string, string>();

  /** @param external what the DNS says of names that are not Docker's; an empty answer is one, too */
  constructor(sandboxes: readonly SandboxMembers[], external: ReadonlyMap<string, readonly Address[]>) {
    this.#external = external;
    for (const sandbox of sandboxes) this.#learn(sandbox);
  }

  #learn(sandbox: SandboxMembers): void {
    for (const container of sandbox.members) {
      for (const name of ownNames(container)) {
        push(this.#anywhere, name, { container, sandbox, addresses: [] });
      }
      for (const { networkId, addresses, aliases } of sandbox.attachments) {
        const names = this.#onNetwork.get(networkId) ?? new Map<string, Bearer[]>();
        this.#onNetwork.set(networkId, names);
        // The aliases are of the one that made the namespace.
        const also = container === sandbox.members[0] ? aliases.map(aliasKey) : [];
        for (const name of new Set([...ownNames(container), ...also])) {
          push(names, name, { container, sandbox, addresses });
        }
      }
    }
  }

  /** Names for which the DNS was or would have been asked. */
  get asked(): ReadonlySet<string> {
    return this.#asked;
  }

  /**
   * @param asker whose label it is, @param sandbox the namespace it is in
   * @param family only addresses of that family are of use
   */
  resolve(
    destination: Destination,
    asker: ContainerView,
    sandbox: SandboxMembers,
    family?: 4 | 6,
  ): Resolution {
    if (destination.kind === 'address') return { kind: 'found', addresses: [destination.address] };
    const { name } = destination;
    const keys = keysFor(name, asker);
    const bearers = sandbox.attachments.flatMap(({ networkId }) => {
      const names = this.#onNetwork.get(networkId);
      return keys.flatMap(key => sorted(names?.get(key) ?? []));
    });
    const others = bearers.filter(bearer => bearer.sandbox.key !== sandbox.key);
    const addresses = firstOfEach(others.flatMap(bearer => bearer.addresses)).filter(
      address => family === undefined || address.family === family,
    );
    if (addresses.length > 0) return { kind: 'found', addresses };
    const known = [...bearers, ...keys.flatMap(key => this.#anywhere.get(key) ?? [])];
    if (known.length > 0) return { kind: 'missing', why: whyMissing(name, sandbox, others, known, family) };
    return this.#resolveOutside(name, sandbox, family);
  }

  #resolveOutside(name: string, sandbox: SandboxMembers, family: 4 | 6 | undefined): Resolution {
    if (mayBeHostName(name)) {
      const answer = this.#external.get(externalName(name));
      this.#asked.add(externalName(name));
      if (!answer) return { kind: 'unknown', name: externalName(name) };
      const usable = answer.filter(address => whyUnusableAnswer(address) === undefined);
      const addresses = firstOfEach(usable).filter(
        address => family === undefined || address.family === family,
      );
      if (addresses.length > 0) return { kind: 'found', addresses };
      if (usable.length > 0)
        return { kind: 'missing', why: `the host ${shown(name)} has no IPv${family} address` };
      if (answer[0]) return { kind: 'missing', why: whyNoAnswer(name, answer[0]) };
    }
    return { kind: 'missing', why: this.#whyUnknown(name, sandbox) };
  }

  #whyUnknown(name: string, sandbox: SandboxMembers): string {
    const key = `${sandbox.key} ${name}`;
    const known = this.#unknown.get(key);
    if (known !== undefined) return known;
    const why = this.#whyForeign(name, sandbox) ?? this.#whyNobody(name, sandbox);
    this.#unknown.set(key, why);
    return why;
  }

  /** For a service that is there, but not of the asker's project. */
  #whyForeign(name: string, sandbox: SandboxMembers): string | undefined {
    const [other] = this.#beside(sandbox)
      .filter(({ service }) => service?.name === name)
      .sort((a, b) => naturalCompare(a.name, b.name));
    return other?.service
      ? `${shown(name)} is a service of the Compose project ${shown(other.service.project)}, of which this container is not: give the name of its container, ${shown(other.name)}, or an alias`
      : undefined;
  }

  #whyNobody(name: string, sandbox: SandboxMembers): string {
    const near = nearest(name, this.#neighbours(sandbox));
    return `${shown(name)} is no container on a network of this one${
      near === undefined ? '' : ` (there is ${shown(near)})`
    }, and no host that the resolver knows`;
  }

  /** Container names and services on the sandbox's networks, without its own. */
  #neighbours(sandbox: SandboxMembers): string[] {
    const found = new Set(
      this.#beside(sandbox).flatMap(({ name, service }) => [name, ...(service ? [service.name] : [])]),
    );
    return [...found].sort(naturalCompare);
  }

  /** The containers on the sandbox's networks, without its own; one may be there more than once. */
  #beside(sandbox: SandboxMembers): ContainerView[] {
    return sandbox.attachments.flatMap(({ networkId }) =>
      [...(this.#onNetwork.get(networkId)?.values() ?? [])]
        .flat()
        .filter(bearer => bearer.sandbox.key !== sandbox.key)
        .map(({ container }) => container),
    );
  }
}

/** As the DNS compares names. */
export function externalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function whyNoAnswer(name: string, address: Address): string {
  return `the DNS says that the host ${shown(name)} is ${formatAddress(address)}, ${whyUnusableAnswer(address)}, to which no name may lead: give another host`;
}

function whyMissing(
  name: string,
  sandbox: SandboxMembers,
  others: readonly Bearer[],
  known: readonly Bearer[],
  family: 4 | 6 | undefined,
): string {
  const foreign = known.filter(bearer => bearer.sandbox.key !== sandbox.key);
  if (foreign.length === 0) return `${shown(name)} is this container itself: name another one`;
  if (foreign.every(({ container }) => container.hostNetwork)) {
    return `${shown(name)} is in the host's network and has no address of its own: give an address of the host`;
  }
  if (foreign.every(({ container }) => !container.netns)) return `${shown(name)} is not running: start it`;
  if (!sandbox.attachments.some(({ addresses }) => addresses.length > 0)) {
    return `${shown(name)} cannot be reached, because this container has no address on any network: connect both to one network, or, if it shares the network of a container that was started anew, restart it`;
  }
  if (!others.some(({ addresses }) => addresses.length > 0)) {
    return `${shown(name)} has no address on a network of this container: connect both to one network`;
  }
  return `${shown(name)} has no IPv${family} address on a network of this container`;
}

/** Keys under which a container is known wherever it is. */
function ownNames({ id, name, service }: ContainerView): string[] {
  return [
    `name ${name}`,
    ...(service ? [`service ${service.project} ${service.name}`] : []),
    `id ${id}`,
    `id ${id.slice(0, 12)}`,
  ];
}

function aliasKey(alias: string): string {
  return `alias ${alias}`;
}

/** The keys that a name may stand for, the likeliest first. A service is one of the asker's own project. */
function keysFor(name: string, { service }: ContainerView): string[] {
  return [
    `name ${name}`,
    ...(service ? [`service ${service.project} ${name}`] : []),
    aliasKey(name),
    `id ${name}`,
  ];
}

/** By name; mostly there is one alone. */
function sorted(bearers: readonly Bearer[]): readonly Bearer[] {
  return bearers.length < 2 ? bearers : [...bearers].sort(byContainerName);
}

function byContainerName(a: Bearer, b: Bearer): number {
  return naturalCompare(a.container.name, b.container.name) || naturalCompare(a.container.id, b.container.id);
}

function firstOfEach(addresses: readonly Address[]): Address[] {
  return ([4, 6] as const).flatMap(family => addresses.find(address => address.family === family) ?? []);
}

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function shown(name: string): string {
  return plain(name, 80);
}

// Which containers a name may mean, running or not, on the networks that both share. The first match decides, so that the
// name of a stopped container never leads to another one. Pure. Not here: the container's address and the DNS
// (name-index.ts), the sentence where there is none (unresolved.ts).

import { addTo } from '../../base/group-by.js';
import { type Address, addressKey, sameAddress } from '../../base/ip.js';
import { naturalCompare } from '../../base/plain-text.js';
import type { Attachment, ContainerView } from '../discovery/container.js';
import { compareContainers, type SandboxMembers } from './merge.js';
import type { Trail } from './steps.js';

/** A container that has a name. */
export interface NameHolder {
  readonly container: ContainerView;
  readonly sandbox: SandboxMembers;
  /** The network on which it has the name; absent: it has that name everywhere. */
  readonly attachment?: Attachment;
}

/** Who has a name, as seen by one asker. */
interface NameMatch {
  /** The first holder and the other replicas of its service, in the asker's order of networks; never the asker itself. */
  readonly holders: readonly NameHolder[];
  /** Whether it is the asker's own name. */
  readonly isOwn: boolean;
  /** Holders that the name does not lead to: other projects' services and aliases, one-off containers. */
  readonly passedOver: readonly ContainerView[];
}

/** Names of containers and services, sorted, each with the keys of the namespaces that have it. */
type NamesAround = ReadonlyMap<string, ReadonlySet<string>>;

/** A holder, and where it is found. */
type NameEntry = readonly [map: Map<string, NameHolder[]>, key: string, holder: NameHolder];

/** Stands for every network. */
const ANYWHERE = '*';

/** So many namespaces may be others than in an earlier world for its maps to be taken over. */
const MOST_CHANGED = 64;

/** All names, by network. */
export class NameHolders {
  /** By network and key, each sorted. */
  #named = new Map<string, NameHolder[]>();
  /** All that are on a network, by its id. */
  #onNetwork = new Map<string, NameHolder[]>();
  /** By the ids of networks: many namespaces are on the same. */
  readonly #names = new Map<string, NamesAround>();
  readonly #sandboxes: ReadonlySet<SandboxMembers>;
  /** By the names of networks. */
  readonly #ids: ReadonlyMap<string, string>;

  /**
   * @param sandboxes sorted by their first containers
   * @param before of an earlier world: who has the same names in both is the same object in both
   */
  constructor(sandboxes: readonly SandboxMembers[], before?: NameHolders) {
    this.#sandboxes = new Set(sandboxes);
    this.#ids = networkIds(sandboxes);
    if (before && this.#takeOver(before)) return;
    for (const sandbox of sandboxes) for (const entry of this.#entriesOf(sandbox)) this.#add(entry);
    for (const [key, holders] of this.#named) {
      // They come in the order of their namespaces' first containers.
      if (holders.length > 1 && holders.some(({ sandbox: { members } }) => members.length > 1))
        holders.sort(byContainer);
      this.#keep(key, before?.named(key));
    }
  }

  /** Where few namespaces are others than before: what those had goes, and what these have comes. Whether that was so. */
  #takeOver(before: NameHolders): boolean {
    const gone = [...before.#sandboxes].filter(sandbox => !this.#sandboxes.has(sandbox));
    const come = [...this.#sandboxes].filter(sandbox => !before.#sandboxes.has(sandbox));
    if (gone.length + come.length > MOST_CHANGED || !sameIds(this.#ids, before.#ids)) return false;
    this.#named = new Map(before.#named);
    this.#onNetwork = new Map(before.#onNetwork);
    const touched = new Set<string>();
    for (const sandbox of gone)
      for (const [map, key] of this.#entriesOf(sandbox)) {
        map.set(
          key,
          (map.get(key) ?? []).filter(holder => holder.sandbox !== sandbox),
        );
        if (map === this.#named) touched.add(key);
      }
    for (const sandbox of come)
      for (const [map, key, holder] of this.#entriesOf(sandbox)) {
        map.set(key, [...(map.get(key) ?? []), holder]);
        if (map === this.#named) touched.add(key);
      }
    for (const key of touched) {
      const holders = this.#named.get(key)!;
      if (holders.length === 0) this.#named.delete(key);
      holders.sort(byContainer);
      this.#keep(key, before.named(key));
    }
    return true;
  }

  /** The same object as before, if it is the same that has the name. */
  #keep(key: string, known: NameHolder[] | undefined): void {
    const holders = this.#named.get(key);
    if (known && holders && sameHolders(known, holders)) this.#named.set(key, known);
  }

  #add([map, key, holder]: NameEntry): void {
    addTo(map, key, holder);
  }

  /** All that a namespace brings. */
  *#entriesOf(sandbox: SandboxMembers): Generator<NameEntry> {
    const named = this.#named;
    for (const container of sandbox.members) {
      const keys = keysOf(container);
      for (const key of keys) yield [named, placeOf(ANYWHERE, key), { container, sandbox }];
      for (const attachment of sandbox.attachments) {
        const id = attachment.networkId || (this.#ids.get(attachment.networkName) ?? '');
        const holder = { container, sandbox, attachment };
        yield [this.#onNetwork, id, holder];
        // Aliases and addresses belong to the container that the namespace was made for.
        const own =
          container === sandbox.members[0]
            ? [...attachment.aliases.map(aliasKey), ...heldKeys(attachment)]
            : [];
        const { service } = container;
        const foreign = service ? [anyProjectKey(service.name)] : [];
        for (const key of new Set([...keys, ...own, ...foreign])) yield [named, placeOf(id, key), holder];
      }
    }
  }

  /** Who has a name on a network, or anywhere, by the key of that as lookups have it. */
  named(place: string): NameHolder[] | undefined {
    return this.#named.get(place);
  }

  /** Who has a name that a label of `asker` gives, which is in `sandbox`. */
  find(name: string, asker: ContainerView, sandbox: SandboxMembers, trail: Trail): NameMatch {
    const { relied } = trail;
    let isOwn = false;
    const passedOver: ContainerView[] = [];
    for (const key of keysFor(name, asker)) {
      const all = [...this.#shared(key, sandbox, trail), ...this.#at(ANYWHERE, key, trail)];
      for (const { container } of all) relied?.containers.add(container.id);
      if (key === aliasKey(name)) for (const on of sandbox.attachments) relied?.networks.add(on.networkId);
      const others = all.filter(holder => holder.sandbox.key !== sandbox.key);
      isOwn ||= others.length < all.length;
      const meant = others.filter(({ container }) => isMeant(key, container, asker));
      passedOver.push(...others.filter(holder => !meant.includes(holder)).map(({ container }) => container));
      const [first] = [...meant].sort(byContainer);
      if (!first) continue;
      const holders = meant.filter(({ container }) => isReplica(container, first.container));
      return { holders, isOwn, passedOver };
    }
    const services = this.#shared(anyProjectKey(name), sandbox, trail).filter(
      holder => holder.sandbox.key !== sandbox.key,
    );
    passedOver.push(...services.map(({ container }) => container));
    return { holders: [], isOwn, passedOver: passedOver.sort(compareContainers) };
  }

  /**
   * The same, and where nobody has the name, of `<name>.<network>` as Docker's DNS takes it: who has the name on that network
   * of the sandbox, which is given by its name, or as its Compose file has it.
   */
  findQualified(name: string, asker: ContainerView, sandbox: SandboxMembers, trail: Trail): NameMatch {
    const whole = this.find(name, asker, sandbox, trail);
    if (isAnybodys(whole)) return whole;
    for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
      const network = name.slice(dot + 1);
      const names = [network, ...(asker.service ? [`${asker.service.project}_${network}`] : [])];
      const attachments = sandbox.attachments.filter(({ networkName }) => names.includes(networkName));
      if (attachments.length === 0) continue;
      const match = this.find(name.slice(0, dot), asker, { ...sandbox, attachments }, trail);
      if (isAnybodys(match)) return match;
    }
    return whole;
  }

  /**
   * Whose address it is on a network of the sandbox: of one that has it now, else of one that may have it at any moment.
   * Undefined where it is no other container's.
   */
  findByAddress(address: Address, sandbox: SandboxMembers, trail: Trail): NameHolder | undefined {
    const all = this.#shared(heldKey(address), sandbox, trail);
    for (const { container } of all) trail.relied?.containers.add(container.id);
    const has = ({ attachment }: NameHolder) => attachment?.addresses.some(one => sameAddress(one, address));
    const found = all.find(has) ?? all[0];
    return found?.sandbox.key === sandbox.key ? undefined : found;
  }

  /** What containers on the networks are called, and their services. */
  namesAround(attachments: readonly Attachment[]): NamesAround {
    const key = attachments.map(({ networkId }) => networkId).join(' ');
    const known = this.#names.get(key);
    if (known) return known;
    const found = new Map<string, Set<string>>();
    const add = (name: string, { key }: SandboxMembers): unknown =>
      found.set(name, (found.get(name) ?? new Set()).add(key));
    for (const { networkId } of attachments) {
      for (const { container, sandbox } of this.#onNetwork.get(networkId) ?? []) {
        add(container.name, sandbox);
        if (container.service) add(container.service.name, sandbox);
      }
    }
    const sorted = new Map([...found].sort(([a], [b]) => naturalCompare(a, b)));
    this.#names.set(key, sorted);
    return sorted;
  }

  /** In the sandbox's order of networks, then by name. */
  #shared(key: string, { attachments }: SandboxMembers, trail: Trail): readonly NameHolder[] {
    const [only] = attachments;
    if (only && attachments.length === 1) return this.#at(only.networkId, key, trail);
    return attachments.flatMap(({ networkId }) => this.#at(networkId, key, trail));
  }

  #at(networkId: string, key: string, { lookups }: Trail): readonly NameHolder[] {
    const place = placeOf(networkId, key);
    return lookups.note('named', place, this.#named.get(place)) ?? [];
  }
}

function placeOf(networkId: string, key: string): string {
  return `${networkId} ${key}`;
}

function sameHolders(a: readonly NameHolder[], b: readonly NameHolder[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, n) => {
      const other = b[n]!;
      return (
        one.container === other.container &&
        one.sandbox === other.sandbox &&
        one.attachment === other.attachment
      );
    })
  );
}

/** Whether some container has the name, even one that it does not lead to. */
function isAnybodys({ holders, isOwn, passedOver }: NameMatch): boolean {
  return holders.length > 0 || isOwn || passedOver.length > 0;
}

/** By names. Of a container that was never started Docker gives the names of its networks but not their ids. */
function networkIds(sandboxes: readonly SandboxMembers[]): Map<string, string> {
  const ids = new Map<string, string>();
  for (const { attachments } of sandboxes) {
    for (const { networkId, networkName } of attachments)
      if (networkId !== '') ids.set(networkName, networkId);
  }
  return ids;
}

function sameIds(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, id]) => b.get(name) === id);
}

/** Keys under which a container is found on any network. */
function keysOf({ id, name, service, isOneOff, taskNames = [] }: ContainerView): string[] {
  return [
    ...(service && !isOneOff ? [serviceKey(service.project, service.name)] : []),
    `name ${name}`,
    ...taskNames.map(task => `name ${task}`),
    `id ${id}`,
    `id ${id.slice(0, 12)}`,
  ];
}

/** The keys that a name may stand for, the likeliest first: most authors mean a service of their own project. */
function keysFor(name: string, { service }: ContainerView): string[] {
  return [
    ...(service ? [serviceKey(service.project, name)] : []),
    `name ${name}`,
    aliasKey(name),
    `id ${name}`,
  ];
}

function serviceKey(project: string, service: string): string {
  return `service ${project} ${service}`;
}

/** For services of any project: used for diagnostics, never to find anybody. */
function anyProjectKey(service: string): string {
  return `service of any project ${service}`;
}

function aliasKey(alias: string): string {
  return `alias ${alias}`;
}

function heldKey(address: Address): string {
  return `address ${addressKey(address)}`;
}

/** Of the addresses that it has, or else may have at any moment. */
function heldKeys({ addresses, formerAddresses = [] }: Attachment): string[] {
  return [...addresses, ...formerAddresses].map(heldKey);
}

/**
 * Whether a label of `asker` may mean the holder of the key. Compose makes every service an alias on each network, shared
 * ones included, so another project's alias may be anybody's; and one-off containers have the aliases of their service.
 */
function isMeant(key: string, holder: ContainerView, asker: ContainerView): boolean {
  if (!key.startsWith('alias ')) return true;
  if (holder.isOneOff) return false;
  if (!holder.service || holder.service.project === asker.service?.project) return true;
  // A container outside of Compose can mean an explicit alias, but not a service's own name.
  return !asker.service && key !== aliasKey(holder.service.name);
}

function isReplica(one: ContainerView, other: ContainerView): boolean {
  if (one === other) return true;
  return (
    one.service !== undefined &&
    one.service.project === other.service?.project &&
    one.service.name === other.service.name
  );
}

function byContainer(a: NameHolder, b: NameHolder): number {
  return compareContainers(a.container, b.container);
}

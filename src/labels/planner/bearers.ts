// Who bears a name: which containers a destination may mean, running or not, on the networks that both share. The first
// bearer decides, so that what is stopped is nobody else meanwhile. Pure. Not here: the bearer's address and the DNS
// (name-index.ts), what is said where there is none (unresolved.ts).
import type { Attachment, ContainerView } from '../discovery/container.js';
import { compareContainers, type SandboxMembers } from './merge.js';

/** A container that has a name. */
export interface Bearer {
  readonly container: ContainerView;
  readonly sandbox: SandboxMembers;
  /** The bearer's place on the network where it has the name; absent: known by that name wherever it is. */
  readonly attachment?: Attachment;
}

/** Who bears a name, for one asker. */
interface Borne {
  /** The first bearer and the other replicas of its service, in the asker's order of networks; never the asker itself. */
  readonly bearers: readonly Bearer[];
  /** Whether the asker itself bears it. */
  readonly isOwn: boolean;
  /** Bearers to whom the name does not lead: other projects' services and aliases, one-off containers. */
  readonly passedOver: readonly ContainerView[];
}

/** Every name of the world, by network. */
export class Bearers {
  readonly #onNetwork = new Map<string, Map<string, Bearer[]>>();
  readonly #anywhere = new Map<string, Bearer[]>();

  constructor(sandboxes: readonly SandboxMembers[]) {
    const idOf = networkIds(sandboxes);
    for (const sandbox of sandboxes) this.#learn(sandbox, idOf);
  }

  #learn(sandbox: SandboxMembers, idOf: (attachment: Attachment) => string): void {
    for (const container of sandbox.members) {
      for (const key of keysOf(container)) push(this.#anywhere, key, { container, sandbox });
      for (const attachment of sandbox.attachments) {
        const id = idOf(attachment);
        const names = this.#onNetwork.get(id) ?? new Map<string, Bearer[]>();
        this.#onNetwork.set(id, names);
        // The aliases are of the one that made the namespace.
        const aliases = container === sandbox.members[0] ? attachment.aliases.map(aliasKey) : [];
        const { service } = container;
        const foreign = service ? [anyProjectKey(service.name)] : [];
        for (const key of new Set([...keysOf(container), ...aliases, ...foreign])) {
          push(names, key, { container, sandbox, attachment });
        }
      }
    }
  }

  /** Who bears a name in a label of `asker`, which is in `sandbox`. */
  of(name: string, asker: ContainerView, sandbox: SandboxMembers): Borne {
    let isOwn = false;
    const passedOver: ContainerView[] = [];
    for (const key of keysFor(name, asker)) {
      const all = [...this.#shared(key, sandbox), ...(this.#anywhere.get(key) ?? [])];
      const others = all.filter(bearer => bearer.sandbox.key !== sandbox.key);
      isOwn ||= others.length < all.length;
      const meant = others.filter(({ container }) => isMeant(key, container, asker));
      passedOver.push(...others.filter(bearer => !meant.includes(bearer)).map(({ container }) => container));
      const [first] = [...meant].sort(byContainer);
      if (!first) continue;
      const bearers = meant.filter(({ container }) => isReplica(container, first.container));
      return { bearers, isOwn, passedOver };
    }
    const services = this.#shared(anyProjectKey(name), sandbox).filter(
      bearer => bearer.sandbox.key !== sandbox.key,
    );
    passedOver.push(...services.map(({ container }) => container));
    return { bearers: [], isOwn, passedOver: passedOver.sort(compareContainers) };
  }

  /** The containers on the sandbox's networks, without its own; one may be there more than once. */
  beside(sandbox: SandboxMembers): ContainerView[] {
    return sandbox.attachments.flatMap(({ networkId }) =>
      [...(this.#onNetwork.get(networkId)?.values() ?? [])]
        .flat()
        .filter(bearer => bearer.sandbox.key !== sandbox.key)
        .map(({ container }) => container),
    );
  }

  /** In the sandbox's order of networks, then by name. */
  #shared(key: string, sandbox: SandboxMembers): Bearer[] {
    return sandbox.attachments.flatMap(({ networkId }) =>
      [...(this.#onNetwork.get(networkId)?.get(key) ?? [])].sort(byContainer),
    );
  }
}

/** A container that was never started has its networks' names alone: Docker tells their ids when it starts. */
function networkIds(sandboxes: readonly SandboxMembers[]): (attachment: Attachment) => string {
  const ids = new Map<string, string>();
  for (const { attachments } of sandboxes) {
    for (const { networkId, networkName } of attachments)
      if (networkId !== '') ids.set(networkName, networkId);
  }
  return ({ networkId, networkName }) => networkId || (ids.get(networkName) ?? '');
}

/** Keys under which a container is known wherever it is. */
function keysOf({ id, name, service, isOneOff }: ContainerView): string[] {
  return [
    ...(service && !isOneOff ? [serviceKey(service.project, service.name)] : []),
    `name ${name}`,
    `id ${id}`,
    `id ${id.slice(0, 12)}`,
  ];
}

/** The keys that a name may stand for, the likeliest first: what an author writes is a service of the own project. */
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

/** Of services whatever their project: nobody is found by it, but told of. */
function anyProjectKey(service: string): string {
  return `service of any project ${service}`;
}

function aliasKey(alias: string): string {
  return `alias ${alias}`;
}

/**
 * Whether a label of `asker` may mean the bearer of the key. Services of all projects are aliases on the networks that
 * projects share, so an alias of another project may be anybody; and one-off containers have those of their service.
 */
function isMeant(key: string, bearer: ContainerView, asker: ContainerView): boolean {
  if (!key.startsWith('alias ')) return true;
  if (bearer.isOneOff) return false;
  return !asker.service || !bearer.service || bearer.service.project === asker.service.project;
}

function isReplica(one: ContainerView, other: ContainerView): boolean {
  if (one === other) return true;
  return (
    one.service !== undefined &&
    one.service.project === other.service?.project &&
    one.service.name === other.service.name
  );
}

function byContainer(a: Bearer, b: Bearer): number {
  return compareContainers(a.container, b.container);
}

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

// The containers that a plan depends on, for one of them or for all with labels: all are listed, and those alone inspected,
// since each costs a question to Docker. Pure. Not here: the plan (planner/plan.ts), asking Docker (discovery/containers.ts).

import { UserError } from '../base/errors.js';
import { groupBy } from '../base/group-by.js';
import type { ContainerView } from './discovery/container.js';
import { isRunning, type ListedContainer, nameOf, twineLabels } from './discovery/docker-view.js';
import { joinedContainer } from './discovery/namespace-sharing.js';
import type { Find } from './find-container.js';
import type { Plan } from './planner/plan.js';
import type { Reliance } from './planner/steps.js';
import { HOST_ROUTES } from './spec/label-keys.js';

/** Of questions to Docker: more than gateways follow each other. */
const MAX_ROUNDS = 64;

export class ReliedContainers {
  readonly #find: Find | undefined;
  readonly #wanted = new Set<string>();
  #inspected: ReadonlySet<string> = new Set();
  #rounds = 0;
  /** Whose plan it is. */
  #of: ReadonlySet<string> | undefined;

  /** @param find whose plan it is; it throws where there is no such container. Absent: that of all with labels */
  constructor(find?: Find) {
    this.#find = find;
  }

  /** The ids of those that are to be inspected: whatever is known to matter, with all that may share its namespace. */
  select(listed: readonly ListedContainer[]): ReadonlySet<string> {
    this.#of ??= new Set(this.#meant(listed));
    for (const id of this.#of) this.#wanted.add(id);
    const sharing = namespacesOf(listed);
    const own = sharing.filter(group => group.some(({ Id }) => this.#of?.has(Id))).flat();
    const isWanted = (group: readonly ListedContainer[]): boolean =>
      group.some(one => this.#wanted.has(one.Id)) ||
      // What the host gets for one container depends on what the others ask for.
      group.some(asksHost) ||
      (own.some(asksHost) && group.length > 1) ||
      (isOfHost(own) && isOfHost(group));
    this.#inspected = new Set(sharing.filter(isWanted).flatMap(group => group.map(({ Id }) => Id)));
    return this.#inspected;
  }

  #meant(listed: readonly ListedContainer[]): string[] {
    if (this.#find) return [this.#find(listed.map(one => ({ id: one.Id, name: nameOf(one) }))).id];
    return listed.filter(({ Labels }) => twineLabels(Labels).size > 0).map(({ Id }) => Id);
  }

  /**
   * Has those inspected, too, that the plan depends on. Whether there are any.
   * @param containers that it was made for
   * @throws UserError where there are ever more, as no Docker that tells the truth has them
   */
  want({ relied }: Plan, containers: readonly ContainerView[]): boolean {
    const keys = new Map(containers.map(({ id, netns }) => [id, netns?.key ?? id]));
    if (!relied) return false;
    const own = [...(this.#of ?? [])].flatMap(id => keys.get(id) ?? []);
    const namespaces = new Set(own);
    const more = new Set<string>();
    const rely = ({ containers: ids, networks }: Reliance): void => {
      const isOn = ({ attachments }: ContainerView): boolean =>
        attachments.some(({ networkId }) => networks.has(networkId));
      const onNetworks = networks.size > 0 ? containers.filter(isOn).map(({ id }) => id) : [];
      for (const id of [...ids, ...onNetworks]) {
        if (!this.#inspected.has(id)) more.add(id);
        if (ids.has(id)) namespaces.add(keys.get(id) ?? id);
      }
    };
    for (const key of own) rely(relied.of(key, 'forwards'));
    // Of others their routes matter: whether answers come back, and whether they lead in a circle. The set grows meanwhile.
    for (const key of namespaces) rely(relied.of(key, 'routes'));
    for (const id of more) this.#wanted.add(id);
    if (more.size > 0 && ++this.#rounds > MAX_ROUNDS)
      throw new UserError('Docker lists other containers each time that it is asked: try again later');
    return more.size > 0;
  }
}

/** Containers that share a namespace by their network modes. */
function namespacesOf(listed: readonly ListedContainer[]): (readonly ListedContainer[])[] {
  const joined = new Map(listed.map(one => [one.Id, joinedContainer(one.HostConfig?.NetworkMode)]));
  const owners = new Map<string, string>();
  const ownerOf = (id: string): string => {
    const passed = new Set<string>();
    let owner = id;
    for (
      let next: string | undefined = id;
      next !== undefined && !passed.has(next);
      next = joined.get(next)
    ) {
      const known = owners.get(next);
      owner = known ?? next;
      if (known !== undefined) break;
      passed.add(next);
    }
    for (const one of passed) owners.set(one, owner);
    return owner;
  };
  return [...groupBy(listed, ({ Id }) => ownerOf(Id)).values()];
}

function asksHost(one: ListedContainer): boolean {
  return isRunning(one) && one.Labels?.[HOST_ROUTES] !== undefined;
}

function isOfHost(group: readonly ListedContainer[]): boolean {
  return group.some(({ HostConfig }) => HostConfig?.NetworkMode === 'host');
}

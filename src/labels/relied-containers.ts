// The containers that the plan for one of them depends on: all are listed, and those alone inspected, since each costs a
// question to Docker. Pure. Not here: the plan (planner/plan.ts), asking Docker (discovery/containers.ts).

import { groupBy } from '../base/group-by.js';
import type { ContainerView } from './discovery/container.js';
import { isRunning, joinedContainer, type ListedContainer, nameOf } from './discovery/docker-view.js';
import type { Find } from './find-container.js';
import type { Reliance } from './planner/name-holders.js';
import type { Plan } from './planner/plan.js';
import { HOST_ROUTES } from './spec/label-keys.js';

export class ReliedContainers {
  readonly #find: Find;
  readonly #wanted = new Set<string>();
  #inspected: ReadonlySet<string> = new Set();
  #of: string | undefined;

  /** @param find whose plan it is; it throws where there is no such container */
  constructor(find: Find) {
    this.#find = find;
  }

  /** The ids of those that are to be inspected: whatever is known to matter, with all that may share its namespace. */
  select(listed: readonly ListedContainer[]): ReadonlySet<string> {
    this.#of ??= this.#find(listed.map(one => ({ id: one.Id, name: nameOf(one) }))).id;
    this.#wanted.add(this.#of);
    const sharing = namespacesOf(listed);
    const own = sharing.find(group => group.some(({ Id }) => Id === this.#of)) ?? [];
    const isWanted = (group: readonly ListedContainer[]): boolean =>
      group.some(one => this.#wanted.has(one.Id)) ||
      // What the host gets for one container depends on what the others ask for.
      group.some(asksHost) ||
      (own.some(asksHost) && group.length > 1) ||
      (isOfHost(own) && isOfHost(group));
    this.#inspected = new Set(sharing.filter(isWanted).flatMap(group => group.map(({ Id }) => Id)));
    return this.#inspected;
  }

  /** Has those inspected, too, that the plan depends on. Whether there are any. @param containers that it was made for */
  want({ relied }: Plan, containers: readonly ContainerView[]): boolean {
    const keys = new Map(containers.map(({ id, netns }) => [id, netns?.key ?? id]));
    const own = keys.get(this.#of ?? '');
    if (!relied || own === undefined) return false;
    const namespaces = new Set([own]);
    const more = new Set<string>();
    const rely = ({ containers: ids, networks }: Reliance): void => {
      const onNetworks = containers
        .filter(({ attachments }) => attachments.some(({ networkId }) => networks.has(networkId)))
        .map(({ id }) => id);
      for (const id of [...ids, ...(networks.size > 0 ? onNetworks : [])]) {
        if (!this.#inspected.has(id)) more.add(id);
        if (ids.has(id)) namespaces.add(keys.get(id) ?? id);
      }
    };
    rely(relied.of(own, 'forwards'));
    // Of others their routes matter: whether answers come back, and whether they lead in a circle. The set grows meanwhile.
    for (const key of namespaces) rely(relied.of(key, 'routes'));
    for (const id of more) this.#wanted.add(id);
    return more.size > 0;
  }
}

/** Containers that share a namespace by their network modes. */
function namespacesOf(listed: readonly ListedContainer[]): (readonly ListedContainer[])[] {
  const joined = new Map(listed.map(one => [one.Id, joinedContainer(one.HostConfig?.NetworkMode)]));
  const ownerOf = (id: string): string => {
    const seen = new Set([id]);
    let owner = id;
    for (let next = joined.get(id); next !== undefined && !seen.has(next); next = joined.get(next)) {
      seen.add(next);
      owner = next;
    }
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

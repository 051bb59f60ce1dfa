// Which containers share a network namespace, by their network modes and by what /proc shows. Pure. Not here: asking Docker
// and /proc (containers.ts), merging the labels of one namespace (labels/planner/merge.ts).

import type { ContainerView, NetnsRef } from './container.js';
import type { InspectedContainer } from './docker-view.js';

/** What shows which namespace a container is in. */
export interface NetworkModeInfo {
  readonly view: Pick<ContainerView, 'id' | 'netns' | 'unverifiedLabelKeys'>;
  /** Its network mode. */
  readonly mode: string | undefined;
}

/** The id of the container whose namespace it uses (`--network container:…`). */
export function joinedContainer(mode: string | undefined): string | undefined {
  return mode?.startsWith('container:') ? mode.slice('container:'.length) : undefined;
}

/** Tells whether a container is in the host's namespace: by its mode, that of the container it joined, or the namespace itself. */
export function hostNetworks(
  all: readonly NetworkModeInfo[],
  host: NetnsRef,
): (one: NetworkModeInfo) => boolean {
  const modes = modesOf(all);
  const isHostMode = (one: NetworkModeInfo): boolean => modes.get(ownerOf(one, modes)) === 'host';
  const hostKeys = new Set([host.key]);
  for (const one of all) if (one.view.netns && isHostMode(one)) hostKeys.add(one.view.netns.key);
  return one => isHostMode(one) || (one.view.netns !== undefined && hostKeys.has(one.view.netns.key));
}

/**
 * Tells whether a container that Docker cannot inspect may be in a container's namespace and affect its desired state: because
 * it has labels, or because the namespace's networks are its own.
 */
export function indeterminate(all: readonly NetworkModeInfo[]): (one: NetworkModeInfo) => boolean {
  const modes = modesOf(all);
  const owners = new Set<string>();
  for (const one of all) {
    const { unverifiedLabelKeys } = one.view;
    if (!unverifiedLabelKeys) continue;
    if (unverifiedLabelKeys.length > 0 || joinedContainer(one.mode) === undefined)
      owners.add(ownerOf(one, modes));
  }
  if (owners.size === 0) return () => false;
  const keys = new Set<string>();
  for (const one of all) if (one.view.netns && owners.has(ownerOf(one, modes))) keys.add(one.view.netns.key);
  return ({ view: { netns } }) => netns !== undefined && keys.has(netns.key);
}

/** The namespaces of containers as they were last seen, by id; of the one that the container joined first. */
export function* knownNetns(
  last: ReadonlyMap<string, NetworkModeInfo>,
  { HostConfig }: InspectedContainer,
): Generator<NetnsRef> {
  const joined = last.get(joinedContainer(HostConfig?.NetworkMode) ?? '');
  for (const seen of joined ? [joined, ...last.values()] : last.values())
    if (seen.view.netns) yield seen.view.netns;
}

function modesOf(all: readonly NetworkModeInfo[]): Map<string, string | undefined> {
  return new Map(all.map(({ view, mode }) => [view.id, mode]));
}

/** The container that the namespace was made for: itself, or the one that it joined, directly or through others. */
function ownerOf({ view, mode }: NetworkModeInfo, modes: ReadonlyMap<string, string | undefined>): string {
  if (joinedContainer(mode) === undefined) return view.id;
  const visited = new Set([view.id]);
  let owner = view.id;
  for (let next = joinedContainer(mode); next !== undefined; next = joinedContainer(modes.get(next))) {
    if (visited.has(next)) break;
    visited.add(next);
    owner = next;
  }
  return owner;
}

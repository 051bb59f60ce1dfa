// Who is in whose network namespace, by the modes in which Docker made the containers and by what /proc shows. Pure.
// Not here: asking either (containers.ts), what containers of one namespace ask for together (labels/planner/merge.ts).

import type { ContainerView, NetnsRef } from './container.js';
import { joinedContainer } from './docker-types.js';

/** What tells where a container is. */
export interface NetworkModeInfo {
  readonly view: Pick<ContainerView, 'id' | 'netns' | 'unverifiedLabelKeys'>;
  /** Its network mode. */
  readonly mode: string | undefined;
}

/** Who is in the host's namespace: by mode, by joining such a one, or by the namespace itself. */
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
 * In whose namespace there may be one that Docker cannot tell of, and on which it depends what that shall hold: one with
 * labels, or the one whose networks they are.
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

function modesOf(all: readonly NetworkModeInfo[]): Map<string, string | undefined> {
  return new Map(all.map(({ view, mode }) => [view.id, mode]));
}

/** The container that the namespace was made for: itself, or the one that it joined, or that one did. */
function ownerOf({ view, mode }: NetworkModeInfo, modes: ReadonlyMap<string, string | undefined>): string {
  const passed = new Set([view.id]);
  let owner = view.id;
  for (let next = joinedContainer(mode); next !== undefined; next = joinedContainer(modes.get(next))) {
    if (passed.has(next)) break;
    passed.add(next);
    owner = next;
  }
  return owner;
}

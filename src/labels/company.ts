// Who is in whose network namespace, by the modes in which Docker made the containers and by what /proc shows. Pure.
// Not here: asking either (containers.ts), what containers of one namespace ask for together (merge.ts).

import { joinedContainer } from './docker-view.js';
import type { ContainerView, NetnsRef } from './words.js';

/** What tells where a container is. */
export interface Whereabouts {
  readonly view: Pick<ContainerView, 'id' | 'netns' | 'unseenKeys'>;
  /** Its network mode. */
  readonly mode: string | undefined;
}

/** Who is in the host's namespace: by mode, by joining such a one, or by the namespace itself. */
export function hostNetworks(all: readonly Whereabouts[], host: NetnsRef): (one: Whereabouts) => boolean {
  const modes = modesOf(all);
  const isHostMode = (one: Whereabouts): boolean => modes.get(ownerOf(one, modes)) === 'host';
  const hostKeys = new Set([host.key]);
  for (const one of all) if (one.view.netns && isHostMode(one)) hostKeys.add(one.view.netns.key);
  return one => isHostMode(one) || (one.view.netns !== undefined && hostKeys.has(one.view.netns.key));
}

/**
 * In whose namespace there may be one that Docker cannot tell of, and on which it depends what that shall hold: one with
 * labels, or the one whose networks they are.
 */
export function doubtful(all: readonly Whereabouts[]): (one: Whereabouts) => boolean {
  const modes = modesOf(all);
  const owners = new Set<string>();
  for (const one of all) {
    const { unseenKeys } = one.view;
    if (!unseenKeys) continue;
    if (unseenKeys.length > 0 || joinedContainer(one.mode) === undefined) owners.add(ownerOf(one, modes));
  }
  if (owners.size === 0) return () => false;
  const keys = new Set<string>();
  for (const one of all) if (one.view.netns && owners.has(ownerOf(one, modes))) keys.add(one.view.netns.key);
  return ({ view: { netns } }) => netns !== undefined && keys.has(netns.key);
}

function modesOf(all: readonly Whereabouts[]): Map<string, string | undefined> {
  return new Map(all.map(({ view, mode }) => [view.id, mode]));
}

/** The container that the namespace was made for: itself, or the one that it joined, or that one did. */
function ownerOf({ view, mode }: Whereabouts, modes: ReadonlyMap<string, string | undefined>): string {
  const passed = new Set([view.id]);
  let owner = view.id;
  for (let next = joinedContainer(mode); next !== undefined; next = joinedContainer(modes.get(next))) {
    if (passed.has(next)) break;
    passed.add(next);
    owner = next;
  }
  return owner;
}

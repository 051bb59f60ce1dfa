// The container that somebody means who asks: by its name, or the beginning of its id. Pure.

import { UserError } from '../base/errors.js';
import { plain, quote } from '../base/plain-text.js';
import { nearest } from '../base/suggest.js';
import type { ContainerView } from './discovery/container.js';

export type Named = Pick<ContainerView, 'id' | 'name'>;

/** Chooses one of them; it throws where none is meant. */
export type Find = (containers: readonly Named[]) => Named;

/** @param otherwise what else could have been meant, at the end of the sentence. @throws UserError (ENOENT) where there is none */
export function findContainer<C extends Named>(name: string, containers: readonly C[], otherwise = ''): C {
  const byName = containers.find(one => one.name === name);
  const byId = /^[0-9a-f]{4,64}$/.test(name) ? containers.filter(({ id }) => id.startsWith(name)) : [];
  const found = byName ?? (byId.length === 1 ? byId[0] : undefined);
  if (found) return found;
  const near = nearest(
    name,
    containers.map(one => one.name),
  );
  const hint = near === undefined ? '' : ` (there is ${plain(near, 80)})`;
  throw new UserError(`there is no container ${quote(name)}${hint}${otherwise}`, { code: 'ENOENT' });
}

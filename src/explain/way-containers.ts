// The containers that run now, as far as one packet's way needs them: all are listed, and those alone inspected that it begins in
// or gets to, since each costs a question to Docker. Not here: the way (explain.ts).

import { DecodeError, UserError } from '../base/errors.js';
import { parseAddress, sameAddress } from '../base/ip.js';
import type { ContainerView } from '../labels/discovery/container.js';
import { Containers, type ContainersParts } from '../labels/discovery/containers.js';
import { type ListedContainer, nameOf } from '../labels/discovery/docker-view.js';
import { joinedContainer } from '../labels/discovery/namespace-sharing.js';
import type { Find } from '../labels/find-container.js';
import type { Explanation } from './explain.js';

export class WayContainers {
  readonly #inspected = new Set<string>();
  readonly #containers: Containers;
  /** Where it is. */
  readonly #docker: string;
  #from: string | undefined;

  /** @param find where the way begins */
  constructor(parts: Omit<ContainersParts, 'select' | 'trustImageLabels'>, find: Find) {
    const select = (listed: readonly ListedContainer[]): ReadonlySet<string> => {
      this.#from ??= find(listed.map(one => ({ id: one.Id, name: nameOf(one) }))).id;
      for (const id of ownersOf(this.#from, listed)) this.#inspected.add(id);
      return this.#inspected;
    };
    this.#docker = parts.api.name;
    this.#containers = new Containers({ ...parts, trustImageLabels: false, select });
  }

  /** All of them, and where the way begins. @throws UserError (ENOENT) when it has gone since, and for what is no answer of Docker's; Error when Docker does not answer; what `find` throws */
  async list(): Promise<{ readonly all: readonly ContainerView[]; readonly from: ContainerView }> {
    const all = await this.#containers.list(this.#from === undefined).catch(err => {
      if (!(err instanceof DecodeError)) throw err;
      throw new UserError(`cannot ask Docker for its containers (${this.#docker}): ${err.message}`, {
        cause: err,
      });
    });
    const from = all.find(({ id }) => id === this.#from);
    if (!from) throw new UserError('the container has gone meanwhile: ask again', { code: 'ENOENT' });
    return { all, from };
  }

  /** Has those on its networks inspected, too: of their names in the DNS, a listing lacks some. Whether there are any. */
  wantNeighbours(from: ContainerView, all: readonly ContainerView[]): boolean {
    const networks = new Set(from.attachments.map(({ networkId }) => networkId));
    return this.#want(all.filter(one => one.attachments.some(({ networkId }) => networks.has(networkId))));
  }

  /** Has those inspected, too, that a way ends before. Whether there are any. */
  wantNext({ outcome: { next } }: Explanation, all: readonly ContainerView[]): boolean {
    const address = next === undefined ? undefined : parseAddress(next);
    if (!address) return false;
    return this.#want(
      all.filter(one =>
        one.attachments.some(({ addresses }) => addresses.some(each => sameAddress(each, address))),
      ),
    );
  }

  #want(containers: readonly ContainerView[]): boolean {
    const more = containers.filter(({ id }) => !this.#inspected.has(id));
    for (const { id } of more) this.#inspected.add(id);
    return more.length > 0;
  }
}

/** The same of those that are all known, and inspected. */
export class KnownContainers implements Pick<WayContainers, 'list' | 'wantNeighbours' | 'wantNext'> {
  readonly #all: readonly ContainerView[];
  readonly #find: Find;

  constructor(all: readonly ContainerView[], find: Find) {
    this.#all = all;
    this.#find = find;
  }

  async list(): ReturnType<WayContainers['list']> {
    const { id } = this.#find(this.#all);
    return { all: this.#all, from: this.#all.find(one => one.id === id)! };
  }

  wantNeighbours(): boolean {
    return false;
  }

  wantNext(): boolean {
    return false;
  }
}

/** A container, and those whose namespace it uses. */
function ownersOf(id: string, listed: readonly ListedContainer[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (let next: string | undefined = id; next !== undefined && !found.has(next); ) {
    found.add(next);
    const here: string = next;
    next = joinedContainer(listed.find(({ Id }) => Id === here)?.HostConfig?.NetworkMode);
  }
  return found;
}

// Containers that have ended by an event, before Docker says so itself: while it starts one again it answers nothing about it,
// and until then nothing may be led to whatever has its address. Not here: the events (labels/discovery/containers.ts),
// what follows (reconciler.ts).

import { sameAddress } from '../../base/ip.js';
import type { ContainerView } from '../discovery/container.js';
import type { LifeEvent } from '../discovery/docker-answers.js';
import type { Led } from './overview.js';

export class Departures {
  /** Their ids, and whether each has started again since. */
  readonly #ended = new Map<string, boolean>();

  /** @param event undefined: some may have been missed */
  note(event: LifeEvent | undefined): void {
    const { id, action } = event ?? {};
    // Those that have ended count as ended for the listing under way.
    if (id === undefined) for (const id of this.#ended.keys()) this.#ended.set(id, true);
    else if (action === 'die') this.#ended.set(id, false);
    else if (this.#ended.has(id)) this.#ended.set(id, true);
  }

  /** To be called before containers are listed: what has started before is in the listing. @param all what is known from events may be wrong */
  begin(all: boolean): void {
    for (const [id, isBack] of this.#ended) if (isBack || all) this.#ended.delete(id);
  }

  /** A listing, in which those that have ended are as stopped ones are. */
  apply(containers: readonly ContainerView[]): readonly ContainerView[] {
    if (this.#ended.size === 0) return containers;
    const listed = new Set(containers.map(({ id }) => id));
    for (const id of this.#ended.keys()) if (!listed.has(id)) this.#ended.delete(id);
    return containers.map(one => (this.#ended.has(one.id) && one.netns ? stopped(one) : one));
  }
}

function stopped({ netns: _, ...view }: ContainerView): ContainerView {
  return {
    ...view,
    // That of no view which Docker gave.
    revision: -view.revision,
    hostNetwork: false,
    labels: new Map(),
    attachments: view.attachments.map(attachment => ({
      ...attachment,
      addresses: [],
      formerAddresses: attachment.addresses,
    })),
  };
}

/** Whether routes of labels lead to one of a container's addresses. */
export function isGateway(id: string, { containers, resolved }: Led): boolean {
  const ended = containers.find(one => one.id === id);
  const addresses = ended?.attachments.flatMap(attachment => attachment.addresses) ?? [];
  return resolved.some(({ routes }) =>
    routes.some(({ gateway }) => gateway && addresses.some(address => sameAddress(address, gateway))),
  );
}

// Which routers answers go by: neighbours that have sent what is not of their own network. What was found stays as long as
// there is room: the neighbours that were made for it say it. Pure. Not here: reading them (answering.ts), what
// follows (diff-routers.ts).

import { sameAddress } from '../../base/ip.js';
import { ROUTERS } from '../../base/ownership.js';
import type { DesiredState, KnownNeighbour, RoutersObserved, Sender } from '../diff/state.js';

/** A router with one of the marks and tables that there are for routers. */
export type FoundRouter = (typeof ROUTERS)[number] & Sender;

/**
 * Those that were found before, and new ones. Where there is room for no more, one goes that has sent nothing for long.
 * @param desired whoever has the address of a gateway of one of its routes is no such router
 */
export function findRouters(
  { senders, neighbours }: RoutersObserved,
  { routes }: Pick<DesiredState, 'routes'>,
): FoundRouter[] {
  const gateways = routes.flatMap(({ gateway }) => gateway ?? []);
  const barred = neighbours.filter(({ address }) => gateways.some(one => sameAddress(one, address)));
  const isBarred = (one: Sender): boolean => barred.some(other => isSame(one, other));
  const wanted = senders.filter(one => !isBarred(one)).sort(inOrder);
  const kept = ROUTERS.flatMap(place => {
    const own = neighbours.find(({ address }) =>
      Object.values(place.hops).some(hop => sameAddress(hop, address)),
    );
    return own && !isBarred(own) ? [{ ...place, index: own.index, mac: own.mac }] : [];
  });
  const fresh = wanted.filter(one => !kept.some(other => isSame(one, other)));
  const idle = kept.filter(one => !wanted.some(other => isSame(one, other)));
  const free = ROUTERS.filter(({ table }) => !kept.some(other => other.table === table));
  const places = [...free, ...idle].slice(0, fresh.length).map(({ table }) => table);
  return ROUTERS.flatMap(place => {
    const at = places.indexOf(place.table);
    const found = at < 0 ? kept.find(({ table }) => table === place.table) : fresh[at];
    return found ? [{ ...place, index: found.index, mac: found.mac }] : [];
  });
}

/** Whether a neighbour is there for answers by a router: by its address, which nobody has. */
export function isForRouter({ address }: Pick<KnownNeighbour, 'address'>): boolean {
  return ROUTERS.some(({ hops }) => Object.values(hops).some(hop => sameAddress(hop, address)));
}

function isSame(a: Sender, b: Sender): boolean {
  return a.index === b.index && a.mac === b.mac;
}

function inOrder(a: Sender, b: Sender): number {
  return a.index - b.index || (a.mac < b.mac ? -1 : 1);
}

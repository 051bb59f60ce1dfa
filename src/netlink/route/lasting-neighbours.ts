// Neighbours that last, on an rtnetlink connection: the kernel asks for none of them, and believes nobody who says that he is one.
// Not here: their bytes, and neighbours that the kernel has found (neighbour.ts).

import { formatAddress } from '../../base/ip.js';
import type { Connection } from '../connection.js';
import type { Trace } from '../trace.js';
import { ipNeighbourDel, ipNeighbourReplace } from './describe.js';
import { deleteNeighbourRequest, type Neighbour, newNeighbourRequest } from './neighbour.js';

/** In place of any of the address. @param trace is told it before it is made @throws OpError */
export function addNeighbour(
  connection: Connection,
  neighbour: Required<Omit<Neighbour, 'state'>>,
  trace: Trace | undefined,
): void {
  trace?.(ipNeighbourReplace(neighbour));
  const context = { op: 'adding neighbour', subject: formatAddress(neighbour.address) };
  connection.request(newNeighbourRequest(neighbour), context);
}

/** @param trace is told it before it is done @throws OpError: ENOENT */
export function deleteNeighbour(
  connection: Connection,
  neighbour: Pick<Neighbour, 'index' | 'address'>,
  trace: Trace | undefined,
): void {
  trace?.(ipNeighbourDel(neighbour));
  const context = { op: 'deleting neighbour', subject: formatAddress(neighbour.address) };
  connection.request(deleteNeighbourRequest(neighbour), context);
}

// Whether gateways answer: what the kernel of a namespace knows of them by ARP and neighbour discovery, which it is had to
// ask anew each time. Not here: when that is done, and what follows (labels/controller/gateway-watch.ts).

import { isNotFound } from '../../base/errors.js';
import { type Address, sameAddress } from '../../base/ip.js';
import type { Connection } from '../../netlink/connection.js';
import { RtNetlink } from '../../netlink/route/client.js';
import {
  decodeNeighbour,
  getNeighbourRequest,
  type Neighbour,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  probeNeighbourRequest,
} from '../../netlink/route/neighbour.js';

/** What is known of a gateway; undefined while the kernel still asks. */
export type Standing = 'answers' | 'silent' | undefined;

/** An answer that still counts, and those that need none. */
const ANSWERS = NUD_REACHABLE | NUD_NOARP | NUD_PERMANENT;
/** The kernel asks, and would begin anew. NUD_DELAY is no such: it waits for five seconds first. */
const ASKED = NUD_INCOMPLETE | NUD_PROBE;

/**
 * What the kernel knows of gateways in the namespace of a connection; it is asked to ask each of them anew.
 * @returns one for each gateway, in order; undefined as well where there is no way to it
 * @throws OpError, ChannelError
 */
export function probeGateways(connection: Connection, gateways: readonly Address[]): Standing[] {
  const rt = new RtNetlink(connection);
  const known = (index: number, address: Address): Neighbour | undefined => {
    try {
      const context = { op: 'reading neighbour', subject: 'of a route' };
      const [answer] = connection.request(getNeighbourRequest({ index, address }), context);
      const found = answer && decodeNeighbour(answer.payload);
      return found && sameAddress(found.address, address) ? found : undefined;
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw err;
    }
  };
  return gateways.map((address): Standing => {
    const index = rt.indexTo(address);
    if (index === undefined) return undefined;
    const found = known(index, address) ?? { index, address, state: 0 };
    if ((found.state & (ASKED | NUD_NOARP | NUD_PERMANENT)) === 0) {
      const context = { op: 'probing neighbour', subject: 'of a route' };
      connection.request(probeNeighbourRequest(found), context);
    }
    return standingOf(found.state);
  });
}

function standingOf(state: number): Standing {
  if (state & ANSWERS) return 'answers';
  return state & NUD_FAILED ? 'silent' : undefined;
}

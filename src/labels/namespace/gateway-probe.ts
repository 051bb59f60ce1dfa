// Whether gateways answer: what the kernel of a namespace knows of them by ARP and neighbour discovery, which it is had to
// ask anew each time; and what that of a gateway's own namespace knows of its tunnels of ours. Not here: when that is done, and what follows (labels/controller/gateway-watch.ts).

import { isNotFound } from '../../base/errors.js';
import { type Address, sameAddress } from '../../base/ip.js';
import { LINK_GROUP } from '../../base/ownership.js';
import type { AnswerLimits, Connection, ConnectionOpener } from '../../netlink/connection.js';
import { NETLINK_GENERIC, NETLINK_ROUTE } from '../../netlink/message.js';
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
import { WgCtrl } from '../../netlink/wireguard/client.js';
import { isCutOff, STAMPS_RENEWED_MS } from '../../netlink/wireguard/handshakes.js';
import type { WallClock } from '../../netlink/wireguard/wall-clock.js';

/** Of a namespace whose owner may mean harm, several times a second: one with more links or peers is not judged. */
const TUNNEL_LIMITS: AnswerLimits = { messages: 64, bytes: 128 * 1024, ms: 100 };

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

/**
 * Whether any tunnel of ours in the namespace of the calling thread, which has or had one, is up: its link is there and up,
 * and it is not cut off.
 * @param clock what the namespaces' kernel stamps handshakes by
 * @returns undefined where that cannot be told, as for minutes after somebody has set the clock
 * @throws OpError, ChannelError, DecodeError
 */
export function probeTunnels(open: ConnectionOpener, clock: Pick<WallClock, 'read'>): Standing {
  const rt = new RtNetlink(open(NETLINK_ROUTE, { limits: TUNNEL_LIMITS }));
  try {
    const ours = rt.links().filter(({ kind, group }) => kind === 'wireguard' && group === LINK_GROUP);
    const up = ours.filter(link => link.up);
    if (up.length === 0) return 'silent';
    const wg = new WgCtrl(open(NETLINK_GENERIC, { limits: TUNNEL_LIMITS }));
    try {
      const { now, sinceSet } = clock.read();
      if (!up.every(({ name }) => isCutOff(wg.device(name), now, sinceSet))) return 'answers';
      return sinceSet < STAMPS_RENEWED_MS ? undefined : 'silent';
    } finally {
      wg.close();
    }
  } finally {
    rt.close();
  }
}

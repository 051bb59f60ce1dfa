// One published port as sockets of the host: at which addresses and which number, and in which words it is refused. Not here: which
// ports there are to be (published-ports.ts), what goes through them (tcp-relay.ts, udp-relay.ts).

import { errorCode, messageOf, UserError } from '../../base/errors.js';
import { formatAddress } from '../../base/ip.js';
import type { PortRequest } from '../spec/port-map.js';
import type { Inward, ListenAt, Relay } from './relay.js';
import type { Sessions } from './sessions.js';
import { listenTcp } from './tcp-relay.js';
import { listenUdp } from './udp-relay.js';

/** Tries for a port that is free for all addresses. */
const TRIES = 16;
const ANY = ['0.0.0.0', '::'];
/** A host without IPv6. */
const NO_FAMILY = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** Relays at each address that is asked for, all with the same port; none is left where one fails. @throws UserError */
export async function openPort(request: PortRequest, inward: Inward, sessions: Sessions): Promise<Relay[]> {
  const { first, last } = request;
  const isFree = first === 0;
  for (let n = 0; n < (isFree ? TRIES : last - first + 1); n++) {
    try {
      return await openAt(isFree ? 0 : first + n, request, inward, sessions);
    } catch (err) {
      if (errorCode(err) !== 'EADDRINUSE') throw refusal(request, err);
    }
  }
  throw refusal(request);
}

async function openAt(
  port: number,
  { address, protocol }: PortRequest,
  inward: Inward,
  sessions: Sessions,
): Promise<Relay[]> {
  const relays: Relay[] = [];
  const listen = (at: ListenAt): Promise<Relay> =>
    protocol === 'tcp' ? listenTcp(at, inward, sessions) : listenUdp(at, inward, sessions);
  try {
    for (const one of address ? [formatAddress(address)] : ANY) {
      try {
        relays.push(await listen({ address: one, port: relays[0]?.port ?? port }));
      } catch (err) {
        if (relays.length === 0 || !NO_FAMILY.has(errorCode(err) ?? '')) throw err;
      }
    }
    return relays;
  } catch (err) {
    for (const relay of relays) relay.close();
    throw err;
  }
}

/** @param err absent: the ports are taken */
function refusal({ address, first, last, protocol }: PortRequest, err?: unknown): UserError {
  const host = address ? formatAddress(address) : '0.0.0.0';
  const at = `${host.includes(':') ? `[${host}]` : host}:${first === last ? first : `${first}-${last}`}`;
  if (err === undefined) return new UserError(`Bind for ${at} failed: port is already allocated`);
  const why: Partial<Record<string, string>> = {
    EADDRNOTAVAIL: 'the host does not have that address',
    EACCES:
      'ports below net.ipv4.ip_unprivileged_port_start take CAP_NET_BIND_SERVICE, which dwgd does not have',
  };
  return new UserError(`listen ${protocol} ${at} failed: ${why[errorCode(err) ?? ''] ?? messageOf(err)}`, {
    cause: err,
  });
}

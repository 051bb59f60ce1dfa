// Rules that remember by a mark how a connection came in, and lead its answers back by it: the same for Docker's own way as
// for every other. Pure. Not here: which mark is whose (base/ownership.ts), who gets it (labels/table/reply-routing.ts,
// router-table.ts).

import { ct, type Expression, match, meta, type Statement } from '../../nft/expression.js';
import { type NftRule, rule } from '../../nft/table.js';

/** A value within a field of bits. */
export interface Mark {
  readonly value: number;
  readonly mask: number;
}

/** What somebody outside has sent: `meta iifname != "lo"`. */
const FROM_OUTSIDE = match(meta('iifname'), '!=', 'lo');
/** A packet of the container that somebody sent back to it opens no connection. */
export const NOT_OWN = match({ fib: { result: 'type', flags: ['saddr'] } }, '!=', 'local');
/** What the one that opened the connection has sent. */
export const ORIGINAL = match(ct('direction'), '==', 'original');
const REPLY = match(ct('direction'), '==', 'reply');
const PROTOCOL = meta('l4proto');
const FOR_CONTAINER: Expression = { fib: { result: 'type', flags: ['daddr'] } };
/**
 * What opens a connection, in a rule each, of which more than one may give the mark. Of UDP for the container itself only what a
 * socket waits for: else whoever sends first what looks like an answer would have the question that the container sends to there be
 * taken for a reply.
 */
export const OPENINGS: readonly Statement[] = [
  match(PROTOCOL, '!=', 'udp'),
  match(FOR_CONTAINER, '!=', 'local'),
  match({ socket: { key: 'wildcard' } }, '==', { range: [0, 1] }),
];

/**
 * skb->priority of a UDP packet to whose sender no route leads back: it is only set for input to see. What sets it otherwise
 * (tc, CLASSIFY) has other classes.
 */
export const NO_WAY_BACK = 0xdd9d_0001;

/** Whether a mark of a packet or a connection has the value. */
function has(key: Expression, { value, mask }: Mark): Statement {
  return match({ '&': [key, mask] }, '==', value);
}

/** Gives it the value; the field has to be clear. */
export function give(key: Expression, { value }: Mark): Statement {
  return { mangle: { key, value: { '|': [key, value] } } };
}

/** Clears the field of a packet's mark, which anybody who may set marks could have set. */
export function clear(mask: number): NftRule {
  const mark = meta('mark');
  return rule({ mangle: { key: mark, value: { '&': [mark, ~mask >>> 0] } } });
}

/**
 * At prerouting: replies that the container forwards are routed back. Packets for the container itself are marked as well: so
 * they pass the source check (rp_filter), and a TCP socket's replies are routed back even while there is no other route.
 */
export function markArriving(mark: Mark): NftRule[] {
  return [
    rule(REPLY, has(ct('mark'), mark), give(meta('mark'), mark)),
    rule(
      ORIGINAL,
      has(ct('mark'), mark),
      FROM_OUTSIDE,
      match(FOR_CONTAINER, '==', 'local'),
      give(meta('mark'), mark),
    ),
  ];
}

/** At prerouting, behind the former: a UDP packet to whose sender no route leads is known at input by NO_WAY_BACK. */
export function findNoWayBack(mark: Mark): NftRule {
  return rule(
    match(ct('state'), 'in', 'new'),
    has(ct('mark'), mark),
    match(PROTOCOL, '==', 'udp'),
    match({ fib: { result: 'oif', flags: ['saddr'] } }, '==', 0),
    { mangle: { key: meta('priority'), value: NO_WAY_BACK } },
  );
}

/** For what the container itself sends: replies get the mark, and are routed by it. */
export function markReplies(mark: Mark): NftRule {
  return rule(REPLY, has(ct('mark'), mark), give(meta('mark'), mark), { return: null });
}

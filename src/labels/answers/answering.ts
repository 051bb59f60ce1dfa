// Routers that Docker does not know of: what a namespace knows of them is read (which neighbours have sent what is not of their
// own network, what the kernel knows of its neighbours, the stamp of the table for answers by them), and answers are led by
// them. Not here: what follows from what (labels/answers).

import { ChannelError, DecodeError, ignoring, isNotFound, messageOf } from '../../base/errors.js';
import { ROUTERS_TABLE, RTPROT_DWGD, SENDERS_SET, STAMP_CHAIN, TABLE } from '../../base/ownership.js';
import { sized } from '../../netlink/attributes.js';
import type { Connection } from '../../netlink/connection.js';
import type { RtNetlink } from '../../netlink/route/client.js';
import { addNeighbour, deleteNeighbour } from '../../netlink/route/lasting-neighbours.js';
import { formatMac, parseMac } from '../../netlink/route/link.js';
import { macOf, type Neighbour } from '../../netlink/route/neighbour.js';
import { readRules } from '../../netlink/route/policy-rule.js';
import type { Trace } from '../../netlink/trace.js';
import type { Nft } from '../../nft/client.js';
import { decodeStampedTable } from '../../nft/messages.js';
import { readStamp } from '../diff/stamp.js';
import type {
  Change,
  DesiredState,
  KnownNeighbour,
  RoutersObserved,
  SandboxObserved,
  Sender,
} from '../diff/state.js';
import { diffRouters, isRouterRule } from './diff-routers.js';

const KEY_LENGTH = 12;

/**
 * Neighbours are read only where somebody has sent something, or answers go by routers already.
 * @param rules all policy rules, as the kernel says them @param another connection to the same namespace
 * @returns undefined where the table remembers no senders
 * @throws OpError, ChannelError, DecodeError
 */
export function readRouters(
  rt: Pick<RtNetlink, 'link'>,
  nft: Pick<Nft, 'setKeys' | 'readStampChain'>,
  rules: readonly Buffer[],
  another: () => Pick<RtNetlink, 'neighbours' | 'close'>,
): RoutersObserved | undefined {
  const remembered = readSenders(nft);
  if (!remembered) return undefined;
  // They are remembered for longer than a link may be there.
  const links = [...new Set(remembered.map(({ index }) => index))].filter(index => rt.link(index)?.up);
  const senders = remembered.filter(({ index }) => links.includes(index));
  const isInForce = readRules(rules, RTPROT_DWGD).some(isRouterRule);
  if (senders.length === 0 && !isInForce) return { senders, neighbours: [] };
  try {
    const neighbours = readNeighbours(another()).flatMap(one => {
      const mac = macOf(one);
      return mac === undefined ? [] : [{ address: one.address, index: one.index, mac }];
    });
    const answers = nft.readStampChain(ROUTERS_TABLE, STAMP_CHAIN, true);
    const { stamp } = readStamp(decodeStampedTable(answers, ROUTERS_TABLE.name).comments);
    return { senders, neighbours, ...(stamp && { stamp }) };
  } catch (err) {
    // Root in the container may have filled what is read: no answers go by routers then, and nothing else fails for it.
    if (!isOdd(err)) throw err;
    return { senders: [], neighbours: [] };
  }
}

/** Not by the connection of the session: of too many a part would stay in it. */
function readNeighbours(rt: Pick<RtNetlink, 'neighbours' | 'close'>): Neighbour[] {
  try {
    return rt.neighbours();
  } finally {
    rt.close();
  }
}

function isOdd(err: unknown): boolean {
  return err instanceof DecodeError || err instanceof ChannelError;
}

/**
 * Neighbours that have sent what is not of their own network; undefined where none are remembered, and where what is there is not
 * our set: then the table is not ours either, and is made anew.
 */
export function readSenders(nft: Pick<Nft, 'setKeys'>): Sender[] | undefined {
  try {
    return nft.setKeys(TABLE, SENDERS_SET).map(decodeSender);
  } catch (err) {
    if (isNotFound(err) || isOdd(err)) return undefined;
    throw err;
  }
}

/** `iif . ether saddr`, each in whole words of four bytes. @throws DecodeError when it is short */
function decodeSender(key: Buffer): Sender {
  return { index: sized(key, KEY_LENGTH).readInt32LE(0), mac: formatMac(key.subarray(4, 10)) };
}

/** Makes or takes away a next hop to a router. @throws OpError */
export function changeNeighbour(
  connection: Connection,
  { kind, neighbour }: Extract<Change, { readonly neighbour: KnownNeighbour }>,
  trace: Trace | undefined,
): void {
  if (kind === 'addNeighbour')
    addNeighbour(connection, { ...neighbour, lladdr: parseMac(neighbour.mac) }, trace);
  else ignoring(isNotFound, () => deleteNeighbour(connection, neighbour, trace));
}

/** The changes that were made, and what is told of those that failed. */
interface RouterOutcome {
  readonly changes: readonly Change[];
  readonly notices: readonly string[];
}

/**
 * Leads answers by the routers that were found. What fails there is told and no more: neighbours have a say in it, and they are
 * not to close a namespace.
 */
export function answerByRouters(
  session: { apply(changes: readonly Change[]): { readonly failures: readonly Error[] } },
  desired: DesiredState,
  observed: SandboxObserved,
): RouterOutcome {
  const changes = diffRouters(desired, observed);
  const { failures } = session.apply(changes);
  return {
    changes,
    notices: failures.map(err => `clients of another router get no answer: ${messageOf(err)}`),
  };
}

export const NO_ANSWERS: RouterOutcome = { changes: [], notices: [] };

/** What is told of a namespace, with more of it. */
export function withNotices<T extends { readonly notices?: readonly string[] }>(
  told: T,
  more: readonly string[],
): T {
  return more.length === 0 ? told : { ...told, notices: [...(told.notices ?? []), ...more] };
}

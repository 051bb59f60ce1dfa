// Matches and targets of xtables in rules that iptables-nft has made: as far as Docker and common firewalls write them. Pure.
// Structs of <linux/netfilter/xt_*.h>, in the host's order.

import { type Address, fromBytes } from '../../base/ip.js';
import { CT_STATE, matchExtension } from '../../nft/filter-chain.js';
import { type Bits, hostNumber, hostWord, type Judgement, knownBits, maskBits, negate } from './bits.js';
import { type Packet, portBits } from './first-packet.js';
import { connectionState, knownType } from './loads.js';

const [INVERT_SOURCE, INVERT_DESTINATION] = [1, 2] as const;
const ANY_PORT = [0, 0xffff] as const;
/** Of a range: it has addresses, ports. */
const [RANGE_MAP_IPS, RANGE_PROTO_SPECIFIED] = [1, 2] as const;

/** Whether a `-m` matches. */
export function judgeMatch(
  name: string,
  info: Buffer,
  packet: Packet,
  typeOf: (address: Address) => number | undefined,
): Judgement {
  if (name === 'comment') return true;
  if ((name === 'tcp' || name === 'udp') && info.length >= 9) return judgePorts(name, info, packet);
  if (name === 'mark' && info.length >= 9) {
    const mask = info.subarray(4, 8);
    const mark = hostNumber(maskBits(packet.mark, mask, Buffer.alloc(4)));
    return mark === undefined ? undefined : (mark === info.readUInt32LE(0)) !== (info[8] !== 0);
  }
  if (name === 'addrtype' && info.length >= 8) return judgeTypes(info, packet, typeOf);
  if (name !== 'conntrack' && name !== 'state') return undefined;
  const draft: { states?: number } = {};
  matchExtension(draft, name, info);
  if (draft.states === undefined) return undefined;
  if ((draft.states & connectionState(packet)) !== 0) return true;
  return (draft.states & CT_STATE.dnat) !== 0 && (packet.status & (1 << 5)) !== 0;
}

function judgePorts(name: 'tcp' | 'udp', info: Buffer, packet: Packet): Judgement {
  if (packet.protocol !== name) return false;
  const ends = [0, 2, 4, 6].map(offset => info.readUInt16LE(offset)) as [number, number, number, number];
  const [, , low, high] = ends;
  // Flags and options of TCP have fields of their own.
  const [mask, wanted, inverted] =
    name === 'tcp' ? [info[9] ?? 0, info[10] ?? 0, info[11] ?? 0] : [0, 0, info[8]!];
  const isAnySource = ends[0] === ANY_PORT[0] && ends[1] === ANY_PORT[1];
  const isAny = low === ANY_PORT[0] && high === ANY_PORT[1];
  const { port } = packet;
  const inRange = isAny ? true : port === undefined ? undefined : port >= low && port <= high;
  const destination = (inverted & INVERT_DESTINATION) !== 0 ? negate(inRange) : inRange;
  if (destination === false) return false;
  const flags = mask === 0 ? true : (0x02 & mask) === wanted;
  if (flags !== ((inverted & 4) === 0)) return false;
  const hasOption = name === 'tcp' && info[8] !== 0;
  return hasOption || !isAnySource || (inverted & INVERT_SOURCE) !== 0 ? undefined : destination;
}

function judgeTypes(
  info: Buffer,
  packet: Packet,
  typeOf: (address: Address) => number | undefined,
): Judgement {
  const [source, destination, flags] = [info.readUInt16LE(0), info.readUInt16LE(2), info.readUInt32LE(4)];
  // Of one interface alone.
  if ((flags & ~3) !== 0) return undefined;
  const judge = (end: 'source' | 'destination', types: number, isInverted: boolean): Judgement => {
    if (types === 0) return true;
    const type = knownType(packet, end, typeOf);
    return type === undefined ? undefined : ((types & (1 << type)) !== 0) !== isInverted;
  };
  const both = [
    judge('source', source, (flags & 1) !== 0),
    judge('destination', destination, (flags & 2) !== 0),
  ];
  return both.includes(false) ? false : both.includes(undefined) ? undefined : true;
}

/** Where a target of NAT leads: undefined where it is not understood. */
export function natRange(info: Buffer): { readonly address?: Bits; readonly port?: Bits } | undefined {
  // nf_nat_ipv4_multi_range_compat, or nf_nat_range.
  const isOld = info.length < 40;
  if (info.length < (isOld ? 20 : 40) || (isOld && info.readUInt32LE(0) !== 1)) return undefined;
  const flags = info.readUInt32LE(isOld ? 4 : 0);
  const size = isOld ? 4 : 16;
  const first = isOld ? 8 : 4;
  const [low, high] = [info.subarray(first, first + size), info.subarray(first + size, first + 2 * size)];
  const ports = first + 2 * size;
  const [min, max] = [info.readUInt16BE(ports), info.readUInt16BE(ports + 2)];
  const hasAddress = (flags & RANGE_MAP_IPS) !== 0;
  const hasPort = (flags & RANGE_PROTO_SPECIFIED) !== 0;
  if ((hasAddress && !low.equals(high)) || (hasPort && min !== max)) return undefined;
  return {
    ...(hasAddress && { address: knownBits(fromBytes(low).bytes) }),
    ...(hasPort && { port: portBits(min) }),
  };
}

/** `-j MARK`: the mark that it leaves; undefined where it is not understood. */
export function markOf(info: Buffer, { mark }: Packet): Bits | undefined {
  if (info.length < 8) return undefined;
  const [value, mask] = [info.readUInt32LE(0), info.readUInt32LE(4)];
  const kept = hostWord(~mask >>> 0).value;
  return maskBits(mark, kept, hostWord(value).value);
}

// What rules load into registers: fields of the packet, of its connection, of the routing table. What cannot be told is not
// known. Pure. Keys NFT_META_*, NFT_CT_*, NFTA_FIB_* of <linux/netfilter/nf_tables.h>.

import { type Address, fromBytes } from '../../base/ip.js';
import { type Bits, hostWord, isKnown, knownBits, sliceBits, unknownBits } from './bits.js';
import type { LinkRef, Packet } from './first-packet.js';
import { protocolNumber } from './first-packet.js';

const IFNAME_BYTES = 16;
const [NETWORK, TRANSPORT] = [1, 2] as const;
const META = {
  protocol: 1,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  nfproto: 15,
  l4proto: 16,
} as const;
const CT = {
  ...{ state: 0, direction: 1, status: 2, mark: 3, l3protocol: 7, source: 8, destination: 9, protocol: 10 },
  ...{
    sourcePort: 11,
    destinationPort: 12,
    sourceIp: 19,
    destinationIp: 20,
    sourceIp6: 21,
    destinationIp6: 22,
  },
} as const;
export const [META_MARK, CT_MARK] = [META.mark, CT.mark] as const;
const FIB_ADDRTYPE = 3;
const [FIB_SADDR, FIB_DADDR, FIB_PRESENT] = [1, 2, 32] as const;
/** Bits of ct state. */
const [STATE_INVALID, STATE_NEW, STATE_UNTRACKED] = [1, 8, 64] as const;
/** Bits of ct status that depend on the moment: confirmed, and translation done. */
const PASSING = (1 << 3) | (1 << 7) | (1 << 8);
const ETHERTYPES = { 4: [0x08, 0x00], 6: [0x86, 0xdd] } as const;
const NFPROTOS = { 4: 2, 6: 10 } as const;

/** Undefined: the kernel has no such field of this packet, and the rule does not match. */
type Load = Bits | undefined;

export function loadPayload(packet: Packet, base: number, offset: number, length: number): Load {
  const header = base === NETWORK ? packet.network : base === TRANSPORT ? packet.transport : undefined;
  return header ? sliceBits(header, offset, length) : unknownBits(length);
}

export function loadMeta(packet: Packet, key: number): Load {
  switch (key) {
    case META.protocol:
      return knownBits(ETHERTYPES[packet.family]);
    case META.mark:
      return packet.mark;
    case META.iif:
      return hostWord(packet.iif?.index ?? 0);
    case META.oif:
      return hostWord(packet.oif?.index ?? 0);
    case META.iifname:
      return linkName(packet.iif);
    case META.oifname:
      return linkName(packet.oif);
    case META.nfproto:
      return knownBits([NFPROTOS[packet.family]]);
    case META.l4proto:
      return knownBits([protocolNumber(packet.protocol, packet.family)]);
    default:
      return unknownBits(IFNAME_BYTES);
  }
}

export function connectionState({ isTracked, isUntracked }: Packet): number {
  return isUntracked ? STATE_UNTRACKED : isTracked ? STATE_NEW : STATE_INVALID;
}

export function loadConnection(packet: Packet, key: number, direction: number | undefined): Load {
  if (key === CT.state) return hostWord(connectionState(packet));
  if (!packet.isTracked) return undefined;
  if (key === CT.direction) return knownBits([0]);
  if (key === CT.status) return hostWord(packet.status, PASSING);
  if (key === CT.mark) return packet.connectionMark;
  if (key === CT.l3protocol) return knownBits([NFPROTOS[packet.family]]);
  if (key === CT.protocol) return knownBits([protocolNumber(packet.protocol, packet.family)]);
  if (direction !== 0) return unknownBits(IFNAME_BYTES);
  const { network, transport } = packet.original;
  const length = packet.family === 4 ? 4 : 16;
  const [source, destination] = packet.family === 4 ? [12, 16] : [8, 24];
  if (key === CT.source || key === CT.sourceIp || key === CT.sourceIp6)
    return sliceBits(network, source, length);
  if (key === CT.destination || key === CT.destinationIp || key === CT.destinationIp6)
    return sliceBits(network, destination, length);
  if (packet.protocol !== 'icmp' && key === CT.sourcePort) return sliceBits(transport, 0, 2);
  if (packet.protocol !== 'icmp' && key === CT.destinationPort) return sliceBits(transport, 2, 2);
  return unknownBits(IFNAME_BYTES);
}

/** @param typeOf RTN_* of an address, if it can be told */
export function loadFib(
  packet: Packet,
  result: number,
  flags: number,
  typeOf: (address: Address) => number | undefined,
): Bits {
  const end = flags === FIB_DADDR ? 'destination' : flags === FIB_SADDR ? 'source' : undefined;
  if (result !== FIB_ADDRTYPE || !end || (flags & FIB_PRESENT) !== 0) return unknownBits(IFNAME_BYTES);
  const type = knownType(packet, end, typeOf);
  return type === undefined ? unknownBits(4) : hostWord(type);
}

/** RTN_* of one of the packet's addresses. */
export function knownType(
  packet: Packet,
  end: 'source' | 'destination',
  typeOf: (address: Address) => number | undefined,
): number | undefined {
  const bits = packet.address(end);
  return isKnown(bits) ? typeOf(fromBytes(bits.value)) : undefined;
}

function linkName(link: LinkRef | undefined): Bits {
  const name = Buffer.alloc(IFNAME_BYTES);
  name.write(link?.name ?? '');
  return knownBits(name);
}

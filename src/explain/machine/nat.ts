// Translation of addresses and ports, as nf_nat does it to the first packet of a connection. Pure. Not here: whether a rule
// matches (machine.ts).

import { type Bits, equalBits, isKnown, unknownBits } from './bits.js';
import { portBits } from './first-packet.js';
import type { Instruction } from './instruction.js';
import type { Run } from './run.js';

/** NF_NAT_RANGE_* of <linux/netfilter/nf_nat.h>. */
const [PROTO_OFFSET, NETMAP] = [1 << 5, 1 << 6] as const;
/** IPS_SRC_NAT and IPS_DST_NAT. */
const STATUS = { source: 1 << 4, destination: 1 << 5 } as const;
const ADDRESS_BYTES = { 4: 4, 6: 16 } as const;

type NatChange =
  | Extract<Instruction, { op: 'nat' | 'redirect' }>
  | { readonly op: 'masquerade' }
  /** Of xtables. */
  | { readonly op: 'range'; readonly isSource: boolean; readonly address?: Bits; readonly port?: Bits };

/** Changes the packet, where it surely gets there; says which end is meant. */
export function translate(how: NatChange, run: Run): 'source' | 'destination' {
  const { packet, world } = run;
  const end = how.op === 'masquerade' || (how.op !== 'redirect' && how.isSource) ? 'source' : 'destination';
  if (!run.isSure || packet.translated[end] || packet.isUntracked) return end;
  packet.translated[end] = true;
  const { address, port } = wanted(how, run, () => world.addressOf(packet, end === 'source' ? 'oif' : 'iif'));
  const before = packet.address(end);
  const [portBefore, wasPort] = [packet.port, packet.transport];
  if (address) packet.setAddress(end, address);
  if (end === 'source') packet.forgetSourcePort();
  else if (port) packet.setPort(port);
  const isSame =
    (!address || (isKnown(address) && equalBits(before, address.value) === true)) &&
    (end === 'source' || packet.port === portBefore || packet.transport === wasPort);
  if (!isSame) packet.status |= STATUS[end];
  return end;
}

function wanted(
  how: NatChange,
  run: Run,
  ownAddress: () => Bits,
): { readonly address?: Bits; readonly port?: Bits } {
  if (how.op === 'range') return how;
  if (how.op === 'masquerade') return { address: ownAddress() };
  if (how.op === 'redirect')
    return { address: ownAddress(), ...(how.port !== undefined && { port: run.read(how.port, 2) }) };
  const length = ADDRESS_BYTES[run.packet.family];
  const address = how.address && sameEnds(how.address, length, run);
  const port = how.port && portOf(how.port, how.flags, run);
  const isNetwork = (how.flags & NETMAP) !== 0;
  return {
    ...(address && { address: isNetwork ? unknownBits(length) : address }),
    ...(port && { port }),
  };
}

/** Of a range the kernel takes one by a hash. */
function sameEnds([min, max]: readonly [number, number], length: number, run: Run): Bits {
  const [low, high] = [run.read(min, length), run.read(max, length)];
  return isKnown(high) && equalBits(low, high.value) === true ? low : unknownBits(length);
}

function portOf(range: readonly [number, number], flags: number, run: Run): Bits {
  const [low, high] = [run.read(range[0], 2), run.read(range[1], 2)];
  if ((flags & PROTO_OFFSET) === 0) return sameEnds(range, 2, run);
  const { port } = run.packet;
  if (port === undefined || !isKnown(low) || !isKnown(high)) return unknownBits(2);
  const [min, max] = [low.value.readUInt16BE(), high.value.readUInt16BE()];
  // The base that the kernel subtracts is 0: nf_tables cannot give it.
  return max < min ? unknownBits(2) : portBits(min + (port % (max - min + 1)));
}

// The registers of nf_tables while one rule is judged, and what it is judged by. Pure. Not here: what instructions do
// (machine.ts).

import type { Address } from '../../base/ip.js';
import { type Bits, type Judgement, patchBits, sliceBits, unknownBits } from './bits.js';
import type { Packet } from './first-packet.js';
import type { ListedRule, ListedSet, SetElement, Verdict } from './instruction.js';

/** Their bytes. */
export const REGISTERS = 64;

/** What a rule is judged by beside the packet. */
export interface MachineWorld {
  /** RTN_* of an address in the namespace. */
  typeOf(address: Address): number | undefined;
  /** The addresses of a link that masquerading takes, or redirecting. */
  addressOf(packet: Packet, end: 'oif' | 'iif'): Bits;
  /** Undefined: they are too many, or there is no such set. */
  elements(
    rule: ListedRule,
    set: string,
  ): { readonly set: ListedSet; readonly elements: readonly SetElement[] } | undefined;
  lookUp(
    set: ListedSet,
    elements: readonly SetElement[],
    key: Bits,
  ): { readonly found: Judgement; readonly element?: SetElement };
}

/** The registers and how sure it is that the rule matches, while it is judged. */
export class Run {
  registers: Bits = unknownBits(REGISTERS);
  isSure: boolean;
  verdict: Verdict | 'unknown' | undefined;
  translation: 'source' | 'destination' | undefined;

  constructor(
    readonly rule: ListedRule,
    readonly packet: Packet,
    readonly world: MachineWorld,
    isSure: boolean,
  ) {
    this.isSure = isSure;
  }

  read(place: number, length: number): Bits {
    return sliceBits(this.registers, place, length);
  }

  write(place: number, value: Bits): void {
    const padding = (4 - (value.value.length % 4)) % 4;
    const padded = { value: Buffer.alloc(padding), known: Buffer.alloc(padding, 0xff) };
    this.registers = patchBits(this.registers, place, value);
    this.registers = patchBits(this.registers, place + value.value.length, padded);
  }
}

// Forwards of a range to as many other ports. nf_nat computes the new port as MIN + (PORT - BASE) modulo the number of
// ports from MIN to MAX, and nf_tables cannot say a base, which then is 0: so MIN and MAX are chosen for that sum to be the
// wanted port. Pure. Not here: the rule's bytes (nft/batches.ts), the ranges without a shift (forward-rules.ts).

import type { NftChain, PortShift } from '../../nft/table.js';
import type { PortRange } from '../spec/intent.js';

const PORT_MAX = 65535;

/** Ports that one pair of MIN and MAX shifts. */
interface Shift extends Pick<PortShift, 'min' | 'max'> {
  readonly ports: PortRange;
}

/**
 * How a range is shifted: upwards by one pair, and downwards by one unless the range is longer than its first port's number.
 * @param to of the first port
 */
export function planShifts(ports: PortRange, to: number): Shift[] {
  const distance = to - ports.first;
  // Modulo more than any of the ports changes none.
  if (distance > 0) return [{ ports, min: distance, max: PORT_MAX }];
  const shifts: Shift[] = [];
  for (let { first } = ports; first <= ports.last; ) {
    // Modulo a number that goes once into each of the ports takes that number away.
    const last = Math.min(ports.last, 2 * first - 1);
    const min = Math.max(1, Math.ceil((last + 1) / 2) + distance);
    shifts.push({ ports: { first, last }, min, max: 2 * min - distance - 1 });
    first = last + 1;
  }
  return shifts;
}

/** The chains of one table that shift ports. A packet for which the kernel does not have the rule yet is dropped, not passed. */
export class PortShifts {
  readonly #chains = new Map<string, NftChain>();

  /** The name of the chain that shifts ports like this. */
  chainFor(shift: PortShift): string {
    const key = JSON.stringify(shift);
    const known = this.#chains.get(key);
    if (known) return known.name;
    const name = `shift${this.#chains.size + 1}`;
    this.#chains.set(key, {
      name,
      rules: [{ expr: [], late: { dnat: shift } }, { expr: [{ drop: null }] }],
    });
    return name;
  }

  get chains(): readonly NftChain[] {
    return [...this.#chains.values()];
  }
}

// One rule on one packet: whether it matches, what it changes, what it decides. Pure: what cannot be judged is said to be so.
// Not here: chains (traversal.ts), registers (run.ts), values (loads.ts), xtables' extensions (xtables.ts).

import {
  type Bits,
  compareBits,
  equalBits,
  isKnown,
  type Judgement,
  maskBits,
  negate,
  patchBits,
  sliceBits,
  unknownBits,
} from './bits.js';
import type { Packet } from './first-packet.js';
import type { Instruction, ListedRule, Verdict } from './instruction.js';
import { CT_MARK, loadConnection, loadFib, loadMeta, loadPayload, META_MARK } from './loads.js';
import { translate } from './nat.js';
import { type MachineWorld, REGISTERS, Run } from './run.js';
import { judgeMatch, markOf, natRange } from './xtables.js';

interface Judged {
  /** False: the rule is not for the packet; undefined: it may be. */
  readonly matches: Judgement;
  readonly verdict?: Verdict | 'unknown';
  /** It changed an address or a port: the verdict is to accept. */
  readonly translation?: 'source' | 'destination';
}

/** @param isSure whether the packet surely gets to the rule; what it changes is not known otherwise */
export function judgeRule(rule: ListedRule, packet: Packet, world: MachineWorld, isSure: boolean): Judged {
  const run = new Run(rule, packet, world, isSure);
  let matches: Judgement = true;
  for (const instruction of rule.instructions) {
    const judged = step(instruction, run);
    if (judged === false) return { matches: false };
    if (judged === undefined) [matches, run.isSure] = [undefined, false];
    if (run.verdict !== undefined) break;
  }
  return {
    matches,
    ...(run.verdict !== undefined && { verdict: run.verdict }),
    ...(run.translation && { translation: run.translation }),
  };
}

function step(instruction: Instruction, run: Run): Judgement {
  const { packet } = run;
  switch (instruction.op) {
    case 'immediate': {
      const { value } = instruction;
      run.write(instruction.dreg, { value, known: Buffer.alloc(value.length, 0xff) });
      return true;
    }
    case 'verdict':
      run.verdict = instruction.verdict;
      return true;
    case 'cmp':
      return judgeComparison(instruction, run.read(instruction.sreg, instruction.value.length));
    case 'range': {
      const value = run.read(instruction.sreg, instruction.from.length);
      const [above, below] = [compareBits(value, instruction.from), compareBits(value, instruction.to)];
      if (above === undefined || below === undefined) return undefined;
      return (above >= 0 && below <= 0) !== instruction.inverted;
    }
    case 'bitwise': {
      const { sreg, dreg, mask, xor } = instruction;
      run.write(dreg, maskBits(run.read(sreg, mask.length), mask, xor));
      return true;
    }
    case 'byteorder':
      run.write(instruction.dreg, swap(run.read(instruction.sreg, instruction.length), instruction.size));
      return true;
    case 'lookup':
      return lookUp(instruction, run);
    case 'payload':
      return load(
        run,
        instruction.dreg,
        loadPayload(packet, instruction.base, instruction.offset, instruction.length),
      );
    case 'meta':
      return load(run, instruction.reg, loadMeta(packet, instruction.key));
    case 'ct':
      return load(run, instruction.reg, loadConnection(packet, instruction.key, instruction.direction));
    case 'fib':
      run.write(
        instruction.dreg,
        loadFib(packet, instruction.result, instruction.flags, address => run.world.typeOf(address)),
      );
      return true;
    default:
      return act(instruction, run);
  }
}

function load(run: Run, place: number, value: Bits | undefined): boolean {
  if (!value) return false;
  run.write(place, value);
  return true;
}

function judgeComparison({ is, value }: Extract<Instruction, { op: 'cmp' }>, bits: Bits): Judgement {
  if (is === 'eq') return equalBits(bits, value);
  if (is === 'neq') return negate(equalBits(bits, value));
  const order = compareBits(bits, value);
  if (order === undefined) return undefined;
  return { lt: order < 0, lte: order <= 0, gt: order > 0, gte: order >= 0 }[is];
}

function swap({ value, known }: Bits, size: number): Bits {
  const turned = (bytes: Buffer): Buffer => {
    const out = Buffer.from(bytes);
    for (let at = 0; at + size <= out.length; at += size) out.subarray(at, at + size).reverse();
    return out;
  };
  return { value: turned(value), known: turned(known) };
}

function lookUp(
  { set: name, sreg, dreg, inverted }: Extract<Instruction, { op: 'lookup' }>,
  run: Run,
): Judgement {
  const listed = run.world.elements(run.rule, name);
  const hit = listed && run.world.lookUp(listed.set, listed.elements, run.read(sreg, REGISTERS - sreg));
  if (hit?.found === undefined) {
    if (dreg === 'verdict') run.verdict = 'unknown';
    else if (dreg !== undefined) run.write(dreg, unknownBits(REGISTERS - dreg));
    return undefined;
  }
  if (!hit.found || dreg === undefined) return hit.found !== inverted;
  const { element } = hit;
  if (dreg === 'verdict') run.verdict = element?.verdict ?? 'unknown';
  else {
    const value = element?.data;
    run.write(
      dreg,
      value ? { value, known: Buffer.alloc(value.length, 0xff) } : unknownBits(REGISTERS - dreg),
    );
  }
  return true;
}

/** What changes the packet or its connection. */
function act(instruction: Instruction, run: Run): Judgement {
  const { packet } = run;
  /** What a rule that may match leaves there. */
  const changed = (value: Bits, before: Bits): Bits =>
    run.isSure || (isKnown(value) && equalBits(before, value.value))
      ? value
      : unknownBits(value.value.length);
  switch (instruction.op) {
    case 'set meta':
      if (instruction.key === META_MARK) packet.mark = changed(run.read(instruction.reg, 4), packet.mark);
      return true;
    case 'set ct':
      if (instruction.key === CT_MARK)
        packet.connectionMark = changed(run.read(instruction.reg, 4), packet.connectionMark);
      return true;
    case 'set payload': {
      const { base, offset, length, sreg } = instruction;
      const field = base === 1 ? 'network' : base === 2 ? 'transport' : undefined;
      if (!field) return true;
      const value = changed(run.read(sreg, length), sliceBits(packet[field], offset, length));
      packet[field] = patchBits(packet[field], offset, value);
      return true;
    }
    case 'notrack':
      if (run.isSure && !packet.isTracked) packet.isUntracked = true;
      return true;
    case 'reject':
      run.verdict = { kind: 'drop' };
      return true;
    case 'neutral':
      return true;
    case 'match':
      return judgeMatch(instruction.name, instruction.info, packet, address => run.world.typeOf(address));
    case 'nat':
    case 'masquerade':
    case 'redirect':
      return finish(run, translate(instruction, run));
    case 'target':
      return target(instruction, run);
    default:
      run.registers = unknownBits(REGISTERS);
      return undefined;
  }
}

function finish(run: Run, translation: 'source' | 'destination'): Judgement {
  run.translation = translation;
  run.verdict = { kind: 'accept' };
  return true;
}

function target({ name, info }: Extract<Instruction, { op: 'target' }>, run: Run): Judgement {
  if (name === 'LOG' || name === 'NFLOG' || name === 'TCPMSS') return true;
  if (name === 'REJECT') run.verdict = { kind: 'drop' };
  else if (name === 'MASQUERADE') return finish(run, translate({ op: 'masquerade' }, run));
  else if (name === 'MARK') {
    const mark = markOf(info, run.packet);
    run.packet.mark = mark && run.isSure ? mark : unknownBits(4);
  } else if (name === 'DNAT' || name === 'SNAT') {
    const range = natRange(info) ?? { address: unknownBits(run.packet.family === 4 ? 4 : 16) };
    return finish(run, translate({ op: 'range', isSource: name === 'SNAT', ...range }, run));
  } else run.verdict = 'unknown';
  return run.verdict === 'unknown' ? undefined : true;
}

// A hook of netfilter: the base chains that hang there, in their order, on one packet. Rules that may match are told, and taken
// not to. Pure. Not here: one rule (machine.ts), which hooks there are (walk.ts).

import type { Work } from '../../netlink/work.js';
import type { Packet } from './first-packet.js';
import { ordersAt, placeOf } from './hook-order.js';
import type { HookName, ListedChain, ListedRule, Ruleset } from './instruction.js';
import { placeKey } from './instruction.js';
import { judgeRule } from './machine.js';
import type { MachineWorld } from './run.js';

/** The kernel's own: jumps within one another. */
const MAX_DEPTH = 16;
/** Instructions for one packet in one namespace: its owner could make more of them than anybody waits for. */
const MAX_STEPS = 100_000;
/** Instructions without a pause. */
const AT_A_TIME = 2_000;
/** NF_IP_PRI_CONNTRACK: from there on the connection is known. */
const CONNTRACK = -200;
/** A rule, or the policy of a chain. */
export type Decider =
  | { readonly rule: ListedRule }
  | { readonly policyOf: Pick<ListedChain, 'family' | 'table' | 'name'> };

/** What happened at a hook. */
export type HookEvent =
  | { readonly kind: 'dropped' | 'may drop' | 'may decide'; readonly by: Decider }
  | {
      readonly kind: 'translated' | 'may translate';
      readonly by: Decider;
      readonly end: 'source' | 'destination';
    }
  | { readonly kind: 'marked'; readonly by: Decider }
  | { readonly kind: 'too many' }
  | { readonly kind: 'order' };

type ChainEnd = 'accept' | 'drop' | 'end';

/** How many instructions are left, and how many after the next pause. */
interface Budget {
  steps: number;
  pauseAt: number;
}

export function fullBudget(): Budget {
  return { steps: MAX_STEPS, pauseAt: MAX_STEPS - AT_A_TIME };
}

/** One base chain under way. */
class Chain {
  /** Whether something that may have matched may have ended it. */
  mayHaveEnded = false;

  constructor(
    readonly ruleset: Ruleset,
    readonly packet: Packet,
    readonly world: MachineWorld,
    readonly budget: Budget,
    readonly events: HookEvent[],
  ) {}

  *run(key: string, mayBe: boolean, depth: number): Work<ChainEnd> {
    let isUnsure = mayBe;
    if (depth > MAX_DEPTH) return 'end';
    for (const rule of this.ruleset.rules.get(key) ?? []) {
      this.budget.steps -= 1 + rule.instructions.length;
      if (this.budget.steps < 0) return 'end';
      if (this.budget.steps <= this.budget.pauseAt) {
        this.budget.pauseAt = this.budget.steps - AT_A_TIME;
        yield;
      }
      const ending = yield* this.#rule(rule, isUnsure || this.mayHaveEnded, depth);
      if (ending === 'unsure') isUnsure = true;
      else if (ending === 'return') return 'end';
      else if (ending !== undefined) return ending;
    }
    return 'end';
  }

  *#rule(rule: ListedRule, mayBe: boolean, depth: number): Work<ChainEnd | 'unsure' | 'return' | undefined> {
    const { packet, world, events } = this;
    const by = { rule };
    const { mark } = packet;
    const { matches, verdict, translation } = judgeRule(rule, packet, world, !mayBe);
    if (matches === false) return undefined;
    const isSure = matches === true && !mayBe;
    if (packet.mark !== mark) events.push({ kind: 'marked', by });
    if (translation) events.push({ kind: isSure ? 'translated' : 'may translate', by, end: translation });
    if (verdict === undefined) {
      if (mayKeepPackets(rule)) events.push({ kind: 'may decide', by });
      return undefined;
    }
    if (verdict === 'unknown' || verdict.kind === 'queue') {
      events.push({ kind: 'may decide', by });
      this.mayHaveEnded = true;
      return undefined;
    }
    if (verdict.kind === 'jump' || verdict.kind === 'goto') {
      const key = placeKey(rule.family, rule.table, verdict.chain);
      const ending = yield* this.run(key, !isSure, depth + 1);
      if (ending !== 'end') return ending;
      return verdict.kind === 'jump' ? undefined : isSure ? 'return' : 'unsure';
    }
    if (verdict.kind === 'return') return isSure ? 'return' : 'unsure';
    if (verdict.kind === 'drop') {
      events.push({ kind: isSure ? 'dropped' : 'may drop', by });
      return isSure ? 'drop' : undefined;
    }
    if (isSure) return 'accept';
    this.mayHaveEnded = true;
    return undefined;
  }
}

/** What a hook is run with. */
interface HookParts {
  readonly ruleset: Ruleset;
  readonly world: MachineWorld;
  readonly budget: Budget;
  /** Called after each chain of type route: what it changed may lead elsewhere. */
  readonly afterRouteChain?: () => void;
  /** Called as soon as an address was translated there. */
  readonly afterNat?: () => void;
}

/** What has become of a packet. */
interface HookResult {
  /** Whether it is still there. */
  readonly passes: boolean;
  readonly events: HookEvent[];
}

/** Runs the chains of a hook. */
export function* runHook(hook: HookName, packet: Packet, parts: HookParts): Work<HookResult> {
  const { taken, others } = ordersAt(hook, packet, parts.ruleset);
  const isOpen = others === 'too many' || (yield* isOrderOpen(hook, packet, parts, [taken, ...others]));
  const { passes, events } = yield* runChains(hook, taken, packet, parts);
  return { passes, events: isOpen ? [{ kind: 'order' }, ...events] : events };
}

/** Whether it depends on the order what becomes of the packet, or what happens to it. */
function* isOrderOpen(
  hook: HookName,
  packet: Packet,
  { ruleset, world, budget }: HookParts,
  orders: readonly (readonly ListedChain[])[],
): Work<boolean> {
  if (orders.length === 1) return false;
  const outcomes = new Set<string>();
  const numbers = new Map<object, number>();
  const numberOf = (decider: object): number => {
    const number = numbers.get(decider) ?? numbers.size;
    numbers.set(decider, number);
    return number;
  };
  for (const chains of orders) {
    const copy = packet.copy();
    const { passes, events } = yield* runChains(hook, chains, copy, { ruleset, world, budget });
    // By number: there may be very many events, and their rules are as long as whoever made them likes.
    const told = events.flatMap(event => {
      if (event.kind === 'marked') return [];
      if (!('by' in event)) return [event.kind];
      const decider = 'rule' in event.by ? event.by.rule : event.by.policyOf;
      return [`${event.kind} ${'end' in event ? event.end : ''} ${numberOf(decider)}`];
    });
    // What was changed of one that is dropped is nobody's concern.
    outcomes.add(JSON.stringify([told.sort(), passes ? copy : undefined]));
  }
  return outcomes.size > 1;
}

function* runChains(
  hook: HookName,
  chains: readonly ListedChain[],
  packet: Packet,
  parts: HookParts,
): Work<HookResult> {
  const events: HookEvent[] = [];
  const end = hook === 'prerouting' || hook === 'output' ? 'destination' : 'source';
  for (const chain of chains) {
    const base = chain.base!;
    track(hook, packet, placeOf(hook, base));
    const isNat = base.type === 'nat';
    if (isNat && (packet.isUntracked || packet.translated[end])) continue;
    const run = new Chain(parts.ruleset, packet, parts.world, parts.budget, events);
    const ending = yield* run.run(placeKey(chain.family, chain.table, chain.name), false, 1);
    if (parts.budget.steps < 0) {
      events.push({ kind: 'too many' });
      return { passes: true, events };
    }
    if (ending === 'end' && base.isDropping) {
      events.push({ kind: run.mayHaveEnded ? 'may drop' : 'dropped', by: { policyOf: chain } });
      if (!run.mayHaveEnded) return { passes: false, events };
    }
    if (ending === 'drop') return { passes: false, events };
    if (base.type === 'route') parts.afterRouteChain?.();
    if (isNat && packet.translated[end]) parts.afterNat?.();
  }
  track(hook, packet, 0);
  // What no rule has translated stays so, also where the packet passes another hook for the same end.
  if (hook !== 'forward') packet.translated[end] = true;
  return { passes: true, events };
}

function track(hook: HookName, packet: Packet, priority: number): void {
  if ((hook === 'prerouting' || hook === 'output') && priority > CONNTRACK && !packet.isUntracked)
    packet.isTracked = true;
}

/** Expressions that are not followed, and may answer or lead elsewhere without a verdict. */
const KEEPERS: ReadonlySet<string> = new Set(['synproxy', 'tproxy', 'objref']);

function mayKeepPackets({ instructions }: ListedRule): boolean {
  return instructions.some(each => each.op === 'other' && KEEPERS.has(each.name));
}

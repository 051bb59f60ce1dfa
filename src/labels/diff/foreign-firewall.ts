// Whether a firewall of the container's own drops what its labels are to forward. A drop in another base chain is final, so
// no rule of ours helps; nothing of others is touched, so the lines that would help are told. Only what is dropped for
// sure is told: a rule with conditions that are not read counts as if they were met. Pure. Not here: reading firewalls
// (nft/firewalls.ts, nft/legacy-tables.ts).

import type { Family } from '../../base/ip.js';
import { plain, quote } from '../../base/plain-text.js';
import { CT_STATE, type FilterRule, type ForwardChain } from '../../nft/filter-chain.js';
import type { InterfacePattern } from '../spec/intent.js';
import { ANY, covers, DOCKERS, formatPattern, intersect } from '../spec/interface-pattern.js';

/** What a namespace is to forward. */
export interface Forwarding {
  readonly families: readonly Family[];
  /** By these connections leave; none where only ports are forwarded. */
  readonly outside: readonly InterfacePattern[];
  /** By these connections to forwarded ports come in. */
  readonly ingress: readonly InterfacePattern[];
}

/** Chains that are told, and interfaces that lines are for. */
const [MOST_CHAINS, MOST_LINES] = [4, 3] as const;
const NAME_MAX = 60;
/** Rules that packets are taken to in all: a container may have chains that double at each step. */
const MAX_STEPS = 4096;
/** Counts them down. */
interface StepBudget {
  left: number;
}
/** Names that a shell and nft(8) take as they are: a container chooses them, and an administrator runs the lines. */
const ORDINARY = /^[A-Za-z_][\w.-]{0,59}$/;

/** Packets that have the same way. */
interface PacketClass {
  readonly iif?: InterfacePattern;
  readonly oif?: InterfacePattern;
  /** What the other of the two is not: nothing goes from a tunnel back into it. */
  readonly notOther?: readonly InterfacePattern[];
  /** CT_STATE. */
  readonly states: number;
}

/** The firewalls that drop it, with the lines that let it pass; undefined where there is none. */
export function whyFiltered(forwarding: Forwarding, chains: readonly ForwardChain[]): string | undefined {
  const steps: StepBudget = { left: MAX_STEPS };
  const found = chains
    .filter(chain => isFor(chain, forwarding))
    .filter(chain => isDropped(chain, forwarding, steps));
  // What has too many rules is not told.
  if (found.length === 0 || steps.left < 0) return undefined;
  const told = found.slice(0, MOST_CHAINS).map(describe);
  const lines = found.slice(0, MOST_CHAINS).flatMap(chain => linesFor(chain, forwarding));
  const more = found.length > MOST_CHAINS ? ` and ${found.length - MOST_CHAINS} more` : '';
  const remedy =
    lines.length > 0
      ? `let the container run these lines once its firewall is up: ${[...new Set(lines)].join('; ')}`
      : 'have the container itself accept that: its chains have names for which no line can be given';
  return `a firewall of the container's own drops what its labels forward: ${told.join(', ')}${more}; nothing of it is changed, so ${remedy}`;
}

function isFor({ family }: ForwardChain, { families }: Forwarding): boolean {
  return family === 'inet' || families.includes(family === 'ip' ? 4 : 6);
}

/** Whether all connections that leave, all answers to them, or all connections to forwarded ports are dropped. */
function isDropped(chain: ForwardChain, { outside, ingress }: Forwarding, steps: StepBudget): boolean {
  // Of a router between Docker's networks the patterns are of both sides.
  const notOther = outside.filter(pattern => !intersect(pattern, DOCKERS));
  const kinds: readonly (readonly PacketClass[])[] = [
    outside.map(oif => ({ oif, notOther, states: CT_STATE.new })),
    outside.map(iif => ({ iif, notOther, states: CT_STATE.established })),
    ingress.map(iif => ({ iif, states: CT_STATE.new | CT_STATE.dnat })),
  ];
  return kinds.some(flows => flows.length > 0 && flows.every(flow => !passes(chain, flow, steps)));
}

function passes({ rules, others, isDropping }: ForwardChain, flow: PacketClass, steps: StepBudget): boolean {
  const walk = (rules: readonly FilterRule[]): 'accept' | 'drop' | undefined => {
    for (const rule of rules) {
      // The kernel knows no circle, but what is read piece by piece may have one.
      if (--steps.left < 0) return 'accept';
      const { verdict } = rule;
      const met = verdict ? meets(rule, flow) : 'no';
      if (met === 'no') continue;
      if (verdict === 'accept') return 'accept';
      if (verdict === 'return' && met === 'yes') return undefined;
      if (verdict === 'drop' && met === 'yes') return 'drop';
      if (typeof verdict !== 'object') continue;
      const found = walk(others.get(verdict.chain) ?? []);
      if (found === 'accept' || (found && met === 'yes')) return found;
      if (verdict.isGoto && met === 'yes') return undefined;
    }
    return undefined;
  };
  return (walk(rules) ?? (isDropping ? 'drop' : 'accept')) === 'accept';
}

/** Whether the rule is for all of these packets, for some of them perhaps, or for none. */
function meets({ iif, oif, states, isSelective }: FilterRule, flow: PacketClass): 'yes' | 'perhaps' | 'no' {
  if (states !== undefined && (states & flow.states) === 0) return 'no';
  const other = flow.iif ? oif : iif;
  if (other && flow.notOther?.some(one => covers(one, other))) return 'no';
  const links = [
    [iif, flow.iif ?? ANY],
    [oif, flow.oif ?? ANY],
  ] as const;
  if (links.some(([asked, given]) => asked && !intersect(asked, given))) return 'no';
  const isWhole = links.every(([asked, given]) => !asked || covers(asked, given));
  return isWhole && !isSelective ? 'yes' : 'perhaps';
}

/** An ordinary name as it is; another cannot be mistaken for words of the sentence. */
function quoted(name: string): string {
  return ORDINARY.test(name) ? name : quote(plain(name, NAME_MAX));
}

function describe({ family, table, name, isDropping, isLegacy }: ForwardChain): string {
  const where = isLegacy
    ? `${family === 'ip6' ? 'ip6tables' : 'iptables'}-legacy`
    : `table ${family} ${quoted(table)}`;
  return `chain ${quoted(name)} of ${where}${isDropping ? ' (policy drop)' : ''}`;
}

/** The lines that let pass what the labels ask for, and nothing else. */
function linesFor(chain: ForwardChain, { outside, ingress }: Forwarding): string[] {
  const { family, table, name, isLegacy } = chain;
  const links = outside.slice(0, MOST_LINES);
  if (family !== 'inet' && table === 'filter' && name === 'FORWARD') {
    const command = `${family === 'ip6' ? 'ip6tables' : 'iptables'}${isLegacy ? '-legacy' : ''} -I FORWARD`;
    const states = ['ESTABLISHED', 'RELATED', ...(ingress.length > 0 ? ['DNAT'] : [])];
    return [
      ...links.map(link => `${command}${link.name === '' ? '' : ` -o ${formatPattern(link)}`} -j ACCEPT`),
      `${command} -m conntrack --ctstate ${states.join(',')} -j ACCEPT`,
    ];
  }
  if (!ORDINARY.test(table) || !ORDINARY.test(name)) return [];
  const command = `nft insert rule ${family} ${table} ${name}`;
  return [
    ...links.map(({ name, prefix }) =>
      name === '' ? `${command} accept` : `${command} oifname "${name}${prefix ? '*' : ''}" accept`,
    ),
    `${command} ct state established,related accept`,
    ...(ingress.length > 0 ? [`${command} ct status dnat accept`] : []),
  ];
}

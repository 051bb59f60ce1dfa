// What firewalls of others do to forwarded packets: their base chains at hook forward, of nftables and iptables alike, and
// of each rule as much as decides whether a packet of ours passes. Here those that are in nf_tables are decoded (NFTA_* of
// <linux/netfilter/nf_tables.h>). Pure. Not here: the old iptables' (legacy-filter.ts), what becomes of our packets
// (labels/diff/foreign-firewall.ts).

import { attrMap, readAttrs, readString, sized } from '../netlink/attributes.js';
import { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6, nfAttributes } from './nfgenmsg.js';
import type { NftFamily } from './table.js';

const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_META_KEY = 2;
const NFTA_CT_KEY = 2;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;
const NFTA_BITWISE_MASK = 4;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
/** Of a match or a target of xtables, alike. */
const NFTA_MATCH_NAME = 1;
const NFTA_MATCH_INFO = 3;
const NFTA_LOOKUP_DREG = 3;
const NFT_REG_VERDICT = 0;
const [NFT_META_IIFNAME, NFT_META_OIFNAME] = [6, 7] as const;
const [NFT_CT_STATE, NFT_CT_STATUS] = [0, 2] as const;
const [NFT_CMP_EQ, NFT_CMP_NEQ] = [0, 1] as const;
const IPS_DST_NAT = 1 << 5;
export const NF_INET_FORWARD = 2;
export const [NF_DROP, NF_ACCEPT] = [0, 1] as const;
const [NFT_JUMP, NFT_GOTO, NFT_RETURN] = [-3, -4, -5] as const;
const FAMILIES: ReadonlyMap<number, NftFamily> = new Map([
  [NFPROTO_INET, 'inet'],
  [NFPROTO_IPV4, 'ip'],
  [NFPROTO_IPV6, 'ip6'],
]);
/** Expressions that neither select packets nor decide about them. */
const NEUTRAL: ReadonlySet<string> = new Set(['counter', 'log', 'last']);

/** Bits of a connection's state, as `--ctstate` has them; nftables has the first three at the same places. */
export const CT_STATE = { established: 1 << 1, related: 1 << 2, new: 1 << 3, dnat: 1 << 7 } as const;

/** An interface's name, or with `prefix` the beginning of names. */
interface LinkNames {
  readonly name: string;
  readonly prefix: boolean;
}

/** As much of a rule as is understood. */
export interface FilterRule {
  readonly iif?: LinkNames;
  readonly oif?: LinkNames;
  /** CT_STATE of the connections that it is for. */
  readonly states?: number;
  /** Whether it has conditions beside these. */
  readonly isSelective?: true;
  /** Absent: the packet goes on to the next rule. */
  readonly verdict?: 'accept' | 'drop' | 'return' | { readonly chain: string; readonly isGoto?: true };
}

/** A base chain at hook forward. */
export interface ForwardChain {
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
  readonly isDropping: boolean;
  /** Whether it is of the iptables before nf_tables. */
  readonly isLegacy?: true;
  readonly rules: readonly FilterRule[];
  /** Those of the other chains of its table. */
  readonly others: ReadonlyMap<string, readonly FilterRule[]>;
}

/** A chain without its rules. */
type BaseChain = Omit<ForwardChain, 'rules' | 'others'>;

/** Those among the chains of a namespace. @param payloads of NFT_MSG_NEWCHAIN @throws DecodeError */
export function readForwardChains(payloads: readonly Buffer[]): BaseChain[] {
  return payloads.flatMap(payload => {
    const attrs = attrMap(nfAttributes(payload));
    const hook = attrs.get(NFTA_CHAIN_HOOK);
    const family = FAMILIES.get(payload.readUInt8(0));
    if (!hook || !family || bigEndian(attrMap(hook).get(NFTA_HOOK_HOOKNUM)) !== NF_INET_FORWARD) return [];
    const isDropping = bigEndian(attrs.get(NFTA_CHAIN_POLICY)) === NF_DROP;
    return [{ family, table: text(attrs, NFTA_CHAIN_TABLE), name: text(attrs, NFTA_CHAIN_NAME), isDropping }];
  });
}

/** The rules of a table, by their chains. @param payloads of NFT_MSG_NEWRULE @throws DecodeError */
export function readFilterRules(payloads: readonly Buffer[]): Map<string, FilterRule[]> {
  const chains = new Map<string, FilterRule[]>();
  for (const payload of payloads) {
    const attrs = attrMap(nfAttributes(payload));
    const name = text(attrs, NFTA_RULE_CHAIN);
    const rules = chains.get(name) ?? [];
    chains.set(name, rules);
    rules.push(readFilterRule(attrs.get(NFTA_RULE_EXPRESSIONS)));
  }
  return chains;
}

/** A rule under construction. */
export type DraftRule = { -readonly [K in keyof FilterRule]: FilterRule[K] };

/** What the last expression has put into a register. */
type Loaded = 'iif' | 'oif' | 'state' | 'status' | undefined;

function readFilterRule(expressions: Buffer | undefined): FilterRule {
  const draft: DraftRule = {};
  let loaded: Loaded;
  let mask: number | undefined;
  for (const { value } of expressions ? readAttrs(expressions) : []) {
    const expression = attrMap(value);
    const name = text(expression, NFTA_EXPR_NAME);
    const data = attrMap(expression.get(NFTA_EXPR_DATA) ?? Buffer.alloc(0));
    if (name === 'meta' || name === 'ct') {
      [loaded, mask] = [loadedBy(name, data), undefined];
      if (!loaded) draft.isSelective = true;
    } else if (name === 'bitwise' && loaded) mask = littleEndian(dataOf(data, NFTA_BITWISE_MASK));
    else if (name === 'cmp' && loaded) compare(draft, loaded, mask, data);
    else if (name === 'immediate') decide(draft, data);
    else if (name === 'reject') draft.verdict = 'drop';
    else if (name === 'target') target(draft, text(data, NFTA_MATCH_NAME));
    else if (name === 'match')
      matchExtension(draft, text(data, NFTA_MATCH_NAME), data.get(NFTA_MATCH_INFO) ?? Buffer.alloc(0));
    else if (!NEUTRAL.has(name)) {
      draft.isSelective = true;
      if (name === 'lookup' && bigEndian(data.get(NFTA_LOOKUP_DREG)) === NFT_REG_VERDICT)
        mapVerdict(draft, loaded);
      loaded = undefined;
    }
  }
  return draft;
}

function loadedBy(name: 'meta' | 'ct', data: ReadonlyMap<number, Buffer>): Loaded {
  const key = bigEndian(data.get(name === 'meta' ? NFTA_META_KEY : NFTA_CT_KEY));
  if (name === 'meta') return key === NFT_META_IIFNAME ? 'iif' : key === NFT_META_OIFNAME ? 'oif' : undefined;
  return key === NFT_CT_STATE ? 'state' : key === NFT_CT_STATUS ? 'status' : undefined;
}

function compare(
  draft: DraftRule,
  loaded: NonNullable<Loaded>,
  mask: number | undefined,
  data: ReadonlyMap<number, Buffer>,
): void {
  const op = bigEndian(data.get(NFTA_CMP_OP));
  const value = dataOf(data, NFTA_CMP_DATA);
  if (loaded === 'iif' || loaded === 'oif') {
    if (op === NFT_CMP_EQ) draft[loaded] = linkNames(value);
    else draft.isSelective = true;
    return;
  }
  // `ct state & mask != 0`, or one state alone.
  const isAny = op === NFT_CMP_NEQ && mask !== undefined && littleEndian(value) === 0;
  const wanted = isAny ? mask : op === NFT_CMP_EQ && mask === undefined ? littleEndian(value) : undefined;
  if (wanted === undefined) draft.isSelective = true;
  else if (loaded === 'state') draft.states = wanted & 0xe;
  else if (wanted === IPS_DST_NAT) draft.states = CT_STATE.dnat;
  else draft.isSelective = true;
}

function decide(draft: DraftRule, data: ReadonlyMap<number, Buffer>): void {
  const nested = attrMap(data.get(NFTA_IMMEDIATE_DATA) ?? Buffer.alloc(0)).get(NFTA_DATA_VERDICT);
  if (!nested) return;
  const verdict = attrMap(nested);
  const code = (bigEndian(verdict.get(NFTA_VERDICT_CODE)) ?? 0) | 0;
  if (code === NF_ACCEPT || code === NF_DROP) draft.verdict = code === NF_ACCEPT ? 'accept' : 'drop';
  else if (code === NFT_RETURN) draft.verdict = 'return';
  else if (code === NFT_JUMP || code === NFT_GOTO)
    draft.verdict = {
      chain: text(verdict, NFTA_VERDICT_CHAIN),
      ...(code === NFT_GOTO && { isGoto: true }),
    };
}

/** A map of verdicts, which is not read: it may accept; by states of connections it hardly ever accepts new ones. */
function mapVerdict(draft: DraftRule, loaded: Loaded): void {
  draft.verdict = 'accept';
  if (loaded === 'state') draft.states = CT_STATE.established | CT_STATE.related;
}

/** A target of xtables that decides by itself: only REJECT among those that firewalls end with. */
export function target(draft: DraftRule, name: string): void {
  if (name === 'REJECT') draft.verdict = 'drop';
  // It queues, or goes on elsewhere.
  else if (name === 'NFQUEUE') draft.isSelective = true;
}

/** What a match of xtables (`-m`) selects. @param info of the kernel's own struct for it */
export function matchExtension(draft: DraftRule, name: string, info: Buffer): void {
  if (name === 'comment') return;
  const states =
    name === 'conntrack'
      ? conntrackStates(info)
      : name === 'state'
        ? littleEndian(info.subarray(0, 4))
        : undefined;
  if (states === undefined) draft.isSelective = true;
  else draft.states = states;
}

/** Of struct xt_conntrack_mtinfo3: where its flags and its mask of states are. */
const [XT_MATCH_FLAGS, XT_INVERT_FLAGS, XT_STATE_MASK] = [146, 148, 150] as const;
const XT_CONNTRACK_STATE = 1;
/** It was written as `-m state`. */
const XT_CONNTRACK_STATE_ALIAS = 1 << 13;

/** The states of a `-m conntrack` that asks for nothing else. */
function conntrackStates(info: Buffer): number | undefined {
  if (info.length < XT_STATE_MASK + 2) return undefined;
  const flags = info.readUInt16LE(XT_MATCH_FLAGS) & ~XT_CONNTRACK_STATE_ALIAS;
  const isState = flags === XT_CONNTRACK_STATE && info.readUInt16LE(XT_INVERT_FLAGS) === 0;
  return isState ? info.readUInt16LE(XT_STATE_MASK) : undefined;
}

/** The names of a comparison: with the zero behind it a whole one, else its beginning. */
function linkNames(value: Buffer): LinkNames {
  const end = value.indexOf(0);
  return { name: value.toString('latin1', 0, end < 0 ? value.length : end), prefix: end < 0 };
}

function dataOf(attrs: ReadonlyMap<number, Buffer>, type: number): Buffer {
  return attrMap(attrs.get(type) ?? Buffer.alloc(0)).get(NFTA_DATA_VALUE) ?? Buffer.alloc(0);
}

function text(attrs: ReadonlyMap<number, Buffer>, type: number): string {
  return readString(attrs.get(type) ?? Buffer.alloc(0));
}

/** Attributes are in the network's order; undefined where there is none. */
function bigEndian(value: Buffer | undefined): number | undefined {
  return value && sized(value, 4).readUInt32BE();
}

/** Registers are in the host's. */
function littleEndian(value: Buffer): number | undefined {
  return value.length === 4 ? value.readUInt32LE() : undefined;
}

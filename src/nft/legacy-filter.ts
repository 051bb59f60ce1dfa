// The filter table of the iptables before nf_tables, as the kernel copies it out: struct ipt_getinfo and struct ipt_entry
// of <linux/netfilter_ipv4/ip_tables.h>, and IPv6's. Pure. Not here: asking for it (legacy-tables.ts), the same rules in
// nf_tables (filter-chain.ts).

import { DecodeError } from '../base/errors.js';
import type { Family } from '../base/ip.js';
import { untilZero } from '../netlink/attributes.js';
import {
  type DraftRule,
  type FilterRule,
  type ForwardChain,
  matchExtension,
  NF_ACCEPT,
  NF_DROP,
  NF_INET_FORWARD,
  target,
} from './filter-chain.js';

export const XT_TABLE_MAXNAMELEN = 32;
/** Of struct ipt_getinfo: the name, the hooks, five entries, five underflows, the number of rules, their size. */
export const GETINFO_BYTES = 84;
const [INFO_HOOK_ENTRY, INFO_UNDERFLOW, INFO_SIZE] = [36, 56, 80] as const;

/** Where the parts of an entry are. */
interface EntryLayout {
  /** What it compares addresses with, all zero where it does not; then names of links and their masks. */
  readonly addresses: number;
  readonly protocol: number;
  readonly flags: number;
  readonly inverted: number;
  readonly targetOffset: number;
  readonly matches: number;
  /** IPT_F_GOTO, IP6T_F_GOTO. */
  readonly goto: number;
}
const LAYOUTS: Readonly<Record<Family, EntryLayout>> = {
  4: { addresses: 16, protocol: 80, flags: 82, inverted: 83, targetOffset: 88, matches: 112, goto: 0x02 },
  6: { addresses: 64, protocol: 128, flags: 131, inverted: 132, targetOffset: 140, matches: 168, goto: 0x04 },
};
const IFNAMSIZ = 16;
/** struct xt_entry_match and xt_entry_target: size, name, revision. */
const EXTENSION_BYTES = 32;
const [NAME_AT, NAME_MAX] = [2, 29] as const;
const XT_RETURN = -5;
/** The target behind which a chain of its own begins. */
const ERROR_TARGET = 'ERROR';

/** What IPT_SO_GET_INFO says of a table: where chain FORWARD begins and ends, and the size of all rules in bytes. */
interface LegacyInfo {
  readonly entry: number;
  readonly underflow: number;
  readonly size: number;
}

/** @throws DecodeError when it is short */
export function readLegacyInfo(info: Buffer): LegacyInfo {
  if (info.length < GETINFO_BYTES) throw new DecodeError(`an ipt_getinfo of ${info.length} bytes`);
  return {
    entry: info.readUInt32LE(INFO_HOOK_ENTRY + 4 * NF_INET_FORWARD),
    underflow: info.readUInt32LE(INFO_UNDERFLOW + 4 * NF_INET_FORWARD),
    size: info.readUInt32LE(INFO_SIZE),
  };
}

/** Chain FORWARD. @param entries all of the table @throws DecodeError */
export function readLegacyForward(
  family: Family,
  { entry, underflow }: LegacyInfo,
  entries: Buffer,
): ForwardChain {
  const chains = new Map<string, FilterRule[]>();
  let rules: FilterRule[] = [];
  let isDropping = false;
  for (let offset = 0; offset < entries.length; ) {
    const { rule, next, isChainHead } = readEntry(LAYOUTS[family], entries, offset);
    // A chain's own rules begin behind its head, which jumps lead to; those of a hook where the hook says.
    if (isChainHead || offset === entry) {
      rules = [];
      chains.set(String(isChainHead ? next : offset), rules);
    }
    if (offset === underflow) {
      isDropping = rule.verdict === 'drop';
      // What follows is another hook's.
      rules = [];
    } else if (!isChainHead) rules.push(rule);
    offset = next;
  }
  return {
    family: family === 4 ? 'ip' : 'ip6',
    table: 'filter',
    name: 'FORWARD',
    isDropping,
    isLegacy: true,
    rules: chains.get(String(entry)) ?? [],
    others: chains,
  };
}

function readEntry(
  layout: EntryLayout,
  entries: Buffer,
  offset: number,
): { readonly rule: FilterRule; readonly next: number; readonly isChainHead: boolean } {
  const { addresses, protocol, flags, inverted, targetOffset, matches } = layout;
  const end = offset + at16(entries, offset + targetOffset + 2);
  const targetAt = offset + at16(entries, offset + targetOffset);
  if (end > entries.length || targetAt + EXTENSION_BYTES > end || targetAt < offset + matches)
    throw new DecodeError(`an entry of iptables from ${offset} to ${end} with its target at ${targetAt}`);
  const draft: DraftRule = {};
  const names = offset + addresses;
  const [iif, oif] = [0, 1].map(n => linkNames(entries, names + n * IFNAMSIZ, names + (n + 2) * IFNAMSIZ));
  if (iif) draft.iif = iif;
  if (oif) draft.oif = oif;
  const isFor = [
    entries.subarray(offset, names).some(byte => byte !== 0),
    at16(entries, offset + protocol) !== 0,
    entries.readUInt8(offset + inverted) !== 0,
  ];
  if (isFor.includes(true)) draft.isSelective = true;
  for (let at = offset + matches; at < targetAt; ) {
    const size = at16(entries, at);
    if (size < EXTENSION_BYTES || at + size > targetAt)
      throw new DecodeError(`a match of iptables of ${size} bytes`);
    matchExtension(draft, nameOf(entries, at), entries.subarray(at + EXTENSION_BYTES, at + size));
    at += size;
  }
  const name = nameOf(entries, targetAt);
  const isGoto = (entries.readUInt8(offset + flags) & layout.goto) !== 0;
  if (name === '' && targetAt + EXTENSION_BYTES + 4 > end)
    throw new DecodeError('a target of iptables without its verdict');
  if (name === '') decide(draft, entries.readInt32LE(targetAt + EXTENSION_BYTES), end, isGoto);
  else target(draft, name);
  return { rule: draft, next: end, isChainHead: name === ERROR_TARGET };
}

/** @param verdict negative: what NF_* says, less one; else the rule to go on at */
function decide(draft: DraftRule, verdict: number, next: number, isGoto: boolean): void {
  if (verdict === XT_RETURN) draft.verdict = 'return';
  else if (verdict < 0) {
    const decided = -verdict - 1;
    if (decided === NF_ACCEPT || decided === NF_DROP)
      draft.verdict = decided === NF_ACCEPT ? 'accept' : 'drop';
    else draft.isSelective = true;
  } else if (verdict !== next) {
    draft.verdict = { chain: String(verdict), ...(isGoto && { isGoto: true as const }) };
  }
}

/** A name that counts as far as its mask is set; undefined where it is not at all. */
function linkNames(entries: Buffer, at: number, maskAt: number): FilterRule['iif'] {
  const length = entries.subarray(maskAt, maskAt + IFNAMSIZ).filter(byte => byte !== 0).length;
  if (length === 0) return undefined;
  const compared = entries.subarray(at, at + length);
  const end = compared.indexOf(0);
  return { name: compared.toString('latin1', 0, end < 0 ? length : end), prefix: end < 0 };
}

function nameOf(entries: Buffer, extensionAt: number): string {
  const at = extensionAt + NAME_AT;
  return untilZero(entries.subarray(at, at + NAME_MAX)).toString('latin1');
}

function at16(entries: Buffer, offset: number): number {
  if (offset + 2 > entries.length) throw new DecodeError(`iptables' rules end at ${entries.length}`);
  return entries.readUInt16LE(offset);
}

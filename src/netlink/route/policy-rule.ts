// Policy rules: struct fib_rule_hdr and the FRA_* attributes of <linux/fib_rules.h>, as ip-rule(8) speaks of them.
// Not here: selectors other than the mark; this project's rules look up a table or are unreachable.

import { DecodeError } from '../../base/errors.js';
import type { Family } from '../../base/ip.js';
import { attrMap, attrU8, attrU32, eachAttr, readU8, readU32 } from '../attributes.js';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, type Request } from '../message.js';
import { AF_INET, AF_INET6 } from './address.js';
import { RT_TABLE_UNSPEC } from './route.js';

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
export const RTM_GETRULE = 34;

const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_PROTOCOL = 21;

/** FR_ACT_UNSPEC, in a deletion: matches any action. */
const FR_ACT_UNSPEC = 0;
const FR_ACT_TO_TBL = 1;
const FR_ACT_GOTO = 2;
const FR_ACT_UNREACHABLE = 7;
const FIB_RULE_HDR_LEN = 12;
const FIB_RULE_INVERT = 0x2;
/**
 * FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_TUN_ID, FRA_OIFNAME, FRA_L3MDEV, FRA_UID_RANGE, FRA_IP_PROTO,
 * FRA_SPORT_RANGE, FRA_DPORT_RANGE and those of later kernels: FRA_DSCP, FRA_FLOWLABEL and their masks.
 */
const SELECTORS: readonly number[] = [1, 2, 3, 12, 17, 19, 20, 22, 23, 24, 25, 26, 27, 28, 29, 30];
/** The mask of a mark that was given without one. */
const ALL_BITS = 0xffff_ffff;
/** The kernel's "not set" in a dump. */
const NO_SUPPRESSION = 0xffff_ffff;

/** `ip rule … priority N [fwmark N/N] lookup TABLE [suppress_prefixlength N] | unreachable protocol N`. */
export interface Rule {
  readonly family: Family;
  /** FRA_PRIORITY: the smallest comes first; 0 is the kernel's own table local, 32766 its main. */
  readonly priority: number;
  /** Of the packets that it is for: the bits of `mask` in their marks are `value`. Absent: every packet. */
  readonly fwmark?: { readonly value: number; readonly mask: number };
  /** RT_TABLE_*; RT_TABLE_UNSPEC where it looks nothing up. */
  readonly table: number;
  /** FR_ACT_UNREACHABLE: packets that reach the rule are dropped, and the sender gets an error. */
  readonly unreachable?: true;
  /** Whether it is for some packets only, by something else than the mark alone. */
  readonly isSelective?: true;
  /** The priority of the rule at which it goes on; then it looks nothing up. */
  readonly goto?: number;
  /** Routes found there with a prefix of this length or less do not count. */
  readonly suppressPrefixLength?: number;
  /** RTPROT_*: who made it. */
  readonly protocol: number;
}

/** `ip rule add …`; EEXIST for a rule that is identical. */
export function newRuleRequest(rule: Rule): Request {
  return {
    type: RTM_NEWRULE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: ruleMessage(rule, rule.unreachable ? FR_ACT_UNREACHABLE : FR_ACT_TO_TBL),
  };
}

/** `ip rule del …`: the first rule that matches all given fields. */
export function deleteRuleRequest(rule: Rule): Request {
  return { type: RTM_DELRULE, flags: 0, payload: ruleMessage(rule, FR_ACT_UNSPEC) };
}

/** `ip rule show`: every rule of every family. */
export function getPolicyRulesRequest(): Request {
  return { type: RTM_GETRULE, flags: NLM_F_DUMP, payload: Buffer.alloc(FIB_RULE_HDR_LEN) };
}

/** Reads the kernel's answers: the rules that somebody (RTPROT_*) made, or everybody. @throws DecodeError */
export function readRules(payloads: readonly Buffer[], protocol?: number): Rule[] {
  const wanted = protocol === undefined ? payloads : payloads.filter(payload => isRuleOf(payload, protocol));
  return wanted.flatMap(payload => decodeRule(payload) ?? []);
}

/**
 * Whether an RTM_NEWRULE is of a rule that somebody (RTPROT_*) made. Every namespace has the kernel's own: they need not
 * be read.
 * @throws DecodeError when it is short or its attributes are damaged
 */
export function isRuleOf(payload: Buffer, protocol: number): boolean {
  checkLength(payload);
  let found = false;
  eachAttr(payload, FIB_RULE_HDR_LEN, payload.length, (type, start) => {
    if (type === FRA_PROTOCOL) found = payload[start] === protocol;
  });
  return found;
}

/**
 * Reads the payload of an RTM_NEWRULE. Undefined for families other than IPv4 and IPv6, and for rules that do
 * something else than to look up a table, to go on elsewhere or to end the way.
 * @throws DecodeError when it is short or an attribute has the wrong length
 */
export function decodeRule(payload: Buffer): Rule | undefined {
  checkLength(payload);
  const family = payload.readUInt8(0);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const action = payload.readUInt8(7);
  if (![FR_ACT_TO_TBL, FR_ACT_GOTO, FR_ACT_UNREACHABLE].includes(action)) return undefined;
  const attrs = attrMap(payload.subarray(FIB_RULE_HDR_LEN));
  const priority = attrs.get(FRA_PRIORITY);
  const table = attrs.get(FRA_TABLE);
  const suppress = attrs.get(FRA_SUPPRESS_PREFIXLEN);
  const protocol = attrs.get(FRA_PROTOCOL);
  const length = suppress && readU32(suppress);
  const target = action === FR_ACT_GOTO ? attrs.get(FRA_GOTO) : undefined;
  const mark = attrs.get(FRA_FWMARK);
  const mask = attrs.get(FRA_FWMASK);
  return {
    family: family === AF_INET ? 4 : 6,
    priority: priority ? readU32(priority) : 0,
    ...((mark || mask) && {
      fwmark: { value: mark ? readU32(mark) : 0, mask: mask ? readU32(mask) : ALL_BITS },
    }),
    table: table ? readU32(table) : payload.readUInt8(4),
    ...(action === FR_ACT_UNREACHABLE && { unreachable: true as const }),
    ...(isSelective(payload, attrs) && { isSelective: true as const }),
    ...(target && { goto: readU32(target) }),
    ...(length !== undefined && length !== NO_SUPPRESSION && { suppressPrefixLength: length }),
    protocol: protocol ? readU8(protocol) : 0,
  };
}

/** Whether two rules do the same at the same place, whoever made them. */
export function sameRule(a: Rule, b: Rule): boolean {
  return (
    a.family === b.family &&
    a.priority === b.priority &&
    a.table === b.table &&
    a.unreachable === b.unreachable &&
    a.isSelective === b.isSelective &&
    a.goto === b.goto &&
    a.fwmark?.value === b.fwmark?.value &&
    a.fwmark?.mask === b.fwmark?.mask &&
    a.suppressPrefixLength === b.suppressPrefixLength
  );
}

/** By the prefix lengths, the TOS and the flags of the header, and by attributes. */
function isSelective(payload: Buffer, attrs: ReadonlyMap<number, Buffer>): boolean {
  const header = payload.readUInt8(1) | payload.readUInt8(2) | payload.readUInt8(3);
  const isInverted = (payload.readUInt32LE(8) & FIB_RULE_INVERT) !== 0;
  return header !== 0 || isInverted || SELECTORS.some(type => attrs.has(type));
}

function checkLength(payload: Buffer): void {
  if (payload.length < FIB_RULE_HDR_LEN) throw new DecodeError(`a fib_rule_hdr of ${payload.length} bytes`);
}

/** struct fib_rule_hdr: family, prefix lengths, tos, table, two reserved, action, flags; then the attributes. */
function ruleMessage(rule: Rule, action: number): Buffer {
  const header = Buffer.alloc(FIB_RULE_HDR_LEN);
  header.writeUInt8(rule.family === 4 ? AF_INET : AF_INET6, 0);
  header.writeUInt8(rule.table < 256 ? rule.table : RT_TABLE_UNSPEC, 4);
  header.writeUInt8(action, 7);
  const { suppressPrefixLength, fwmark } = rule;
  return Buffer.concat([
    header,
    attrU32(FRA_PRIORITY, rule.priority),
    ...(fwmark ? [attrU32(FRA_FWMARK, fwmark.value), attrU32(FRA_FWMASK, fwmark.mask)] : []),
    ...(rule.table < 256 ? [] : [attrU32(FRA_TABLE, rule.table)]),
    ...(suppressPrefixLength === undefined ? [] : [attrU32(FRA_SUPPRESS_PREFIXLEN, suppressPrefixLength)]),
    attrU8(FRA_PROTOCOL, rule.protocol),
  ]);
}

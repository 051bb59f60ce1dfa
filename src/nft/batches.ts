// Transactions as bytes, each one batch of nfnetlink (<linux/netfilter/nf_tables.h>): rules that libnftables has no words for,
// and elements of sets, before which it would read all of a namespace's tables. Not here: sending them (client.ts), what the
// rules are for (labels/table/port-shifts.ts).

import { parseAddress } from '../base/ip.js';
import { attr, attrString, nest } from '../netlink/attributes.js';
import type { Batch } from '../netlink/connection.js';
import { NLM_F_CREATE, type Request } from '../netlink/message.js';
import { NFNL_SUBSYS_NFTABLES, NFPROTO, NFTNL_UDATA_RULE_COMMENT } from './messages.js';
import { nfgenmsg, nfnlType } from './nfgenmsg.js';
import type { TableName } from './questions.js';
import { describeLookup, type LateRule, type PortShift, type SetLookup } from './table.js';

const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFTA_LIST_ELEM = 1;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_RULE_USERDATA = 7;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_NAT_TYPE = 1;
const NFTA_NAT_FAMILY = 2;
const NFTA_NAT_REG_ADDR_MIN = 3;
const NFTA_NAT_REG_ADDR_MAX = 4;
const NFTA_NAT_REG_PROTO_MIN = 5;
const NFTA_NAT_REG_PROTO_MAX = 6;
const NFTA_NAT_FLAGS = 7;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NFTA_LOOKUP_SET = 1;
const NFTA_LOOKUP_SREG = 2;
const NFT_META_IIFNAME = 6;
const IFNAMSIZ = 16;
const NFT_PAYLOAD_HEADERS = { link: 0, transport: 2 } as const;
const NFT_RETURN = -5;
const NFT_REG_VERDICT = 0;
/** The first of registers of four bytes each. */
const NFT_REG32_00 = 8;
const NFT_NAT_DNAT = 1;
const [NFT_REG_1, NFT_REG_2, NFT_REG_3] = [1, 2, 3] as const;
/** Of <linux/netfilter/nf_nat.h>: the port is computed from the one that was there. */
const NF_NAT_RANGE_PROTO_OFFSET = 1 << 5;
/** Of one message: its list has a length of 16 bits, and a key is 64 bytes at most. */
const MAX_ELEMENTS = 512;

/** A step of a transaction: adding an element that is there changes nothing of it, and deleting one that is not there fails all. */
export type ElementChange =
  | { readonly what: 'add' | 'delete'; readonly set: string; readonly keys: readonly Buffer[] }
  | { readonly what: 'flush'; readonly set: string };

/** Inserts each rule as the first of its chain. */
export function insertRules(table: TableName, rules: readonly LateRule[]): Batch {
  return batch(
    rules.map(rule => ({
      type: nfnlType(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWRULE),
      flags: NLM_F_CREATE,
      payload: newRule(table, rule),
    })),
  );
}

/** Changes sets of a table, step by step, as a whole or not at all. @param changes at least one, with at least one element each */
export function changeElements(table: TableName, changes: readonly ElementChange[]): Batch {
  return batch(changes.flatMap(change => elementRequests(table, change)));
}

function elementRequests(table: TableName, change: ElementChange): Request[] {
  const head = Buffer.concat([
    nfgenmsg(NFPROTO[table.family]),
    attrString(NFTA_SET_ELEM_LIST_TABLE, table.name),
    attrString(NFTA_SET_ELEM_LIST_SET, change.set),
  ]);
  const [message, flags] =
    change.what === 'add'
      ? ([NFT_MSG_NEWSETELEM, NLM_F_CREATE] as const)
      : ([NFT_MSG_DELSETELEM, 0] as const);
  const request = (...list: Buffer[]): Request => ({
    type: nfnlType(NFNL_SUBSYS_NFTABLES, message),
    flags,
    payload: Buffer.concat([head, ...list]),
  });
  if (change.what === 'flush') return [request()];
  const elements = change.keys.map(key =>
    nest(NFTA_LIST_ELEM, nest(NFTA_SET_ELEM_KEY, attr(NFTA_DATA_VALUE, key))),
  );
  const lots = Array.from({ length: Math.ceil(elements.length / MAX_ELEMENTS) }, (_, n) =>
    elements.slice(n * MAX_ELEMENTS, (n + 1) * MAX_ELEMENTS),
  );
  return lots.map(lot => request(nest(NFTA_SET_ELEM_LIST_ELEMENTS, ...lot)));
}

function batch(requests: readonly Request[]): Batch {
  // The resource of a batch is the subsystem that it is for.
  const header = Buffer.from([0, 0, 0, NFNL_SUBSYS_NFTABLES]);
  return {
    begin: { type: NFNL_MSG_BATCH_BEGIN, flags: 0, payload: header },
    requests,
    end: { type: NFNL_MSG_BATCH_END, flags: 0, payload: header },
  };
}

/** A rule as nft(8) would have it, if it had the words. */
export function describeLateRule(
  { family, name }: TableName,
  { chain, statement, comment }: LateRule,
): string {
  const rule = `nft insert rule ${family} ${name} ${chain}`;
  if (statement === 'counter') return `${rule} counter comment "${comment ?? ''}"`;
  if ('returnIf' in statement) return `${rule} ${describeLookup(statement.returnIf)}`;
  const { family: version, addr, min, max } = statement.dnat;
  return `${rule} dnat ${version === 4 ? 'ip' : 'ip6'} to ${addr} port ${min} + th dport % ${max - min + 1}`;
}

function newRule({ family, name }: TableName, { chain, statement, comment }: LateRule): Buffer {
  const expressions =
    statement === 'counter'
      ? [expression('counter')]
      : 'returnIf' in statement
        ? lookup(statement.returnIf)
        : portShift(statement.dnat);
  return Buffer.concat([
    nfgenmsg(NFPROTO[family]),
    attrString(NFTA_RULE_TABLE, name),
    attrString(NFTA_RULE_CHAIN, chain),
    nest(NFTA_RULE_EXPRESSIONS, ...expressions),
    ...(comment === undefined ? [] : [attr(NFTA_RULE_USERDATA, userdata(comment))]),
  ]);
}

/** Each value begins at a register of its own. */
function lookup({ set, fields }: SetLookup): Buffer[] {
  let register = NFT_REG32_00;
  const loads = fields.map(field => {
    const at = register;
    register += Math.ceil((field === 'iifname' ? IFNAMSIZ : field.length) / 4);
    if (field === 'iifname')
      return expression('meta', attr(NFTA_META_DREG, u32(at)), attr(NFTA_META_KEY, u32(NFT_META_IIFNAME)));
    return expression(
      'payload',
      attr(NFTA_PAYLOAD_DREG, u32(at)),
      attr(NFTA_PAYLOAD_BASE, u32(NFT_PAYLOAD_HEADERS[field.header])),
      attr(NFTA_PAYLOAD_OFFSET, u32(field.offset)),
      attr(NFTA_PAYLOAD_LEN, u32(field.length)),
    );
  });
  return [
    ...loads,
    expression('lookup', attrString(NFTA_LOOKUP_SET, set), attr(NFTA_LOOKUP_SREG, u32(NFT_REG32_00))),
    expression(
      'immediate',
      attr(NFTA_IMMEDIATE_DREG, u32(NFT_REG_VERDICT)),
      nest(NFTA_IMMEDIATE_DATA, nest(NFTA_DATA_VERDICT, attr(NFTA_VERDICT_CODE, u32(NFT_RETURN >>> 0)))),
    ),
  ];
}

function portShift({ family, addr, min, max }: PortShift): Buffer[] {
  const address = parseAddress(addr)!;
  return [
    immediate(NFT_REG_1, address.bytes),
    immediate(NFT_REG_2, u16(min)),
    immediate(NFT_REG_3, u16(max)),
    expression(
      'nat',
      attr(NFTA_NAT_TYPE, u32(NFT_NAT_DNAT)),
      attr(NFTA_NAT_FAMILY, u32(NFPROTO[family === 4 ? 'ip' : 'ip6'])),
      attr(NFTA_NAT_REG_ADDR_MIN, u32(NFT_REG_1)),
      attr(NFTA_NAT_REG_ADDR_MAX, u32(NFT_REG_1)),
      attr(NFTA_NAT_REG_PROTO_MIN, u32(NFT_REG_2)),
      attr(NFTA_NAT_REG_PROTO_MAX, u32(NFT_REG_3)),
      attr(NFTA_NAT_FLAGS, u32(NF_NAT_RANGE_PROTO_OFFSET)),
    ),
  ];
}

function immediate(register: number, value: Buffer): Buffer {
  return expression(
    'immediate',
    attr(NFTA_IMMEDIATE_DREG, u32(register)),
    nest(NFTA_IMMEDIATE_DATA, attr(NFTA_DATA_VALUE, value)),
  );
}

function expression(name: string, ...data: Buffer[]): Buffer {
  return nest(
    NFTA_LIST_ELEM,
    attrString(NFTA_EXPR_NAME, name),
    ...(data.length > 0 ? [nest(NFTA_EXPR_DATA, ...data)] : []),
  );
}

/** As nft(8) writes a comment: a type and a length of one byte each, a string with its zero. */
function userdata(comment: string): Buffer {
  const text = Buffer.from(`${comment}\0`);
  return Buffer.concat([Buffer.from([NFTNL_UDATA_RULE_COMMENT, text.length]), text]);
}

/** In network byte order. */
function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** In network byte order. */
function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

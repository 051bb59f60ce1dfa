// The questions to nf_tables that are asked of every namespace: which comments do a chain's rules have, is there such a
// table; and where something changed, what is in it. Straight to the kernel (struct nfgenmsg and NFTA_* of
// <linux/netfilter/nf_tables.h>), because libnftables reads a whole ruleset for the answer. Not here: what is in a table
// (table-snapshot.ts), any change, which is libnftables' (client.ts) but for a few (batches.ts).

import { attrMap, attrString, readAttrs, readString, sized } from '../netlink/attributes.js';
import { NLM_F_DUMP, type Request } from '../netlink/message.js';
import {
  NFPROTO_BRIDGE,
  NFPROTO_INET,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  nfAttributes,
  nfgenmsg,
  nfnlType,
} from './nfgenmsg.js';
import type { NftFamily } from './table.js';
import { decodeGeneration } from './table-snapshot.js';

export const NETLINK_NETFILTER = 12;

export const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETTABLE = 1;
const NFT_MSG_GETCHAIN = 4;
const NFT_MSG_GETRULE = 7;
const NFT_MSG_GETSET = 10;
const NFT_MSG_GETSETELEM = 13;
const NFT_MSG_GETGEN = 16;
export const NFPROTO: Record<NftFamily, number> = {
  inet: NFPROTO_INET,
  ip: NFPROTO_IPV4,
  ip6: NFPROTO_IPV6,
  bridge: NFPROTO_BRIDGE,
};

const NFPROTO_UNSPEC = 0;
const NFTA_TABLE_NAME = 1;
const NFTA_TABLE_USE = 3;
const NFTA_RULE_TABLE = 1;
const NFTA_SET_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_DATA_VALUE = 1;
const NFTA_RULE_USERDATA = 7;
/** `NFTNL_UDATA_RULE_COMMENT` of libnftnl's <udata.h>: a type and a length of one byte each, a string with its zero. */
export const NFTNL_UDATA_RULE_COMMENT = 0;

/** What the kernel says of a table. */
export interface StampedTableAnswers {
  /** Payloads of NFT_MSG_NEWRULE: the rules of one chain in their order, none where there is no such chain. */
  readonly rules: readonly Buffer[];
  /** Names of the tables of the family, where they were asked for. */
  readonly tables?: readonly string[];
}

export interface StampedTable {
  readonly hasTable: boolean;
  /** Of the chain's rules. */
  readonly comments: readonly (string | undefined)[];
  /**
   * Of the namespace's whole ruleset: while it is the same, nobody has changed any table. 16 bits, so a multiple of
   * 65,536 transactions looks like none. Absent where the chain has no rules.
   */
  readonly generation?: number;
}

/** @param table its name @throws DecodeError */
export function decodeStampedTable({ rules, tables = [] }: StampedTableAnswers, table: string): StampedTable {
  const [first] = rules;
  return {
    hasTable: first !== undefined || tables.includes(table),
    comments: rules.map(decodeRuleComment),
    ...(first && { generation: decodeGeneration(first) }),
  };
}

/** The rules of a table, or of one chain of it; none where there is no such chain or table. */
export function getRulesRequest(family: NftFamily, table: string, chain?: string): Request {
  const payload = Buffer.concat([
    nfgenmsg(NFPROTO[family]),
    attrString(NFTA_RULE_TABLE, table),
    ...(chain === undefined ? [] : [attrString(NFTA_RULE_CHAIN, chain)]),
  ]);
  return { type: messageType(NFT_MSG_GETRULE), flags: NLM_F_DUMP, payload };
}

/** The chains of every table of a family: the kernel has no narrower list. Absent: of every family. */
export function getChainsRequest(family?: NftFamily): Request {
  const nfproto = family === undefined ? NFPROTO_UNSPEC : NFPROTO[family];
  return { type: messageType(NFT_MSG_GETCHAIN), flags: NLM_F_DUMP, payload: nfgenmsg(nfproto) };
}

/** The sets and maps of a table, without their elements. */
export function getSetsRequest(family: NftFamily, table: string): Request {
  const payload = Buffer.concat([nfgenmsg(NFPROTO[family]), attrString(NFTA_SET_TABLE, table)]);
  return { type: messageType(NFT_MSG_GETSET), flags: NLM_F_DUMP, payload };
}

/** The rules of every table of every family, or their sets without elements. */
export function getAllRequest(what: 'rules' | 'sets'): Request {
  const message = what === 'rules' ? NFT_MSG_GETRULE : NFT_MSG_GETSET;
  return { type: messageType(message), flags: NLM_F_DUMP, payload: nfgenmsg(NFPROTO_UNSPEC) };
}

/** The elements of a set or map. */
export function getElementsRequest(family: NftFamily, table: string, set: string): Request {
  const payload = Buffer.concat([
    nfgenmsg(NFPROTO[family]),
    attrString(NFTA_SET_ELEM_LIST_TABLE, table),
    attrString(NFTA_SET_ELEM_LIST_SET, set),
  ]);
  return { type: messageType(NFT_MSG_GETSETELEM), flags: NLM_F_DUMP, payload };
}

/** The keys of the elements in one message of a list. @throws DecodeError */
export function decodeSetKeys(payload: Buffer): Buffer[] {
  const list = attrMap(nfAttributes(payload)).get(NFTA_SET_ELEM_LIST_ELEMENTS);
  return (list ? readAttrs(list) : []).flatMap(({ value }) => {
    const key = attrMap(value).get(NFTA_SET_ELEM_KEY);
    return (key && attrMap(key).get(NFTA_DATA_VALUE)) ?? [];
  });
}

/** `nft monitor` begins with it: the generation of the whole ruleset, in the header of the answer. */
export function getGenerationRequest(): Request {
  return { type: messageType(NFT_MSG_GETGEN), flags: 0, payload: nfgenmsg(NFPROTO_UNSPEC) };
}

/** The tables of a family; absent: of every one. */
export function getTablesRequest(family?: NftFamily): Request {
  const nfproto = family === undefined ? NFPROTO_UNSPEC : NFPROTO[family];
  return { type: messageType(NFT_MSG_GETTABLE), flags: NLM_F_DUMP, payload: nfgenmsg(nfproto) };
}

/** One table; ENOENT where there is none. */
export function getTableRequest(family: NftFamily, name: string): Request {
  const payload = Buffer.concat([nfgenmsg(NFPROTO[family]), attrString(NFTA_TABLE_NAME, name)]);
  return { type: messageType(NFT_MSG_GETTABLE), flags: 0, payload };
}

/** A table's name; undefined where it has none. @throws DecodeError when it is short or its attributes are damaged */
export function decodeTableName(payload: Buffer): string | undefined {
  const name = attrMap(nfAttributes(payload)).get(NFTA_TABLE_NAME);
  return name && readString(name);
}

/** How many chains, sets and objects are in a table. @throws DecodeError when it is short, or does not say */
export function decodeTableUse(payload: Buffer): number {
  const use = attrMap(nfAttributes(payload)).get(NFTA_TABLE_USE);
  return sized(use ?? Buffer.alloc(0), 4).readUInt32BE();
}

/**
 * The comment of a rule as nft(8) writes it; undefined where it has none.
 * @param payload of an NFT_MSG_NEWRULE
 * @throws DecodeError when it is short or its attributes are damaged
 */
export function decodeRuleComment(payload: Buffer): string | undefined {
  const userdata = attrMap(nfAttributes(payload)).get(NFTA_RULE_USERDATA);
  return userdata && findComment(userdata);
}

/** User data that other programs wrote is skipped. */
function findComment(userdata: Buffer): string | undefined {
  for (let offset = 0; offset + 2 <= userdata.length; ) {
    const end = offset + 2 + userdata.readUInt8(offset + 1);
    if (end > userdata.length) return undefined;
    if (userdata.readUInt8(offset) === NFTNL_UDATA_RULE_COMMENT) {
      return readString(userdata.subarray(offset + 2, end));
    }
    offset = end;
  }
  return undefined;
}

function messageType(message: number): number {
  return nfnlType(NFNL_SUBSYS_NFTABLES, message);
}

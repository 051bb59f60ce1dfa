// Chains, rules, sets and elements of nf_tables, decoded: NFTA_* of <linux/netfilter/nf_tables.h>. Pure. Not here: expressions
// (expressions.ts), asking for them (explain/netns-view.ts).

import { BRIDGE_TABLE } from '../../base/ownership.js';
import { attrMap, readAttrs } from '../../netlink/attributes.js';
import { decodeRuleComment } from '../../nft/messages.js';
import {
  NFPROTO_BRIDGE,
  NFPROTO_INET,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  nfAttributes,
} from '../../nft/nfgenmsg.js';
import type { NftFamily } from '../../nft/table.js';
import { dataValue, decodeExpressions, decodeVerdict, rawName, word } from './expressions.js';
import {
  type HookName,
  type ListedChain,
  type ListedRule,
  type ListedSet,
  placeKey,
  type SetElement,
} from './instruction.js';

const NONE = Buffer.alloc(0);
const NFT_TABLE_F_DORMANT = 1;
const NFT_SET_INTERVAL = 4;
const [NFT_SET_ELEM_INTERVAL_END, NFT_SET_ELEM_CATCHALL] = [1, 2] as const;
const NF_DROP = 0;
const HOOKS: readonly HookName[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const FAMILIES: ReadonlyMap<number, NftFamily> = new Map([
  [NFPROTO_INET, 'inet'],
  [NFPROTO_IPV4, 'ip'],
  [NFPROTO_IPV6, 'ip6'],
]);

/** Undefined for families that no routed packet passes. @throws DecodeError */
export function decodeChain(payload: Buffer): ListedChain | undefined {
  const attrs = attrMap(nfAttributes(payload));
  const family = FAMILIES.get(payload.readUInt8(0));
  if (!family) return undefined;
  const place = { family, table: text(attrs, 1), name: text(attrs, 3) };
  const nested = attrs.get(4);
  if (!nested) return place;
  const hook = attrMap(nested);
  const name = HOOKS[word(hook.get(1)) ?? -1];
  if (!name) return { ...place, isElsewhere: true };
  const type = text(attrs, 7);
  return {
    ...place,
    base: {
      hook: name,
      priority: (word(hook.get(2)) ?? 0) | 0,
      type: type === 'nat' || type === 'route' ? type : 'filter',
      isDropping: word(attrs.get(5)) === NF_DROP,
    },
  };
}

/** Whether a chain is of the table by which a router of ours keeps containers apart on its bridge. @throws DecodeError */
export function isOfBridgeTable(payload: Buffer): boolean {
  return (
    payload.readUInt8(0) === NFPROTO_BRIDGE && text(attrMap(nfAttributes(payload)), 1) === BRIDGE_TABLE.name
  );
}

/** The place of a table that is switched off (`flags dormant`), as placeKey() has it without a chain. @throws DecodeError */
export function decodeDormant(payload: Buffer): string | undefined {
  const attrs = attrMap(nfAttributes(payload));
  const family = FAMILIES.get(payload.readUInt8(0));
  const isDormant = ((word(attrs.get(2)) ?? 0) & NFT_TABLE_F_DORMANT) !== 0;
  return family && isDormant ? placeKey(family, text(attrs, 1), '') : undefined;
}

/** A rule without its number. @throws DecodeError */
export function decodeListedRule(payload: Buffer): Omit<ListedRule, 'number'> | undefined {
  const attrs = attrMap(nfAttributes(payload));
  const family = FAMILIES.get(payload.readUInt8(0));
  if (!family) return undefined;
  const comment = decodeRuleComment(payload);
  return {
    ...{ family, table: text(attrs, 1), chain: text(attrs, 2) },
    instructions: decodeExpressions(attrs.get(4) ?? NONE),
    ...(comment !== undefined && { comment }),
  };
}

/** @throws DecodeError */
export function decodeSet(payload: Buffer): ListedSet | undefined {
  const attrs = attrMap(nfAttributes(payload));
  const family = FAMILIES.get(payload.readUInt8(0));
  if (!family) return undefined;
  const fields = attrMap(attrs.get(9) ?? NONE).get(2);
  const parts = fields && readAttrs(fields).flatMap(({ value }) => word(attrMap(value).get(1)) ?? []);
  return {
    ...{ family, table: text(attrs, 1), name: text(attrs, 2) },
    isInterval: ((word(attrs.get(3)) ?? 0) & NFT_SET_INTERVAL) !== 0,
    ...(parts && parts.length > 0 && { parts }),
  };
}

/** The elements of one message of a list. @throws DecodeError */
export function decodeElements(payload: Buffer): SetElement[] {
  const list = attrMap(nfAttributes(payload)).get(3);
  return (list ? readAttrs(list) : []).map(({ value }): SetElement => {
    const attrs = attrMap(value);
    const flags = word(attrs.get(3)) ?? 0;
    const [keyEnd, data] = [dataValue(attrs, 10), dataValue(attrs, 2)];
    const verdict = decodeVerdict(attrMap(attrs.get(2) ?? NONE));
    return {
      key: dataValue(attrs, 1) ?? NONE,
      ...(keyEnd && { keyEnd }),
      ...((flags & NFT_SET_ELEM_INTERVAL_END) !== 0 && { isEnd: true as const }),
      ...((flags & NFT_SET_ELEM_CATCHALL) !== 0 && { isCatchAll: true as const }),
      ...(data && { data }),
      ...(verdict && { verdict }),
      ...(hasConditions(attrs) && { isConditional: true as const }),
    };
  });
}

/** Whether an element has expressions that may keep it from matching, such as a limit. */
function hasConditions(attrs: ReadonlyMap<number, Buffer>): boolean {
  const own = attrs.get(7);
  return attrs.has(11) || (own !== undefined && rawName(attrMap(own).get(1) ?? NONE) !== 'counter');
}

function text(attrs: ReadonlyMap<number, Buffer>, type: number): string {
  return rawName(attrs.get(type) ?? NONE);
}

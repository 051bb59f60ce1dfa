// The table for answers by routers that Docker does not know of: as that of labels does for Docker's own way, with a mark for
// each router. It is one of its own, so that it comes and goes without theirs: what counts there goes on. Pure. Not here: who
// is such a router (routers.ts), the table of labels (labels/table/nft-table.ts).

import { formatAddress } from '../../base/ip.js';
import { REPLY_MARK, ROUTER_MASK, ROUTERS_TABLE } from '../../base/ownership.js';
import { ct, match, meta, payload, prefixExpression } from '../../nft/expression.js';
import { type NftChain, type NftRule, type NftTable, rule } from '../../nft/table.js';
import type { NearNetwork } from '../diff/state.js';
import {
  clear,
  findNoWayBack,
  give,
  type Mark,
  markArriving,
  markReplies,
  NO_WAY_BACK,
  NOT_OWN,
  OPENINGS,
  ORIGINAL,
} from './marks.js';
import type { FoundRouter } from './routers.js';

/** Each just behind that of labels, or, where the first decides, just before it. */
const [ARRIVED, REPLIES, INPUT] = [-89, -149, 99];

/** Without its stamp. */
export function routerTable(routers: readonly FoundRouter[], near: readonly NearNetwork[]): NftTable {
  const marks = routers.map(markOf);
  const lent = near.flatMap(lendAddress);
  const chains: NftChain[] = [
    {
      name: 'arrived',
      hook: { type: 'filter', hook: 'prerouting', priority: ARRIVED },
      rules: [
        clear(ROUTER_MASK),
        ...routers.flatMap(remember),
        ...marks.flatMap(markArriving),
        ...marks.map(findNoWayBack),
      ],
    },
    {
      name: 'replies',
      hook: { type: 'route', hook: 'output', priority: REPLIES },
      rules: [...marks.map(markReplies), clear(ROUTER_MASK)],
    },
    { name: 'nat-input', hook: { type: 'nat', hook: 'input', priority: INPUT }, rules: lent },
  ];
  return { ...ROUTERS_TABLE, sets: [], chains: chains.filter(({ rules }) => rules.length > 0) };
}

function markOf({ mark }: FoundRouter): Mark {
  return { value: mark, mask: ROUTER_MASK };
}

/** A connection that comes by the router is remembered; also one of which it is not the first packet. */
function remember(router: FoundRouter): NftRule[] {
  return OPENINGS.map(opening =>
    rule(
      ORIGINAL,
      match({ '&': [ct('mark'), ROUTER_MASK | REPLY_MARK] }, '==', 0),
      match(meta('iif'), '==', router.index),
      match(payload('ether', 'saddr'), '==', router.mac),
      NOT_OWN,
      opening,
      give(ct('mark'), markOf(router)),
    ),
  );
}

/** As the table of labels does it, with the address of Docker's gateway, whether that is known to be there or not. */
function lendAddress({ network, gateway }: NearNetwork): NftRule[] {
  if (!gateway) return [];
  const family = gateway.family === 4 ? 'ip' : 'ip6';
  return [
    rule(
      match(meta('priority'), '==', NO_WAY_BACK),
      match({ '&': [ct('mark'), ROUTER_MASK] }, '!=', 0),
      match(payload(family, 'daddr'), '==', prefixExpression(network)),
      { snat: { family, addr: formatAddress(gateway) } },
    ),
  ];
}

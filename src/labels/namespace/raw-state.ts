// The state of a namespace in the kernel's own bytes, and decoded. Mostly it is what it was at the last resync: then the bytes
// are the same, and need not be decoded. Pure. Not here: reading it (session.ts), what follows (labels/diff/diff.ts).

import { formatAddress } from '../../base/ip.js';
import { PROBE_TABLE, ROUTERS_TABLE, RTPROT_DWGD, TABLE } from '../../base/ownership.js';
import { readRules } from '../../netlink/route/policy-rule.js';
import { readRoutes } from '../../netlink/route/route.js';
import { decodeStampedTable, type StampedTableAnswers } from '../../nft/messages.js';
import type { IgnoredGateway } from '../diff/ignored-gateways.js';
import { readStamp } from '../diff/stamp.js';
import type { KnownNeighbour, ObservedSysctl, RoutersObserved, SandboxObserved } from '../diff/state.js';

/** The kernel's answers; buffers are payloads of netlink messages. */
export interface RawState {
  readonly nft: StampedTableAnswers;
  /** At least those of our protocol. */
  readonly routes: readonly Buffer[];
  /** All policy rules. */
  readonly rules: readonly Buffer[];
  readonly sysctls: readonly ObservedSysctl[];
  /** Indexes of the links that lead to where `loopbackTowards` says, each once. */
  readonly loopbackLinks: readonly number[];
  /** As SandboxObserved has it. */
  readonly routers?: RoutersObserved | undefined;
  /** Gateways that the kernel would ignore. */
  readonly ignoredGateways: readonly IgnoredGateway[];
}

/** @throws DecodeError */
export function decodeState({
  nft,
  routes,
  rules,
  sysctls,
  loopbackLinks,
  routers,
}: RawState): SandboxObserved {
  const { comments, hasTable, generation } = decodeStampedTable(nft, TABLE.name);
  return {
    ...readStamp(comments),
    hasTable,
    ...(generation !== undefined && { generation }),
    routes: readRoutes(routes, RTPROT_DWGD),
    rules: readRules(rules, RTPROT_DWGD),
    sysctls,
    ...(loopbackLinks.length > 0 && { loopbackLinks }),
    ...(nft.tables?.includes(PROBE_TABLE.name) && { hasProbe: true }),
    ...(nft.tables?.includes(ROUTERS_TABLE.name) && { hasRouterTable: true }),
    ...(routers && { routers }),
  };
}

/** Equal for raw states that are equal byte for byte, ruleset generation included. */
export function cacheKey(state: RawState): string {
  const { nft, routes, rules, sysctls, loopbackLinks, ignoredGateways, routers } = state;
  const replies = [nft.rules, routes, rules];
  const counts = replies.map(({ length }) => length);
  const values = sysctls.map(({ name, value, wanted }) => `${name}=${value}/${wanted}`);
  const bytes = Buffer.concat(replies.flat()).toString('latin1');
  const ignored = ignoredGateways.map(({ gateway, link, why }) => `${formatAddress(gateway)} ${link} ${why}`);
  const found = JSON.stringify([routers?.stamp, routers?.senders, routers?.neighbours.map(neighbourText)]);
  return `${counts} ${nft.tables} ${values} ${loopbackLinks} ${ignored} ${found} ${bytes}`;
}

function neighbourText({ address, index, mac }: KnownNeighbour): string {
  return `${formatAddress(address)} ${index} ${mac}`;
}

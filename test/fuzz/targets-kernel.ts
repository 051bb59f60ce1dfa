// Decoders of what the kernel answers, of namespaces that containers hold: netlink's messages and attributes, rtnetlink,
// WireGuard, nf_tables, conntrack, and the stamp that is in a table of ours.

import {
  decodeChain,
  decodeDormant,
  decodeElements,
  decodeListedRule,
  decodeSet,
} from '../../src/explain/machine/decode.js';
import { readSenders } from '../../src/labels/answers/answering.js';
import { readStamp } from '../../src/labels/diff/stamp.js';
import { readAttrs } from '../../src/netlink/attributes.js';
import { decodeFamilyId } from '../../src/netlink/generic.js';
import { readErrno, readMessages } from '../../src/netlink/message.js';
import { decodeEvent, decodeNsid } from '../../src/netlink/namespace-event.js';
import { decodeAddress } from '../../src/netlink/route/address.js';
import { decodeLink } from '../../src/netlink/route/link.js';
import { decodeFoundRoute } from '../../src/netlink/route/lookup.js';
import { decodeNeighbour, macOf } from '../../src/netlink/route/neighbour.js';
import { decodeRule, isRuleOf, readRules } from '../../src/netlink/route/policy-rule.js';
import { decodeRoute, readRoutes } from '../../src/netlink/route/route.js';
import { decodeDevice } from '../../src/netlink/wireguard/decode.js';
import { readFilterRules, readForwardChains } from '../../src/nft/filter-chain.js';
import { decodeFlow, deleteFlowRequest } from '../../src/nft/flows.js';
import { GETINFO_BYTES, readLegacyForward, readLegacyInfo } from '../../src/nft/legacy-filter.js';
import {
  decodeRuleComment,
  decodeSetKeys,
  decodeStampedTable,
  decodeTableName,
  decodeTableUse,
} from '../../src/nft/messages.js';
import { decodeSnapshot } from '../../src/nft/table-snapshot.js';
import { ofBytes, ofJson, type Target } from './target.js';

/** Several payloads in one input: each behind its length in four bytes, which may say more than is left. */
function parts(input: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let offset = 0; offset + 4 <= input.length; ) {
    const end = offset + 4 + input.readUInt16LE(offset);
    found.push(input.subarray(offset + 4, end));
    offset = end;
  }
  return found;
}

/** The form in which parts() reads them. */
export function joinParts(payloads: readonly Buffer[]): Buffer {
  return Buffer.concat(
    payloads.flatMap(payload => [Buffer.from([payload.length & 0xff, payload.length >> 8, 0, 0]), payload]),
  );
}

export const KERNEL_TARGETS: readonly Target[] = [
  ofBytes('netlink-messages', bytes => readMessages(bytes).map(readErrno)),
  ofBytes('netlink-attributes', bytes => readAttrs(bytes).map(({ value }) => readAttrs(value))),
  ofBytes('namespace-event', bytes => {
    const [data = Buffer.alloc(0), control = Buffer.alloc(0)] = parts(bytes);
    return decodeEvent(data, control);
  }),
  ofBytes('namespace-number', decodeNsid),
  ofBytes('generic-family', decodeFamilyId),
  ofBytes('link', decodeLink),
  ofBytes('address', decodeAddress),
  ofBytes('route', bytes => [decodeRoute(bytes), readRoutes([bytes], 4)]),
  ofBytes('route-lookup', decodeFoundRoute),
  ofBytes('neighbour', bytes => {
    const neighbour = decodeNeighbour(bytes);
    return neighbour && macOf(neighbour);
  }),
  ofBytes('policy-rule', bytes => [decodeRule(bytes), isRuleOf(bytes, 3), readRules([bytes])]),
  ofBytes('wireguard-device', bytes => decodeDevice(parts(bytes))),
  ofBytes('conntrack-flow', bytes => {
    const flow = decodeFlow(bytes);
    return flow && deleteFlowRequest(flow);
  }),
  ofBytes('nft-rule-comment', decodeRuleComment),
  ofBytes('nft-listing', bytes => [
    decodeListedRule(bytes),
    decodeChain(bytes),
    decodeSet(bytes),
    decodeElements(bytes),
  ]),
  ofBytes('nft-table-name', decodeTableName),
  ofBytes('nft-table-use', bytes => [decodeDormant(bytes), decodeTableUse(bytes)]),
  // Where nothing of ours is in the set there are no senders.
  ofBytes('nft-senders', bytes => [
    readSenders({ setKeys: () => decodeSetKeys(bytes) }),
    decodeSetKeys(bytes),
  ]),
  ofBytes('nft-firewall', bytes => [readForwardChains(parts(bytes)), readFilterRules(parts(bytes))]),
  ofBytes('legacy-firewall', bytes => {
    const [info, entries] = [readLegacyInfo(bytes), bytes.subarray(GETINFO_BYTES)];
    return ([4, 6] as const).map(family => readLegacyForward(family, info, entries));
  }),
  ofBytes('nft-stamped-table', bytes => decodeStampedTable({ rules: parts(bytes) }, 'dwgd')),
  ofBytes('nft-snapshot', bytes => {
    const [table = Buffer.alloc(0), ...rest] = parts(bytes);
    const each = (n: number): Buffer[] => rest.filter((_, at) => at % 3 === n);
    return decodeSnapshot('dwgd', { table, chains: each(0), sets: each(1), rules: each(2) });
  }),
  ofJson(
    'stamp',
    tree =>
      readStamp(Array.isArray(tree) ? tree.map(one => (typeof one === 'string' ? one : undefined)) : []),
    {
      throws: [],
      words: ['sha256 ', 'before ', 'net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding', '=1'],
    },
  ),
];

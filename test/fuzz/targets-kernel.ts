// Decoders of what the kernel answers, of namespaces that containers hold: netlink's messages and attributes, rtnetlink,
// WireGuard, nf_tables, conntrack, and the stamp that is in a table of ours.

import { DecodeError } from '../../src/base/errors.js';
import type { Family } from '../../src/base/ip.js';
import {
  decodeChain,
  decodeDormant,
  decodeElements,
  decodeListedRule,
  decodeSet,
} from '../../src/explain/machine/decode.js';
import { readSenders } from '../../src/labels/answers/answering.js';
import { type Forwarding, whyFiltered } from '../../src/labels/diff/foreign-firewall.js';
import { readStamp } from '../../src/labels/diff/stamp.js';
import { readAttrs } from '../../src/netlink/attributes.js';
import { decodeFamilyId } from '../../src/netlink/generic.js';
import { readErrno, readMessages } from '../../src/netlink/message.js';
import { decodeEvent, decodeNsid } from '../../src/netlink/namespace-event.js';
import { decodeAddress } from '../../src/netlink/route/address.js';
import { decodeLink } from '../../src/netlink/route/link.js';
import { decodeFoundRoute } from '../../src/netlink/route/lookup.js';
import { decodeNeighbour, macOf } from '../../src/netlink/route/neighbour.js';
import { decodeForwarding } from '../../src/netlink/route/netconf.js';
import { decodeRule, isRuleOf, readRules } from '../../src/netlink/route/policy-rule.js';
import { decodeRoute, readRoutes } from '../../src/netlink/route/route.js';
import { decodeDevice } from '../../src/netlink/wireguard/decode.js';
import { type ForwardChain, readFilterRules, readForwardChains } from '../../src/nft/filter-chain.js';
import { decodeFlow, decodeFlowCount, deleteFlowRequest } from '../../src/nft/flows.js';
import { readLegacyForward, readLegacyInfo } from '../../src/nft/legacy-filter.js';
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

const FORWARDING: Forwarding = {
  families: [4, 6],
  outside: [{ name: 'tun', prefix: true }],
  ingress: [{ name: 'eth0', prefix: false }],
};

/** Of layouts that one input cannot have both. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (err) {
    if (err instanceof DecodeError) return undefined;
    throw err;
  }
}

export const KERNEL_TARGETS: readonly Target[] = [
  ofBytes('netlink-messages', bytes => readMessages(bytes).map(readErrno)),
  ofBytes('netlink-attributes', bytes => readAttrs(bytes).map(({ value }) => readAttrs(value))),
  ofBytes('namespace-event', bytes => {
    const [data = Buffer.alloc(0), control = Buffer.alloc(0)] = parts(bytes);
    return decodeEvent(data, control);
  }),
  ofBytes('generic-family', decodeFamilyId),
  ofBytes('link', decodeLink),
  ofBytes('address', decodeAddress),
  ofBytes('route', bytes => [decodeRoute(bytes), readRoutes([bytes], 4)]),
  ofBytes('found-route', decodeFoundRoute),
  ofBytes('neighbour', bytes => {
    const neighbour = decodeNeighbour(bytes);
    return neighbour && macOf(neighbour);
  }),
  ofBytes('netconf', decodeForwarding),
  ofBytes('nsid', decodeNsid),
  ofBytes('policy-rule', bytes => [decodeRule(bytes), isRuleOf(bytes, 3), readRules([bytes])]),
  ofBytes('wireguard-device', bytes => decodeDevice(parts(bytes))),
  ofBytes('flow-count', decodeFlowCount),
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
  ofBytes('nft-table-name', bytes => [decodeTableName(bytes), decodeDormant(bytes), decodeTableUse(bytes)]),
  ofBytes('nft-set-keys', bytes => readSenders({ setKeys: () => decodeSetKeys(bytes) })),
  ofBytes('nft-forward-chains', bytes => readForwardChains(parts(bytes))),
  ofBytes('nft-filter-rules', bytes => {
    const others = readFilterRules(parts(bytes));
    const [name = '', rules = []] = [...others][0] ?? [];
    return whyFiltered(FORWARDING, [
      { family: 'inet', table: 'filter', name, isDropping: true, rules, others },
    ]);
  }),
  ofBytes('legacy-filter', bytes => {
    const [info = Buffer.alloc(0), entries = Buffer.alloc(0)] = parts(bytes);
    const found = readLegacyInfo(info);
    const read = (family: Family): ForwardChain => readLegacyForward(family, found, entries);
    return ([4, 6] as const).map(family => attempt(() => whyFiltered(FORWARDING, [read(family)])));
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

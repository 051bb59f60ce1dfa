// Reply-path routing: replies of connections that came in through the host, as those to published ports do, go back the
// same way, past the labels' default routes. A bit of the connection's mark remembers such a connection; the same bit of a
// packet's mark routes it by table main. Only replies get it, so no connection that the container opens. Not here: the
// policy rule (labels/diff/policy-routing.ts), the hooks of the chains (nft-table.ts).

import { prefixContains, sameAddress } from '../../base/ip.js';
import { REPLY_MARK } from '../../base/ownership.js';
import { ct, type Expression, match, meta, payload, type Statement } from '../../nft/expression.js';
import { type NftRule, rule } from '../../nft/table.js';
import type { DesiredRoute, DesiredSysctl } from '../diff/state.js';
import { IP_SRC_VALID_MARK, TCP_FWMARK_ACCEPT } from '../diff/sysctls.js';
import type { Attachment, HostInterfaceAddress } from '../discovery/container.js';

/** Of the 32 bits of a mark. */
const ALL_BUT_REPLY_MARK = 0xdfff_ffff;

/**
 * Link-layer addresses of the host on the namespace's networks: what comes from them came in through the host. Only known
 * addresses of the host count, so a gateway whose address is not known yet is never mistaken for it.
 * @param attachments the namespace's
 * @param routes its labels' routes; an address of the host that is a gateway of one of them is left out
 */
export function ingressMacs(
  attachments: readonly Attachment[],
  routes: readonly DesiredRoute[],
  hostAddresses: readonly HostInterfaceAddress[],
): string[] {
  const addresses = attachments.flatMap(attachment => attachment.addresses);
  const beside = hostAddresses.filter(({ prefix }) =>
    addresses.some(address => prefixContains(prefix, address)),
  );
  const gateways = beside.filter(({ prefix }) =>
    routes.some(({ gateway }) => gateway && sameAddress(gateway, prefix.address)),
  );
  const others = beside.filter(({ mac }) => !gateways.some(gateway => gateway.mac === mac));
  return [...new Set(others.map(({ mac }) => mac))].sort();
}

/**
 * The rules after destination NAT in prerouting: a new connection is remembered, and replies that the container forwards
 * are routed back. Packets for the container itself are marked as well: so they pass the source check (rp_filter), and a
 * TCP socket's replies are routed back even while there is no other route.
 * @param macs as ingressMacs() finds them
 */
export function saveMark(macs: readonly string[]): NftRule[] {
  const outside = match(meta('iifname'), '!=', 'lo');
  return [
    clearMark(),
    ...(macs.length === 0
      ? []
      : [
          rule(
            match(ct('state'), 'in', 'new'),
            match(ct('direction'), '==', 'original'),
            outside,
            match(payload('ether', 'saddr'), '==', { set: macs }),
            // A packet of the container that somebody sent back to it opens no connection.
            match({ fib: { result: 'type', flags: ['saddr'] } }, '!=', 'local'),
            set(ct('mark')),
          ),
        ]),
    rule(match(ct('direction'), '==', 'reply'), isSet(ct('mark')), set(meta('mark'))),
    rule(
      match(ct('direction'), '==', 'original'),
      isSet(ct('mark')),
      outside,
      match({ fib: { result: 'type', flags: ['daddr'] } }, '==', 'local'),
      set(meta('mark')),
    ),
  ];
}

/** The rules for what the container itself sends: replies get the bit, everything else loses it. */
export function restoreMark(): NftRule[] {
  return [
    rule(match(ct('direction'), '==', 'reply'), isSet(ct('mark')), set(meta('mark')), { return: null }),
    clearMark(),
  ];
}

/** Without these the mark has no effect on replies of the container itself. */
export const REPLY_SYSCTLS: readonly DesiredSysctl[] = [IP_SRC_VALID_MARK, TCP_FWMARK_ACCEPT];

function isSet(mark: Expression): Statement {
  return match({ '&': [mark, REPLY_MARK] }, '==', REPLY_MARK);
}

function set(mark: Expression): Statement {
  return { mangle: { key: mark, value: { '|': [mark, REPLY_MARK] } } };
}

/** Clears the bit, which anybody who may set marks could have set. */
function clearMark(): NftRule {
  const mark = meta('mark');
  return rule(isSet(mark), { mangle: { key: mark, value: { '&': [mark, ALL_BUT_REPLY_MARK] } } });
}

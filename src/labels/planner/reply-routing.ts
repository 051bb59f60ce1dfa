// Replies of connections that came in by Docker's own way, as those to published ports do: they go back by it, past the
// labels' default routes. A bit of the connection's mark remembers them; the same bit of a packet's mark leads it by
// table main. Only a reply is ever led there, so nothing that the container itself opens. Not here: the policy rule
// (labels/diff/policy-routing.ts), where the chains hang (nft-table.ts).

import { prefixContains, sameAddress } from '../../base/ip.js';
import { REPLY_MARK } from '../../base/ownership.js';
import { ct, type Expression, match, meta, payload, type Statement } from '../../nft/expression.js';
import { type NftRule, rule } from '../../nft/table.js';
import type { DesiredRoute, DesiredSysctl } from '../diff/state.js';
import { IP_SRC_VALID_MARK, TCP_FWMARK_ACCEPT } from '../diff/sysctls.js';
import type { Attachment, HostInterfaceAddress } from '../discovery/container.js';

/** A mark has 32 bits. */
const ALL_BUT_DOCKER_WAY = 0xdfff_ffff;

/**
 * Link-layer addresses by which the host sends to a namespace what came in by Docker's own way. The host's are known,
 * and so a gateway is never taken for it that is not known yet: what is left out is answered by the label's gateway.
 * @param attachments the namespace's
 * @param routes its labels' routes; where one leads to the host itself, that is the label's way
 */
export function ingressMacs(
  attachments: readonly Attachment[],
  routes: readonly DesiredRoute[],
  places: readonly HostInterfaceAddress[],
): string[] {
  const addresses = attachments.flatMap(attachment => attachment.addresses);
  const beside = places.filter(({ prefix }) => addresses.some(address => prefixContains(prefix, address)));
  const gateways = beside.filter(({ prefix }) =>
    routes.some(({ gateway }) => gateway && sameAddress(gateway, prefix.address)),
  );
  const others = beside.filter(({ mac }) => !gateways.some(gateway => gateway.mac === mac));
  return [...new Set(others.map(({ mac }) => mac))].sort();
}

/**
 * The rules behind destination NAT in prerouting: a new connection is remembered, and replies that the container
 * forwards are led back. What is for the container itself is marked too: so it passes the check of its source
 * (rp_filter), and the answer of a TCP socket is led back even while there is no other way.
 * @param macs of dockerWay()
 */
export function saveMark(macs: readonly string[]): NftRule[] {
  const outside = match(meta('iifname'), '!=', 'lo');
  return [
    forget(),
    ...(macs.length === 0
      ? []
      : [
          rule(
            match(ct('state'), 'in', 'new'),
            match(ct('direction'), '==', 'original'),
            outside,
            match(payload('ether', 'saddr'), '==', { set: macs }),
            // A packet of the container's own that somebody sent back opens no connection.
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

/** The rules of what the container itself sends: a reply is led back, and nothing else has the bit. */
export function restoreMark(): NftRule[] {
  return [
    rule(match(ct('direction'), '==', 'reply'), isSet(ct('mark')), set(meta('mark')), { return: null }),
    forget(),
  ];
}

/** What the bit needs in order to count where the container itself answers. */
export const REPLY_SYSCTLS: readonly DesiredSysctl[] = [IP_SRC_VALID_MARK, TCP_FWMARK_ACCEPT];

function isSet(mark: Expression): Statement {
  return match({ '&': [mark, REPLY_MARK] }, '==', REPLY_MARK);
}

function set(mark: Expression): Statement {
  return { mangle: { key: mark, value: { '|': [mark, REPLY_MARK] } } };
}

/** Whoever may set marks could set ours. */
function forget(): NftRule {
  const mark = meta('mark');
  return rule(isSet(mark), { mangle: { key: mark, value: { '&': [mark, ALL_BUT_DOCKER_WAY] } } });
}

// The rules of an exit network's router for what reaches containers from outside. Pure. Not here: which ports those are
// (ways-in.ts), the chains (router-tables.ts).

import { type Address, type Family, formatAddress, type Prefix } from '../../base/ip.js';
import {
  ct,
  type Expression,
  match,
  meta,
  payload,
  prefixExpression,
  type Statement,
} from '../../nft/expression.js';
import { type NftRule, rule } from '../../nft/table.js';
import { NATPMP_PORT } from '../spec/option-table.js';
import type { WaysIn } from './ways-in.js';

/** What the rules go by. */
export interface WayInParts {
  readonly ways: WaysIn;
  readonly bridge: string;
  readonly tunnel: string;
  /** Of the tunnel. */
  readonly addresses: readonly Address[];
  /** The gateway in the tunnel that is asked for a port; absent: none is. */
  readonly natpmp?: Address;
  /** Of the network. */
  readonly subnets: readonly Prefix[];
}

const NFT_FAMILY = { 4: 'ip', 6: 'ip6' } as const;
const FAMILIES: readonly Family[] = [4, 6];
const ACCEPT: Statement = { accept: null };

/** To a port of the tunnel's address, from the far end or from a container: on to the container that has it. */
export function forwardRules({ ways, bridge, tunnel, addresses }: WayInParts): NftRule[] {
  return FAMILIES.flatMap(family => {
    const own = addresses.filter(address => address.family === family).map(formatAddress);
    if (own.length === 0) return [];
    const ip = NFT_FAMILY[family];
    const here = [
      match(meta('iifname'), '==', { set: [tunnel, bridge] }),
      match(payload(ip, 'daddr'), '==', own.length === 1 ? own[0]! : { set: own }),
    ];
    const moved = new Map<string, (readonly [Expression, Expression])[]>();
    const kept: NftRule[] = [];
    for (const { protocol, first, last, to, addresses } of ways.forwards) {
      const address = addresses.find(address => address.family === family);
      if (!address) continue;
      const addr = formatAddress(address);
      if (to === first) {
        const ports = match(
          payload(protocol, 'dport'),
          '==',
          first === last ? first : { range: [first, last] },
        );
        kept.push(rule(...here, ports, { dnat: { family: ip, addr } }));
        continue;
      }
      const elements = moved.get(protocol) ?? [];
      for (let port = first; port <= last; port++)
        elements.push([port, { concat: [addr, to + port - first] }]);
      moved.set(protocol, elements);
    }
    const maps = [...moved].map(([protocol, set]) =>
      rule(...here, match(meta('l4proto'), '==', protocol), {
        dnat: { family: ip, addr: { map: { key: payload(protocol, 'dport'), data: { set } } } },
      }),
    );
    return [...kept, ...maps];
  });
}

/** New connections from the far end: those alone that such a rule has led on. */
export function acceptForwarded({ ways, bridge, tunnel }: WayInParts): NftRule[] {
  if (ways.forwards.length === 0) return [];
  const between = [match(meta('iifname'), '==', tunnel), match(meta('oifname'), '==', bridge)];
  return [rule(...between, match(ct('status'), 'in', 'dnat'), ACCEPT)];
}

/**
 * What a container sends to the tunnel's address, and so to another one, comes from the gateway: the answer would take the way
 * across the bridge otherwise, and come from an address that was not asked.
 */
export function hairpinRules({ ways, bridge, subnets }: WayInParts): NftRule[] {
  if (ways.forwards.length === 0) return [];
  return subnets.map(subnet =>
    rule(
      match(meta('oifname'), '==', bridge),
      match(payload(NFT_FAMILY[subnet.address.family], 'saddr'), '==', prefixExpression(subnet)),
      match(ct('status'), 'in', 'dnat'),
      { masquerade: null },
    ),
  );
}

/** What the router's own sockets may connect to: what is published, and nothing else. */
export function relayRules({ ways, bridge }: WayInParts): NftRule[] {
  return FAMILIES.flatMap(family => {
    const elements = new Map<string, Expression>();
    for (const { protocol, containerPort, addresses } of ways.published)
      for (const address of addresses.filter(address => address.family === family)) {
        const addr = formatAddress(address);
        elements.set(`${protocol} ${addr} ${containerPort}`, { concat: [addr, protocol, containerPort] });
      }
    if (elements.size === 0) return [];
    const to = {
      concat: [payload(NFT_FAMILY[family], 'daddr'), meta('l4proto'), payload('th', 'dport')],
    };
    return [
      rule(match(meta('oifname'), '==', bridge), match(to, '==', { set: [...elements.values()] }), ACCEPT),
    ];
  });
}

/** The answers to those. */
export function relayAnswerRules({ ways, bridge }: WayInParts): NftRule[] {
  if (ways.published.length === 0) return [];
  const answers = match(ct('state'), 'in', ['established', 'related']);
  return [rule(match(meta('iifname'), '==', bridge), answers, ACCEPT)];
}

/** What goes to the gateway that is asked for a port, from the router itself. */
export function askGatewayRules({ natpmp, tunnel }: WayInParts): NftRule[] {
  return natpmp ? [rule(match(meta('oifname'), '==', tunnel), ...toGateway(natpmp), ACCEPT)] : [];
}

/** What it answers, and that it does not. */
export function gatewayAnswerRules({ natpmp, tunnel }: WayInParts): NftRule[] {
  if (!natpmp) return [];
  const comes = match(meta('iifname'), '==', tunnel);
  const from = match(payload('ip', 'saddr'), '==', formatAddress(natpmp));
  return [
    rule(
      comes,
      from,
      match(payload('udp', 'sport'), '==', NATPMP_PORT),
      match(ct('state'), 'in', ['established']),
      ACCEPT,
    ),
    rule(comes, match(meta('l4proto'), '==', 'icmp'), match(ct('state'), 'in', ['related']), ACCEPT),
  ];
}

/** The gateway takes containers for the router: one could end what was assigned to another. */
export function closeGatewayRules({ natpmp, bridge, tunnel }: WayInParts): NftRule[] {
  if (!natpmp) return [];
  const between = [match(meta('iifname'), '==', bridge), match(meta('oifname'), '==', tunnel)];
  return [rule(...between, ...toGateway(natpmp), { reject: null })];
}

function toGateway(gateway: Address): Statement[] {
  return [
    match(payload('ip', 'daddr'), '==', formatAddress(gateway)),
    match(payload('udp', 'dport'), '==', NATPMP_PORT),
  ];
}

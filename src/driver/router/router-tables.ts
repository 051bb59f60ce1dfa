// The tables of nftables in the namespace of an exit network's router: who may send what on the bridge, and what goes on from
// there. Everything that is not said is dropped. Pure. Not here: how they are put in place (router.ts).

import { type Address, formatAddress, fromBytes } from '../../base/ip.js';
import { BRIDGE_TABLE, TABLE } from '../../base/ownership.js';
import { parseMac } from '../../netlink/route/link.js';
import {
  ct,
  type Expression,
  match,
  meta,
  payload,
  prefixExpression,
  type Statement,
} from '../../nft/expression.js';
import { type NftRule, type NftSet, type NftTable, rule } from '../../nft/table.js';
import type { DnsWay } from './dns-ways.js';
import {
  acceptForwarded,
  askGatewayRules,
  closeGatewayRules,
  forwardRules,
  gatewayAnswerRules,
  hairpinRules,
  relayAnswerRules,
  relayRules,
  type WayInParts,
} from './way-in-rules.js';

/** A port of the bridge, and whom it belongs to. */
export interface PortBinding {
  /** Of the link. */
  readonly name: string;
  /** Of the container, as are the addresses. */
  readonly mac: string;
  readonly ipv4?: Address;
  readonly ipv6?: Address;
}

/** NF_BR_PRI_FILTER_BRIDGED and NF_IP_PRI_NAT_DST, NF_IP_PRI_FILTER, NF_IP_PRI_NAT_SRC. */
const [BRIDGED, NAT_DST, FILTER, NAT_SRC] = [-200, -100, 0, 100];

const ACCEPT: Statement = { accept: null };
const DROP: Statement = { drop: null };
/** `domain` of services(5), over UDP and TCP. */
const TO_DNS: readonly Statement[] = [
  match(meta('l4proto'), '==', { set: ['tcp', 'udp'] }),
  match(payload('th', 'dport'), '==', 53),
];
const VERDICTS = { reject: { reject: null }, drop: DROP } as const satisfies Record<string, Statement>;
/** Router advertisements, redirects: a container is no router. */
const ROUTERS_ONLY = ['nd-router-advert', 'nd-redirect'];
/** Target address of a neighbour advertisement, RFC 4861. libnftables 1.0.6 has no name for it. */
const ADVERT_TARGET: Expression = { payload: { base: 'th', offset: 64, len: 128 } };

/**
 * Who may send what: each container from its own link-layer address and its own addresses, and nothing else, so that none
 * takes what is another's, or the router's.
 */
export function planBridgeTable(ports: readonly PortBinding[]): NftTable {
  const sets: readonly (NftSet & { readonly elem: readonly Expression[] })[] = [
    {
      name: 'arp',
      type: ['ifname', 'ether_addr', 'ether_addr', 'ipv4_addr'],
      // A probe (RFC 5227) has no address of its own yet.
      elem: ports.flatMap(({ name, mac, ipv4 }) =>
        ipv4 ? ['0.0.0.0', formatAddress(ipv4)].map(addr => ({ concat: [name, mac, mac, addr] })) : [],
      ),
    },
    {
      name: 'ipv4',
      type: ['ifname', 'ether_addr', 'ipv4_addr'],
      elem: ports.flatMap(({ name, mac, ipv4 }) =>
        ipv4 ? [{ concat: [name, mac, formatAddress(ipv4)] }] : [],
      ),
    },
    {
      name: 'ipv6',
      type: ['ifname', 'ether_addr', 'ipv6_addr'],
      // `::` is for duplicate address detection, and no router passes it on.
      elem: ports.flatMap(({ name, mac, ipv6 }) =>
        ipv6
          ? ['::', formatAddress(linkLocal(mac)), formatAddress(ipv6)].map(addr => ({
              concat: [name, mac, addr],
            }))
          : [],
      ),
    },
  ];
  const from = (...fields: Expression[]): Expression => ({ concat: [meta('iifname'), ...fields] });
  const mac = payload('ether', 'saddr');
  const isType = (type: string): Statement => match(payload('ether', 'type'), '==', type);
  return {
    ...BRIDGE_TABLE,
    // A set without elements is not to be had as an empty list.
    sets: sets.map(({ elem, ...set }) => (elem.length > 0 ? { ...set, elem } : set)),
    chains: [
      {
        name: 'arriving',
        hook: { type: 'filter', hook: 'prerouting', priority: BRIDGED, policy: 'drop' },
        rules: [
          rule(
            match(from(mac, payload('arp', 'saddr ether'), payload('arp', 'saddr ip')), '==', '@arp'),
            ACCEPT,
          ),
          rule(isType('ip'), match(from(mac, payload('ip', 'saddr')), '==', '@ipv4'), ACCEPT),
          rule(isType('ip6'), match(meta('l4proto'), '==', 'ipv6-icmp'), { jump: { target: 'icmpv6' } }),
          rule(isType('ip6'), match(from(mac, payload('ip6', 'saddr')), '==', '@ipv6'), ACCEPT),
        ],
      },
      { name: 'icmpv6', rules: icmpv6Rules(ports) },
    ],
  };
}

/** What is dropped of a container's ICMPv6; the rest goes on to who sends it. */
function icmpv6Rules(ports: readonly PortBinding[]): NftRule[] {
  const type = payload('icmpv6', 'type');
  const own = ports.flatMap(({ name, mac, ipv6 }) => {
    if (!ipv6) return [];
    return [linkLocal(mac), ipv6].map(({ bytes }) =>
      rule(match(meta('iifname'), '==', name), match(ADVERT_TARGET, '==', `0x${bytes.toString('hex')}`), {
        return: null,
      }),
    );
  });
  return [
    rule(match(type, '==', { set: ROUTERS_ONLY }), DROP),
    rule(match(type, '!=', 'nd-neighbor-advert'), { return: null }),
    ...own,
    // What has no type, as a fragment that is not the first, is none: kernels differ in what they find there.
    rule(match(type, '==', 'nd-neighbor-advert'), DROP),
  ];
}

/** EUI-64 (RFC 4291), by which the kernel makes a link-local address of a link-layer one. */
function linkLocal(mac: string): Address {
  const bytes = parseMac(mac);
  const [first = 0] = bytes;
  const id = [first ^ 0x02, bytes[1]!, bytes[2]!, 0xff, 0xfe, bytes[3]!, bytes[4]!, bytes[5]!];
  return fromBytes([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...id]);
}

/**
 * What goes on: out by the tunnel and back, from container to container; and what the router itself says to them.
 * @param dns where questions go that leave the network
 * @param waysIn what comes in beside that
 */
export function planForwardTable(dns: readonly DnsWay[], waysIn: WayInParts): NftTable {
  const comesBy = (link: string): Statement => match(meta('iifname'), '==', link);
  const goesBy = (link: string): Statement => match(meta('oifname'), '==', link);
  const { bridge, tunnel } = waysIn;
  const maxseg = { 'tcp option': { name: 'maxseg', field: 'size' } };
  const syn = match({ '&': [payload('tcp', 'flags'), { '|': ['syn', 'rst'] }] }, '==', 'syn');
  const clamp: Statement = { mangle: { key: maxseg, value: { rt: { key: 'mtu' } } } };
  const filter = { type: 'filter', priority: FILTER, policy: 'drop' } as const;
  const neighbours = ['echo-request', 'nd-neighbor-solicit', 'nd-neighbor-advert'];
  return {
    ...TABLE,
    sets: [],
    chains: [
      {
        name: 'asking',
        hook: { type: 'nat', hook: 'prerouting', priority: NAT_DST },
        rules: [
          ...forwardRules(waysIn),
          ...dns.flatMap(way => (way.to === undefined ? [] : [askRule(comesBy(bridge), way, way.to)])),
        ],
      },
      {
        name: 'forward',
        hook: { ...filter, hook: 'forward' },
        rules: [
          rule(syn, clamp),
          rule(match(ct('state'), 'in', ['invalid']), DROP),
          rule(comesBy(tunnel), goesBy(bridge), match(ct('state'), 'in', ['established', 'related']), ACCEPT),
          ...acceptForwarded(waysIn),
          // Of a connection that went by another tunnel: it is over, and its program is to know.
          rule(
            comesBy(bridge),
            goesBy(tunnel),
            match(ct('state'), 'in', ['new']),
            match({ '&': [payload('tcp', 'flags'), { '|': ['syn', 'ack'] }] }, '!=', 'syn'),
            { reject: { type: 'tcp reset' } },
          ),
          ...dns.flatMap(({ family, verdict }) => {
            if (verdict === undefined) return [];
            const isOf = match(meta('nfproto'), '==', `ipv${family}`);
            return [rule(comesBy(bridge), goesBy(tunnel), isOf, ...TO_DNS, VERDICTS[verdict])];
          }),
          ...closeGatewayRules(waysIn),
          rule(comesBy(bridge), goesBy(tunnel), ACCEPT),
          rule(comesBy(bridge), goesBy(bridge), ACCEPT),
        ],
      },
      {
        name: 'input',
        hook: { ...filter, hook: 'input' },
        rules: [
          rule(comesBy(bridge), match(payload('icmp', 'type'), '==', 'echo-request'), ACCEPT),
          rule(comesBy(bridge), match(payload('icmpv6', 'type'), '==', { set: neighbours }), ACCEPT),
          ...relayAnswerRules(waysIn),
          ...gatewayAnswerRules(waysIn),
        ],
      },
      {
        name: 'output',
        hook: { ...filter, hook: 'output' },
        rules: [
          rule(goesBy(bridge), match(meta('l4proto'), '==', 'icmp'), ACCEPT),
          rule(goesBy(bridge), match(meta('l4proto'), '==', 'ipv6-icmp'), ACCEPT),
          ...relayRules(waysIn),
          ...askGatewayRules(waysIn),
          rule(
            goesBy(bridge),
            match({ '&': [payload('tcp', 'flags'), { '|': ['syn', 'rst'] }] }, '==', 'rst'),
            ACCEPT,
          ),
        ],
      },
      {
        name: 'leaving',
        hook: { type: 'nat', hook: 'postrouting', priority: NAT_SRC },
        rules: [rule(goesBy(tunnel), { masquerade: null }), ...hairpinRules(waysIn)],
      },
    ],
  };
}

/** Whoever is asked, but one on the network itself, it is the server that answers, in the other's name. */
function askRule(isFromContainer: Statement, { family, subnet }: DnsWay, server: Address): NftRule {
  const ip = family === 4 ? 'ip' : 'ip6';
  return rule(isFromContainer, match(payload(ip, 'daddr'), '!=', prefixExpression(subnet)), ...TO_DNS, {
    dnat: { family: ip, addr: formatAddress(server) },
  });
}

// The tables of nftables in the namespace of an exit network's router: who may send what on the bridge, and what goes on from
// there. Everything that is not said is dropped. Pure. Not here: how they are put in place (router.ts).

import { type Address, formatAddress, fromBytes, parseAddress } from '../../base/ip.js';
import { BRIDGE_TABLE, TABLE } from '../../base/ownership.js';
import { parseMac } from '../../netlink/route/link.js';
import type { ElementChange } from '../../nft/batches.js';
import {
  ct,
  type Expression,
  match,
  meta,
  payload,
  prefixExpression,
  type Statement,
} from '../../nft/expression.js';
import { type NftRule, type NftTable, rule, type SetLookup } from '../../nft/table.js';
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
/**
 * Port, sender and target address of a neighbour advertisement (RFC 4861), as a set has them. libnftables 1.0.6 takes no such
 * field for an address.
 */
const ADVERTISED: SetLookup = {
  set: 'ipv6',
  fields: [
    'iifname',
    { header: 'link', offset: 6, length: 6 },
    { header: 'transport', offset: 8, length: 16 },
  ],
};
const [NO_IPV4, NO_IPV6] = [parseAddress('0.0.0.0')!, parseAddress('::')!];

/** What a set has of a port: the link's name, link-layer addresses, and an address. */
type Field = { readonly link: string } | { readonly mac: string } | Address;

interface Binding {
  readonly set: 'arp' | 'ipv4' | 'ipv6';
  readonly fields: readonly Field[];
}

const BINDING_SETS = [
  { name: 'arp', type: ['ifname', 'ether_addr', 'ether_addr', 'ipv4_addr'] },
  { name: 'ipv4', type: ['ifname', 'ether_addr', 'ipv4_addr'] },
  { name: 'ipv6', type: ['ifname', 'ether_addr', 'ipv6_addr'] },
] as const;

function bindingsOf({ name, mac, ipv4, ipv6 }: PortBinding): Binding[] {
  const [link, own] = [{ link: name }, { mac }];
  return [
    // A probe (RFC 5227) has no address of its own yet.
    ...(ipv4 ? [NO_IPV4, ipv4] : []).map(
      (address): Binding => ({ set: 'arp', fields: [link, own, own, address] }),
    ),
    ...(ipv4 ? [{ set: 'ipv4', fields: [link, own, ipv4] } as const] : []),
    // `::` is for duplicate address detection, and no router passes it on.
    ...(ipv6 ? [NO_IPV6, linkLocal(mac), ipv6] : []).map(
      (address): Binding => ({ set: 'ipv6', fields: [link, own, address] }),
    ),
  ];
}

/** What makes the sets of the bridge's table right, where its ports are others now: elements that go, then those that come. */
export function changeBindings(before: readonly PortBinding[], now: readonly PortBinding[]): ElementChange[] {
  return [...elementsOf('delete', beside(now, before)), ...elementsOf('add', beside(before, now))];
}

/** Ports that a list has and another has not, or not as they are there. */
function beside(known: readonly PortBinding[], ports: readonly PortBinding[]): readonly PortBinding[] {
  const texts = new Set(known.map(port => JSON.stringify(port)));
  return ports.filter(port => !texts.has(JSON.stringify(port)));
}

function elementsOf(what: 'add' | 'delete', ports: readonly PortBinding[]): ElementChange[] {
  const bindings = ports.flatMap(bindingsOf);
  return BINDING_SETS.flatMap(({ name }): ElementChange[] => {
    const keys = bindings.filter(({ set }) => set === name).map(({ fields }) => keyOf(fields));
    return keys.length > 0 ? [{ what, set: name, keys }] : [];
  });
}

/** As the kernel has a concatenation: each value begins at a register of four bytes. */
function keyOf(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map(field => {
      if ('bytes' in field) return field.bytes;
      const [text, length] = 'link' in field ? [Buffer.from(field.link), 16] : [parseMac(field.mac), 8];
      return Buffer.concat([text, Buffer.alloc(length - text.length)]);
    }),
  );
}

function textOf(field: Field): string {
  if ('bytes' in field) return formatAddress(field);
  return 'link' in field ? field.link : field.mac;
}

/**
 * Who may send what: each container from its own link-layer address and its own addresses, and nothing else, so that none
 * takes what is another's, or the router's.
 */
export function planBridgeTable(ports: readonly PortBinding[]): NftTable {
  const bindings = ports.flatMap(bindingsOf);
  const sets = BINDING_SETS.map(({ name, type }) => {
    const elem = bindings
      .filter(({ set }) => set === name)
      .map(({ fields }) => ({ concat: fields.map(textOf) }));
    // A set without elements is not to be had as an empty list.
    return { name, type, ...(elem.length > 0 && { elem }) };
  });
  const from = (...fields: Expression[]): Expression => ({ concat: [meta('iifname'), ...fields] });
  const mac = payload('ether', 'saddr');
  const isType = (type: string): Statement => match(payload('ether', 'type'), '==', type);
  return {
    ...BRIDGE_TABLE,
    sets,
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
      {
        name: 'icmpv6',
        rules: [
          rule(match(payload('icmpv6', 'type'), '==', { set: ROUTERS_ONLY }), DROP),
          // What has no type, as a fragment that is not the first, is none: kernels differ in what they find there.
          rule(match(payload('icmpv6', 'type'), '==', 'nd-neighbor-advert'), { jump: { target: 'adverts' } }),
        ],
      },
      // An address that is the container's own, or nobody hears of it.
      { name: 'adverts', rules: [{ expr: [], late: { returnIf: ADVERTISED } }, rule(DROP)] },
    ],
  };
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

// Matches on a packet's own properties and on where it comes from: addrtype, iprange, mac, length, ttl, hl,
// pkttype, comment. Not here: transport protocols (transport.ts), TOS (tos.ts).

import type { Family } from '../../../base/ip.js';
import { type Expression, match, meta, payload, type Statement } from '../../expression.js';
import type { Hook } from '../syntax/chains.js';
import { type Extension, type OptionSpec, type ParsedOption, statements } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { addressField, addressOrRange, never, readAddressRange, readMac } from '../values/addresses.js';
import { readNumber, readRange, split, UINT8_MAX, UINT16_MAX, valueOrRange } from '../values/numbers.js';

/** `XT_MAX_COMMENT_LEN` without its end. */
const COMMENT_MAX = 255;

/** rtnetlink(7)'s types of a route that nftables has a name for too. */
const ADDRESS_TYPES = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
];
const UNKNOWN_TYPES = ['throw', 'nat', 'xresolve'];

/** Where a packet has an interface that it came in by, and one that it goes out by. */
const COMING_IN: readonly Hook[] = ['prerouting', 'input', 'forward'];
const GOING_OUT: readonly Hook[] = ['forward', 'output', 'postrouting'];

function op({ negated }: ParsedOption): '==' | '!=' {
  return negated ? '!=' : '==';
}

const addrtype: Extension = {
  name: 'addrtype',
  options: [
    { names: ['src-type'], values: ['type[,type]…'], negatable: true },
    { names: ['dst-type'], values: ['type[,type]…'], negatable: true },
    { names: ['limit-iface-in'], excludes: ['limit-iface-out'] },
    { names: ['limit-iface-out'], excludes: ['limit-iface-in'] },
  ],
  notes: ['The types THROW, NAT and XRESOLVE are refused: nftables does not know them.'],
  translate(options, context) {
    options.oneOf(context, 'src-type', 'dst-type');
    const limit = options.get('limit-iface-in') ?? options.get('limit-iface-out');
    const hooks = options.has('limit-iface-in') ? COMING_IN : GOING_OUT;
    const device = limit ? [options.has('limit-iface-in') ? 'iif' : 'oif'] : [];
    const found: Statement[] = [];
    for (const [name, address] of [
      ['src-type', 'saddr'],
      ['dst-type', 'daddr'],
    ] as const) {
      const given = options.get(name);
      if (!given) continue;
      const types = readTypes(given.values[0]!);
      const fib = { fib: { result: 'type', flags: [address, ...device] } } as const;
      found.push(match(fib, op(given), types.length === 1 ? types[0]! : { set: types }));
    }
    return { alternatives: [found], ...(limit && { constraint: { hooks } }) };
  },
};

function readTypes(token: Token): string[] {
  const types = split(token, ',').map(each => {
    const type = each.text.toLowerCase();
    if (UNKNOWN_TYPES.includes(type))
      refuse(each, 'cannot be expressed: nftables has no such type of address');
    if (!ADDRESS_TYPES.includes(type)) {
      refuse(each, `is no type of address: give some of ${ADDRESS_TYPES.join(', ').toUpperCase()}`);
    }
    return type;
  });
  return [...new Set(types)];
}

const iprange: Extension = {
  name: 'iprange',
  options: [
    { names: ['src-range'], values: ['address[-address]'], negatable: true },
    { names: ['dst-range'], values: ['address[-address]'], negatable: true },
  ],
  translate(options, context) {
    options.oneOf(context, 'src-range', 'dst-range');
    const family = context.askFamily();
    const range = (given: ParsedOption | undefined, field: 'saddr' | 'daddr'): Statement[] =>
      given
        ? [
            match(
              addressField(family, field),
              op(given),
              addressOrRange(readAddressRange(given.values[0]!, family)),
            ),
          ]
        : [];
    return statements(
      ...range(options.get('src-range'), 'saddr'),
      ...range(options.get('dst-range'), 'daddr'),
    );
  },
};

const mac: Extension = {
  name: 'mac',
  options: [{ names: ['mac-source'], values: ['XX:XX:XX:XX:XX:XX'], negatable: true, required: true }],
  constraint: { hooks: COMING_IN },
  translate(options) {
    const given = options.get('mac-source')!;
    return statements(match(payload('ether', 'saddr'), op(given), readMac(given.values[0]!)));
  },
};

const length: Extension = {
  name: 'length',
  options: [{ names: ['length'], values: ['length[:length]'], negatable: true, required: true }],
  translate(options) {
    const given = options.get('length')!;
    const range = readRange(given.values[0]!, UINT16_MAX);
    return statements(match(meta('length'), op(given), valueOrRange(range)));
  },
};

/** ttl and hl: one header field, three comparisons that exclude each other. */
function hops(name: 'ttl' | 'hl', family: Family, field: Expression): Extension {
  const names = [`${name}-eq`, `${name}-lt`, `${name}-gt`] as const;
  const options = names.map(
    (option, index): OptionSpec => ({
      names: index === 0 ? [option, name] : [option],
      values: ['value'],
      ...(index === 0 && { negatable: true }),
      excludes: names.filter(other => other !== option),
    }),
  );
  return {
    name,
    family,
    options,
    translate(given, context) {
      const [option, { negated }, token] = given.oneOf(context, ...names);
      const value = readNumber(token, 0, UINT8_MAX);
      if (option === names[0]) return statements(match(field, negated ? '!=' : '==', value));
      const below = option === names[1];
      // No value is below the minimum or above the maximum, and nft(8) refuses such a comparison.
      if (value === (below ? 0 : UINT8_MAX)) return statements(never());
      return statements(match(field, below ? '<' : '>', value));
    },
  };
}

/** iptables' names by nftables' names. */
const PACKET_TYPES: ReadonlyMap<string, string> = new Map([
  ['unicast', 'host'],
  ['host', 'host'],
  ['broadcast', 'broadcast'],
  ['bcast', 'broadcast'],
  ['multicast', 'multicast'],
  ['mcast', 'multicast'],
  ['otherhost', 'other'],
]);

const pkttype: Extension = {
  name: 'pkttype',
  options: [{ names: ['pkt-type'], values: ['type'], negatable: true, required: true }],
  translate(options) {
    const given = options.get('pkt-type')!;
    const token = given.values[0]!;
    const type = PACKET_TYPES.get(token.text.toLowerCase());
    if (type === undefined)
      refuse(token, 'is no type of packet: give unicast, broadcast, multicast or otherhost');
    return statements(match(meta('pkttype'), op(given), type));
  },
};

const comment: Extension = {
  name: 'comment',
  options: [{ names: ['comment'], values: ['text'], required: true }],
  notes: ['nftables keeps 127 bytes of a comment.'],
  translate(options) {
    const token = options.value('comment')!;
    if (Buffer.byteLength(token.text) > COMMENT_MAX) refuse(token, `is longer than ${COMMENT_MAX} bytes`);
    if (/\p{Cc}/u.test(token.text)) refuse(token, 'has a control character');
    return { alternatives: [[]], comment: token.text };
  },
};

export const PACKET_MATCHES: readonly Extension[] = [
  addrtype,
  iprange,
  mac,
  length,
  hops('ttl', 4, payload('ip', 'ttl')),
  hops('hl', 6, payload('ip6', 'hoplimit')),
  pkttype,
  comment,
];

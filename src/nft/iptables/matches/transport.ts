// Matches on the headers of transport protocols: tcp, udp, sctp, dccp, multiport, tcpmss; and which match -p brings in.
// Not here: -p itself (nft/iptables/parser.ts), ICMP (icmp.ts), flags of TCP (tcp-flags.ts).

import { type Expression, match, payload, type Statement } from '../../expression.js';
import {
  type Extension,
  type FamilySource,
  needProtocol,
  type OptionSpec,
  type Options,
  type ParsedOption,
  PORT_PROTOCOLS,
  type Protocol,
  statements,
  type Translation,
} from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import {
  readNumber,
  readPort,
  readPortRange,
  readRange,
  split,
  UINT8_MAX,
  UINT16_MAX,
  valueOrRange,
} from '../values/numbers.js';
import { matchRange } from '../values/ranges.js';
import { matchDccpTypes } from './dccp-types.js';
import { matchChunks } from './sctp-chunks.js';
import { hasSyn, matchFlags, readFlagTest } from './tcp-flags.js';

/** `XT_MULTI_PORTS`: a range takes two of them. */
const MULTI_PORTS = 15;
/** By libnftables' names; the others are told by their number. */
const TCP_OPTIONS: Readonly<Record<number, string>> = {
  2: 'maxseg',
  3: 'window',
  4: 'sack-perm',
  5: 'sack',
  8: 'timestamp',
  30: 'mptcp',
};
const PORT_OPTIONS: readonly OptionSpec[] = [
  { names: ['source-port', 'sport'], values: ['port[:port]'], negatable: true },
  { names: ['destination-port', 'dport'], values: ['port[:port]'], negatable: true },
];

function matchPorts(protocol: string, options: Options): Statement[] {
  const found: Statement[] = [];
  for (const [name, field] of [
    ['source-port', 'sport'],
    ['destination-port', 'dport'],
  ] as const) {
    const given = options.get(name);
    if (!given) continue;
    const range = readPortRange(given.values[0]!, protocol);
    found.push(...matchRange(payload(protocol, field), given, range, UINT16_MAX));
  }
  return found;
}

/** The ports of a protocol, and what else of it is told by an option. */
function portMatch(name: string, number: number, others: Partial<PortMatch> = {}): Extension {
  const { options: more = [], notes, also } = others;
  return {
    name,
    options: [...PORT_OPTIONS, ...more],
    ...(notes && { notes }),
    translate(options, { protocol, token }) {
      needProtocol(protocol, { [number]: name }, token);
      const ports = matchPorts(name, options);
      const alternatives = also?.(options)?.alternatives ?? [[]];
      return { alternatives: alternatives.map(each => [...ports, ...each]) };
    },
  };
}

const NO_OPTION =
  'cannot be expressed: nftables has it from 1.0.8 on, where the kernel was built with NFT_EXTHDR_DCCP, which few are';

interface PortMatch {
  readonly options: readonly OptionSpec[];
  readonly notes: readonly string[];
  /** Conditions beside those on ports. @throws RuleError */
  readonly also: (options: Options) => Translation | undefined;
}

const tcp: Extension = {
  name: 'tcp',
  options: [
    ...PORT_OPTIONS,
    { names: ['tcp-flags'], values: ['mask', 'comp'], negatable: true, excludes: ['syn'] },
    { names: ['syn'], negatable: true, excludes: ['tcp-flags'] },
    { names: ['tcp-option'], values: ['number'], negatable: true },
  ],
  notes: [
    '`! --tcp-option` takes 2, 3, 4, 5, 8 and 30: nftables has no word for "not there" for the others.',
  ],
  translate(options, { protocol, token }) {
    needProtocol(protocol, { 6: 'tcp' }, token);
    const found = matchPorts('tcp', options);
    const test = readFlagTest(options);
    if (test) found.push(matchFlags(test));
    const option = options.get('tcp-option');
    if (option) found.push(matchTcpOption(option));
    return { ...statements(...found), matchesSyn: test !== undefined && hasSyn(test) };
  },
};

function matchTcpOption({ values, negated }: ParsedOption): Statement {
  const token = values[0]!;
  const kind = readNumber(token, 1, UINT8_MAX);
  const name = TCP_OPTIONS[kind];
  if (name !== undefined) return match({ 'tcp option': { name } }, '==', !negated);
  if (negated) refuse(token, 'cannot be negated: nftables has no word for "not there" for this TCP option');
  return match({ 'tcp option': { base: kind, offset: 0, len: 8 } }, '==', kind);
}

const multiport: Extension = {
  name: 'multiport',
  options: [
    {
      names: ['source-ports', 'sports'],
      values: ['port[,port|,port:port]…'],
      negatable: true,
      excludes: ['destination-ports', 'ports'],
    },
    {
      names: ['destination-ports', 'dports'],
      values: ['port[,port|,port:port]…'],
      negatable: true,
      excludes: ['source-ports', 'ports'],
    },
    {
      names: ['ports'],
      values: ['port[,port|,port:port]…'],
      negatable: true,
      excludes: ['source-ports', 'destination-ports'],
    },
  ],
  notes: ['`--ports` becomes two rules, so it cannot stand beside a match that counts packets.'],
  translate(options, context) {
    const [name, { negated }, token] = options.oneOf(context, 'source-ports', 'destination-ports', 'ports');
    const protocol = needProtocol(context.protocolBefore, PORT_PROTOCOLS, token);
    const set = readPorts(token, protocol);
    const op = negated ? '!=' : '==';
    const source = match(payload(protocol, 'sport'), op, set);
    const destination = match(payload(protocol, 'dport'), op, set);
    if (name === 'source-ports') return statements(source);
    if (name === 'destination-ports') return statements(destination);
    if (negated) return statements(source, destination);
    const other = match(payload(protocol, 'sport'), '!=', set);
    return { alternatives: [[source], [other, destination]] };
  },
};

function readPorts(token: Token, protocol: string): Expression {
  let count = 0;
  const ports = split(token, ',').map(each => {
    const [from = '', to, more] = each.text.split(':');
    if (more !== undefined) refuse(each, 'has more than one ":"');
    count += to === undefined ? 1 : 2;
    if (count > MULTI_PORTS) refuse(each, `is one too many: ${MULTI_PORTS} ports at most, a range being two`);
    const first = readPort(each, protocol, from);
    if (to === undefined) return first;
    const last = readPort(each, protocol, to);
    if (first >= last) refuse(each, 'is a range whose end does not come after its beginning');
    return { range: [first, last] } as const;
  });
  return ports.length === 1 ? ports[0]! : { set: ports };
}

const tcpmss: Extension = {
  name: 'tcpmss',
  options: [{ names: ['mss'], values: ['value[:value]'], negatable: true, required: true }],
  notes: ['`! --mss` becomes two rules, so it cannot stand beside a match that counts packets.'],
  translate(options, { protocol, token }) {
    needProtocol(protocol, { 6: 'tcp' }, token);
    const { values, negated } = options.get('mss')!;
    const size = { 'tcp option': { name: 'maxseg', field: 'size' } };
    const range = valueOrRange(readRange(values[0]!, UINT16_MAX));
    if (!negated) return statements(match(size, '==', range));
    // A packet without the option does not match.
    const missing = match({ 'tcp option': { name: 'maxseg' } }, '==', false);
    return { alternatives: [[missing], [match(size, '!=', range)]] };
  },
};

export const TRANSPORT_MATCHES: readonly Extension[] = [
  tcp,
  portMatch('udp', 17),
  portMatch('sctp', 132, {
    options: [{ names: ['chunk-types'], values: ['all|any', 'type[:flags][,…]'], negatable: true }],
    notes: [
      '`--chunk-types` with `only`, or with the types `ALL` and `NONE`, is refused: nftables has no word for "no other chunk".',
      'The types `I_DATA`, `RE_CONFIG`, `PAD` and `I_FORWARD_TSN` are refused: nftables does not know them.',
      'Of several chunks of one type in a packet, `--chunk-types` with flags looks at the first.',
      '`--chunk-types` that is met in more than one way becomes several rules, so it cannot stand beside a match that counts packets.',
    ],
    also: options => {
      const given = options.get('chunk-types');
      return given && matchChunks(given);
    },
  }),
  portMatch('dccp', 33, {
    options: [
      { names: ['dccp-types'], values: ['type[,type]…'], negatable: true },
      { names: ['dccp-option'], values: ['number'], negatable: true, refused: NO_OPTION },
    ],
    also: options => {
      const given = options.get('dccp-types');
      return given && statements(matchDccpTypes(given));
    },
  }),
  multiport,
  tcpmss,
];

const IPSEC_PROTOCOLS: Readonly<Record<number, string>> = { 50: 'esp', 51: 'ah', 108: 'ipcomp' };

/** The match that `-p` brings in when one of its options comes, by the protocol's number. */
export function implicitMatch(protocol: Protocol | undefined, of: FamilySource): string | undefined {
  if (!protocol) return undefined;
  if (protocol.number === 1) return of.askFamily() === 4 ? 'icmp' : undefined;
  if (protocol.number === 58) return of.askFamily() === 6 ? 'icmp6' : undefined;
  if (protocol.number === 135) return of.askFamily() === 6 ? 'mh' : undefined;
  return PORT_PROTOCOLS[protocol.number] ?? IPSEC_PROTOCOLS[protocol.number];
}

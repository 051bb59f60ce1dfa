// Matches on the connection and on marks: conntrack, state, connmark, mark, connlimit. Not here: what changes a mark
// (nft/iptables/targets/mangle.ts).

import { ct, type Expression, type MatchStatement, match, meta, type Statement } from '../../expression.js';
import {
  type Extension,
  type FamilyContext,
  type OptionSpec,
  type ParsedOption,
  statements,
  type Translation,
} from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { addressField, masked, matchNetwork, never, readLength, readNetwork } from '../values/addresses.js';
import {
  maskedBy,
  type Range,
  readMasked,
  readNumber,
  readPortRange,
  readProtocol,
  readRange,
  split,
  UINT8_MAX,
  UINT32_MAX,
  valueOrRange,
} from '../values/numbers.js';

const STATES = ['invalid', 'new', 'established', 'related', 'untracked'] as const;
const NAT_STATES = ['snat', 'dnat'] as const;
/** iptables' names by nftables' names. */
const STATUSES: Readonly<Record<string, string | undefined>> = {
  expected: 'expected',
  seen_reply: 'seen-reply',
  assured: 'assured',
  confirmed: 'confirmed',
};

/** Words of a list, or what each begins with: no two of a list here begin alike. @throws RuleError */
function words(token: Token, known: readonly string[]): string[] {
  return split(token, ',').map(each => {
    const begin = each.text.toLowerCase();
    const word = known.filter(name => name.startsWith(begin));
    if (word.length !== 1) refuse(each, `is none of ${known.join(', ').toUpperCase()}`);
    return word[0]!;
  });
}

/** "Any of these bits is set", or none of them. */
function matchBits(left: Expression, bits: readonly string[], negated: boolean): MatchStatement {
  const right = bits.length === 1 ? bits[0]! : [...new Set(bits)];
  return match(left, negated ? '!' : 'in', right);
}

/** The state of a packet without a connection; it has no other conntrack key to compare. */
const WITHOUT_CONNECTION = ['invalid', 'untracked'];

/**
 * SNAT and DNAT are states to iptables and status bits to nftables, so a list with both kinds is two cases. A packet
 * without a connection is a third: it matches by its state alone, whatever the other conditions are.
 * @param others the other conditions on the connection
 */
function matchState(
  { values, negated }: ParsedOption,
  known: readonly string[],
  others: readonly Statement[] = [],
): (readonly Statement[])[] {
  const names = words(values[0]!, known);
  const states = names.filter(name => !(NAT_STATES as readonly string[]).includes(name));
  const nat = names.filter(name => (NAT_STATES as readonly string[]).includes(name));
  const byState = matchBits(ct('state'), states, negated);
  const byStatus = matchBits(ct('status'), nat, negated);
  const lone = WITHOUT_CONNECTION.filter(name => states.includes(name) !== negated);
  const also =
    lone.length > 0 && (others.length > 0 || (negated && nat.length > 0))
      ? [[matchBits(ct('state'), lone, false)]]
      : [];
  if (nat.length === 0) return [...also, [...others, byState]];
  if (states.length === 0) return [...also, [...others, byStatus]];
  if (negated) return [...also, [...others, byState, byStatus]];
  return [...also, [...others, byState], [...others, matchBits(ct('state'), states, true), byStatus]];
}

const state: Extension = {
  name: 'state',
  options: [{ names: ['state'], values: ['state[,state]…'], negatable: true, required: true }],
  translate: options => ({ alternatives: matchState(options.get('state')!, STATES) }),
};

/** `ct DIRECTION ip saddr`, as libnftables names the keys that say their family. */
const TUPLE_ADDRESSES = {
  ctorigsrc: ['original', 'saddr'],
  ctorigdst: ['original', 'daddr'],
  ctreplsrc: ['reply', 'saddr'],
  ctrepldst: ['reply', 'daddr'],
} as const;
const TUPLE_PORTS = {
  ctorigsrcport: ['original', 'proto-src'],
  ctorigdstport: ['original', 'proto-dst'],
  ctreplsrcport: ['reply', 'proto-src'],
  ctrepldstport: ['reply', 'proto-dst'],
} as const;

/**
 * Every protocol, for libnftables knows what a port is only where one has been asked for by name: iptables compares
 * the ports of a connection whatever they are to it, and so does the kernel.
 */
const ANY_PROTOCOL = match(meta('l4proto'), '==', { set: [6, { range: [0, 5] }, { range: [7, UINT8_MAX] }] });

/** Those that libnftables 1.0.6 has a header of. */
const KNOWN_PROTOCOLS = [1, 2, 6, 17, 33, 50, 51, 58, 108, 132, 136];

/** The order in which iptables-translate(8) writes the conditions other than the state. */
const ORDER = [
  'ctdir',
  'ctproto',
  'ctstatus',
  'ctexpire',
  ...Object.keys(TUPLE_ADDRESSES),
  ...Object.keys(TUPLE_PORTS),
];

const conntrack: Extension = {
  name: 'conntrack',
  options: [
    { names: ['ctstate'], values: ['state[,state]…'], negatable: true },
    { names: ['ctproto'], values: ['protocol'], negatable: true },
    ...Object.keys(TUPLE_ADDRESSES).map(
      (name): OptionSpec => ({ names: [name], values: ['address[/mask]'], negatable: true }),
    ),
    ...Object.keys(TUPLE_PORTS).map(
      (name): OptionSpec => ({ names: [name], values: ['port[:port]'], negatable: true }),
    ),
    { names: ['ctstatus'], values: ['status[,status]…'], negatable: true },
    { names: ['ctexpire'], values: ['seconds[:seconds]'], negatable: true },
    { names: ['ctdir'], values: ['ORIGINAL|REPLY'] },
  ],
  notes: [
    'nft(8) lists a port of a connection as a number of an invalid type where `-p` is not said.',
    '`--ctstate` with `SNAT` or `DNAT` beside another state becomes two rules, so it cannot stand beside a match that counts packets.',
  ],
  translate(options, context) {
    const given = options.entries();
    if (given.length === 0) refuse(context.token, 'needs one of its options, such as --ctstate');
    const others = ORDER.flatMap(name => {
      const option = options.get(name);
      return option ? matchTuple(name, option, context) : [];
    });
    const state = options.get('ctstate');
    return { alternatives: state ? matchState(state, [...STATES, ...NAT_STATES], others) : [others] };
  },
};

function matchTuple(name: string, { values, negated }: ParsedOption, context: FamilyContext): Statement[] {
  const value = values[0]!;
  const op = negated ? '!=' : '==';
  const address = TUPLE_ADDRESSES[name as keyof typeof TUPLE_ADDRESSES];
  if (address) {
    const [direction, field] = address;
    const left = ct(`${context.askFamily() === 4 ? 'ip' : 'ip6'} ${field}`, direction);
    return matchNetwork(left, readNetwork(value, context.askFamily()), negated);
  }
  const port = TUPLE_PORTS[name as keyof typeof TUPLE_PORTS];
  if (port) {
    const [direction, key] = port;
    const range = readPortRange(value, 'any');
    const { protocol } = context;
    const known = protocol && !protocol.negated && KNOWN_PROTOCOLS.includes(protocol.number);
    return [...(known ? [] : [ANY_PROTOCOL]), match(ct(key, direction), op, valueOrRange(range))];
  }
  if (name === 'ctproto') {
    const protocol = readProtocol(value);
    if (protocol === 0) refuse(value, 'is no protocol of a connection');
    const left = ct('protocol', 'original');
    if (negated) return [match(left, '!=', protocol)];
    // Two bounds, because libnftables takes a connection's protocol that is equal to one for that of the packet; and
    // from 1.1 a range of one, too. An ICMP error belongs to a connection of another protocol.
    return [match(left, '>=', protocol), match(left, '<=', protocol)];
  }
  if (name === 'ctexpire') {
    return [matchExpiration(readRange(value, UINT32_MAX), negated)];
  }
  if (name === 'ctdir') {
    const direction = value.text.toLowerCase();
    if (direction !== 'original' && direction !== 'reply')
      refuse(value, 'is no direction: give ORIGINAL or REPLY');
    return [match(ct('direction'), '==', direction)];
  }
  const bits = words(value, ['none', ...Object.keys(STATUSES)]).flatMap(word => STATUSES[word] ?? []);
  if (bits.length === 0) return negated ? [] : [never()];
  return [matchBits(ct('status'), bits, negated)];
}

/** nftables counts milliseconds in 32 bits, and no connection lives longer. */
const EXPIRATION_MAX = Math.floor(UINT32_MAX / 1000);

function matchExpiration([first, last]: Range, negated: boolean): Statement {
  const left = ct('expiration');
  if (first > EXPIRATION_MAX) return negated ? match(left, '>=', 0) : never();
  return match(left, negated ? '!=' : '==', valueOrRange([first, Math.min(last, EXPIRATION_MAX)]));
}

function matchMark(left: Expression, { values, negated }: ParsedOption): Translation {
  const { value, mask } = readMasked(values[0]!, UINT32_MAX);
  return statements(match(maskedBy(left, mask, UINT32_MAX), negated ? '!=' : '==', value));
}

const MARK_OPTIONS: readonly OptionSpec[] = [
  { names: ['mark'], values: ['value[/mask]'], negatable: true, required: true },
];

const mark: Extension = {
  name: 'mark',
  options: MARK_OPTIONS,
  translate: options => matchMark(meta('mark'), options.get('mark')!),
};

const connmark: Extension = {
  name: 'connmark',
  options: MARK_OPTIONS,
  translate: options => matchMark(ct('mark'), options.get('mark')!),
};

const connlimit: Extension = {
  name: 'connlimit',
  options: [
    { names: ['connlimit-upto'], values: ['number'], negatable: true, excludes: ['connlimit-above'] },
    { names: ['connlimit-above'], values: ['number'], negatable: true, excludes: ['connlimit-upto'] },
    { names: ['connlimit-mask'], values: ['length'] },
    { names: ['connlimit-saddr'], excludes: ['connlimit-daddr'] },
    { names: ['connlimit-daddr'], excludes: ['connlimit-saddr'] },
  ],
  translate(options, context) {
    const family = context.askFamily();
    const [option, { negated }, value] = options.oneOf(context, 'connlimit-upto', 'connlimit-above');
    const over = (option === 'connlimit-above') !== negated;
    const count = {
      'ct count': { val: readNumber(value, 0, UINT32_MAX), ...(over && { inv: true }) },
    } as const;
    const length = readLength(options.value('connlimit-mask'), family);
    if (length === 0) return { alternatives: [[count]], stateful: true };
    const field = addressField(family, options.has('connlimit-daddr') ? 'daddr' : 'saddr');
    const key = masked(field, family, length);
    const name = context.meterName(`connlimit${family}`);
    return { alternatives: [[{ meter: { name, key, stmt: count } }]], stateful: true };
  },
};

export const CONNTRACK_MATCHES: readonly Extension[] = [conntrack, state, connmark, mark, connlimit];

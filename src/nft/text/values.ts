// Values as nft(8) prints them, which depends on the field that they are compared with: numbers, names, marks, times,
// addresses. Pure. Not here: names (symbols.ts), the fields themselves (expressions.ts).

import type { Expression } from '../expression.js';
import * as symbols from './symbols.js';

/** One value that is no list, set or range. */
export type Scalar = string | number | boolean;

/** How a field's values are printed. */
export interface ValueType {
  readonly print: (value: Scalar) => string;
  /** Of the two ends of a range; absent: as they are. */
  readonly printEnd?: (value: Scalar) => string;
  /** Flags that stand in one number, by their bits. */
  readonly flags?: symbols.Symbols;
  /** Whether a mask of the first bits is printed as their number. */
  readonly hasPrefixes?: true;
  /** By which the members of a set are sorted, where they are names. */
  readonly order?: symbols.Symbols;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** As it is. */
const PLAIN: ValueType = { print: String };
const QUOTED: ValueType = { print: value => `"${value}"` };
const MARK: ValueType = {
  print: value => `0x${Number(value).toString(16).padStart(8, '0')}`,
  hasPrefixes: true,
};
const HEX: ValueType = { print: value => `0x${Number(value).toString(16)}` };
const EXISTENCE: ValueType = { print: value => (value === true ? 'exists' : 'missing') };

/** Names where there are some; in a range numbers. */
function namedBy(names: symbols.Symbols, other: (value: Scalar) => string = String): ValueType {
  return {
    print: value => names.get(Number(value)) ?? other(value),
    printEnd: String,
    order: names,
  };
}

const flagsOf = (flags: symbols.Symbols): ValueType => ({ print: String, flags });
/** A name as it is, in a set by the order of their numbers. */
const words = (order: symbols.Symbols): ValueType => ({ print: String, order });

const DSCP = namedBy(symbols.DSCP, value => `0x${Number(value).toString(16).padStart(2, '0')}`);
const PROTOCOL = namedBy(symbols.PROTOCOL_NAMES);

/** `1d2h3m4s`. */
export function formatSeconds(seconds: number): string {
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / DAY), 'd'],
    [Math.floor((seconds % DAY) / HOUR), 'h'],
    [Math.floor((seconds % HOUR) / MINUTE), 'm'],
    [seconds % MINUTE, 's'],
  ];
  return parts.flatMap(([count, unit]) => (count > 0 ? [`${count}${unit}`] : [])).join('');
}

/** A time of day, in UTC. */
function formatHour(seconds: number): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const rest = seconds % MINUTE;
  const time = `${two(Math.floor(seconds / HOUR))}:${two(Math.floor((seconds % HOUR) / MINUTE))}`;
  return rest > 0 ? `${time}:${two(rest)}` : time;
}

/** A point in time, in UTC. */
function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

/** A traffic class. */
function formatClass(value: number): string {
  const [major, minor] = [value >>> 16, value & 0xffff];
  if (value === 0) return 'none';
  if (value === 0xffff_ffff) return 'root';
  return `${major > 0 ? major.toString(16) : ''}:${minor > 0 ? minor.toString(16) : ''}`;
}

const SECONDS: ValueType = {
  print: value => formatSeconds(Number(value)),
  printEnd: value => `${value}s`,
};

/** A group of interfaces: the first has a name in iproute2's file. */
const GROUP: ValueType = { print: value => (value === 0 ? '"default"' : String(value)) };

const META: Readonly<Record<string, ValueType>> = {
  iifname: QUOTED,
  oifname: QUOTED,
  iifgroup: GROUP,
  oifgroup: GROUP,
  mark: MARK,
  l4proto: PROTOCOL,
  priority: { print: value => formatClass(Number(value)) },
  hour: { print: value => `"${formatHour(Number(value))}"` },
  time: { print: value => `"${formatTime(Number(value))}"` },
  day: { print: value => `"${symbols.WEEKDAYS.get(Number(value)) ?? value}"`, order: symbols.WEEKDAYS },
  secpath: EXISTENCE,
};
const CT: Readonly<Record<string, ValueType>> = {
  mark: MARK,
  state: flagsOf(symbols.CT_STATES),
  status: flagsOf(symbols.CT_STATUS),
  protocol: PROTOCOL,
  expiration: SECONDS,
  helper: QUOTED,
};
const EXTHDR: Readonly<Record<string, ValueType>> = {
  'mh type': namedBy(symbols.MH_TYPE_NAMES),
  'rt nexthdr': PROTOCOL,
};
const PAYLOAD: Readonly<Record<string, ValueType>> = {
  'ip dscp': DSCP,
  'ip6 dscp': DSCP,
  'ip ecn': namedBy(symbols.ECN),
  'ip6 ecn': namedBy(symbols.ECN),
  'icmp type': namedBy(symbols.ICMP_TYPE_NAMES),
  'icmp code': namedBy(symbols.ICMP_CODES),
  'icmpv6 type': namedBy(symbols.ICMPV6_TYPE_NAMES),
  'icmpv6 code': namedBy(symbols.ICMPV6_CODES),
  'dccp type': namedBy(symbols.DCCP_TYPES),
  'tcp flags': { ...HEX, flags: symbols.TCP_FLAGS },
};

/** How the values that an expression is compared with, or set to, are printed. */
export function typeOf(left: Expression): ValueType {
  if (typeof left !== 'object') return PLAIN;
  if ('&' in left && left['&']) return typeOf(left['&'][0]!);
  if ('meta' in left) return META[left.meta.key] ?? PLAIN;
  if ('ct' in left) return CT[left.ct.key] ?? PLAIN;
  if ('socket' in left) return left.socket.key === 'mark' ? MARK : PLAIN;
  if ('rt' in left) return left.rt.key === 'ipsec' ? EXISTENCE : PLAIN;
  if ('fib' in left) return left.fib.result === 'type' ? words(symbols.FIB_TYPES) : PLAIN;
  if ('sctp chunk' in left) return left['sctp chunk'].field === undefined ? EXISTENCE : PLAIN;
  if ('tcp option' in left) {
    const { 'tcp option': option } = left;
    return 'base' in option || option.field !== undefined ? PLAIN : EXISTENCE;
  }
  if ('exthdr' in left) {
    if (left.exthdr.field === undefined) return EXISTENCE;
    return EXTHDR[`${left.exthdr.name} ${left.exthdr.field}`] ?? PLAIN;
  }
  if ('payload' in left) {
    if ('base' in left.payload) return HEX;
    return PAYLOAD[`${left.payload.protocol} ${left.payload.field}`] ?? PLAIN;
  }
  return PLAIN;
}

// Statements as nft(8) prints them. Pure. Not here: expressions (expressions.ts), which statements it leaves out
// (dependencies.ts).

import type { Expression, MatchStatement, NatArguments, Statement } from '../expression.js';
import { printField, printTcpOption, printValue } from './expressions.js';
import type { Symbols } from './symbols.js';
import { typeOf } from './values.js';

type Arguments = Readonly<Record<string, unknown>>;

/** Packets that a limit lets through at once where nothing is said. */
const DEFAULT_BURST = 5;
const DEFAULT_LEVEL = 'warn';
/** Of a meter of which the rule gives none. */
const METER_SIZE = 65_535;

/** One statement of a rule. */
export function printStatement(statement: Statement): string {
  if ('match' in statement) return printMatch(statement);
  if ('mangle' in statement) {
    const { key, value } = statement.mangle;
    const { flags } = typeOf(key);
    if (flags && typeof value === 'number') return `${printField(key)} set ${flagNames(value, flags, ' | ')}`;
    return `${printField(key)} set ${printValue(value, typeOf(key))}`;
  }
  if ('jump' in statement) return `jump ${statement.jump.target}`;
  if ('goto' in statement) return `goto ${statement.goto.target}`;
  if ('set' in statement) {
    const { op, elem, set } = statement.set;
    return `${op} ${set} { ${printField(elem)} }`;
  }
  if ('meter' in statement) {
    const { name, key, stmt, size = METER_SIZE } = statement.meter;
    return `meter ${name} size ${size} { ${printField(key)} ${printStatement(stmt)} }`;
  }
  if ('reset' in statement) return `reset ${printTcpOption(statement.reset['tcp option'])}`;
  if ('ct count' in statement) {
    const { val, inv } = statement['ct count'];
    return `ct count ${inv ? 'over ' : ''}${val}`;
  }
  return printOther(statement);
}

function printOther(statement: Statement): string {
  const [verb, given] = Object.entries(statement)[0] as [string, Arguments | null];
  const options = given ?? {};
  switch (verb) {
    case 'dnat':
    case 'snat':
    case 'masquerade':
    case 'redirect':
    case 'tproxy':
      return printNat(verb, options as NatArguments);
    case 'reject':
      return printReject(options);
    case 'log':
      return printLog(options);
    case 'limit':
      return printLimit(options);
    case 'quota':
      return `quota ${options.inv ? 'over ' : ''}${options.val} ${options.val_unit}`;
    case 'queue':
      return printQueue(options);
    case 'synproxy':
      return printSynproxy(options);
    default:
      return verb;
  }
}

function printMatch({ match: { op, left, right } }: MatchStatement): string {
  const type = typeOf(left);
  if (type.flags) return printFlags(op, left, right, type.flags);
  const prefix =
    type.hasPrefixes && typeof right !== 'object' && (op === '==' || op === '!=') && prefixOf(left);
  if (prefix) {
    const sign = op === '==' ? '' : '!= ';
    return `${printField(prefix.field)} ${sign}${printValue(right, type)}/${prefix.length}`;
  }
  const sign = op === '==' || op === 'in' ? (isMasked(left) ? '== ' : '') : `${op} `;
  return `${printField(left)} ${sign}${printValue(right, type)}`;
}

/** A field under a mask whose bits are the first ones. */
function prefixOf(left: Expression): { readonly field: Expression; readonly length: number } | undefined {
  if (typeof left !== 'object' || !('&' in left) || !left['&']) return undefined;
  const [field, mask] = left['&'];
  if (typeof mask !== 'number' || mask === 0) return undefined;
  const rest = ~mask >>> 0;
  return rest !== 0 && (rest & (rest + 1)) === 0 ? { field: field!, length: Math.clz32(rest) } : undefined;
}

function isMasked(left: Expression): boolean {
  return typeof left === 'object' && '&' in left && left['&'] !== undefined;
}

/** Bits by their names: any of them, none of them, or these among others. */
function printFlags(op: string, left: Expression, right: Expression, flags: Symbols): string {
  const names = (value: Expression): string => flagNames(value, flags);
  if (typeof left === 'object' && '&' in left && left['&']) {
    const [field, mask] = left['&'];
    const name = printField(field!);
    const isNone = right === 0 || (Array.isArray(right) && right.length === 0);
    if (isNone) return `${name} ${op === '==' ? '! ' : ''}${names(mask!)}`;
    const isOne = names(right) === names(mask!) && !names(right).includes(',');
    if (isOne) return `${name} & ${names(mask!)} ${op} ${names(right)}`;
    return `${name} ${op === '!=' ? '!= ' : ''}${names(right)} / ${names(mask!)}`;
  }
  const sign = op === '!' || op === '!=' ? `${op} ` : '';
  return `${printField(left)} ${sign}${names(right)}`;
}

function flagNames(value: Expression, flags: Symbols, between = ','): string {
  if (typeof value === 'number') {
    const names = [...flags].flatMap(([bit, name]) => (value & bit ? [name] : []));
    return names.length > 0 ? names.join(between) : `0x${value.toString(16)}`;
  }
  const given = (Array.isArray(value) ? value : [value]) as readonly string[];
  return [...flags.values()].filter(name => given.includes(name)).join(between);
}

function printNat(verb: string, { family, addr, port, flags = [], type_flags = [] }: NatArguments): string {
  const ports = port === undefined ? '' : `:${printValue(port, { print: String })}`;
  const to = addr === undefined ? ports : printAddress(addr, ports);
  return [
    verb,
    ...(family ? [family] : []),
    ...type_flags,
    ...(to === '' ? [] : [`to ${to}`]),
    ...(flags.length > 0 && !flags.includes('netmap') ? [flags.join(',')] : []),
  ].join(' ');
}

/** An address with its ports: those of IPv6 then in brackets. */
function printAddress(addr: Expression, ports: string): string {
  const plain = printValue(addr, { print: String });
  if (ports === '' || !plain.includes(':')) return plain + ports;
  const ends = typeof addr === 'object' && 'range' in addr ? addr.range : [plain];
  return ends.map(end => `[${end}]`).join('-') + ports;
}

function printReject({ type, expr }: Arguments): string {
  if (type === undefined) return 'reject';
  return `reject with ${[type, expr].filter(part => part !== undefined).join(' ')}`;
}

function printLog(options: Arguments): string {
  const { prefix, group, snaplen, level, flags } = options;
  const threshold = options['queue-threshold'];
  return [
    'log',
    ...(prefix === undefined ? [] : [`prefix "${prefix}"`]),
    ...(group === undefined ? [] : [`group ${group}`]),
    ...(snaplen === undefined ? [] : [`snaplen ${snaplen}`]),
    ...(threshold === undefined ? [] : [`queue-threshold ${threshold}`]),
    ...(level === undefined || level === DEFAULT_LEVEL ? [] : [`level ${level}`]),
    ...printLogFlags((flags ?? []) as readonly string[]),
  ].join(' ');
}

function printLogFlags(flags: readonly string[]): string[] {
  if (flags.includes('all')) return ['flags all'];
  const tcp = flags.flatMap(flag => (flag.startsWith('tcp ') ? [flag.slice(4)] : []));
  return [
    ...(tcp.length > 0
      ? [`flags tcp ${['sequence', 'options'].filter(one => tcp.includes(one)).join(',')}`]
      : []),
    ...['ip options', 'skuid', 'ether'].filter(flag => flags.includes(flag)).map(flag => `flags ${flag}`),
  ];
}

function printLimit({ rate, per, inv, burst, rate_unit: unit, burst_unit: burstUnit }: Arguments): string {
  const over = inv ? 'over ' : '';
  if (unit === undefined) {
    const atOnce = burst === undefined || burst === DEFAULT_BURST ? '' : ` burst ${burst} packets`;
    return `limit rate ${over}${rate}/${per}${atOnce}`;
  }
  const atOnce = burst === undefined || burst === 0 ? '' : ` burst ${burst} ${burstUnit}`;
  return `limit rate ${over}${rate} ${unit}/${per}${atOnce}`;
}

function printQueue({ num, flags }: Arguments): string {
  const options = (typeof flags === 'string' ? [flags] : (flags ?? [])) as readonly string[];
  return [
    'queue',
    ...(options.length > 0 ? [`flags ${options.join(',')}`] : []),
    `to ${printValue(num as Expression, { print: String })}`,
  ].join(' ');
}

function printSynproxy({ mss, wscale, flags = [] }: Arguments): string {
  return [
    'synproxy',
    ...(mss === undefined ? [] : [`mss ${mss}`]),
    ...(wscale === undefined ? [] : [`wscale ${wscale}`]),
    ...(flags as readonly string[]),
  ].join(' ');
}

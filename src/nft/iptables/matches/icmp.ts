// Matches on the type and code of ICMP and ICMPv6: icmp, icmp6. Not here: the types' names
// (nft/iptables/values/names.ts).

import { match, meta, payload } from '../../expression.js';
import {
  type Extension,
  needProtocol,
  type ParsedOption,
  statements,
  type Translation,
} from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { never } from '../values/addresses.js';
import { ICMP_TYPES, ICMPV6_TYPES, type IcmpType } from '../values/names.js';
import { part, type Range, readNumber, readRange, UINT8_MAX, valueOrRange } from '../values/numbers.js';

/** To the kernel, every type of ICMP; not of ICMPv6. */
const ANY_TYPE = 255;

const icmp: Extension = {
  name: 'icmp',
  family: 4,
  options: [{ names: ['icmp-type'], values: ['type[/code[:code]]'], negatable: true, required: true }],
  translate: (options, context) => {
    needProtocol(context.protocol, { 1: 'icmp' }, context.token);
    return matchIcmp('icmp', ICMP_TYPES, options.get('icmp-type')!);
  },
};

const icmp6: Extension = {
  name: 'icmp6',
  aliases: ['icmpv6', 'ipv6-icmp'],
  family: 6,
  options: [{ names: ['icmpv6-type'], values: ['type[/code[:code]]'], negatable: true, required: true }],
  translate: (options, context) => {
    needProtocol(context.protocol, { 58: 'icmpv6' }, context.token);
    return matchIcmp('icmpv6', ICMPV6_TYPES, options.get('icmpv6-type')!);
  },
};

/** "Not this type and code" is two cases: another type, or this type with another code. */
function matchIcmp(
  protocol: 'icmp' | 'icmpv6',
  names: ReadonlyMap<string, IcmpType>,
  given: ParsedOption,
): Translation {
  const token = given.values[0]!;
  if (protocol === 'icmp' && token.text.toLowerCase() === 'any') {
    return anyType(given);
  }
  const [type, codes] = readIcmpType(token, protocol, names);
  if (protocol === 'icmp' && type === ANY_TYPE) return anyType(given);
  const left = payload(protocol, 'type');
  if (codes === undefined) return statements(match(left, given.negated ? '!=' : '==', type));
  const same = match(left, '==', type);
  const codeField = payload(protocol, 'code');
  if (!given.negated) return statements(same, match(codeField, '==', valueOrRange(codes)));
  return { alternatives: [[match(left, '!=', type)], [same, match(codeField, '!=', valueOrRange(codes))]] };
}

function anyType({ negated }: ParsedOption): Translation {
  return statements(negated ? never() : match(meta('l4proto'), '==', 1));
}

/** A type, and the codes of it that fit; without them, all. */
type TypeAndCodes = readonly [type: number, codes?: Range];

function readIcmpType(token: Token, protocol: string, names: ReadonlyMap<string, IcmpType>): TypeAndCodes {
  const begin = token.text.toLowerCase();
  const named = names.get(begin);
  if (named) return withCode(named);
  const begun = begin === '' ? [] : [...names].filter(([name]) => name.startsWith(begin));
  if (begun.length > 1) refuse(token, `is short for more than one: ${begun[0]![0]}, ${begun[1]![0]}`);
  if (begun[0]) return withCode(begun[0][1]);
  if (!/^[\da-f]/i.test(token.text) || /^[a-z]/i.test(token.text)) {
    refuse(token, `is no type of ${protocol === 'icmp' ? 'ICMP' : 'ICMPv6'}`);
  }
  const [type = '', code, more] = token.text.split('/');
  if (more !== undefined) refuse(token, 'has more than one "/"');
  const number = readNumber(part(token, type, 0), 0, UINT8_MAX);
  if (code === undefined) return [number];
  return [number, readRange(part(token, code, type.length + 1), UINT8_MAX)];
}

function withCode([type, code]: IcmpType): TypeAndCodes {
  return code === undefined ? [type] : [type, [code, code]];
}

export const ICMP_MATCHES: readonly Extension[] = [icmp, icmp6];

// Matches on the octet of TOS or traffic class: dscp, tos, ecn; and the octet's fields, for the targets that write them.
// Not here: those targets (nft/iptables/targets/mangle.ts).

import type { Family } from '../../../base/ip.js';
import { type Expression, match, payload, type Statement } from '../../expression.js';
import { type Extension, needProtocol, type ParsedOption, statements } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { never } from '../values/addresses.js';
import { DSCP_CLASSES, TOS_NAME_MASK, TOS_NAMES } from '../values/names.js';
import { type Masked, readMasked, readNumber, UINT8_MAX } from '../values/numbers.js';

const DSCP_MAX = 63;

/** The six bits of DiffServ in the family's header. */
export function dscpField(family: Family): Expression {
  return payload(family === 4 ? 'ip' : 'ip6', 'dscp');
}

/** A class such as AF11. @throws RuleError */
export function readDscpClass(token: Token): number {
  const value = DSCP_CLASSES.get(token.text.toLowerCase());
  if (value === undefined) refuse(token, 'is no DiffServ class: give BE, EF, CS0 to CS7 or AF11 to AF43');
  return value;
}

/** A value of the six bits. @throws RuleError */
export function readDscp(token: Token): number {
  return readNumber(token, 0, DSCP_MAX);
}

const dscp: Extension = {
  name: 'dscp',
  options: [
    { names: ['dscp'], values: ['value'], negatable: true, excludes: ['dscp-class'] },
    { names: ['dscp-class'], values: ['class'], negatable: true, excludes: ['dscp'] },
  ],
  translate(options, context) {
    const [name, given, token] = options.oneOf(context, 'dscp', 'dscp-class');
    const value = name === 'dscp' ? readDscp(token) : readDscpClass(token);
    return statements(match(dscpField(context.askFamily()), given.negated ? '!=' : '==', value));
  },
};

/** A comparison of bits in the octet of TOS or traffic class. */
export function matchTos(family: Family, { value, mask }: Masked, operator: '==' | '!='): Statement {
  // The traffic class of IPv6 lies across two octets: the first two of the header, with the version before it.
  if (family === 4) {
    const octet = { payload: { base: 'nh', offset: 8, len: 8 } } as const;
    return match({ '&': [octet, mask] }, operator, value);
  }
  const octets = { payload: { base: 'nh', offset: 0, len: 16 } } as const;
  return match({ '&': [octets, mask << 4] }, operator, value << 4);
}

/** `VALUE[/MASK]` of the octet, or a name. @throws RuleError */
export function readTos(token: Token): Masked {
  const named = TOS_NAMES.get(token.text.toLowerCase());
  if (named !== undefined) return { value: named, mask: TOS_NAME_MASK };
  if (!/^\d/.test(token.text)) {
    refuse(
      token,
      `is no type of service: give a number up to 255 or one of ${[...TOS_NAMES.keys()].join(', ')}`,
    );
  }
  return readMasked(token, UINT8_MAX);
}

const tos: Extension = {
  name: 'tos',
  options: [{ names: ['tos'], values: ['value[/mask]|name'], negatable: true, required: true }],
  translate(options, context) {
    const family = context.askFamily();
    const given = options.get('tos')!;
    const wanted = readTos(given.values[0]!);
    // A masked bit is never set.
    if ((wanted.value & ~wanted.mask) !== 0) return statements(...(given.negated ? [] : [never()]));
    if (wanted.mask === 0) return statements(...(given.negated ? [never()] : []));
    return statements(matchTos(family, wanted, given.negated ? '!=' : '=='));
  },
};

const ECN_MAX = 3;

const ecn: Extension = {
  name: 'ecn',
  options: [
    { names: ['ecn-tcp-cwr'], negatable: true },
    { names: ['ecn-tcp-ece'], negatable: true },
    { names: ['ecn-ip-ect'], values: ['0..3'], negatable: true },
  ],
  translate(options, context) {
    options.oneOf(context, 'ecn-ip-ect', 'ecn-tcp-ece', 'ecn-tcp-cwr');
    const flag = (name: 'ecn-tcp-ece' | 'ecn-tcp-cwr'): Statement[] => {
      const given = options.get(name);
      if (!given) return [];
      needProtocol(context.protocol, { 6: 'tcp' }, given.token);
      const bit = name === 'ecn-tcp-ece' ? 'ecn' : 'cwr';
      return [match(payload('tcp', 'flags'), given.negated ? '!' : 'in', bit)];
    };
    const bits = (given: ParsedOption): Statement => {
      const field = payload(context.askFamily() === 4 ? 'ip' : 'ip6', 'ecn');
      return match(field, given.negated ? '!=' : '==', readNumber(given.values[0]!, 0, ECN_MAX));
    };
    const given = options.get('ecn-ip-ect');
    return statements(...flag('ecn-tcp-ece'), ...flag('ecn-tcp-cwr'), ...(given ? [bits(given)] : []));
  },
};

export const TOS_MATCHES: readonly Extension[] = [dscp, tos, ecn];

// Matches on the extension headers of IPv6: frag, hbh, dst, rt, and mh, which is a protocol too. Not here: ah and
// esp (ipsec.ts).

import { type Expression, match, type Statement } from '../../expression.js';
import { type Extension, NO_SUCH, needProtocol, type Options, statements } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { MH_TYPES } from '../values/names.js';
import { numberIn, type Range, readNumber, readRange, UINT8_MAX, UINT32_MAX } from '../values/numbers.js';
import { matchOctets, matchRange } from '../values/ranges.js';

type Header = 'frag' | 'hbh' | 'dst' | 'rt' | 'mh';

/** A field of a header, or whether the header is there at all. */
function header(name: Header, field?: string): Expression {
  return { exthdr: { name, ...(field !== undefined && { field }) } };
}

/** The conditions on a header; where there is none, that it is there. */
function orPresent(name: Header, found: readonly Statement[]): Statement[] {
  return found.length > 0 ? [...found] : [match(header(name), '==', true)];
}

function byRange(options: Options, option: string, left: Expression, max: number): Statement[] {
  const given = options.get(option);
  return given ? matchRange(left, given, readRange(given.values[0]!, UINT32_MAX), max) : [];
}

/** The whole header in octets; the field has units of eight, without the first. */
function byLength(options: Options, option: string, name: Header): Statement[] {
  const given = options.get(option);
  return given ? matchOctets(header(name, 'hdrlength'), given, { unit: 8, uncounted: 1 }) : [];
}

const frag: Extension = {
  name: 'frag',
  family: 6,
  options: [
    { names: ['fragid'], values: ['id[:id]'], negatable: true },
    { names: ['fraglen'], values: ['octets'], negatable: true },
    { names: ['fragres'] },
    { names: ['fragfirst'] },
    { names: ['fragmore'], excludes: ['fraglast'] },
    { names: ['fraglast'], excludes: ['fragmore'] },
  ],
  notes: [
    '`--fraglen` has no effect, as in the kernel since Linux 2.6.10.',
    'Where connections are tracked, packets are put together before any chain sees them.',
  ],
  translate(options) {
    const length = options.value('fraglen');
    if (length) readNumber(length, 0, UINT32_MAX);
    const bits = (option: string, field: string, value: number): Statement[] =>
      options.has(option) ? [match(header('frag', field), '==', value)] : [];
    return statements(
      ...orPresent('frag', [
        ...byRange(options, 'fragid', header('frag', 'id'), UINT32_MAX),
        ...bits('fragres', 'reserved', 0),
        ...bits('fragres', 'reserved2', 0),
        ...bits('fragfirst', 'frag-off', 0),
        ...bits('fragmore', 'more-fragments', 1),
        ...bits('fraglast', 'more-fragments', 0),
      ]),
    );
  },
};

/** hbh and dst: headers of options, of which nftables knows the length. */
function optionsHeader(name: 'hbh' | 'dst'): Extension {
  return {
    name,
    family: 6,
    options: [
      { names: [`${name}-len`], values: ['octets'], negatable: true },
      { names: [`${name}-opts`], values: ['type[:length][,…]'], refused: NO_SUCH },
    ],
    translate: options => statements(...orPresent(name, byLength(options, `${name}-len`, name))),
  };
}

const rt: Extension = {
  name: 'rt',
  family: 6,
  options: [
    { names: ['rt-type'], values: ['type'], negatable: true },
    { names: ['rt-segsleft'], values: ['number[:number]'], negatable: true },
    { names: ['rt-len'], values: ['octets'], negatable: true },
    { names: ['rt-0-res'] },
    { names: ['rt-0-addrs'], values: ['address[,…]'], refused: NO_SUCH },
    { names: ['rt-0-not-strict'], refused: NO_SUCH },
  ],
  translate(options) {
    const type = options.get('rt-type');
    const number = type && readNumber(type.values[0]!, 0, UINT32_MAX);
    return statements(
      ...orPresent('rt', [
        ...(type ? matchRange(header('rt', 'type'), type, [number!, number!], UINT8_MAX) : []),
        ...byRange(options, 'rt-segsleft', header('rt', 'seg-left'), UINT8_MAX),
        ...byLength(options, 'rt-len', 'rt'),
        ...byReserved(options, number),
      ]),
    );
  },
};

/** The four octets after the number of segments: nftables has them as fields of the header of type 4. */
const RESERVED = ['last-entry', 'flags', 'tag'] as const;

/** @throws RuleError unless the type is said before, and is 0: other types have no such field */
function byReserved(options: Options, type: number | undefined): Statement[] {
  const given = options.get('rt-0-res');
  if (!given) return [];
  const names = options.entries().map(([name]) => name);
  const isBefore = names.indexOf('rt-type') < names.indexOf('rt-0-res');
  if (type !== 0 || options.get('rt-type')!.negated || !isBefore)
    refuse(given.token, 'needs --rt-type 0 before it');
  return RESERVED.map(field => match({ exthdr: { name: 'srh', field } }, '==', 0));
}

const mh: Extension = {
  name: 'mh',
  family: 6,
  options: [{ names: ['mh-type'], values: ['type[:type]'], negatable: true }],
  translate(options, context) {
    needProtocol(context.protocol, { 135: 'mh' }, context.token);
    const given = options.get('mh-type');
    if (!given) return statements();
    const range = readMhTypes(given.values[0]!);
    return statements(...matchRange(header('mh', 'type'), given, range, UINT8_MAX));
  },
};

/** A type by its number or its name, or a range of them. @throws RuleError */
function readMhTypes(token: Token): Range {
  return readRange(
    token,
    UINT8_MAX,
    text => MH_TYPES.get(text.toLowerCase()) ?? numberIn(token, text, 0, UINT8_MAX),
  );
}

export const IPV6_HEADER_MATCHES: readonly Extension[] = [
  frag,
  optionsHeader('hbh'),
  optionsHeader('dst'),
  rt,
  mh,
];

// Targets that change a packet or a mark and let it go on: MARK, CONNMARK, TCPMSS, TOS, DSCP, CLASSIFY. Not here:
// addresses and ports (nat.ts).

import type { Family } from '../../../base/ip.js';
import { ct, type Expression, meta, payload, type Statement } from '../../expression.js';
import { dscpField, matchTos, readDscp, readDscpClass, readTos } from '../matches/tos.js';
import type { Hook } from '../syntax/chains.js';
import {
  type Extension,
  NO_SUCH,
  needProtocol,
  type OptionSpec,
  type Options,
  statements,
} from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { type Masked, readMasked, readNumber, UINT8_MAX, UINT16_MAX, UINT32_MAX } from '../values/numbers.js';
import { copyMark } from './mark-copies.js';

const GOING_OUT: readonly Hook[] = ['forward', 'output', 'postrouting'];

/** One of several options that say what becomes of a mark or of an octet, none beside another. */
function choices(names: readonly string[], value: string): OptionSpec[] {
  return names.map(name => ({
    names: [name],
    values: [name.startsWith('set-') ? value : 'bits'],
    excludes: names.filter(other => other !== name),
  }));
}

/**
 * The change `(OLD & ~MASK) ^ VALUE` of the options `set-`, `and-`, `or-` and `xor-`, by the name of the first of
 * them that was given, undefined when none was.
 */
function readChange(
  options: Options,
  noun: 'mark' | 'tos',
  read: (token: Token) => Masked,
): Masked | undefined {
  const max = noun === 'mark' ? UINT32_MAX : UINT8_MAX;
  const unsigned = (value: number): number => (value >>> 0) & max;
  const bits = (name: string): number | undefined => {
    const token = options.value(name);
    return token && readNumber(token, 0, max);
  };
  const set = options.value(`set-${noun}`);
  const and = bits(`and-${noun}`);
  const or = bits(`or-${noun}`);
  const xor = bits(`xor-${noun}`);
  if (set) {
    const { value, mask } = read(set);
    return { value, mask: noun === 'mark' ? (mask | value) >>> 0 : mask };
  }
  if (and !== undefined) return { value: 0, mask: noun === 'mark' ? ~and >>> 0 : unsigned(~and) };
  if (or !== undefined) return { value: or, mask: or };
  if (xor !== undefined) return { value: xor, mask: 0 };
  return undefined;
}

/** `(LEFT & ~MASK) ^ VALUE`, in its shortest form. */
export function changed(left: Expression, { value, mask }: Masked): Expression {
  if (mask === UINT32_MAX) return value;
  const kept = mask === 0 ? left : { '&': [left, ~mask >>> 0] };
  return value === 0 ? kept : { '^': [kept, value] };
}

function mangle(key: Expression, value: Expression): Statement {
  return { mangle: { key, value } };
}

const readMark = (token: Token): Masked => readMasked(token, UINT32_MAX);
const MARK_OPTIONS = ['set-mark', 'set-xmark', 'and-mark', 'or-mark', 'xor-mark'] as const;

const mark: Extension = {
  name: 'MARK',
  options: choices(MARK_OPTIONS, 'value[/mask]'),
  translate(options, context) {
    const xmark = options.value('set-xmark');
    const change = xmark ? readMark(xmark) : readChange(options, 'mark', readMark);
    if (!change) options.oneOf(context, ...MARK_OPTIONS);
    return statements(mangle(meta('mark'), changed(meta('mark'), change!)));
  },
};

const CONNMARK_CHOICES = [...MARK_OPTIONS, 'save-mark', 'restore-mark'];

const connmark: Extension = {
  name: 'CONNMARK',
  options: [
    ...choices(MARK_OPTIONS, 'value[/mask]').map(option => ({
      ...option,
      excludes: CONNMARK_CHOICES.filter(name => name !== option.names[0]),
    })),
    { names: ['save-mark'], excludes: CONNMARK_CHOICES.filter(name => name !== 'save-mark') },
    { names: ['restore-mark'], excludes: CONNMARK_CHOICES.filter(name => name !== 'restore-mark') },
    { names: ['mask'], values: ['mask'], excludes: ['nfmask', 'ctmask'] },
    { names: ['nfmask'], values: ['mask'], excludes: ['mask'] },
    { names: ['ctmask'], values: ['mask'], excludes: ['mask'] },
    { names: ['left-shift-mark'], values: ['bits'], refused: NO_SUCH },
    { names: ['right-shift-mark'], values: ['bits'], refused: NO_SUCH },
  ],
  notes: [
    '`--save-mark` and `--restore-mark` with a mask that keeps bits of what they write become a rule or two for each bit that they copy, so they cannot stand beside a match that counts packets, nor behind one on the mark that they write.',
  ],
  translate(options, context) {
    const [name] = options.oneOf(context, ...CONNMARK_CHOICES);
    const copies = name === 'save-mark' || name === 'restore-mark';
    const masks = ['mask', 'nfmask', 'ctmask'].flatMap(option => options.get(option) ?? []);
    if (!copies && masks[0]) refuse(masks[0].token, 'belongs to --save-mark or --restore-mark');
    if (copies) return copyMark(options, name);
    const xmark = options.value('set-xmark');
    const change = xmark ? readMark(xmark) : readChange(options, 'mark', readMark)!;
    return statements(mangle(ct('mark'), changed(ct('mark'), change)));
  },
};

const tcpmss: Extension = {
  name: 'TCPMSS',
  options: [
    { names: ['set-mss'], values: ['value'], excludes: ['clamp-mss-to-pmtu'] },
    { names: ['clamp-mss-to-pmtu'], excludes: ['set-mss'] },
  ],
  notes: [
    'The rule has to match SYN packets itself, as the kernel asks: `-p tcp --tcp-flags SYN,RST SYN` or `--syn`.',
    'A packet without the option MSS is left as it is; iptables adds the option.',
  ],
  translate(options, context) {
    needProtocol(context.protocol, { 6: 'tcp' }, context.token);
    if (!context.matchesSyn) refuse(context.token, 'needs --syn or --tcp-flags SYN,RST SYN before it');
    const [name, , token] = options.oneOf(context, 'set-mss', 'clamp-mss-to-pmtu');
    const key = { 'tcp option': { name: 'maxseg', field: 'size' } };
    if (name === 'clamp-mss-to-pmtu') {
      return { ...statements(mangle(key, { rt: { key: 'mtu' } })), constraint: { hooks: GOING_OUT } };
    }
    const headers = context.askFamily() === 4 ? 40 : 60;
    return statements(mangle(key, readNumber(token, 0, UINT16_MAX - headers)));
  },
};

const TOS_OPTIONS = ['set-tos', 'and-tos', 'or-tos'] as const;

const tos: Extension = {
  name: 'TOS',
  options: [
    ...choices(TOS_OPTIONS, 'value[/mask]|name'),
    { names: ['xor-tos'], values: ['bits'], refused: NO_SUCH },
  ],
  constraint: { tables: ['filter', 'mangle'] },
  notes: [
    'iptables has it in the table mangle only; it may stand in the chains of filter, too.',
    'A change that keeps some bits of a field becomes a rule for each value of the bits, so it cannot stand beside a match that counts packets. Inverting a bit is refused.',
  ],
  translate(options, context) {
    const change = readChange(options, 'tos', readTos);
    const [name, { token }] = options.oneOf(context, ...TOS_OPTIONS);
    if ((change!.value & ~change!.mask) !== 0)
      refuse(token, 'cannot be expressed: nftables inverts no bits here');
    return { alternatives: changeTos(context.askFamily(), change!), ...(name && {}) };
  },
};

/** The octet is two fields to nftables: six bits of DSCP, two of ECN. */
function changeTos(family: Family, { value, mask }: Masked): Statement[][] {
  const ecn = payload(family === 4 ? 'ip' : 'ip6', 'ecn');
  const fields = [
    { key: dscpField(family), bits: 0xfc, shift: 2 },
    { key: ecn, bits: 0x03, shift: 0 },
  ].filter(({ bits }) => (mask & bits) !== 0);
  // Bits of a field that is written but not as a whole: the field is written with each value that they may have.
  const kept = fields.reduce((sum, { bits }) => sum | (bits & ~mask), 0);
  return subsets(kept).map(old => [
    ...(kept === 0 ? [] : [matchTos(family, { value: old, mask: kept }, '==')]),
    ...fields.map(({ key, bits, shift }) => mangle(key, ((old | value) & bits) >> shift)),
  ]);
}

/** Every number whose bits are all among these. */
function subsets(bits: number): number[] {
  return Array.from({ length: bits + 1 }, (_, i) => i).filter(i => (i & ~bits) === 0);
}

const dscp: Extension = {
  name: 'DSCP',
  options: [
    { names: ['set-dscp'], values: ['value'], excludes: ['set-dscp-class'] },
    { names: ['set-dscp-class'], values: ['class'], excludes: ['set-dscp'] },
  ],
  constraint: { tables: ['filter', 'mangle'] },
  notes: ['iptables has it in the table mangle only; it may stand in the chains of filter, too.'],
  translate(options, context) {
    const [name, , token] = options.oneOf(context, 'set-dscp', 'set-dscp-class');
    const value = name === 'set-dscp' ? readDscp(token) : readDscpClass(token);
    return statements(mangle(dscpField(context.askFamily()), value));
  },
};

const classify: Extension = {
  name: 'CLASSIFY',
  options: [{ names: ['set-class'], values: ['MAJOR:MINOR'], required: true }],
  constraint: { hooks: GOING_OUT },
  translate(options) {
    const token = options.value('set-class')!;
    const [, major, minor] = /^(?:0x)?([\da-f]{1,4}):(?:0x)?([\da-f]{1,4})$/i.exec(token.text) ?? [];
    if (major === undefined || minor === undefined)
      refuse(token, 'is no class such as 1:10, two hexadecimal numbers');
    return statements(
      mangle(meta('priority'), Number.parseInt(major, 16) * 0x1_0000 + Number.parseInt(minor, 16)),
    );
  },
};

export const MANGLE_TARGETS: readonly Extension[] = [mark, connmark, tcpmss, tos, dscp, classify];

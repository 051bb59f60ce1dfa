// Targets that decide what becomes of a packet beside its verdict: how it is tracked (NOTRACK, CT, SYNPROXY), how far it
// goes (TTL, HL) and who hears of it (AUDIT, TRACE). Not here: marks and fields of the octet of TOS (mangle.ts).

import { ct, type Expression, match, meta, payload, type Statement } from '../../expression.js';
import {
  type Extension,
  NO_SUCH,
  needProtocol,
  type OptionSpec,
  type Options,
  statements,
} from '../syntax/extension.js';
import { refuse } from '../syntax/tokens.js';
import { readNumber, UINT8_MAX, UINT16_MAX, valueOrRange } from '../values/numbers.js';

/** `TCP_MAX_WSCALE`. */
const WSCALE_MAX = 14;

/**
 * TTL and HL: nftables cannot count, so a change by some hops is a map of every value. libnftables 1.0.6 writes no value of
 * a map where the checksum of IPv4 changes with it: there it is a rule for every value.
 */
function hopsTarget(name: 'TTL' | 'HL'): Extension {
  const prefix = name.toLowerCase();
  const names = ['set', 'inc', 'dec'].map(change => `${prefix}-${change}`);
  return {
    name,
    family: name === 'TTL' ? 4 : 6,
    options: names.map(
      (option): OptionSpec => ({
        names: [option],
        values: ['value'],
        excludes: names.filter(other => other !== option),
      }),
    ),
    constraint: { tables: ['mangle'] },
    ...(name === 'TTL' && {
      notes: [
        '`--ttl-inc` and `--ttl-dec` become a rule for each value that a TTL has, so they cannot stand beside a match that counts packets, or lists of addresses.',
      ],
    }),
    translate(options, context) {
      const [option, , token] = options.oneOf(context, ...names);
      const key = name === 'TTL' ? payload('ip', 'ttl') : payload('ip6', 'hoplimit');
      const isSet = option === names[0];
      const number = readNumber(token, isSet ? 0 : 1, UINT8_MAX);
      const by = option === names[1] ? number : -number;
      if (name === 'TTL' && !isSet) return { alternatives: changeEach(key, by) };
      return statements({ mangle: { key, value: isSet ? number : changed(key, by) } });
    },
  };
}

/** The field and so much more or less, within what it can hold. */
function changed(field: Expression, by: number): Expression {
  const pairs = Array.from({ length: UINT8_MAX + 1 }, (_, hops): readonly [number, number] => [
    hops,
    Math.min(UINT8_MAX, Math.max(0, hops + by)),
  ]);
  return { map: { key: field, data: { set: pairs } } };
}

/** The same as a rule for each value, in an order in which no packet fits a later one: away from where it is led. */
function changeEach(field: Expression, by: number): Statement[][] {
  const set = (fits: Statement, value: number): Statement[] => [fits, { mangle: { key: field, value } }];
  if (by > 0) {
    const first = Math.max(0, UINT8_MAX - by);
    const others = Array.from({ length: first }, (_, below) => first - 1 - below);
    return [
      set(match(field, '==', valueOrRange([first, UINT8_MAX - 1])), UINT8_MAX),
      ...others.map(hops => set(match(field, '==', hops), hops + by)),
    ];
  }
  const others = Array.from({ length: UINT8_MAX + by }, (_, above) => above + 1 - by);
  return [
    set(match(field, '==', valueOrRange([1, -by])), 0),
    ...others.map(hops => set(match(field, '==', hops), hops + by)),
  ];
}

const notrack: Extension = {
  name: 'NOTRACK',
  options: [],
  constraint: { tables: ['raw'] },
  translate: () => statements({ notrack: null }),
};

/** Options of CT that set a zone, with the direction that each is for. */
const ZONES = { zone: undefined, 'zone-orig': 'original', 'zone-reply': 'reply' } as const;
const ZONE_NAMES = Object.keys(ZONES) as (keyof typeof ZONES)[];

const AFTER_RAW =
  'cannot be expressed: nftables gives it to a connection that is known, which none is yet in the chains of raw';

const connectionTracking: Extension = {
  name: 'CT',
  options: [
    { names: ['notrack'], excludes: ZONE_NAMES },
    ...ZONE_NAMES.map(
      (name): OptionSpec => ({
        names: [name],
        values: ['zone'],
        excludes: ZONE_NAMES.filter(other => other !== name && (name === 'zone' || other === 'zone')),
      }),
    ),
    ...['helper', 'timeout', 'ctevents'].map(
      (name): OptionSpec => ({ names: [name], values: ['value'], refused: AFTER_RAW }),
    ),
    { names: ['expevents'], values: ['value'], refused: NO_SUCH },
  ],
  constraint: { tables: ['raw'] },
  notes: ['A zone is a number; `--zone mark` is refused.'],
  translate(options, context) {
    if (options.has('notrack')) return statements({ notrack: null });
    const given = ZONE_NAMES.filter(name => options.has(name));
    if (given.length === 0) options.oneOf(context, 'notrack', ...ZONE_NAMES);
    return statements(
      ...given.map(
        (name): Statement => ({
          mangle: {
            key: ct('zone', ZONES[name]),
            value: readNumber(options.value(name)!, 0, UINT16_MAX),
          },
        }),
      ),
    );
  },
};

const synproxy: Extension = {
  name: 'SYNPROXY',
  options: [
    { names: ['sack-perm'] },
    { names: ['timestamp'] },
    { names: ['wscale'], values: ['value'] },
    { names: ['mss'], values: ['value'] },
    { names: ['ecn'], refused: NO_SUCH },
  ],
  constraint: { tables: ['filter', 'mangle'], hooks: ['input', 'forward'] },
  notes: ['It needs the sysctl `net.netfilter.nf_conntrack_tcp_loose` off, as with iptables.'],
  translate(options, context) {
    needProtocol(context.protocol, { 6: 'tcp' }, context.token);
    return statements({ synproxy: readSynproxy(options) });
  },
};

function readSynproxy(options: Options): Readonly<Record<string, number | readonly string[]>> | null {
  const wscale = options.value('wscale');
  const mss = options.value('mss');
  const flags = ['timestamp', 'sack-perm'].filter(name => options.has(name));
  const found = {
    ...(mss && { mss: readNumber(mss, 0, UINT16_MAX) }),
    ...(wscale && { wscale: readNumber(wscale, 0, WSCALE_MAX) }),
    ...(flags.length > 0 && { flags }),
  };
  return Object.keys(found).length > 0 ? found : null;
}

const audit: Extension = {
  name: 'AUDIT',
  options: [{ names: ['type'], values: ['accept|drop|reject'], required: true }],
  notes: ['The record does not tell the type.'],
  translate(options) {
    const token = options.value('type')!;
    if (!['accept', 'drop', 'reject'].includes(token.text.toLowerCase())) {
      refuse(token, 'is no type of a record: give accept, drop or reject');
    }
    return statements({ log: { level: 'audit' } });
  },
};

const trace: Extension = {
  name: 'TRACE',
  options: [],
  constraint: { tables: ['raw'] },
  notes: ['`nft monitor trace` in the namespace of the container shows what it finds.'],
  translate: () => statements({ mangle: { key: meta('nftrace'), value: 1 } }),
};

export const TRACKING_TARGETS: readonly Extension[] = [
  hopsTarget('TTL'),
  hopsTarget('HL'),
  notrack,
  connectionTracking,
  synproxy,
  audit,
  trace,
];

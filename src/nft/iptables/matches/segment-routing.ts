// The match on the header of segment routing, srh, which is the routing header of IPv6 of type 4. Not here: the routing
// header of any type, rt (ipv6-headers.ts).

import { type Expression, match, type Statement } from '../../expression.js';
import { type Extension, type OptionSpec, type Options, statements } from '../syntax/extension.js';
import { readNumber, UINT8_MAX, UINT16_MAX } from '../values/numbers.js';
import { matchRange } from '../values/ranges.js';

/** `IPV6_SRCRT_TYPE_4`. */
const SEGMENT_ROUTING = 4;
/** nftables has segments at fixed places only; these are counted from the one that is next. */
const NO_PLACE = 'cannot be expressed: nftables has no segment by its distance from the next one';

const field = (name: 'rt' | 'srh', of: string): Expression => ({ exthdr: { name, field: of } });

const NUMBERS: Readonly<Record<string, { readonly left: Expression; readonly max: number }>> = {
  'srh-next-hdr': { left: field('rt', 'nexthdr'), max: UINT8_MAX },
  'srh-hdr-len': { left: field('rt', 'hdrlength'), max: UINT8_MAX },
  'srh-segs-left': { left: field('rt', 'seg-left'), max: UINT8_MAX },
  'srh-last-entry': { left: field('srh', 'last-entry'), max: UINT8_MAX },
  'srh-tag': { left: field('srh', 'tag'), max: UINT16_MAX },
};
const WHOLE: readonly string[] = ['srh-next-hdr', 'srh-tag'];
/** The ways to compare, each with the range of what fits beside a number. */
const COMPARISONS = {
  '-eq': (number: number) => [number, number] as const,
  '-gt': (number: number, max: number) => [number + 1, max] as const,
  '-lt': (number: number) => [0, number - 1] as const,
} as const;
type Comparator = keyof typeof COMPARISONS;
const ALL_COMPARISONS = Object.keys(COMPARISONS) as Comparator[];

/** The options of a number, each with its way to compare. */
function optionsOf(name: string): (readonly [option: string, comparison: Comparator])[] {
  return WHOLE.includes(name)
    ? [[name, '-eq']]
    : ALL_COMPARISONS.map(comparison => [`${name}${comparison}`, comparison] as const);
}

const srh: Extension = {
  name: 'srh',
  family: 6,
  options: [
    ...Object.keys(NUMBERS)
      .flatMap(optionsOf)
      .map(([option]): OptionSpec => ({ names: [option], values: ['number'], negatable: true })),
    ...['srh-psid', 'srh-nsid', 'srh-lsid'].map(
      (name): OptionSpec => ({ names: [name], values: ['address'], negatable: true, refused: NO_PLACE }),
    ),
  ],
  notes: [
    'A header whose segments left are more than it has counts like any other.',
    '`--srh-tag` is the number in the header; iptables compares its two octets the wrong way round on most machines.',
  ],
  translate: options =>
    statements(match(field('rt', 'type'), '==', SEGMENT_ROUTING), ...matchNumbers(options)),
};

function matchNumbers(options: Options): Statement[] {
  return Object.entries(NUMBERS).flatMap(([name, { left, max }]) =>
    optionsOf(name).flatMap(([option, comparison]) => {
      const given = options.get(option);
      if (!given) return [];
      const [first, last] = COMPARISONS[comparison](readNumber(given.values[0]!, 0, max), max);
      // Below 0 and above the highest there is no number: an empty range lies beyond every field.
      return matchRange(left, given, first > last ? [max + 1, max + 1] : [first, last], max);
    }),
  );
}

export const SEGMENT_ROUTING_MATCHES: readonly Extension[] = [srh];

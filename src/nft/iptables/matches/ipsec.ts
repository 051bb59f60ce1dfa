// Matches on IPsec: the headers ah, esp and ipcomp, and policy, which asks whether a packet is protected. Not here: the
// other headers of IPv6 (ipv6-headers.ts).

import { match, meta, payload } from '../../expression.js';
import type { Hook } from '../syntax/chains.js';
import { type Extension, NO_SUCH, needProtocol, type OptionSpec, statements } from '../syntax/extension.js';
import { refuse } from '../syntax/tokens.js';
import { never } from '../values/addresses.js';
import { readRange, UINT16_MAX, UINT32_MAX } from '../values/numbers.js';
import { matchOctets, matchRange } from '../values/ranges.js';

/** Where a packet can have come by a policy, and where it can be about to leave by one. */
const IN: readonly Hook[] = ['prerouting', 'input', 'forward'];
const OUT: readonly Hook[] = ['forward', 'output', 'postrouting'];

const ah: Extension = {
  name: 'ah',
  options: [
    { names: ['ahspi'], values: ['spi[:spi]'], negatable: true },
    { names: ['ahlen'], values: ['octets'], negatable: true },
    { names: ['ahres'] },
  ],
  bringsProtocol: of => (of.askFamily() === 6 ? { number: 51, negated: false } : undefined),
  notes: ['With IPv4, `-p ah` is needed, and `--ahspi` is the only option.'],
  translate(options, context) {
    const spi = options.get('ahspi');
    const length = options.get('ahlen');
    const reserved = options.get('ahres');
    const bySpi = spi
      ? matchRange(payload('ah', 'spi'), spi, readRange(spi.values[0]!, UINT32_MAX), UINT32_MAX)
      : [];
    if (context.askFamily() === 4) {
      const other = length ?? reserved;
      if (other) refuse(other.token, 'is an option of IPv6 only');
      needProtocol(context.protocol, { 51: 'ah' }, context.token);
      return statements(...bySpi);
    }
    // A packet of another protocol has no such header, and nftables refuses to ask for two protocols of one.
    const { protocol } = context;
    if (protocol && (protocol.number === 51) === protocol.negated) return statements(never());
    return statements(
      ...(protocol?.negated ? [match(meta('l4proto'), '==', 51)] : []),
      ...bySpi,
      // Units of four octets, without the first two: RFC 4302.
      ...(length ? matchOctets(payload('ah', 'hdrlength'), length, { unit: 4, uncounted: 2 }) : []),
      ...(reserved ? [match(payload('ah', 'reserved'), '==', 0)] : []),
    );
  },
};

/** esp and ipcomp: one number in the header of one protocol, in both families. */
function indexMatch(
  name: 'esp' | 'ipcomp',
  number: 50 | 108,
  protocol: string,
  field: string,
  max: number,
): Extension {
  const option = `${name}spi`;
  return {
    name,
    options: [{ names: [option], values: ['spi[:spi]'], negatable: true }],
    translate(options, context) {
      needProtocol(context.protocol, { [number]: name }, context.token);
      const given = options.get(option);
      if (!given) return statements();
      const range = readRange(given.values[0]!, UINT32_MAX);
      return statements(...matchRange(payload(protocol, field), given, range, max));
    },
  };
}

/** Of one of the transformations that a packet has come by or goes by. */
const ELEMENT_OPTIONS: readonly OptionSpec[] = [
  { names: ['strict'], refused: NO_SUCH },
  ...['reqid', 'spi', 'proto', 'mode', 'tunnel-src', 'tunnel-dst'].map(
    (name): OptionSpec => ({ names: [name], values: ['value'], negatable: true, refused: NO_SUCH }),
  ),
  { names: ['next'], refused: NO_SUCH },
];

const policy: Extension = {
  name: 'policy',
  options: [
    { names: ['dir'], values: ['in|out'], required: true },
    { names: ['pol'], values: ['none|ipsec'], required: true },
    ...ELEMENT_OPTIONS,
  ],
  translate(options) {
    const dir = options.value('dir')!;
    const pol = options.value('pol')!;
    if (dir.text !== 'in' && dir.text !== 'out') refuse(dir, 'is no direction: give in or out');
    if (pol.text !== 'none' && pol.text !== 'ipsec') refuse(pol, 'is no policy: give none or ipsec');
    const isIn = dir.text === 'in';
    const left = isIn ? meta('secpath') : ({ rt: { key: 'ipsec' } } as const);
    return {
      ...statements(match(left, '==', pol.text === 'ipsec')),
      constraint: { hooks: isIn ? IN : OUT },
    };
  },
};

export const IPSEC_MATCHES: readonly Extension[] = [
  ah,
  indexMatch('esp', 50, 'esp', 'spi', UINT32_MAX),
  indexMatch('ipcomp', 108, 'comp', 'cpi', UINT16_MAX),
  policy,
];

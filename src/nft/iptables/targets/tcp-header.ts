// Targets that change the header of TCP: TCPOPTSTRIP and ECN. Not here: the segment size (TCPMSS of mangle.ts).

import { match, payload, type Statement } from '../../expression.js';
import { type Extension, NO_SUCH, needProtocol, type OptionSpec, statements } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { numberIn, split, UINT8_MAX } from '../values/numbers.js';

/** By the names of iptables: the option's kind, and what libnftables calls it. */
const OPTIONS: ReadonlyMap<string, number> = new Map([
  ['mss', 2],
  ['wscale', 3],
  ['sack-permitted', 4],
  ['sack', 5],
  ['timestamp', 8],
  ['md5', 19],
]);
/** `TCPOPT_EOL` and `TCPOPT_NOP` come before: they are no options to take out. */
const OPTION_MIN = 2;

/** An option's kind as the eight bits at the begin of it. */
function strip(kind: number): Statement {
  return { reset: { 'tcp option': { base: kind, offset: 0, len: 8 } } };
}

function readKind(token: Token): number {
  const named = OPTIONS.get(token.text);
  if (named !== undefined) return named;
  if (!/^\d/.test(token.text))
    refuse(token, `is no option of TCP: give a number or ${[...OPTIONS.keys()].join(', ')}`);
  return numberIn(token, token.text, OPTION_MIN, UINT8_MAX);
}

const tcpoptstrip: Extension = {
  name: 'TCPOPTSTRIP',
  options: [{ names: ['strip-options'], values: ['option[,option]…'] }],
  constraint: { tables: ['mangle'] },
  notes: ['Of an option that a packet has more than once, the first is taken out.'],
  translate(options, context) {
    needProtocol(context.protocol, { 6: 'tcp' }, context.token);
    const token = options.value('strip-options');
    const kinds = token ? split(token, ',').map(readKind) : [];
    return statements(...[...new Set(kinds)].map(strip));
  },
};

/** Flags of TCP beside CWR and ECE. */
const OTHER_FLAGS = 0x3f;
const CONGESTION_FLAGS = 0xc0;

/** nftables writes constants only: a rule for each value that the other flags may have. */
const ecn: Extension = {
  name: 'ECN',
  family: 4,
  options: [
    { names: ['ecn-tcp-remove'], required: true },
    ...['ecn-tcp-ece', 'ecn-tcp-cwr', 'ecn-ip-ect'].map(
      (name): OptionSpec => ({ names: [name], values: ['number'], refused: NO_SUCH }),
    ),
  ],
  constraint: { tables: ['mangle'] },
  notes: ['It becomes 64 rules, so it cannot stand beside a match that counts packets.'],
  translate(_, context) {
    needProtocol(context.protocol, { 6: 'tcp' }, context.token);
    const flags = payload('tcp', 'flags');
    return {
      alternatives: Array.from({ length: OTHER_FLAGS + 1 }, (_, value) => [
        match({ '&': [flags, CONGESTION_FLAGS] }, '!=', 0),
        match({ '&': [flags, OTHER_FLAGS] }, '==', value),
        { mangle: { key: flags, value } },
      ]),
    };
  },
};

export const TCP_HEADER_TARGETS: readonly Extension[] = [tcpoptstrip, ecn];

// The chunks of SCTP that `--chunk-types` asks for. Not here: the match sctp itself (transport.ts).

import { type Expression, match } from '../../expression.js';
import type { ParsedOption, Translation } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { split } from '../values/numbers.js';
import { allOf, anyOf, type Condition } from '../values/ranges.js';

/** RFC 9260 and later: nftables' names by iptables' names. */
const CHUNKS: ReadonlyMap<string, string> = new Map([
  ['DATA', 'data'],
  ['INIT', 'init'],
  ['INIT_ACK', 'init-ack'],
  ['SACK', 'sack'],
  ['HEARTBEAT', 'heartbeat'],
  ['HEARTBEAT_ACK', 'heartbeat-ack'],
  ['ABORT', 'abort'],
  ['SHUTDOWN', 'shutdown'],
  ['SHUTDOWN_ACK', 'shutdown-ack'],
  ['ERROR', 'error'],
  ['COOKIE_ECHO', 'cookie-echo'],
  ['COOKIE_ACK', 'cookie-ack'],
  ['ECN_ECNE', 'ecne'],
  ['ECN_CWR', 'cwr'],
  ['SHUTDOWN_COMPLETE', 'shutdown-complete'],
  ['ASCONF_ACK', 'asconf-ack'],
  ['ASCONF', 'asconf'],
  ['FORWARD_TSN', 'forward-tsn'],
]);

/** Those that libnftables has no name for. */
const UNKNOWN = ['I_DATA', 'RE_CONFIG', 'PAD', 'I_FORWARD_TSN'];

/** The letters of a chunk's flags, the lowest bit last. */
const FLAGS: Readonly<Record<string, string | undefined>> = {
  DATA: 'IUBE',
  ABORT: 'T',
  SHUTDOWN_COMPLETE: 'T',
};

/** `all LIST` or `any LIST`, negated or not; of several chunks of one type, the first counts. @throws RuleError */
export function matchChunks({ values, negated }: ParsedOption): Translation {
  const how = values[0]!;
  const mode = how.text.toLowerCase();
  if (mode === 'only') refuse(how, 'cannot be expressed: nftables has no word for "no other chunk"');
  if (mode !== 'all' && mode !== 'any') refuse(how, 'is neither all nor any');
  const seen = new Set<string>();
  const chunks = split(values[1]!, ',').map(each => {
    const [name = '', flags = ''] = each.text.split(':');
    const type = name.toUpperCase();
    if (seen.has(type)) refuse(each, 'is a type of chunk that is there already');
    seen.add(type);
    return readChunk(each, type, flags);
  });
  const { yes, no } = mode === 'all' ? allOf(chunks) : anyOf(chunks);
  return { alternatives: negated ? no : yes };
}

/** `NAME[:FLAGS]`, a capital for a flag that is set, a small letter for one that is not. @throws RuleError */
function readChunk(token: Token, type: string, flags: string): Condition {
  if (UNKNOWN.includes(type)) refuse(token, 'cannot be expressed: nftables has no such type of chunk');
  const name = CHUNKS.get(type);
  if (name === undefined) refuse(token, `is no type of chunk: give some of ${[...CHUNKS.keys()].join(', ')}`);
  const there: Expression = { 'sctp chunk': { name } };
  const [present, missing] = [match(there, '==', true), match(there, '==', false)];
  const bits = readFlags(token, FLAGS[type] ?? '', flags);
  if (bits.mask === 0) return { yes: [[present]], no: [[missing]] };
  const left: Expression = { '&': [{ 'sctp chunk': { name, field: 'flags' } }, bits.mask] };
  return { yes: [[match(left, '==', bits.value)]], no: [[missing], [match(left, '!=', bits.value)]] };
}

function readFlags(token: Token, letters: string, flags: string): { mask: number; value: number } {
  let [mask, value] = [0, 0];
  for (const letter of flags) {
    const place = letters.indexOf(letter.toUpperCase());
    if (place < 0) refuse(token, 'has a flag that this type of chunk does not have');
    const bit = 1 << (letters.length - 1 - place);
    if ((mask & bit) !== 0) refuse(token, 'has a flag twice');
    mask |= bit;
    if (letter !== letter.toLowerCase()) value |= bit;
  }
  return { mask, value };
}

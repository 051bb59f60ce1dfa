// Matches that count packets or sample them at random: limit, hashlimit, quota, statistic. Not here: connlimit, which counts
// connections (conntrack.ts), the clock (time.ts).

import {
  type Expression,
  type MatchStatement,
  match,
  meta,
  payload,
  type Statement,
} from '../../expression.js';
import {
  type Extension,
  type FamilyContext,
  NO_SUCH,
  needProtocol,
  type OptionSpec,
  type Options,
  PORT_PROTOCOLS,
  statements,
} from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { addressField, masked, never, readLength } from '../values/addresses.js';
import { readByteBurst, readByteRate, readBytes } from '../values/bytes.js';
import { type Rate, readNumber, readRate, secondsOf, split, UINT32_MAX } from '../values/numbers.js';

/** `XT_LIMIT_SCALE`: the highest rate per second that iptables can represent. */
const LIMIT_SCALE = 10_000;
/** `XT_HASHLIMIT_SCALE_v2`. */
const HASHLIMIT_SCALE = 1_000_000;
const LIMIT_BURST = 5;
const BURST_MAX = 10_000;
const HASHLIMIT_BURST_MAX = 1_000_000;
/**
 * Seconds that an idle entry of a limit in bytes is kept, `XT_HASHLIMIT_BYTE_EXPIRE`, and where it has a burst,
 * `XT_HASHLIMIT_BYTE_EXPIRE_BURST`.
 */
const [BYTE_EXPIRE, BYTE_EXPIRE_BURST] = [15, 60];
const DEFAULT_LIMIT: Rate = { rate: 3, per: 'hour' };
/** Names of a hash table, `NAME_MAX` of procfs. */
const HASHLIMIT_NAME_MAX = 255;

const limit: Extension = {
  name: 'limit',
  options: [
    { names: ['limit'], values: ['rate'] },
    { names: ['limit-burst'], values: ['packets'] },
  ],
  translate(options) {
    const token = options.value('limit');
    const rate = token ? readRate(token, LIMIT_SCALE) : DEFAULT_LIMIT;
    const burst = options.value('limit-burst');
    return {
      alternatives: [[{ limit: { ...rate, burst: burst ? readNumber(burst, 1, BURST_MAX) : LIMIT_BURST } }]],
      stateful: true,
    };
  },
};

const TUNING = ['hashlimit-htable-size', 'hashlimit-htable-gcinterval'] as const;
const MODES = ['dstip', 'dstport', 'srcip', 'srcport'] as const;

const hashlimit: Extension = {
  name: 'hashlimit',
  options: [
    {
      names: ['hashlimit-upto', 'hashlimit'],
      values: ['rate'],
      negatable: true,
      excludes: ['hashlimit-above'],
    },
    { names: ['hashlimit-above'], values: ['rate'], negatable: true, excludes: ['hashlimit-upto'] },
    { names: ['hashlimit-burst'], values: ['packets'] },
    { names: ['hashlimit-mode'], values: ['srcip,srcport,dstip,dstport'] },
    { names: ['hashlimit-srcmask'], values: ['length'] },
    { names: ['hashlimit-dstmask'], values: ['length'] },
    { names: ['hashlimit-name'], values: ['name'], required: true },
    { names: ['hashlimit-htable-max'], values: ['entries'] },
    { names: ['hashlimit-htable-expire'], values: ['milliseconds'] },
    ...TUNING.map((name): OptionSpec => ({ names: [name], values: ['number'] })),
    { names: ['hashlimit-rate-match'], refused: NO_SUCH },
    { names: ['hashlimit-rate-interval'], values: ['seconds'], refused: NO_SUCH },
  ],
  notes: [
    'Each rule has a table of its own: two rules of one `--hashlimit-name` do not share it.',
    'The ports as a mode need `-p tcp`, `udp`, `sctp`, `dccp` or `udplite` in the same rule.',
    '`--hashlimit-htable-size` and `-gcinterval` are read and have no effect, as nothing of a packet depends on them.',
    '`--hashlimit-htable-expire` is rounded up to seconds.',
  ],
  translate(options, context) {
    for (const name of TUNING) {
      const token = options.value(name);
      if (token) readNumber(token, 0, UINT32_MAX);
    }
    const name = options.value('hashlimit-name')!;
    if (name.text === '' || Buffer.byteLength(name.text) > HASHLIMIT_NAME_MAX || name.text.includes('/')) {
      refuse(name, 'is no name of a hash table');
    }
    const { statement, expire } = readHashLimit(options, context);
    const bits = {
      source: readLength(options.value('hashlimit-srcmask'), context.askFamily()),
      destination: readLength(options.value('hashlimit-dstmask'), context.askFamily()),
    };
    const modes = readModes(options.value('hashlimit-mode'));
    if (modes.length === 0) return { alternatives: [[statement]], stateful: true };
    const fields = modes.map(mode => hashKey(mode, bits, options, context));
    const val = fields.length === 1 ? fields[0]! : { concat: fields };
    const max = options.value('hashlimit-htable-max');
    const meter = {
      name: context.meterName(`hashlimit${context.askFamily()}`),
      key: { elem: { val, timeout: expire } },
      stmt: statement,
      ...(max && { size: readNumber(max, 1, UINT32_MAX) }),
    };
    return { alternatives: [[{ meter }]], stateful: true };
  },
};

/** The limit of one bucket, and the seconds until an idle one is forgotten. */
function readHashLimit(options: Options, context: FamilyContext): { statement: Statement; expire: number } {
  const [name, { negated }, token] = options.oneOf(context, 'hashlimit-upto', 'hashlimit-above');
  const over = (name === 'hashlimit-above') !== negated && { inv: true };
  const burst = options.value('hashlimit-burst');
  const idle = options.value('hashlimit-htable-expire');
  const given = idle && Math.ceil(readNumber(idle, 1, UINT32_MAX) / 1000);
  const bytes = readByteRate(token);
  if (!bytes) {
    const rate = readRate(token, HASHLIMIT_SCALE);
    const packets = burst ? readNumber(burst, 1, HASHLIMIT_BURST_MAX) : LIMIT_BURST;
    return { statement: { limit: { ...rate, burst: packets, ...over } }, expire: given ?? secondsOf(rate) };
  }
  return {
    statement: { limit: { ...bytes, ...(burst && readByteBurst(burst)), ...over } },
    expire: given ?? (burst ? BYTE_EXPIRE_BURST : BYTE_EXPIRE),
  };
}

function readModes(token: Token | undefined): (typeof MODES)[number][] {
  if (!token) return [];
  const names = split(token, ',').map(each => {
    const mode = MODES.find(name => name === each.text);
    if (!mode) refuse(each, `is none of ${MODES.join(', ')}`);
    return mode;
  });
  return MODES.filter(mode => names.includes(mode));
}

function hashKey(
  mode: (typeof MODES)[number],
  { source, destination }: { source: number; destination: number },
  options: Options,
  context: FamilyContext,
): Expression {
  const family = context.askFamily();
  const ofSource = mode.startsWith('src');
  if (mode.endsWith('port')) {
    const token = options.value('hashlimit-mode')!;
    const protocol = needProtocol(context.protocol, PORT_PROTOCOLS, token);
    return payload(protocol, ofSource ? 'sport' : 'dport');
  }
  const field = addressField(family, ofSource ? 'saddr' : 'daddr');
  return masked(field, family, ofSource ? source : destination);
}

const quota: Extension = {
  name: 'quota',
  options: [{ names: ['quota'], values: ['bytes'], negatable: true, required: true }],
  notes: [
    'A number beyond 53 bits counts as one of 53: eight pebibytes, which is more than any container sends.',
  ],
  translate(options) {
    const { values, negated } = options.get('quota')!;
    const val = readBytes(values[0]!);
    return {
      alternatives: [[{ quota: { val, val_unit: 'bytes', ...(negated && { inv: true }) } }]],
      stateful: true,
    };
  },
};

const statistic: Extension = {
  name: 'statistic',
  options: [
    { names: ['mode'], values: ['random|nth'], required: true },
    { names: ['probability'], values: ['p'], negatable: true, excludes: ['every', 'packet'] },
    { names: ['every'], values: ['n'], negatable: true, excludes: ['probability'] },
    { names: ['packet'], values: ['p'], excludes: ['probability'] },
  ],
  translate(options, context) {
    const mode = options.value('mode')!;
    if (mode.text !== 'random' && mode.text !== 'nth') refuse(mode, 'is no mode: give random or nth');
    if (mode.text === 'random') {
      const [, { negated }, token] = options.oneOf(context, 'probability');
      return statements(...matchProbability(readProbability(token), negated));
    }
    const [, { negated }, every] = options.oneOf(context, 'every');
    const [, , packet] = options.oneOf(context, 'packet');
    const mod = readNumber(every, 1, UINT32_MAX);
    const value = readNumber(packet, 0, mod - 1);
    return {
      alternatives: [[match({ numgen: { mode: 'inc', mod, offset: 0 } }, negated ? '!=' : '==', value)]],
      stateful: true,
    };
  },
};

function readProbability(token: Token): number {
  const value = /^(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(token.text) ? Number(token.text) : Number.NaN;
  if (!(value >= 0 && value <= 1)) refuse(token, 'is no probability from 0 to 1');
  return value;
}

/** 31 random bits are compared, as xt_statistic does. */
function matchProbability(probability: number, negated: boolean): MatchStatement[] {
  const limit = Math.round(0x8000_0000 * probability);
  if (limit === 0x8000_0000) return negated ? [never()] : [];
  if (limit === 0) return negated ? [] : [never()];
  return [match({ '&': [meta('random'), 0x7fff_ffff] }, negated ? '>=' : '<', limit)];
}

export const RATE_MATCHES: readonly Extension[] = [limit, hashlimit, quota, statistic];

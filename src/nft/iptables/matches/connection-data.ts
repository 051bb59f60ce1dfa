// Matches on what a connection has carried and who helps it: connbytes, helper, connlabel. Not here: its state, its addresses and
// its mark (conntrack.ts).

import { ct, isPlainText, match, type Statement } from '../../expression.js';
import { type Extension, statements } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { never } from '../values/addresses.js';
import { readNumber, readRange, valueOrRange } from '../values/numbers.js';

/** `NF_CT_HELPER_NAME_LEN` without its end. */
const HELPER_NAME_MAX = 15;

const DIRECTIONS = { original: 'original', reply: 'reply', both: undefined } as const;
const MODES = ['packets', 'bytes', 'avgpkt'] as const;

function oneOf<Word extends string>(token: Token, known: readonly Word[]): Word {
  const word = known.find(each => each === token.text);
  if (word === undefined) refuse(token, `is none of ${known.join(', ')}`);
  return word;
}

const connbytes: Extension = {
  name: 'connbytes',
  options: [
    { names: ['connbytes'], values: ['from[:to]'], negatable: true, required: true },
    { names: ['connbytes-dir'], values: ['original|reply|both'], required: true },
    { names: ['connbytes-mode'], values: ['packets|bytes|avgpkt'], required: true },
  ],
  notes: [
    'A number has at most 53 bits.',
    '`! --connbytes` of a single number in the form `5:5` is "not 5"; iptables itself forgets the `!`.',
  ],
  translate(options) {
    const { values, negated } = options.get('connbytes')!;
    const token = values[0]!;
    const direction = DIRECTIONS[oneOf(options.value('connbytes-dir')!, ['original', 'reply', 'both'])];
    const left = ct(oneOf(options.value('connbytes-mode')!, MODES), direction);
    // Without an end, it goes on for ever.
    const [from, last] = readRange(token, Number.MAX_SAFE_INTEGER);
    const to = token.text.includes(':') ? last : Number.MAX_SAFE_INTEGER;
    // A connection from before the first such rule is not counted: to iptables nothing fits it, to nftables it is 0.
    const counted = (from === 0) !== negated ? [match(ct('packets'), '>=', 1)] : [];
    if (to < Number.MAX_SAFE_INTEGER) {
      return statements(...counted, match(left, negated ? '!=' : '==', valueOrRange([from, to])));
    }
    if (!negated) return statements(...counted, match(left, '>=', from));
    return statements(...(from === 0 ? [never()] : [...counted, match(left, '<', from)]));
  },
};

/** A packet that belongs to no connection, or to one that no other has brought about. */
const WITHOUT_MASTER: readonly (readonly Statement[])[] = [
  [match(ct('state'), 'in', ['invalid', 'untracked'])],
  [match(ct('status'), '!', 'expected')],
];

const helper: Extension = {
  name: 'helper',
  options: [{ names: ['helper'], values: ['name'], negatable: true, required: true }],
  notes: ['`! --helper` becomes three rules, so it cannot stand beside a match that counts packets.'],
  translate(options) {
    const { values, negated } = options.get('helper')!;
    const token = values[0]!;
    const { text } = token;
    if (text === '') refuse(token, 'is no name of a helper such as ftp');
    if (Buffer.byteLength(text) > HELPER_NAME_MAX) {
      refuse(token, `is longer than ${HELPER_NAME_MAX} bytes, which is the most that a helper's name has`);
    }
    if (!/^[\w.-]+$/.test(text) || !isPlainText(text)) refuse(token, 'is no name of a helper such as ftp');
    if (!negated) return statements(match(ct('helper'), '==', text));
    return {
      alternatives: [
        ...WITHOUT_MASTER,
        [match(ct('status'), 'in', 'expected'), match(ct('helper'), '!=', text)],
      ],
    };
  },
};

/** `XT_CONNLABEL_MAXBIT`. */
const LABEL_MAX = 127;

const connlabel: Extension = {
  name: 'connlabel',
  options: [{ names: ['label'], values: ['number'], negatable: true, required: true }, { names: ['set'] }],
  notes: [
    "Labels are told by number: their names are in a file of the host's.",
    '`! --label` becomes two rules, so it cannot stand beside a match that counts packets.',
  ],
  translate(options) {
    const { values, negated } = options.get('label')!;
    const label = readNumber(values[0]!, 0, LABEL_MAX);
    const set: Statement[] = options.has('set') ? [{ mangle: { key: ct('label'), value: label } }] : [];
    if (!negated) return statements(...set, match(ct('label'), 'in', label));
    // A packet without a connection has no label; no other key of conntrack is there for it.
    return {
      alternatives: [
        [match(ct('state'), 'in', ['invalid', 'untracked'])],
        [...set, match(ct('label'), '!', label)],
      ],
    };
  },
};

export const CONNECTION_MATCHES: readonly Extension[] = [connbytes, helper, connlabel];

// Matches on what the host knows of a packet beyond its bytes: cpu, cgroup, devgroup, realm, socket, owner, rpfilter.
// Not here: the types of its addresses (packet.ts), its connection (conntrack.ts, connection-data.ts).

import { type Expression, match, meta, type Statement } from '../../expression.js';
import type { Hook } from '../syntax/chains.js';
import { type Extension, NO_SUCH, type ParsedOption, statements } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import {
  bitsOf,
  maskedBy,
  numberIn,
  readMasked,
  readNumber,
  UINT32_MAX,
  valueOrRange,
} from '../values/numbers.js';

/** `LEFT & MASK == VALUE`, of a number that iptables takes by name too: names are files of the host. */
function matchGroup(left: Expression, { values, negated }: ParsedOption): Statement {
  const { value, mask } = readMasked(values[0]!, UINT32_MAX);
  return match(maskedBy(left, mask, UINT32_MAX), negated ? '!=' : '==', value);
}

/** A number that is equal or not. */
function matchNumber(left: Expression, { values, negated }: ParsedOption): Statement {
  return match(left, negated ? '!=' : '==', readNumber(values[0]!, 0, UINT32_MAX));
}

const cpu: Extension = {
  name: 'cpu',
  options: [{ names: ['cpu'], values: ['number'], negatable: true, required: true }],
  translate: options => statements(matchNumber(meta('cpu'), options.get('cpu')!)),
};

const cgroup: Extension = {
  name: 'cgroup',
  options: [
    { names: ['cgroup'], values: ['classid'], negatable: true, required: true },
    {
      names: ['path'],
      values: ['path'],
      negatable: true,
      refused: "cannot be expressed: nftables looks the path up among the daemon's own cgroups",
    },
  ],
  constraint: { hooks: ['input', 'output', 'postrouting'] },
  translate: options => statements(matchNumber(meta('cgroup'), options.get('cgroup')!)),
};

/** `(uid_t) -1` is nobody. */
const ID_MAX = UINT32_MAX - 1;

const COMING_IN: readonly Hook[] = ['prerouting', 'input', 'forward'];
const GOING_OUT: readonly Hook[] = ['forward', 'output', 'postrouting'];

const devgroup: Extension = {
  name: 'devgroup',
  options: [
    { names: ['src-group'], values: ['group[/mask]'], negatable: true },
    { names: ['dst-group'], values: ['group[/mask]'], negatable: true },
  ],
  notes: ['Groups are told by number.'],
  translate(options, context) {
    options.oneOf(context, 'src-group', 'dst-group');
    const source = options.get('src-group');
    const destination = options.get('dst-group');
    const hooks = COMING_IN.filter(hook => !destination || GOING_OUT.includes(hook));
    return {
      ...statements(
        ...(source ? [matchGroup(meta('iifgroup'), source)] : []),
        ...(destination ? [matchGroup(meta('oifgroup'), destination)] : []),
      ),
      constraint: { hooks: source ? hooks : GOING_OUT },
    };
  },
};

const realm: Extension = {
  name: 'realm',
  family: 4,
  options: [{ names: ['realm'], values: ['realm[/mask]'], negatable: true, required: true }],
  constraint: { hooks: ['input', 'forward', 'output', 'postrouting'] },
  notes: ['Realms are told by number.'],
  translate: options => statements(matchGroup(meta('rtclassid'), options.get('realm')!)),
};

const socket: Extension = {
  name: 'socket',
  options: [{ names: ['transparent'] }, { names: ['nowildcard'] }, { names: ['restore-skmark'] }],
  constraint: { hooks: ['prerouting', 'input'] },
  notes: [
    'A socket that is no more than a memory of itself (TIME_WAIT) does not count.',
    '`--restore-skmark` becomes 34 rules, because JSON of nftables copies no mark of a socket but by its bits: it cannot stand beside a match that counts packets, nor behind one on the mark.',
  ],
  translate(options) {
    const key = (name: string): Expression => ({ socket: { key: name } });
    const translation = statements(
      // A comparison that every socket fits: without a socket, no comparison does.
      options.has('nowildcard') ? match(key('wildcard'), '<=', 1) : match(key('wildcard'), '==', 0),
      ...(options.has('transparent') ? [match(key('transparent'), '==', 1)] : []),
    );
    if (!options.has('restore-skmark')) return translation;
    const setMark = (value: Expression): Statement => ({ mangle: { key: meta('mark'), value } });
    return {
      ...translation,
      steps: {
        lists: [
          [setMark(0)],
          ...bitsOf(UINT32_MAX).map(bit => [
            match({ '&': [key('mark'), bit] }, '==', bit),
            setMark({ '|': [meta('mark'), bit] }),
          ]),
        ],
        changes: 'packet mark',
      },
    };
  },
};

/** Errors and resets come from the kernel's own sockets, which no user has. */
const NO_KERNEL_SOCKET =
  'cannot be expressed: nftables asks for sockets of programs only, as --uid-owner 0-4294967294 does';

const owner: Extension = {
  name: 'owner',
  options: [
    { names: ['uid-owner'], values: ['id[-id]'], negatable: true },
    { names: ['gid-owner'], values: ['id[-id]'], negatable: true },
    { names: ['socket-exists'], negatable: true, refused: NO_KERNEL_SOCKET },
    { names: ['suppl-groups'], refused: NO_SUCH },
  ],
  constraint: { hooks: ['output', 'postrouting'] },
  notes: [
    "Users and groups but root are told by number: their names are the container's.",
    'A packet without a socket fits neither `--uid-owner` nor `! --uid-owner`, as with iptables-translate(8).',
  ],
  translate(options, context) {
    options.oneOf(context, 'uid-owner', 'gid-owner');
    return statements(
      ...options
        .entries()
        .map(([name, given]) =>
          match(
            meta(name === 'uid-owner' ? 'skuid' : 'skgid'),
            given.negated ? '!=' : '==',
            readIds(given.values[0]!),
          ),
        ),
    );
  },
};

function readIds(token: Token): Expression {
  const [from = '', to, more] = token.text.split('-');
  if (more !== undefined) refuse(token, 'has more than one "-"');
  // The one name that means the same in every container.
  if (token.text === 'root') return 0;
  const first = numberIn(token, from, 0, ID_MAX);
  if (to === undefined) return first;
  const last = numberIn(token, to, 0, ID_MAX);
  if (first > last) refuse(token, 'is a range whose end comes before its beginning');
  return valueOrRange([first, last]);
}

const rpfilter: Extension = {
  name: 'rpfilter',
  options: [
    { names: ['loose'] },
    { names: ['validmark'] },
    { names: ['accept-local'] },
    { names: ['invert'] },
  ],
  constraint: { tables: ['mangle', 'raw'], hooks: ['prerouting'] },
  notes: [
    '`--accept-local` becomes two rules unless it is inverted, so it cannot stand beside a match that counts packets.',
  ],
  translate(options) {
    const validmark = options.has('validmark') ? ['mark'] : [];
    const iif = options.has('loose') ? [] : ['iif'];
    const oif = { fib: { result: 'oif', flags: ['saddr', ...validmark, ...iif] } } as const;
    const [back, noWayBack] = [match(oif, '!=', 0), match(oif, '==', 0)];
    const inverted = options.has('invert');
    if (!options.has('accept-local')) return statements(inverted ? noWayBack : back);
    const type = { fib: { result: 'type', flags: ['saddr', ...iif] } } as const;
    if (inverted) return statements(noWayBack, match(type, '!=', 'local'));
    return { alternatives: [[back], [noWayBack, match(type, '==', 'local')]] };
  },
};

export const HOST_MATCHES: readonly Extension[] = [cpu, cgroup, devgroup, realm, socket, owner, rpfilter];

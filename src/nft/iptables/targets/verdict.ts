// Targets that decide, and those that tell of a packet: ACCEPT, DROP, RETURN, REJECT, NFQUEUE, LOG, NFLOG. Not here: jumps to
// chains (nft/iptables/parser.ts), NAT (nat.ts).

import type { Family } from '../../../base/ip.js';
import type { RangeExpression, Statement } from '../../expression.js';
import { type Extension, needProtocol, statements } from '../syntax/extension.js';
import { refuse, shorten, type Token } from '../syntax/tokens.js';
import { parseNumber, readNumber, readRange, UINT16_MAX, UINT32_MAX } from '../values/numbers.js';

/** Without the end of the string. */
const LOG_PREFIX_MAX = 29;
/** `NF_LOG_PREFIXLEN` without its end. */
const NFLOG_PREFIX_MAX = 127;

const accept: Extension = {
  name: 'ACCEPT',
  options: [],
  translate: () => statements({ accept: null }),
};

const drop: Extension = {
  name: 'DROP',
  options: [],
  // The tool refuses it elsewhere: a chain of nat sees the first packet of a connection only.
  constraint: { tables: ['filter', 'mangle', 'raw'] },
  translate: () => statements({ drop: null }),
};

const giveBack: Extension = {
  name: 'RETURN',
  options: [],
  translate: () => statements({ return: null }),
};

/** What iptables and ip6tables call them, and nftables. */
const REJECT_WITH: Readonly<Record<Family, ReadonlyMap<string, string>>> = {
  4: new Map([
    ['icmp-net-unreachable', 'net-unreachable'],
    ['net-unreach', 'net-unreachable'],
    ['icmp-host-unreachable', 'host-unreachable'],
    ['host-unreach', 'host-unreachable'],
    ['icmp-proto-unreachable', 'prot-unreachable'],
    ['proto-unreach', 'prot-unreachable'],
    ['icmp-port-unreachable', 'port-unreachable'],
    ['port-unreach', 'port-unreachable'],
    ['icmp-net-prohibited', 'net-prohibited'],
    ['net-prohib', 'net-prohibited'],
    ['icmp-host-prohibited', 'host-prohibited'],
    ['host-prohib', 'host-prohibited'],
    ['icmp-admin-prohibited', 'admin-prohibited'],
    ['admin-prohib', 'admin-prohibited'],
  ]),
  6: new Map([
    ['icmp6-no-route', 'no-route'],
    ['no-route', 'no-route'],
    ['icmp6-adm-prohibited', 'admin-prohibited'],
    ['adm-prohibited', 'admin-prohibited'],
    ['icmp6-addr-unreachable', 'addr-unreachable'],
    ['addr-unreach', 'addr-unreachable'],
    ['icmp6-port-unreachable', 'port-unreachable'],
    ['port-unreach', 'port-unreachable'],
    ['icmp6-policy-fail', 'policy-fail'],
    ['policy-fail', 'policy-fail'],
    ['icmp6-reject-route', 'reject-route'],
    ['reject-route', 'reject-route'],
  ]),
};
const TCP_RESET = ['tcp-reset', 'tcp-rst'];

const reject: Extension = {
  name: 'REJECT',
  options: [{ names: ['reject-with'], values: ['type'] }],
  constraint: { tables: ['filter'] },
  translate(options, context) {
    const token = options.value('reject-with');
    // Without a type it is "port unreachable" of the packet's own family.
    if (!token) return statements({ reject: null });
    if (TCP_RESET.includes(token.text)) {
      needProtocol(context.protocol, { 6: 'tcp' }, token);
      return statements({ reject: { type: 'tcp reset' } });
    }
    const family = context.askFamily();
    const expr = REJECT_WITH[family].get(token.text);
    if (expr === undefined) {
      const known = [...REJECT_WITH[family].keys()].filter(name => name.startsWith('icmp'));
      refuse(token, `is no answer of IPv${family}: give one of ${known.join(', ')}, tcp-reset`);
    }
    return statements({ reject: { type: family === 4 ? 'icmp' : 'icmpv6', expr } });
  },
};

/** syslog(3)'s levels by number, as iptables calls them and as nftables does where that is another name. */
const LEVELS = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug'];
const NFT_LEVELS: Readonly<Record<string, string | undefined>> = {
  error: 'err',
  warning: 'warn',
  panic: 'emerg',
};
const DEFAULT_LEVEL = 'warn';

const LOG_FLAGS = {
  'log-tcp-sequence': 'tcp sequence',
  'log-tcp-options': 'tcp options',
  'log-ip-options': 'ip options',
  'log-uid': 'skuid',
  'log-macdecode': 'ether',
} as const;

const log: Extension = {
  name: 'LOG',
  options: [
    { names: ['log-level'], values: ['level'] },
    { names: ['log-prefix'], values: ['text'] },
    ...Object.keys(LOG_FLAGS).map(name => ({ names: [name] }) as const),
  ],
  notes: ["A container's log lines appear only where the sysctl `net.netfilter.nf_log_all_netns` is on."],
  translate(options) {
    const prefix = options.value('log-prefix');
    const level = options.value('log-level');
    const name = level && readLevel(level);
    const flags = Object.entries(LOG_FLAGS).flatMap(([option, flag]) => (options.has(option) ? flag : []));
    return statements({
      log: {
        ...(prefix && { prefix: readPrefix(prefix, LOG_PREFIX_MAX) }),
        ...(name && name !== DEFAULT_LEVEL && { level: name }),
        ...(flags.length > 0 && { flags }),
      },
    });
  },
};

function readLevel(token: Token): string {
  const number = parseNumber(token.text);
  const level = number === undefined ? token.text : LEVELS[number];
  if (level === undefined || ![...LEVELS, 'panic'].includes(level)) {
    refuse(token, `is no level of a log: give 0 to 7 or one of ${LEVELS.join(', ')}`);
  }
  return NFT_LEVELS[level] ?? level;
}

function readPrefix(token: Token, max: number): string {
  if (Buffer.byteLength(token.text) > max) refuse(token, `is longer than ${max} bytes`);
  return prefixText(token);
}

function prefixText(token: Token): string {
  if (/\p{Cc}/u.test(token.text)) refuse(token, 'has a control character');
  return token.text;
}

const nflog: Extension = {
  name: 'NFLOG',
  options: [
    { names: ['nflog-group'], values: ['group'] },
    { names: ['nflog-prefix'], values: ['text'] },
    { names: ['nflog-size'], values: ['bytes'] },
    { names: ['nflog-threshold'], values: ['packets'] },
    { names: ['nflog-range'], values: ['bytes'], excludes: ['nflog-size'] },
  ],
  notes: [
    '`--nflog-range` has no effect, as iptables says itself.',
    'Of a prefix, 127 bytes are kept, as by iptables-nft; iptables-legacy keeps 63.',
  ],
  translate(options) {
    const number = (name: string, max: number): number | undefined => {
      const token = options.value(name);
      return token && readNumber(token, 0, max);
    };
    const prefix = options.value('nflog-prefix');
    if (prefix?.text === '') refuse(prefix, 'is empty');
    const snaplen = number('nflog-size', UINT32_MAX);
    const threshold = number('nflog-threshold', UINT16_MAX);
    number('nflog-range', UINT32_MAX);
    const statement: Statement = {
      log: {
        ...(prefix && { prefix: shorten(prefixText(prefix), NFLOG_PREFIX_MAX) }),
        group: number('nflog-group', UINT16_MAX) ?? 0,
        ...(snaplen !== undefined && { snaplen }),
        ...(threshold && { 'queue-threshold': threshold }),
      },
    };
    return statements(statement);
  },
};

/** A queue of nfnetlink_queue, or several that share the packets. */
const nfqueue: Extension = {
  name: 'NFQUEUE',
  options: [
    { names: ['queue-num'], values: ['number'], excludes: ['queue-balance'] },
    { names: ['queue-balance'], values: ['first:last'], excludes: ['queue-num'] },
    { names: ['queue-bypass'] },
    { names: ['queue-cpu-fanout'] },
  ],
  notes: ['The kernel needs `CONFIG_NFT_QUEUE`; without it, it refuses the rule, and the log says so.'],
  translate(options) {
    const balance = options.value('queue-balance');
    const fanout = options.get('queue-cpu-fanout');
    if (fanout && !balance) refuse(fanout.token, 'needs --queue-balance beside it');
    const single = options.value('queue-num');
    const num = balance ? readQueues(balance) : single ? readNumber(single, 0, UINT16_MAX) : 0;
    const flags = [...(options.has('queue-bypass') ? ['bypass'] : []), ...(fanout ? ['fanout'] : [])];
    return statements({ queue: { num, ...(flags.length > 0 && { flags }) } });
  },
};

/** `FIRST:LAST`, at most 65535 queues and two at least. @throws RuleError */
function readQueues(token: Token): RangeExpression {
  if (!token.text.includes(':')) refuse(token, 'is no range of queues such as 0:3');
  const [first, written] = readRange(token, UINT16_MAX);
  // Without an end it is the last but one: so many queues as a number of 16 bits can count.
  const last = token.text.endsWith(':') ? UINT16_MAX - 1 : written;
  if (first >= last) refuse(token, 'is a range of queues whose end does not come after its beginning');
  if (last - first >= UINT16_MAX) refuse(token, `has more than ${UINT16_MAX} queues`);
  return { range: [first, last] };
}

export const VERDICT_TARGETS: readonly Extension[] = [accept, drop, giveBack, reject, log, nflog, nfqueue];

// Expressions and statements of libnftables-json(5), as types: what this project writes, not all that there is.
// Not here: tables and chains (table.ts), iptables' words for them (nft/iptables).

import { type Family, formatAddress, type Prefix } from '../base/ip.js';

/** `"tcp"`, `80`, or a name such as `"established"` where the left side is of a type that has names. */
type Immediate = string | number | boolean;

interface PrefixExpression {
  readonly prefix: { readonly addr: string; readonly len: number };
}
export interface RangeExpression {
  readonly range: readonly [Immediate, Immediate];
}
interface SetExpression {
  readonly set: readonly (Expression | readonly [Expression, Expression])[];
}
interface ConcatExpression {
  readonly concat: readonly Expression[];
}
interface MapExpression {
  readonly map: { readonly key: Expression; readonly data: Expression };
}
/** A header field by name, or `raw` bits: base `ll`, `nh`, `th`; offset and length in bits. */
interface PayloadExpression {
  readonly payload:
    | { readonly protocol: string; readonly field: string }
    | { readonly base: 'll' | 'nh' | 'th'; readonly offset: number; readonly len: number };
}
interface ExthdrExpression {
  readonly exthdr: { readonly name: string; readonly field?: string; readonly offset?: number };
}
/** By name and field, or by kind: its bytes. */
interface TcpOptionExpression {
  readonly 'tcp option':
    | { readonly name: string; readonly field?: string }
    | { readonly base: number; readonly offset: number; readonly len: number };
}
interface MetaExpression {
  readonly meta: { readonly key: string };
}
interface CtExpression {
  readonly ct: {
    readonly key: string;
    readonly dir?: 'original' | 'reply';
    readonly family?: 'ip' | 'ip6';
  };
}
interface RtExpression {
  readonly rt: { readonly key: string; readonly family?: 'ip' | 'ip6' };
}
interface FibExpression {
  readonly fib: { readonly result: 'oif' | 'oifname' | 'type'; readonly flags: readonly string[] };
}
/** A chunk of SCTP, or a field of the first one of its type. */
interface ChunkExpression {
  readonly 'sctp chunk': { readonly name: string; readonly field?: string };
}
/** Of the socket that a packet is for. */
interface SocketExpression {
  readonly socket: { readonly key: string };
}
interface NumgenExpression {
  readonly numgen: { readonly mode: 'inc' | 'random'; readonly mod: number; readonly offset?: number };
}
/** A member of a set that rules fill, with seconds until it goes. */
interface ElemExpression {
  readonly elem: { readonly val: Expression; readonly timeout: number };
}
interface BinaryExpression {
  readonly '|'?: readonly Expression[];
  readonly '&'?: readonly Expression[];
  readonly '^'?: readonly Expression[];
}

export type Expression =
  | Immediate
  | readonly Expression[]
  | PrefixExpression
  | RangeExpression
  | SetExpression
  | ConcatExpression
  | MapExpression
  | PayloadExpression
  | ExthdrExpression
  | TcpOptionExpression
  | MetaExpression
  | CtExpression
  | RtExpression
  | FibExpression
  | ChunkExpression
  | SocketExpression
  | NumgenExpression
  | ElemExpression
  | BinaryExpression;

/** `!` is "none of these bits". */
type MatchOperator = '==' | '!=' | '!' | '<' | '>' | '<=' | '>=' | 'in';

export interface MatchStatement {
  readonly match: { readonly op: MatchOperator; readonly left: Expression; readonly right: Expression };
}

type VerdictStatement =
  | { readonly accept: null }
  | { readonly drop: null }
  | { readonly return: null }
  | { readonly jump: { readonly target: string } }
  | { readonly goto: { readonly target: string } };

/** Where an address or a port is changed; `family` is needed in a table of family `inet`. */
export interface NatArguments {
  readonly family?: 'ip' | 'ip6';
  readonly addr?: Expression;
  readonly port?: Expression;
  readonly flags?: readonly string[];
  readonly type_flags?: readonly string[];
}

type NatStatement =
  | { readonly dnat: NatArguments }
  | { readonly snat: NatArguments }
  | { readonly masquerade: NatArguments | null }
  | { readonly redirect: NatArguments | null };

/** What a rule does with a list of addresses: no statement of libnftables, but what becomes several of them. */
export interface AddressListUse {
  /** Of the list. There is one of IPv4 and one of IPv6 by the same name. */
  readonly name: string;
  readonly family: Family;
  /** `set` puts the address in, `check` asks for it, `update` does both, `remove` takes it out if it is there. */
  readonly action: 'set' | 'check' | 'update' | 'remove';
  readonly address: Expression;
  /** How long ago it may have been put in, in seconds; 0: however long. */
  readonly seconds: number;
  readonly negated: boolean;
}

export type Statement =
  | { readonly addressList: AddressListUse }
  | MatchStatement
  | VerdictStatement
  | NatStatement
  | { readonly mangle: { readonly key: Expression; readonly value: Expression } }
  | { readonly reject: null | { readonly type?: string; readonly expr?: string | number } }
  | { readonly log: null | Readonly<Record<string, Immediate | readonly string[]>> }
  | { readonly limit: Readonly<Record<string, Immediate>> }
  | { readonly quota: Readonly<Record<string, Immediate>> }
  | { readonly 'ct count': { readonly val: number; readonly inv?: boolean } }
  | {
      /** Statements of each value of a key for itself; the set behind it is made with the rule. */
      readonly meter: {
        readonly name: string;
        readonly key: Expression;
        readonly stmt: Statement;
        readonly size?: number;
      };
    }
  | { readonly queue: { readonly num: number | RangeExpression; readonly flags?: readonly string[] } }
  | {
      /** Puts a value into a named set, or takes it out. */
      readonly set: {
        readonly op: 'add' | 'update' | 'delete';
        readonly elem: Expression;
        readonly set: string;
      };
    }
  | {
      /** Takes an option of TCP out of the header. */
      readonly reset: TcpOptionExpression;
    }
  | { readonly tproxy: NatArguments }
  | { readonly notrack: null }
  | { readonly synproxy: null | Readonly<Record<string, number | readonly string[]>> }
  | { readonly counter: null };

/** Strings that libnftables 1.0.6, or a later version, parses as a number anywhere in its JSON. */
const KEYWORDS = [
  'ah',
  'comp',
  'dccp',
  'esp',
  'gre',
  'icmp',
  'icmpv6',
  'igmp',
  'ipcomp',
  'sctp',
  'tcp',
  'udp',
  'udplite',
];

/** Whether libnftables takes a string on the right-hand side literally, not as a set or a protocol. */
export function isPlainText(text: string): boolean {
  return !text.startsWith('@') && !KEYWORDS.includes(text);
}

/** `meta KEY`, such as `iifname`, `l4proto`, `mark`. */
export function meta(key: string): MetaExpression {
  return { meta: { key } };
}

/** `ct [DIRECTION] [FAMILY] KEY`, such as `state`, `status`, `mark`. */
export function ct(key: string, dir?: 'original' | 'reply', family?: 'ip' | 'ip6'): CtExpression {
  return { ct: { key, ...(family && { family }), ...(dir && { dir }) } };
}

/** The addresses of a network; one alone where it is no more. */
export function prefixExpression({ address, length }: Prefix): Expression {
  const addr = formatAddress(address);
  return length === address.bytes.length * 8 ? addr : { prefix: { addr, len: length } };
}

/** `PROTOCOL FIELD`, such as `ip saddr`, `tcp dport`. */
export function payload(protocol: string, field: string): PayloadExpression {
  return { payload: { protocol, field } };
}

/** `LEFT OP RIGHT`. For bit masks of names (`ct state`, `ct status`), `in` is "any of". */
export function match(left: Expression, op: MatchOperator, right: Expression): MatchStatement {
  return { match: { op, left, right } };
}

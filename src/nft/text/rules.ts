// A rule as nft(8) lists it. It reads the kernel's registers back, so some statements come out as others: what is told from
// each other by context has its name, and two ends are one range. Pure. Not here: each statement (statements.ts).

import type { Expression, Statement } from '../expression.js';
import type { NftRule } from '../table.js';
import { withoutImplied } from './dependencies.js';
import { printStatement } from './statements.js';

/** The bits of the byte or bytes that both fields of a traffic class are in. */
const TRAFFIC_CLASS = {
  ip: { offset: 8, len: 8, dscp: 0xfc, ecn: 0x03, shift: 2, down: 0 },
  ip6: { offset: 0, len: 16, dscp: 0x0fc0, ecn: 0x30, shift: 6, down: 4 },
} as const;
type NetworkHeader = keyof typeof TRAFFIC_CLASS;

/** The line of a rule, without its handle. */
export function printRule({ expr, comment }: Pick<NftRule, 'expr' | 'comment'>): string {
  const statements = withNames(joinEnds(expr));
  const words = withoutImplied(statements).map(printStatement);
  return [...words, ...(comment === undefined ? [] : [`comment "${comment}"`])].join(' ');
}

/** At least and at most of one field are a range. */
function joinEnds(statements: readonly Statement[]): Statement[] {
  const found: Statement[] = [];
  for (const statement of statements) {
    const before = found.at(-1);
    const range = before && rangeOf(before, statement);
    if (range) found[found.length - 1] = range;
    else found.push(statement);
  }
  return found;
}

function rangeOf(one: Statement, other: Statement): Statement | undefined {
  if (!('match' in one) || !('match' in other)) return undefined;
  const [low, high] = [one.match, other.match];
  if (low.op !== '>=' || high.op !== '<=') return undefined;
  if (typeof low.right !== 'number' || typeof high.right !== 'number') return undefined;
  if (JSON.stringify(low.left) !== JSON.stringify(high.left)) return undefined;
  return { match: { op: '==', left: low.left, right: { range: [low.right, high.right] } } };
}

/** What a family that is known by a field of its header decides: the names of bits, and of a refusal. */
function withNames(statements: readonly Statement[]): readonly Statement[] {
  if (!statements.some(dependsOnFamily)) return statements;
  let network: NetworkHeader | undefined;
  let asked: NetworkHeader | undefined;
  return statements.flatMap((statement): Statement[] => {
    const text = JSON.stringify(statement);
    if (text.includes('"nfproto"')) asked = text.includes('"ipv4"') ? 'ip' : 'ip6';
    if (text.includes('"payload":{"protocol":"ip"')) network = 'ip';
    if (text.includes('"payload":{"protocol":"ip6"')) network = 'ip6';
    if ('reject' in statement && statement.reject === null) {
      const family = network ?? asked;
      if (family)
        return [{ reject: { type: family === 'ip' ? 'icmp' : 'icmpv6', expr: 'port-unreachable' } }];
    }
    const family = network ?? asked;
    return (family && trafficClass(statement, family)) ?? [statement];
  });
}

/** Whether it may be listed otherwise once the family is known. */
function dependsOnFamily(statement: Statement): boolean {
  if ('reject' in statement) return statement.reject === null;
  if (!('match' in statement)) return false;
  const { left } = statement.match;
  return typeof left === 'object' && '&' in left;
}

/** Bits of a traffic class as its fields. */
function trafficClass(statement: Statement, network: NetworkHeader): Statement[] | undefined {
  if (!('match' in statement)) return undefined;
  const { op, left, right } = statement.match;
  if (typeof left !== 'object' || !('&' in left) || !left['&'] || typeof right !== 'number') return undefined;
  const [field, mask] = left['&'];
  const known = TRAFFIC_CLASS[network];
  if (!isBytes(field, known) || typeof mask !== 'number') return undefined;
  const [dscp, ecn] = [(mask & known.dscp) === known.dscp, (mask & known.ecn) === known.ecn];
  const covered = (dscp ? known.dscp : 0) | (ecn ? known.ecn : 0);
  if (covered !== mask) return undefined;
  const matchOf = (name: string, value: number): Statement => ({
    match: { op, left: { payload: { protocol: network, field: name } }, right: value },
  });
  return [
    ...(dscp ? [matchOf('dscp', (right & known.dscp) >> known.shift)] : []),
    ...(ecn ? [matchOf('ecn', (right & known.ecn) >> known.down)] : []),
  ];
}

function isBytes(
  field: Expression | undefined,
  known: { readonly offset: number; readonly len: number },
): boolean {
  if (typeof field !== 'object' || !('payload' in field) || !('base' in field.payload)) return false;
  const { base, offset, len } = field.payload;
  return base === 'nh' && offset === known.offset && len === known.len;
}

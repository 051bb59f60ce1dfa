// What nft(8) leaves out of a rule: a match of the protocol that a later field implies. Pure. Not here: how the rest is
// printed (statements.ts).

import type { Expression, Statement } from '../expression.js';
import { numberOf, PROTOCOL_NAMES } from './symbols.js';

/** The layers of which a match can be implied. */
type Layer = 'nfproto' | 'l4proto';

const NETWORK: Readonly<Record<string, string>> = { ip: 'ipv4', ip6: 'ipv6', icmp: 'ipv4', icmpv6: 'ipv6' };
const TRANSPORT: Readonly<Record<string, number>> = { comp: 108, icmpv6: 58 };
/** Protocols that are of one family only. */
const ICMP_FAMILY: ReadonlyMap<unknown, string> = new Map([
  [1, 'ipv4'],
  [58, 'ipv6'],
]);
const EXTENSION_HEADERS = new Set(['hbh', 'rt', 'frag', 'dst', 'mh', 'srh']);

/** The statements without those that are implied. */
export function withoutImplied(statements: readonly Statement[]): readonly Statement[] {
  if (!statements.some(layerOf)) return statements;
  const pending = new Map<Layer, { readonly statement: Statement; readonly value: unknown }>();
  const implied = new Set<Statement>();
  const drop = (layer: Layer, value: unknown): void => {
    const known = pending.get(layer);
    if (known && known.value === value) {
      implied.add(known.statement);
      pending.delete(layer);
    }
  };
  for (const statement of statements) {
    const layer = layerOf(statement);
    if (layer && 'match' in statement) {
      if (layer === 'l4proto') drop('nfproto', ICMP_FAMILY.get(statement.match.right) ?? null);
      pending.set(layer, { statement, value: statement.match.right });
      continue;
    }
    // The kernel has no field there.
    if ('reset' in statement) continue;
    for (const expression of expressionsIn(statement)) {
      const [network, transport] = protocolsOf(expression);
      if (network !== undefined) drop('nfproto', network);
      if (transport !== undefined) drop('l4proto', transport);
    }
    if ('reject' in statement) {
      const type = statement.reject?.type;
      if (type !== 'icmpv6') drop('nfproto', 'ipv4');
      if (type !== 'icmp') drop('nfproto', 'ipv6');
    }
    // What comes after it stands by itself.
    if (!('match' in statement)) pending.clear();
  }
  return statements.filter(statement => !implied.has(statement));
}

/** The layer that the statement asks for the protocol of. */
function layerOf(statement: Statement): Layer | undefined {
  if (!('match' in statement)) return undefined;
  const { op, left, right } = statement.match;
  if (op !== '==' || typeof right === 'object' || typeof left !== 'object' || !('meta' in left))
    return undefined;
  const { key } = left.meta;
  return key === 'nfproto' || key === 'l4proto' ? key : undefined;
}

/** The protocols that a field belongs to. */
function protocolsOf(field: Expression): [network?: string | undefined, transport?: number | undefined] {
  if (typeof field !== 'object') return [];
  if ('exthdr' in field) return EXTENSION_HEADERS.has(field.exthdr.name) ? ['ipv6'] : [];
  if ('tcp option' in field) return [undefined, numberOf(PROTOCOL_NAMES, 'tcp')];
  if (!('payload' in field) || !('protocol' in field.payload)) return [];
  const { protocol } = field.payload;
  return [NETWORK[protocol], TRANSPORT[protocol] ?? numberOf(PROTOCOL_NAMES, protocol)];
}

/** Every expression of a statement, those within others included. */
function expressionsIn(statement: Statement): Expression[] {
  const found: Expression[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    found.push(value as Expression);
    for (const part of Object.values(value)) visit(part);
  };
  visit(statement);
  return found;
}

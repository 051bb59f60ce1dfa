// Masquerading of forwarded connections, and of no others: forwards of one port are a set, so that connections do not pay for
// their number; ranges are a rule for each destination. Pure. Not here: who sees whom (client-chains.ts), destination NAT
// (forward-rules.ts).

import { type Address, formatAddress } from '../../base/ip.js';
import { naturalCompare } from '../../base/plain-text.js';
import { ct, type Expression, match, payload, type Statement } from '../../nft/expression.js';
import { type NftChain, type NftRule, type NftSet, rule } from '../../nft/table.js';
import type { ForwardProtocol, PortRange } from '../spec/intent.js';
import { formatPorts, portsFrom } from '../spec/ports.js';
import { ClientChains, type KeptClients, keyOf } from './client-chains.js';
import { NFT_FAMILY, portExpression, type ResolvedForward } from './forward-rules.js';

/** The same ports in ranges that do not meet, which those of one set have to be. */
function disjoint(ranges: readonly PortRange[]): PortRange[] {
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before && first <= before.last) before.last = Math.max(before.last, last);
    else merged.push({ first, last });
  }
  return merged;
}

/** The rules, and what they name. */
interface Masquerades {
  readonly rules: readonly NftRule[];
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
}

/**
 * Masquerades forwarded connections, all or those of some clients. Of two labels for one destination and port by different
 * interfaces, the one that masquerades counts.
 */
export function masquerades(forwards: readonly ResolvedForward[]): Masquerades {
  const clients = new ClientChains();
  const [rules, sets]: [NftRule[], NftSet[]] = [[], []];
  for (const { family, protocol, kept, ports, ranges } of alike(forwards)) {
    const verdict = kept ? { jump: { target: clients.chainFor(family, kept) } } : { masquerade: null };
    if (ports.size > 0) {
      // A set with a name has types: of one without, nft(8) of Debian 12 lists elements without their last part.
      const set = `forwards${sets.length + 1}`;
      const type = [`ipv${family}_addr`, 'inet_service', 'inet_service'];
      sets.push({ name: set, type, elem: inOrder(ports) });
      rules.push(rule(match(translation(family, protocol), '==', `@${set}`), verdict));
    }
    for (const { matches, asked } of inOrder(ranges)) {
      const ports = { set: disjoint(asked).map(portExpression) };
      rules.push(rule(...matches, match(ct('proto-dst', 'original'), '==', ports), verdict));
    }
  }
  return { rules, sets, chains: clients.chains };
}

/** Those that masquerade all first. */
function alike(forwards: readonly ResolvedForward[]): readonly Masqueraded[] {
  const found = new Map<string, Masqueraded>();
  for (const forward of forwards) {
    const { protocol } = forward;
    for (const address of forward.addresses) {
      const { family } = address;
      const kept = forward.kept?.[family];
      const key = `${kept ? 1 : 0} ${family} ${protocol} ${kept ? keyOf(family, kept) : ''}`;
      const group = found.get(key) ?? { family, protocol, kept, ports: new Map(), ranges: new Map() };
      found.set(key, group);
      addDestination(group, forward, address);
    }
  }
  return inOrder(found);
}

function inOrder<V>(of: ReadonlyMap<string, V>): readonly V[] {
  return [...of].sort(([a], [b]) => naturalCompare(a, b)).map(([, value]) => value);
}

/** What is masqueraded alike. */
interface Masqueraded {
  readonly family: 4 | 6;
  readonly protocol: ForwardProtocol;
  readonly kept: KeptClients | undefined;
  /** Elements of the set, for {@link translation}. */
  readonly ports: Map<string, Expression>;
  /** Destinations, each with the ranges that are forwarded to it. */
  readonly ranges: Map<string, { readonly matches: readonly Statement[]; readonly asked: PortRange[] }>;
}

/** Where a connection goes to, and the port that was asked for, whose type libnftables knows from the protocol before it. */
function translation(family: 4 | 6, protocol: ForwardProtocol): Expression {
  const destination = payload(NFT_FAMILY[family], 'daddr');
  return { concat: [destination, payload(protocol, 'dport'), ct('proto-dst', 'original')] };
}

function addDestination(
  { family, protocol, ports: single, ranges }: Masqueraded,
  { ports, destinationPort }: ResolvedForward,
  address: Address,
): void {
  const to = formatAddress(address);
  const there = portsFrom(destinationPort, ports);
  const key = `${to} ${formatPorts(there)}`;
  if (ports.first === ports.last) {
    single.set(`${key} ${ports.first}`, { concat: [to, destinationPort, ports.first] });
    return;
  }
  const matches = [
    match(payload(NFT_FAMILY[family], 'daddr'), '==', to),
    match(payload(protocol, 'dport'), '==', portExpression(there)),
  ];
  const range = ranges.get(key) ?? { matches, asked: [] };
  ranges.set(key, range);
  range.asked.push(ports);
}

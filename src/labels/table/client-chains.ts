// Masquerading of forwarded connections by who opens them: the destination sees the addresses of clients whom it answers by
// way of the gateway, and the gateway's in place of all others. Pure. Not here: which these are
// (labels/planner/ways-back.ts).

import { formatAddress, type Prefix } from '../../base/ip.js';
import { match, payload, prefixExpression } from '../../nft/expression.js';
import { type NftChain, type NftRule, rule } from '../../nft/table.js';

/** Clients of one network. */
export interface ClientNetwork {
  readonly network: Prefix;
  readonly isKept: boolean;
}

/** Whose addresses a destination sees. */
export interface KeptClients {
  /** Of one family; the first that holds a client decides. */
  readonly networks: readonly ClientNetwork[];
  /** Whether the label says so: then clients of no network are kept as well, and whatever interface it is. */
  readonly isSaid?: true;
}

/** The chains of one table. */
export class ClientChains {
  readonly #chains = new Map<string, NftChain>();

  /** The name of the chain for these clients. */
  chainFor(family: 4 | 6, kept: KeptClients): string {
    const key = keyOf(family, kept);
    const known = this.#chains.get(key);
    if (known) return known.name;
    const name = `clients${this.#chains.size + 1}`;
    this.#chains.set(key, { name, rules: rulesFor(family, kept) });
    return name;
  }

  get chains(): readonly NftChain[] {
    return [...this.#chains.values()];
  }
}

/** The same for the same clients. */
export function keyOf(family: 4 | 6, { networks, isSaid }: KeptClients): string {
  const parts = networks.map(
    ({ network: { address, length }, isKept }) => `${formatAddress(address)}/${length} ${isKept}`,
  );
  return [family, isSaid === true, ...parts].join(',');
}

function rulesFor(family: 4 | 6, { networks, isSaid }: KeptClients): NftRule[] {
  const saddr = payload(family === 4 ? 'ip' : 'ip6', 'saddr');
  // What goes on is masqueraded where twine.nat.interfaces says so.
  const kept = isSaid ? { accept: null } : { return: null };
  return [
    // The container's own connections: from 127.0.0.1, no answer would come back.
    rule(match({ fib: { result: 'type', flags: ['saddr'] } }, '==', 'local'), { masquerade: null }),
    ...networks.map(({ network, isKept }) =>
      rule(
        ...(network.length === 0 ? [] : [match(saddr, '==', prefixExpression(network))]),
        isKept ? kept : { masquerade: null },
      ),
    ),
    rule(isSaid ? kept : { masquerade: null }),
  ];
}

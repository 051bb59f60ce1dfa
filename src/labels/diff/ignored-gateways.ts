// Gateways on links where the kernel ignores next hops: only the fallback of such a route is installed. Pure. Not here:
// asking the kernel (labels/namespace/session.ts), networks of which Docker says so (labels/planner/resolve.ts).

import { type Address, formatAddress, formatPrefix, sameAddress } from '../../base/ip.js';
import { plain } from '../../base/plain-text.js';
import type { DesiredRoute } from './state.js';

/** Gateways that are told one by one. */
const MOST_GATEWAYS = 3;
const KINDS = { POINTOPOINT: 'point-to-point (POINTOPOINT)', NOARP: 'without neighbours (NOARP)' } as const;

export interface IgnoredGateway {
  readonly gateway: Address;
  /** The link's name, and the flag (IFF_*) by which the kernel ignores gateways there. */
  readonly link: string;
  readonly why: keyof typeof KINDS;
}

/** The routes without those by such a gateway; their fallbacks stay. */
export function withoutIgnored(
  routes: readonly DesiredRoute[],
  ignored: readonly IgnoredGateway[],
): readonly DesiredRoute[] {
  if (ignored.length === 0) return routes;
  return routes.filter(({ gateway }) => !gateway || !ignored.some(one => sameAddress(one.gateway, gateway)));
}

/** What is wrong with the gateways; undefined where there is nothing. */
export function describeIgnoredGateways(
  routes: readonly DesiredRoute[],
  ignored: readonly IgnoredGateway[],
): string | undefined {
  if (ignored.length === 0) return undefined;
  const told = ignored.slice(0, MOST_GATEWAYS).map(({ gateway, link, why }) => {
    const network = routes.find(route => route.gateway && sameAddress(route.gateway, gateway))?.network;
    const closed = network ? `, so ${formatPrefix(network)} is unreachable` : '';
    return `${formatAddress(gateway)} cannot be a gateway: its link ${plain(link, 15)} is ${KINDS[why]}, where the kernel ignores gateways and packets would go elsewhere${closed}`;
  });
  const more = ignored.length > MOST_GATEWAYS ? `; and ${ignored.length - MOST_GATEWAYS} more` : '';
  return `${told.join('; ')}${more}: give a gateway on a network of driver bridge`;
}

// Routes of the host to networks behind containers: which are wanted, and which are refused. Pure. Not here: making them
// (labels/namespace/sandbox.ts).

import {
  type Address,
  formatAddress,
  formatPrefix,
  isDefault,
  type Prefix,
  prefixContains,
  prefixCovers,
} from '../../base/ip.js';
import { plain } from '../../base/plain-text.js';
import type { DesiredRoute } from '../diff/state.js';
import type { HostForwarding, NextHop } from '../discovery/container.js';
import type { Diagnostic, HostRouteIntent } from '../spec/intent.js';
import { forwardingNotices } from './host-forwarding.js';
import { type Attributed, diagnosticOf, type MergedIntent, type SandboxMembers } from './merge.js';

/** What the host allows, and its addresses. */
export interface HostView {
  /** Networks that may be routed even if they are a default route or hold an address that the host reaches otherwise. */
  readonly allowHostRoutes: readonly Prefix[];
  /** Addresses of the host's own interfaces. */
  readonly hostAddresses: readonly Prefix[];
  /** Gateways of the host's own routes. */
  readonly nextHops: readonly NextHop[];
  /** Absent: nothing is said of what it has to forward. */
  readonly forwarding?: HostForwarding | undefined;
}

/** The shortest prefix that needs no `--allow-host-routes`. */
const SHORTEST_PREFIX = { 4: 8, 6: 16 } as const;
/** All routes of a family together may cover no more than this many networks of the shortest prefix. */
const MOST_NETWORKS = 2;

/** What one namespace's labels ask of the host. */
export interface HostRouteRequest {
  readonly sandbox: SandboxMembers;
  readonly intent: Pick<MergedIntent, 'hostRoutes'>;
}

/**
 * @param requests sorted by name: of two for the same network the first counts
 * @param neighbours every namespace with containers
 */
export function planHostRoutes(
  requests: readonly HostRouteRequest[],
  neighbours: readonly SandboxMembers[],
  host: HostView,
): {
  readonly routes: readonly DesiredRoute[];
  readonly diagnostics: readonly Diagnostic[];
  /** About routes that are made. */
  readonly notices: readonly Diagnostic[];
} {
  const diagnostics: Diagnostic[] = [];
  const budget = { 4: MOST_NETWORKS, 6: MOST_NETWORKS };
  const found = new Map<
    string,
    {
      readonly route: DesiredRoute;
      readonly attributed: Attributed<HostRouteIntent>;
      /** The key of the namespace whose it is. */
      readonly netns: string;
    }
  >();
  for (const { sandbox, intent } of requests) {
    for (const attributed of intent.hostRoutes) {
      const { network } = attributed.intent;
      const key = formatPrefix(network);
      const gateway = bridgeAddress(sandbox, network.address.family);
      const other = found.get(key);
      const wrong =
        whyRefused(network, sandbox, neighbours, host) ??
        (gateway ? undefined : whyUnreachable(sandbox, network.address.family)) ??
        (other || isAllowed(network, host) ? undefined : takeShare(network, budget));
      if (wrong !== undefined) {
        diagnostics.push(diagnosticOf(attributed, `the host gets no route to ${key}: ${wrong}`));
      } else if (!other) {
        found.set(key, { route: { network, gateway: gateway! }, attributed, netns: sandbox.key });
      } else if (other.netns !== sandbox.key) {
        diagnostics.push(
          diagnosticOf(
            attributed,
            `the host's route to ${key} leads to ${plain(other.attributed.container.name, 80)}, which asks for it as well: remove one of the two labels`,
          ),
        );
      }
    }
  }
  const made = [...found.values()];
  return {
    routes: made.map(({ route }) => route),
    diagnostics,
    notices: host.forwarding
      ? forwardingNotices(
          made.map(({ attributed }) => attributed),
          host.forwarding,
        )
      : [],
  };
}

function whyRefused(
  network: Prefix,
  sandbox: SandboxMembers,
  neighbours: readonly SandboxMembers[],
  host: HostView,
): string | undefined {
  if (isAllowed(network, host)) return undefined;
  const { hostAddresses, nextHops } = host;
  const { family } = network.address;
  const remedy = remedyFor(network);
  if (isDefault(network)) return `it would be the host's default route; ${remedy}`;
  if (network.length < SHORTEST_PREFIX[family]) {
    return `it is shorter than /${SHORTEST_PREFIX[family]}, and covers too much that the host reaches otherwise; ${remedy}`;
  }
  const own = hostAddresses.find(({ address }) => prefixContains(network, address));
  if (own) return `${formatAddress(own.address)} is an address of the host itself; ${remedy}`;
  const nextHop = nextHops.find(({ gateway }) => prefixContains(network, gateway));
  if (nextHop) return `${formatAddress(nextHop.gateway)} is a gateway of the host's own routes; ${remedy}`;
  for (const { key, members, attachments } of neighbours) {
    if (key === sandbox.key) continue;
    const addresses = attachments.flatMap(({ addresses }) => addresses);
    const theirs = addresses.find(address => prefixContains(network, address));
    if (!theirs) continue;
    return `${formatAddress(theirs)} is the address of ${plain(members[0]!.name, 80)}; ${remedy}`;
  }
  return undefined;
}

function isAllowed(network: Prefix, { allowHostRoutes }: HostView): boolean {
  return allowHostRoutes.some(allow => prefixCovers(allow, network));
}

function remedyFor(network: Prefix): string {
  return `start the daemon with --allow-host-routes ${formatPrefix(network)} to allow it`;
}

/** Takes the network's share from the budget, or says why there is not enough left. */
function takeShare(network: Prefix, budget: { 4: number; 6: number }): string | undefined {
  const { family } = network.address;
  const share = 2 ** (SHORTEST_PREFIX[family] - network.length);
  if (share > budget[family]) {
    return `with the other labels' routes it would be more than ${MOST_NETWORKS} networks of /${SHORTEST_PREFIX[family]}; ${remedyFor(network)}`;
  }
  budget[family] -= share;
  return undefined;
}

/** The first address of the family on a bridge network: the host is on those, too. */
function bridgeAddress({ attachments }: SandboxMembers, family: 4 | 6): Address | undefined {
  return attachments
    .filter(({ driver }) => driver === 'bridge')
    .flatMap(({ addresses }) => addresses)
    .find(address => address.family === family);
}

function whyUnreachable({ attachments }: SandboxMembers, family: 4 | 6): string {
  return attachments.some(({ driver }) => driver === 'bridge')
    ? `the container has no IPv${family} address on a bridge network: connect it to one that has an IPv${family} subnet`
    : 'the container is on no bridge network: connect it to one';
}

// Sets up the full tunnels of one namespace, synchronously, by the thread that is in it. Not here: what they mean
// (full-tunnel.ts), the way in (namespaces.ts), when (driver/lifecycle/full-tunnels.ts).

import { existsSync } from 'node:fs';
import { ignoring, isNotFound } from '../../base/errors.js';
import type { Family } from '../../base/ip.js';
import { RTPROT_DWGD_TUNNEL } from '../../base/ownership.js';
import { GUARDED, openConnection } from '../../netlink/connection.js';
import { NETLINK_ROUTE } from '../../netlink/message.js';
import { RtNetlink } from '../../netlink/route/client.js';
import { Deletions } from '../../netlink/route/deletions.js';
import { readRules } from '../../netlink/route/policy-rule.js';
import type { Trace } from '../../netlink/trace.js';
import {
  diffFullTunnels,
  type FullTunnel,
  findTunnelLink,
  planFullTunnels,
  type TunnelChange,
} from './full-tunnel.js';

/** How the namespace is now. */
export interface FullTunnelResult {
  /** Whether each tunnel's link is there and up, so that its route is in place. */
  readonly complete: boolean;
  /** What had to be changed. */
  readonly changes: readonly TunnelChange[];
  /** Whether IPv6 is closed although Docker gave the container a way out. */
  readonly closesIPv6: boolean;
}

/**
 * Sets up the given full tunnels in the namespace of the calling thread; without any, removes all that is ours.
 * @param kind the kind of a tunnel's link
 * @throws OpError, ChannelError: what was done until then stays, which is closed rather than open
 */
export function applyFullTunnels(
  tunnels: readonly Omit<FullTunnel, 'link'>[],
  kind: string,
  trace?: Trace,
): FullTunnelResult {
  const rt = new RtNetlink(openConnection(NETLINK_ROUTE, { limits: GUARDED }), trace);
  try {
    const known = hasIPv6() ? tunnels : tunnels.map(withoutIPv6);
    const located = known.length === 0 ? [] : findLinks(rt, known, kind);
    const observed = {
      rules: readRules(rt.listRules(), RTPROT_DWGD_TUNNEL),
      routes: rt.routes(RTPROT_DWGD_TUNNEL),
    };
    const changes = diffFullTunnels(planFullTunnels(located, observed.routes), observed);
    const deletions = new Deletions();
    for (const change of changes) apply(rt, change, deletions);
    return {
      complete: located.every(({ link }) => link !== undefined),
      changes,
      closesIPv6: closes(known, 6) && rt.hasMainDefault(6),
    };
  } finally {
    rt.close();
  }
}

function findLinks(rt: RtNetlink, tunnels: readonly FullTunnel[], kind: string): FullTunnel[] {
  const links = rt.links();
  const addresses = rt.addresses();
  return tunnels.map(tunnel => {
    const link = findTunnelLink(tunnel.endpoint, links, addresses, kind);
    return link === undefined ? tunnel : { ...tunnel, link };
  });
}

function apply(rt: RtNetlink, change: TunnelChange, deletions: Deletions): void {
  // Prepended: a route that somebody else has put there is no reason to refuse ours.
  if (change.kind === 'addRoute') rt.addRoute(change.route, 'prepend');
  else if (change.kind === 'addRule') rt.addRule(change.rule);
  else {
    deletions.next();
    // What has gone by itself, with its link, is as it shall be.
    ignoring(isNotFound, () =>
      change.kind === 'deleteRoute' ? rt.deleteRoute(change.route) : rt.deleteRule(change.rule),
    );
  }
}

function closes(tunnels: readonly Omit<FullTunnel, 'link'>[], family: Family): boolean {
  return (
    tunnels.some(({ held }) => held.get(family) === 'closed') &&
    !tunnels.some(({ held }) => held.get(family) === 'tunnel')
  );
}

/** A kernel without IPv6 refuses its rules, and has no packets for them. */
function hasIPv6(): boolean {
  return existsSync('/proc/sys/net/ipv6');
}

function withoutIPv6(tunnel: Omit<FullTunnel, 'link'>): Omit<FullTunnel, 'link'> {
  return { ...tunnel, held: new Map([...tunnel.held].filter(([family]) => family === 4)) };
}

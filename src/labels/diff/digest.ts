// The desired state of a namespace as one text, so that two plans can be compared without comparing their parts. Pure.

import { formatAddress, formatPrefix } from '../../base/ip.js';
import type { NetnsRef } from '../discovery/container.js';
import { desiredStamp } from './stamp.js';
import type { DesiredRoute, DesiredState, SandboxDesired } from './state.js';

/** The state with its digest. */
export function withDigest(state: DesiredState): SandboxDesired {
  const { routes, firstPriority, sysctls, forwarding, loopbackTowards, isFrozen, isStrict } = state;
  const stamp = desiredStamp(state);
  const rest = [firstPriority, sysctls, forwarding, loopbackTowards, isFrozen, isStrict];
  return { ...state, digest: JSON.stringify([stamp, routesDigest(routes), ...rest]) };
}

/** The desired state of a namespace without labels: nothing of ours. @param containers names of those in it */
export function nothingIn(netns: NetnsRef, containers: readonly string[]): SandboxDesired {
  return withDigest({ netns, containers, routes: [], sysctls: [] });
}

export function routesDigest(routes: readonly DesiredRoute[]): string {
  return routes
    .map(({ network, gateway }) => `${formatPrefix(network)} ${gateway ? formatAddress(gateway) : ''}`)
    .join(',');
}

/** The routes of one namespace as one text. */
export function namespaceRoutes({ netns, routes }: Pick<DesiredState, 'netns' | 'routes'>): string {
  return `${netns.key} ${netns.path} ${routesDigest(routes)}`;
}

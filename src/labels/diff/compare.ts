// The desired state of a namespace beside the observed one, thing by thing, for people. Pure. Not here: what is changed where
// they differ (diff.ts).

import { type Address, formatAddress, formatPrefix, sameAddress } from '../../base/ip.js';
import { ROUTERS, ROUTERS_TABLE, TABLE } from '../../base/ownership.js';
import type { Comparison } from '../../control/answers.js';
import { ipRule } from '../../netlink/route/describe.js';
import type { RouteConfig } from '../../netlink/route/route.js';
import { desiredStamp } from './stamp.js';
import type { Change, DesiredRoute, DesiredState, SandboxObserved } from './state.js';

/** @param changes those that would be made */
export function compareState(
  desired: DesiredState,
  observed: SandboxObserved,
  changes: readonly Change[],
): Comparison[] {
  return [
    ...compareTable(desired, observed, changes),
    ...compareRoutes(desired, changes),
    ...compareRules(changes),
    ...compareRouters(observed, changes),
    ...observed.sysctls.map(({ name, value, wanted }) => ({
      what: `sysctl ${name}`,
      desired: wanted,
      observed: value,
      isSame: value === wanted,
    })),
  ];
}

function compareTable(
  desired: DesiredState,
  observed: SandboxObserved,
  changes: readonly Change[],
): Comparison[] {
  const what = `table ${TABLE.family} ${TABLE.name}`;
  const { table } = desired;
  const isChanged = changes.some(({ kind }) => kind === 'createTable' || kind === 'replaceTable');
  if (!table)
    return observed.hasTable ? [{ what, observed: 'a table of an earlier state', isSame: false }] : [];
  const rules = table.chains.reduce((sum, chain) => sum + chain.rules.length, 0);
  const text = `${table.chains.length} chains with ${rules} rules`;
  if (!isChanged) return [{ what, desired: text, observed: text, isSame: true }];
  if (!observed.hasTable) return [{ what, desired: text, isSame: false }];
  const isStamped = observed.stamp !== undefined && observed.stamp === desiredStamp(desired);
  const seen = isStamped ? 'the same, but somebody has changed it' : 'another table';
  return [{ what, desired: text, observed: seen, isSame: false }];
}

/**
 * @param desired routes by one container
 * @param gateways its addresses
 * @param changes to all of the host's routes
 */
export function compareHostRoutes(
  desired: readonly DesiredRoute[],
  gateways: readonly Address[],
  changes: readonly Change[],
): Comparison[] {
  const networks = new Set(desired.map(({ network }) => formatPrefix(network)));
  const isOwn = ({ destination, gateway }: RouteConfig): boolean =>
    networks.has(formatPrefix(destination)) ||
    (gateway !== undefined && gateways.some(own => sameAddress(own, gateway)));
  const ownChanges = changes.filter(change => 'route' in change && isOwn(change.route));
  return compareRoutes({ routes: desired }, ownChanges);
}

function compareRoutes({ routes }: Pick<DesiredState, 'routes'>, changes: readonly Change[]): Comparison[] {
  const missing = new Set(
    changes.flatMap(change => (change.kind === 'addRoute' ? textOf(change.route) : [])),
  );
  const surplus = changes.flatMap(change => (change.kind === 'deleteRoute' ? textOf(change.route) : []));
  const wanted = [...new Set(routes.map(route => textOf(route)))];
  return [
    ...wanted.map(text => ({
      what: 'route',
      desired: text,
      ...(!missing.has(text) && { observed: text }),
      isSame: !missing.has(text),
    })),
    // Such as ::1 on an interface.
    ...[...missing]
      .filter(text => !wanted.includes(text))
      .map(text => ({ what: 'route', desired: text, isSame: false })),
    ...surplus.map(text => ({ what: 'route', observed: text, isSame: false })),
  ];
}

function compareRules(changes: readonly Change[]): Comparison[] {
  return changes.flatMap((change): Comparison[] => {
    if (change.kind === 'addRule')
      return [{ what: 'policy rule', desired: ipRule('add', change.rule), isSame: false }];
    if (change.kind === 'deleteRule')
      return [{ what: 'policy rule', observed: ipRule('add', change.rule), isSame: false }];
    return [];
  });
}

/** Routers that Docker does not know of: those that answers go by, and what is to change for it. */
function compareRouters({ routers }: SandboxObserved, changes: readonly Change[]): Comparison[] {
  const what = `table ${ROUTERS_TABLE.family} ${ROUTERS_TABLE.name}`;
  const changed = changes.flatMap((change): Comparison[] => {
    if (change.kind === 'putRouters') return [{ what, desired: 'answers by routers', isSame: false }];
    if (change.kind === 'deleteRouters') return [{ what, observed: 'answers by routers', isSame: false }];
    if (change.kind !== 'addNeighbour' && change.kind !== 'deleteNeighbour') return [];
    const { address, mac, index } = change.neighbour;
    const text = `${formatAddress(address)} is ${mac} on link ${index}`;
    const side = change.kind === 'addNeighbour' ? { desired: text } : { observed: text };
    return [{ what: 'neighbour', ...side, isSame: false }];
  });
  if (changed.length > 0) return changed;
  const hops = ROUTERS.flatMap(({ hops }) => Object.values(hops));
  const inForce = (routers?.neighbours ?? []).filter(one => hops.some(hop => sameAddress(hop, one.address)));
  const texts = new Set(inForce.map(({ mac, index }) => `${mac} on link ${index}`));
  return [...texts].map(text => ({ what: 'answers by router', desired: text, observed: text, isSame: true }));
}

function textOf(route: DesiredRoute | RouteConfig): string {
  const prefix = formatPrefix('network' in route ? route.network : route.destination);
  return route.gateway ? `${prefix} via ${formatAddress(route.gateway)}` : `unreachable ${prefix}`;
}

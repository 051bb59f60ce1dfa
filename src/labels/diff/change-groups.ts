// Which changes belong together: after one that failed, those are skipped that would do harm without it, and some call for
// others. Not here:
// making changes (labels/namespace/session.ts), their order (diff.ts).

import { formatPrefix } from '../../base/ip.js';
import { RTN_UNREACHABLE } from '../../netlink/route/route.js';
import type { Change, PutTable, SandboxDesired } from './state.js';

/** Changes of different groups do not depend on one another. */
export function groupOf(change: Change): string {
  switch (change.kind) {
    case 'setSysctl':
    case 'createTable':
    case 'replaceTable':
    case 'deleteTable':
      return 'table';
    case 'deleteProbe':
      return 'probe';
    case 'putRouters':
    case 'deleteRouters':
    case 'addNeighbour':
    case 'deleteNeighbour':
      return 'routers';
    case 'addRoute':
    case 'deleteRoute':
      return formatPrefix(change.route.destination);
    case 'addRule':
    case 'deleteRule':
      return `rules ${change.rule.family}`;
  }
}

/** Whether those after it in its group depend on it. With the fallback in place a gateway's route may be missing. */
export function isPrerequisite(change: Change): boolean {
  if (change.kind === 'deleteRoute') return false;
  return change.kind !== 'addRoute' || change.route.type === RTN_UNREACHABLE;
}

/** Whether without it packets may leave by Docker's own routes although a label routes them elsewhere. */
export function preventsLeak(change: Change): boolean {
  if (change.kind === 'addRule') return true;
  return change.kind === 'addRoute' && change.route.type === RTN_UNREACHABLE;
}

/** Whether it installs a table. */
export function putsTable(change: Change): change is PutTable {
  return change.kind === 'createTable' || change.kind === 'replaceTable';
}

/** Whether the ruleset is another one after it. */
export function altersRuleset(change: Change): boolean {
  return putsTable(change) || change.kind === 'deleteTable';
}

/** Whether it takes a route or a policy rule away. */
export function isDeletion({ kind }: Change): boolean {
  return kind === 'deleteRoute' || kind === 'deleteRule';
}

/** Whether it is a change of routes or policy rules. */
export function isOfRouting({ kind }: Change): boolean {
  return kind === 'addRoute' || kind === 'deleteRoute' || kind === 'addRule' || kind === 'deleteRule';
}

/** Whether routes have changed on which it depends which interfaces sysctls and loopback routes are for. */
export function needsSecondRound(
  { sysctls, loopbackTowards = [] }: SandboxDesired,
  changes: readonly Change[],
): boolean {
  const dependsOnRoutes = loopbackTowards.length > 0 || sysctls.some(sysctl => sysctl.towards);
  return dependsOnRoutes && changes.some(({ kind }) => kind === 'addRoute' || kind === 'deleteRoute');
}

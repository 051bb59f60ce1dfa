// Which changes build on one another: what comes after one that was refused is left out where it would do harm without
// it. Not here: making changes (labels/namespace/session.ts), their order (diff.ts).

import { formatPrefix } from '../../base/ip.js';
import { RTN_UNREACHABLE } from '../../netlink/route/route.js';
import type { Change } from './state.js';

/** Changes of different groups do not build on one another. */
export function groupOf(change: Change): string {
  switch (change.kind) {
    case 'setSysctl':
    case 'createTable':
    case 'replaceTable':
    case 'deleteTable':
      return 'table';
    case 'deleteTrial':
      return 'trial';
    case 'addRoute':
    case 'deleteRoute':
      return formatPrefix(change.route.destination);
    case 'addRule':
    case 'deleteRule':
      return `rules ${change.rule.family}`;
  }
}

/** With the guard in place the route of a gateway may be missing, and an old one go. */
export function othersBuildOn(change: Change): boolean {
  if (change.kind === 'deleteRoute') return false;
  return change.kind !== 'addRoute' || change.route.type === RTN_UNREACHABLE;
}

/** Whether without it packets may go by Docker's own routes that a label leads elsewhere. */
export function keepsClosed(change: Change): boolean {
  if (change.kind === 'addRule') return true;
  return change.kind === 'addRoute' && change.route.type === RTN_UNREACHABLE;
}

/** Whether it puts a table in place. */
export function putsTable(change: Change): boolean {
  return change.kind === 'createTable' || change.kind === 'replaceTable';
}

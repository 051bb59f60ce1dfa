// The changes from the observed to the desired state of a namespace, in an order in which no packet leaks at any moment and
// nothing works worse than before or after. Pure. Not here: making them (labels/namespace/session.ts), the order of routes
// (diff-routes.ts).

import { diffFrozen } from './diff-frozen.js';
import { diffLoopback, splitLocal } from './diff-loopback.js';
import { diffRoutes } from './diff-routes.js';
import { diffRules } from './policy-routing.js';
import { desiredStamp, isNotable, stampedTable } from './stamp.js';
import type { Change, DesiredState, PutTable, SandboxObserved, Sysctl } from './state.js';
import { CLOSED_STAMP, CLOSED_TABLE, NOT_FORWARDING_STAMP, NOT_FORWARDING_TABLE } from './strict.js';
import { isForwarding } from './sysctls.js';

/** Empty where nothing is to be done. */
export function diff(desired: DesiredState, observed: SandboxObserved): Change[] {
  if (desired.isFrozen) return diffFrozen(desired, observed);
  const [local, routes] = splitLocal(observed.routes);
  const { fallbacks, gateways, removals } = diffRoutes(desired.routes, routes);
  const loopback = diffLoopback(observed.loopbackLinks ?? [], local);
  const rules = diffRules(desired, observed.rules);
  const table = diffTable(desired, observed);
  return [
    ...(observed.hasProbe ? [{ kind: 'deleteProbe' } as const] : []),
    ...fallbacks,
    ...rules.filter(({ kind }) => kind === 'addRule'),
    ...loopback.filter(({ kind }) => kind === 'addRoute'),
    ...(desired.isStrict ? [] : table),
    ...gateways,
    ...loopback.filter(({ kind }) => kind === 'deleteRoute'),
    ...rules.filter(({ kind }) => kind === 'deleteRule'),
    ...removals,
    // The table that opens a closed namespace comes when all else is in force.
    ...(desired.isStrict ? table : []),
  ];
}

/**
 * The table to install after changes have failed: a strict namespace is closed, and one that should forward but has no table
 * of ours forwards nothing. Undefined where nothing has to be closed.
 */
export function closingTable(desired: DesiredState, observed: SandboxObserved): PutTable | undefined {
  const names = new Set(formerSysctls(observed).map(({ name }) => name));
  const before = [...formerSysctls(observed), ...observed.before.filter(({ name }) => !names.has(name))];
  if (desired.isStrict) {
    return { kind: 'replaceTable', table: stampedTable(CLOSED_TABLE, before, CLOSED_STAMP) };
  }
  const forwards = desired.sysctls.some(({ name }) => isForwarding(name));
  if (!forwards || (observed.hasTable && observed.stamp !== NOT_FORWARDING_STAMP)) return undefined;
  return {
    kind: 'replaceTable',
    table: stampedTable(NOT_FORWARDING_TABLE, observed.before, NOT_FORWARDING_STAMP),
  };
}

/** Switches forwarding off where it is on: for a kernel that accepts no table at all. */
export function forwardingOff({ sysctls }: SandboxObserved): Change[] {
  return sysctls
    .filter(({ name, value }) => isForwarding(name) && value === '1')
    .map(({ name }) => setSysctl({ name, value: '0' }));
}

/**
 * The table and its sysctls. A sysctl's former value is written to the table before the sysctl changes, and removed from it
 * after the sysctl is restored; and the rules that make a sysctl safe are there as long as it is set.
 */
function diffTable(desired: DesiredState, observed: SandboxObserved): Change[] {
  const { table, labelled, isStrict } = desired;
  const before = formerSysctls(observed);
  const wanted = new Set(observed.sysctls.map(({ name }) => name));
  const restored = observed.before.filter(({ name }) => !wanted.has(name)).map(setSysctl);
  if (!table) return observed.hasTable ? [...restored, { kind: 'deleteTable' }] : [];
  const changed = observed.sysctls
    .filter(({ value, wanted }) => value !== wanted)
    .map(({ name, wanted }) => setSysctl({ name, value: wanted }));
  const digest = desiredStamp(desired);
  const same = observed.stamp === digest && !observed.isTampered && sameSysctls(before, observed.before);
  if (same) return [...restored, ...changed];
  const kind = observed.hasTable ? 'replaceTable' : 'createTable';
  const put = {
    kind,
    table: stampedTable(table, before, digest),
    ...(labelled && { labelled }),
    ...(isStrict && { isStrict }),
  } as const;
  return [...restored, put, ...changed];
}

/** The former values of the desired sysctls: as the stamp has them, or as they are now. */
function formerSysctls({ before, sysctls }: SandboxObserved): Sysctl[] {
  return sysctls.flatMap(({ name, value, wanted }) => {
    const known = before.find(sysctl => sysctl.name === name);
    if (known) return [known];
    return value === wanted ? [] : [{ name, value }].filter(isNotable);
  });
}

function setSysctl(sysctl: Sysctl): Change {
  return { kind: 'setSysctl', sysctl };
}

function sameSysctls(a: readonly Sysctl[], b: readonly Sysctl[]): boolean {
  return (
    a.length === b.length && a.every(({ name, value }, i) => name === b[i]?.name && value === b[i]?.value)
  );
}

// What the reconcile loop works with. Types only. Not here: the loop (reconciler.ts).

import type { Log } from '../../base/log.js';
import type { Work } from '../../netlink/work.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import type { ApplyResult } from '../namespace/outcome.js';
import type { Plan } from '../planner/plan.js';
import type { PlanFacts } from './overview.js';

export type PlanOf = PlanFacts & Pick<Plan, 'hostRoutes'> & Partial<Pick<Plan, 'routesAsked'>>;

export interface ReconcilerParts {
  /** Every container as it is now. */
  readonly list: (fullResync: boolean) => Promise<readonly ContainerView[]>;
  /** The desired state of everything, in pieces. @param inForce routes that are known to be, as namespaceRoutes() has them */
  readonly plan: (containers: readonly ContainerView[], inForce: ReadonlySet<string>) => Work<PlanOf>;
  /** Whether a namespace has its desired routes already; absent: nothing is known of what an earlier daemon left. */
  readonly holdsRoutes?: (desired: SandboxDesired) => boolean;
  /** Reconciles a namespace with its desired state; undefined when it is gone. */
  readonly reconcile: (desired: SandboxDesired) => ApplyResult | undefined;
  /** Reconciles the host's routes; without `prune` those stay that are not wanted any more. */
  readonly reconcileHost: (routes: readonly DesiredRoute[], prune: boolean) => ApplyResult | undefined;
  /** Is told the keys of all namespaces that hold something of ours, or may: all others can be forgotten. */
  readonly retainOnly?: (keys: ReadonlySet<string>) => void;
  readonly log: Log;
  /** The longest time until all is listed anew, and the host read, even if no event has come, in milliseconds. */
  readonly resyncInterval: number;
  /** A clock, in milliseconds; absent: the machine's monotonic one. */
  readonly now?: () => number;
}

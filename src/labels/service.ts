// The service that applies labels: its parts, and the order in which they start and stop. Composition only.

import type { LabelsHalf } from '../control/halves.js';
import { faultPoint } from '../fault/fault-point.js';
import { GatewayWatch } from './controller/gateway-watch.js';
import { Reconciler } from './controller/reconciler.js';
import { RouterWatch } from './controller/router-watch.js';
import type { ContainerView } from './discovery/container.js';
import { DnsCache } from './discovery/dns-cache.js';
import { connectionIn, createdIn, lifeIn, removedIn } from './discovery/docker-answers.js';
import { DriftWatch } from './drift/drift-watch.js';
import { Hold } from './hold/hold.js';
import { HostBridges } from './hold/host-bridges.js';
import { LabelContext, type LabelParts } from './label-context.js';
import { type LabelRules, observe } from './observation.js';
import { LabelsStatus } from './status.js';
import { SwarmServices } from './swarm-services.js';

/** What a user may choose. */
export interface LabelOptions extends LabelRules {
  /** Whether containers are held at the host until their labels are in force. */
  readonly hold: boolean;
  /** How often the state of every namespace is read even if nothing has changed, in milliseconds. */
  readonly resyncInterval: number;
}

/** The running service. */
export interface LabelService {
  readonly status: LabelsHalf;
  /** All containers as they were listed last; undefined while that fails. */
  containers(): readonly ContainerView[] | undefined;
  /** Stops; what is in force stays so. */
  close(): Promise<void>;
}

/** @throws UserError when it cannot start: a library is missing, or another daemon applies the labels */
export async function startLabels(options: LabelOptions & LabelParts): Promise<LabelService> {
  const { log, trustImageLabels, allowHostRoutes, strict, resyncInterval } = options;
  const context = await LabelContext.open(options);
  const { api, sandboxes, host } = context;
  const names = new DnsCache(() => reconcile.trigger());
  const silent = new GatewayWatch(
    {
      neighbours: (netns, gateways) => sandboxes.probeGateways(netns, gateways),
      tunnels: netns => sandboxes.probeTunnels(netns),
    },
    () => reconcile.trigger(),
  );
  const routers = new RouterWatch(
    netns => sandboxes.senders(netns),
    key => reconcile.recheck(key),
  );
  const drift = new DriftWatch({
    open: ring => context.ear(ring),
    mend: key => reconcile.mend(key),
    log,
    period: resyncInterval,
  });
  const { containers, world, planner } = observe({
    api,
    log,
    host,
    lookup: context.lookup,
    names,
    forwarding: () => context.forwarding(),
    silent,
    trustImageLabels,
    allowHostRoutes,
    strict,
  });
  const bridges = new HostBridges(host);
  const hold = new Hold({ api, log, strict, bridges, set: context.heldSet() });
  const services = new SwarmServices(api, () => reconcile.trigger());
  const reconcile: Reconciler = new Reconciler({
    list: fullResync => hold.listing(() => world.list(fullResync)),
    plan: function* (found, inForce) {
      faultPoint('listed');
      const plan = yield* planner.planning(world.snapshot(found), inForce);
      hold.planned(found, plan.sandboxes);
      names.want(plan.externalNames);
      silent.want(plan.watchedGateways);
      drift.want(plan.sandboxes.map(({ netns }) => netns));
      routers.want(plan.sandboxes.flatMap(({ netns, routersOn }) => (routersOn ? netns : [])));
      return services.withTold(plan, found);
    },
    reconcile: desired => {
      faultPoint('planned');
      drift.begin(desired.netns.key);
      const outcome = sandboxes.reconcile(desired);
      faultPoint('reconciled');
      hold.programmed(desired.netns.key, outcome);
      if (outcome && outcome.changes.length > 0) drift.passOver(desired.netns.key);
      return outcome;
    },
    holdsRoutes: desired => sandboxes.holdsRoutes(desired),
    reconcileHost: (routes, prune) => {
      faultPoint('host-planned');
      return host.within(() => sandboxes.reconcileHostRoutes(routes, prune));
    },
    retainOnly: keys => sandboxes.retainOnly(keys),
    log,
    resyncInterval,
  });
  if (options.hold) hold.open();
  else hold.close();
  if (options.hold)
    bridges.watch(
      bridge => hold.portAdded(bridge),
      err => hold.portMissed(err),
    );
  reconcile.start();
  void containers.listen(
    () => reconcile.trigger(),
    event => {
      const [life, connection] = [lifeIn(event), connectionIn(event)];
      const [disconnection, creation] = [connectionIn(event, 'disconnect'), createdIn(event)];
      const removal = removedIn(event);
      if (creation) hold.created(creation);
      if (life?.action === 'die') hold.ended(life.id);
      if (removal) hold.removed(removal);
      if (disconnection) hold.disconnected(disconnection);
      if (life || event === undefined) reconcile.lived(life);
      if (connection || event === undefined) hold.connected(connection);
    },
  );
  return {
    status: new LabelsStatus({
      overview: reconcile.overview,
      compare: desired => sandboxes.compare(desired),
      drift,
      notices: desired => context.notices(desired),
      hostRouteChanges: routes => host.within(() => sandboxes.hostRouteChanges(routes)),
    }),
    containers: () => (reconcile.overview.listing ? undefined : reconcile.overview.led.containers),
    async close() {
      names.close();
      silent.close();
      routers.close();
      drift.close();
      reconcile.close();
      api.close();
      await reconcile.idle();
      hold.close();
      bridges.close();
      context.close();
    },
  };
}

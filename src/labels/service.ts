// The service that applies labels: its parts, and the order in which they start and stop; and the one-off removal of all
// that labels brought. Composition only.

import { errorCode, messageOf, UserError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { LabelsHalf } from '../control/halves.js';
import { DockerApi } from '../docker/api-client.js';
import { type DockerHost, isUnreachable } from '../docker/docker-host.js';
import { NetnsSwitch } from '../netlink/netns.js';
import { UnfinishedError } from '../netlink/route/deletions.js';
import { Nft } from '../nft/client.js';
import { GatewayWatch } from './controller/gateway-watch.js';
import { LabelLock } from './controller/lock.js';
import { Reconciler } from './controller/reconciler.js';
import { summary } from './controller/reporter.js';
import { RouterWatch } from './controller/router-watch.js';
import type { Change, SandboxDesired } from './diff/state.js';
import type { ContainerView, HostForwarding } from './discovery/container.js';
import { Containers } from './discovery/containers.js';
import { DnsCache } from './discovery/dns-cache.js';
import { Host } from './discovery/host.js';
import { firewallNotices } from './namespace/firewalls.js';
import { NetnsLookup } from './namespace/netns-lookup.js';
import type { ApplyResult } from './namespace/outcome.js';
import { Sandboxes } from './namespace/sandbox.js';
import { type LabelRules, observe } from './observation.js';
import { LabelsStatus } from './status.js';
import { SwarmServices } from './swarm-services.js';

/** Of a cleanup in one namespace: enough for as many routes and rules as can be listed. */
const MAX_ROUNDS = 256;

/** What a user may choose. */
export interface LabelOptions extends LabelRules {
  /** How often the state of every namespace is read even if nothing has changed, in milliseconds. */
  readonly resyncInterval: number;
}

export interface LabelParts {
  /** Where Docker's API is. */
  readonly dockerHost: DockerHost;
  readonly log: Log;
  readonly verbose: boolean;
}

/** The running service. */
export interface LabelService {
  readonly status: LabelsHalf;
  /** All containers as they were listed last; undefined while that fails. */
  containers(): readonly ContainerView[] | undefined;
  /** Stops; what is in force stays so. */
  close(): Promise<void>;
}

/** What both the service and the removal need. */
class LabelContext {
  readonly api: DockerApi;
  readonly host: Host;
  readonly lookup: NetnsLookup;
  readonly sandboxes: Sandboxes;
  readonly #netns: NetnsSwitch;
  readonly #nft: Nft;
  readonly #lock: LabelLock;

  private constructor(parts: LabelParts, netns: NetnsSwitch, nft: Nft, host: Host, lock: LabelLock) {
    const { dockerHost, log, verbose } = parts;
    const trace = verbose ? (command: string): void => log.debug(command) : undefined;
    this.api = new DockerApi(dockerHost);
    this.host = host;
    this.lookup = new NetnsLookup(netns, host.ref);
    this.sandboxes = new Sandboxes({ netnsSwitch: netns, nft, host: host.ref, ...(trace && { trace }) });
    this.#netns = netns;
    this.#nft = nft;
    this.#lock = lock;
  }

  static async open(parts: LabelParts): Promise<LabelContext> {
    const nft = new Nft();
    const netns = await NetnsSwitch.open();
    let host: Host | undefined;
    try {
      host = new Host(netns);
      return new LabelContext(parts, netns, nft, host, LabelLock.take(host, parts.log));
    } catch (err) {
      host?.close();
      netns.close();
      if (host || errorCode(err) !== 'EPERM') throw err;
      throw new UserError(
        'dwgd is not allowed to enter network namespaces: start it as root, and its own container with `privileged: true` and `pid: host`',
        { cause: err },
      );
    }
  }

  /** What the host does with packets that are not its own. */
  forwarding(): HostForwarding {
    return this.host.forwarding(this.#nft);
  }

  /** What a namespace's own firewalls do to what is to be forwarded there. */
  notices(desired: SandboxDesired): readonly string[] {
    return firewallNotices(desired, this.#netns, this.#nft);
  }

  close(): void {
    this.#lock.release();
    this.sandboxes.close();
    this.#nft.close();
    this.host.close();
    this.#netns.close();
  }
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
  const services = new SwarmServices(api, () => reconcile.trigger());
  const reconcile: Reconciler = new Reconciler({
    list: fullResync => world.list(fullResync),
    plan: (found, inForce) => {
      const plan = planner.plan(world.snapshot(found), inForce);
      names.want(plan.externalNames);
      silent.want(plan.watchedGateways);
      routers.want(plan.sandboxes.flatMap(({ netns, routersOn }) => (routersOn ? netns : [])));
      return services.withTold(plan, found);
    },
    reconcile: desired => sandboxes.reconcile(desired),
    holdsRoutes: desired => sandboxes.holdsRoutes(desired),
    reconcileHost: (routes, prune) => host.within(() => sandboxes.reconcileHostRoutes(routes, prune)),
    retainOnly: keys => sandboxes.retainOnly(keys),
    log,
    resyncInterval,
  });
  reconcile.start();
  void containers.listen(
    () => reconcile.trigger(),
    (id, action) => reconcile.lived(id !== undefined && action ? { id, action } : undefined),
  );
  return {
    status: new LabelsStatus({
      overview: reconcile.overview,
      compare: desired => sandboxes.compare(desired),
      notices: desired => context.notices(desired),
      hostRouteChanges: routes => host.within(() => sandboxes.hostRouteChanges(routes)),
    }),
    containers: () => (reconcile.overview.listing ? undefined : reconcile.overview.led.containers),
    async close() {
      names.close();
      silent.close();
      routers.close();
      reconcile.close();
      api.close();
      await reconcile.idle();
      context.close();
    },
  };
}

/**
 * Removes all that labels brought, from the namespaces of all running containers and from the host.
 * @param report is told what was removed, and where
 * @throws UserError when a daemon applies the labels; Error when Docker cannot be asked, or something cannot be removed
 */
export async function cleanUp(parts: LabelParts, report: (line: string) => void): Promise<void> {
  const context = await LabelContext.open(parts);
  const { api, sandboxes, host, lookup } = context;
  try {
    const containers = new Containers({
      api,
      log: parts.log,
      host: host.ref,
      findNetns: (pid, known) => lookup.find(pid, known),
      trustImageLabels: true,
    });
    const namespaces = new Map<string, { subject: string; clear: () => ApplyResult | undefined }>();
    const failures: string[] = [];
    const found = await containers.list(true).catch(explain);
    for (const { netns, hostNetwork, name, unverifiedLabelKeys = [] } of found) {
      if (unverifiedLabelKeys.length > 0) failures.push(`${name}: Docker cannot inspect the container`);
      if (netns && !hostNetwork)
        namespaces.set(netns.key, { subject: name, clear: () => sandboxes.clear(netns) });
    }
    const clearHost = () => host.within(() => sandboxes.reconcileHostRoutes([]));
    namespaces.set(host.ref.key, { subject: 'the host', clear: clearHost });
    for (const { subject, clear } of namespaces.values()) {
      try {
        const { changes, failures: refused } = clearAll(clear);
        if (changes.length > 0) report(`${subject}: ${summary(changes)}`);
        failures.push(...refused.map(err => `${subject}: ${messageOf(err)}`));
      } catch (err) {
        failures.push(`${subject}: ${messageOf(err)}`);
      }
    }
    if (failures.length > 0) throw new Error(failures.join('; '));
  } finally {
    api.close();
    context.close();
  }
}

/** Goes on while there is more than is deleted at a time. */
function clearAll(clear: () => ApplyResult | undefined): Pick<ApplyResult, 'changes' | 'failures'> {
  const changes: Change[] = [];
  for (let round = 1; ; round++) {
    const result = clear();
    changes.push(...(result?.changes ?? []));
    const failures = result?.failures ?? [];
    if (round === MAX_ROUNDS || !failures.some(err => err instanceof UnfinishedError))
      return { changes, failures };
  }
}

/** Adds the remedy where Docker cannot be reached. */
function explain(err: unknown): never {
  if (!isUnreachable(err)) throw err;
  throw new UserError(
    `cannot ask Docker for its containers (${messageOf(err)}): start it, or say where it is by --docker-host unix:///path or tcp://host:port`,
    { cause: err },
  );
}

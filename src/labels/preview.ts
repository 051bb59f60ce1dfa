// The plan for a container that runs now, as the daemon makes it, without doing anything: Docker, the DNS and the host are
// asked, no namespace is changed, and a daemon that applies labels meanwhile is not minded. Not here: how it is shown
// (cli/commands).

import { errorCode, UserError } from '../base/errors.js';
import { DockerApi } from '../docker/api-client.js';
import { NetnsSwitch } from '../netlink/netns.js';
import { Nft } from '../nft/client.js';
import { namespaceRoutes } from './diff/digest.js';
import type { ContainerView } from './discovery/container.js';
import { DnsCache } from './discovery/dns-cache.js';
import { Host } from './discovery/host.js';
import type { Find } from './find-container.js';
import type { LabelParts } from './label-context.js';
import { NetnsLookup } from './namespace/netns-lookup.js';
import { type LabelRules, observe } from './observation.js';
import type { Plan } from './planner/plan.js';
import { ReliedContainers } from './relied-containers.js';

/** How long the DNS is waited for, in milliseconds. */
const PATIENCE_MS = 5_000;
/** How often it is planned anew with the routes of the plan before in force. */
const MAX_ROUNDS = 4;

interface LivePreview {
  readonly plan: Plan;
  readonly containers: readonly ContainerView[];
}

/**
 * @param find whose plan it is: of the other namespaces, no more is planned than that depends on
 * @throws UserError without the right to enter namespaces; what `find` throws; Error when Docker does not answer
 */
export async function previewContainer(
  options: LabelRules & Pick<LabelParts, 'dockerHost' | 'log'>,
  find: Find,
): Promise<LivePreview> {
  const { dockerHost, log, trustImageLabels, allowHostRoutes, strict } = options;
  const netns = await NetnsSwitch.open();
  const nft = new Nft();
  const api = new DockerApi(dockerHost, undefined, true);
  let host: Host | undefined;
  try {
    host = new Host(netns);
    const own = host;
    const names = new Answers();
    const relied = new ReliedContainers(find);
    const { world, planner } = observe({
      api,
      log,
      host,
      lookup: new NetnsLookup(netns, host.ref),
      names: names.cache,
      select: listed => relied.select(listed),
      forwarding: () => own.forwarding(nft),
      trustImageLabels,
      allowHostRoutes,
      strict,
    });
    let found = await world.list(true);
    const planned = async (): Promise<Plan> => {
      for (;;) {
        let plan = planner.plan(world.snapshot(found));
        for (let round = 0; round < MAX_ROUNDS; round++)
          plan = planner.plan(world.snapshot(found), new Set(plan.sandboxes.map(namespaceRoutes)));
        if (!relied.want(plan, found)) return plan;
        found = await world.list(false);
      }
    };
    let plan = await planned();
    while (await names.waitFor(plan.externalNames)) plan = await planned();
    names.cache.close();
    return { plan, containers: found };
  } catch (err) {
    if (host || errorCode(err) !== 'EPERM') throw err;
    throw new UserError(
      'dwgd is not allowed to see the network of running containers: run it as root, or give it a compose file',
      {
        cause: err,
      },
    );
  } finally {
    api.close();
    host?.close();
    nft.close();
    netns.close();
  }
}

/** What the DNS answers, waited for. */
class Answers {
  readonly #awaited = new Set<string>();
  #wake = (): void => undefined;
  readonly cache = new DnsCache(() => this.#wake());

  /** Each of them once. Whether there was one to wait for. */
  async waitFor(names: readonly string[]): Promise<boolean> {
    const wanted = names.filter(name => !this.#awaited.has(name));
    for (const name of wanted) this.#awaited.add(name);
    this.cache.want(names);
    const isDone = (): boolean => wanted.every(name => this.cache.answers.has(name));
    if (isDone()) return wanted.length > 0;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>(resolve => {
      timer = setTimeout(resolve, PATIENCE_MS);
      this.#wake = () => {
        if (isDone()) resolve();
      };
    });
    clearTimeout(timer);
    return true;
  }
}

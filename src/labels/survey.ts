// What labels come to at this moment, told and not applied: the same reading of the world and the same plan that the service
// makes, without its lock, and nothing is changed. Composition only.

import { UserError } from '../base/errors.js';
import { createLog } from '../base/log.js';
import type { LabelSurvey } from '../control/answers.js';
import type { DockerApi } from '../docker/api-client.js';
import { NetnsSwitch } from '../netlink/netns.js';
import { Nft } from '../nft/client.js';
import { Host } from './discovery/host.js';
import { labelledIn } from './label-links.js';
import { firewallNotices } from './namespace/firewalls.js';
import { NetnsLookup } from './namespace/netns-lookup.js';
import { type LabelRules, observe } from './observation.js';
import { ReliedContainers } from './relied-containers.js';

/** What there is to say. */
interface FreshSurvey extends LabelSurvey {
  /** Lines that the reading would have logged: containers that Docker cannot inspect. */
  readonly failures: readonly string[];
}

/** @throws Error when Docker does not list containers; OpError when the host's namespace cannot be entered */
export async function surveyLabels(api: DockerApi, options: LabelRules): Promise<FreshSurvey> {
  const nft = openNft();
  const netns = await NetnsSwitch.open();
  const host = new Host(netns);
  try {
    const failures: string[] = [];
    const log = createLog(false, true, line => failures.push(line.replace(/^<\d>/, '').trimEnd()));
    const relied = new ReliedContainers();
    const { world, planner } = observe({
      ...options,
      select: listed => relied.select(listed),
      api,
      log,
      host,
      lookup: new NetnsLookup(netns, host.ref),
      forwarding: () => (nft ? host.forwarding(nft) : { isOn: { 4: true, 6: true }, isNftables: false }),
      // Names of the DNS are not looked up: a label that waits for one is no mistake.
      names: { answers: new Map(), revision: 0 },
    });
    let found = await world.list(true);
    let plan = planner.plan(world.snapshot(found));
    while (relied.want(plan, found)) {
      found = await world.list(false);
      plan = planner.plan(world.snapshot(found));
    }
    const firewalls = plan.sandboxes.flatMap(desired =>
      (nft ? firewallNotices(desired, netns, nft) : []).map(message => ({
        container: labelledIn(desired, found),
        message,
      })),
    );
    const told = plan.diagnostics.filter(({ once }) => once === undefined);
    return { told, firewalls, hasHostRoutes: plan.hostRoutes.length > 0, failures };
  } finally {
    host.close();
    netns.close();
    nft?.close();
  }
}

/** Without the library no firewall is read. */
function openNft(): Nft | undefined {
  try {
    return new Nft();
  } catch (err) {
    if (err instanceof UserError) return undefined;
    throw err;
  }
}

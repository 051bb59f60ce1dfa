// The removal of all that labels brought, once. Not here: what keeps it in force (service.ts).

import { messageOf, UserError } from '../base/errors.js';
import { isUnreachable } from '../docker/docker-host.js';
import { faultPoint } from '../fault/fault-point.js';
import { UnfinishedError } from '../netlink/route/deletions.js';
import { summary } from './controller/reporter.js';
import type { Change } from './diff/state.js';
import { Containers } from './discovery/containers.js';
import { LabelContext, type LabelParts } from './label-context.js';
import type { ApplyResult } from './namespace/outcome.js';

/** Of a cleanup in one namespace: enough for as many routes and rules as can be listed. */
const MAX_ROUNDS = 256;

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
        faultPoint('cleaned-up');
        if (changes.length > 0) report(`${subject}: ${summary(changes)}`);
        failures.push(...refused.map(err => `${subject}: ${messageOf(err)}`));
      } catch (err) {
        failures.push(`${subject}: ${messageOf(err)}`);
      }
    }
    try {
      if (context.heldSet().remove()) report('the host: removed the table that holds containers');
    } catch (err) {
      failures.push(`the host: ${messageOf(err)}`);
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

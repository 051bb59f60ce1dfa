// `dwgd plan <container>`: what labels would bring to the namespace of a container that runs. Not here: compose files
// (plan.ts), the plan (labels/preview.ts).

import { UserError } from '../../base/errors.js';
import { createLog } from '../../base/log.js';
import { plain } from '../../base/plain-text.js';
import { findDockerHost, isUnreachable } from '../../docker/docker-host.js';
import { findContainer } from '../../labels/find-container.js';
import { previewContainers } from '../../labels/preview.js';
import type { PlanFlags } from './plan-flags.js';
import { plannedHostRoutes, plannedState, printStates } from './planned-state.js';

/** @param name of the container, or the beginning of its id. @throws UserError, Error */
export async function planContainer(name: string, flags: PlanFlags): Promise<void> {
  const preview = await previewContainers({
    dockerHost: findDockerHost(flags.dockerHost),
    log: createLog(false, false),
    trustImageLabels: flags.trustImageLabels === true,
    allowHostRoutes: flags.allowHostRoutes,
    strict: flags.strict === true,
  }).catch(explain);
  const container = findContainer(name, preview.containers, ', and no compose file of that name');
  const members = preview.containers.filter(
    ({ netns, id }) => id === container.id || (netns !== undefined && netns.key === container.netns?.key),
  );
  const names = new Set(members.map(({ name }) => plain(name, 128)));
  const { warnings: harmless } = preview.plan;
  const told = preview.plan.diagnostics.filter(({ container }) => names.has(container));
  const mistakes = told.filter(one => !harmless.has(one));
  const warnings = told.filter(one => harmless.has(one));
  const states = preview.plan.sandboxes
    .filter(({ netns }) => netns.key === container.netns?.key)
    .map(plannedState);
  const gateways = members.flatMap(({ attachments }) => attachments.flatMap(({ addresses }) => addresses));
  const own = preview.plan.hostRoutes.filter(({ gateway }) => gateway && gateways.includes(gateway));
  const hostRoutes = plannedHostRoutes(own);
  if (flags.json) {
    const all = { namespaces: states, hostRoutes, mistakes, warnings, notes: [] };
    process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
  } else {
    const nothing = `# ${[...names].join(', ')}: nothing\n`;
    process.stdout.write(states.length > 0 ? printStates(states, hostRoutes) : nothing);
    for (const { container, key, message } of mistakes)
      process.stderr.write(`${container}: ${key}: ${message}\n`);
    for (const { container, key, message } of warnings)
      process.stderr.write(`warning: ${container}: ${key}: ${message}\n`);
  }
  if (mistakes.length > 0) process.exitCode = 1;
}

/** Adds the remedy where Docker cannot be reached. */
function explain(err: unknown): never {
  if (!isUnreachable(err)) throw err;
  throw new UserError(
    'cannot ask Docker for its containers: start it, say where it is by --docker-host, or name a compose file',
    {
      cause: err,
    },
  );
}

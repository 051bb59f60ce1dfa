// `dwgd plan <container>`: what labels would bring to the namespace of a container that runs. Not here: compose files
// (plan-project.ts), the plan (labels/preview.ts).

import { createLog } from '../../base/log.js';
import { plain } from '../../base/plain-text.js';
import { findDockerHost } from '../../docker/docker-host.js';
import { type Find, findContainer } from '../../labels/find-container.js';
import { previewContainer } from '../../labels/preview.js';
import { withDockerRemedy } from './docker-remedy.js';
import type { PlanFlags } from './plan-flags.js';
import { plannedHostRoutes, plannedStates, printStates } from './planned-state.js';

/** @param name of the container, or the beginning of its id. @throws UserError, Error */
export async function planContainer(name: string, flags: PlanFlags): Promise<void> {
  const dockerHost = findDockerHost(flags.dockerHost);
  const find: Find = containers => findContainer(name, containers, ', and no compose file of that name');
  const parts = {
    dockerHost,
    log: createLog(false, false),
    trustImageLabels: flags.trustImageLabels === true,
    allowHostRoutes: flags.allowHostRoutes,
    strict: flags.strict === true,
  };
  const preview = await previewContainer(parts, find).catch(err => {
    throw withDockerRemedy(err, dockerHost, 'say where it is by --docker-host, or name a compose file');
  });
  const container = preview.containers.find(({ id }) => id === find(preview.containers).id)!;
  const members = preview.containers.filter(
    ({ netns, id }) => id === container.id || (netns !== undefined && netns.key === container.netns?.key),
  );
  const names = new Set(members.map(({ name }) => plain(name, 128)));
  const { warnings: harmless } = preview.plan;
  const told = preview.plan.diagnostics.filter(({ container }) => names.has(container));
  const mistakes = told.filter(one => !harmless.has(one));
  const warnings = told.filter(one => harmless.has(one));
  const states = plannedStates(
    preview.plan.sandboxes.filter(({ netns }) => netns.key === container.netns?.key),
  );
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

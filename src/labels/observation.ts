// Where a plan comes from: the containers, the world around them, the planner. Composition only. Not here: what keeps it in
// force (service.ts), what only shows it (preview.ts, survey.ts).

import type { Prefix } from '../base/ip.js';
import type { Log } from '../base/log.js';
import type { DockerApi } from '../docker/api-client.js';
import { Containers, type ContainersParts } from './discovery/containers.js';
import type { Host } from './discovery/host.js';
import { World, type WorldParts } from './discovery/world.js';
import type { NetnsLookup } from './namespace/netns-lookup.js';
import { Planner } from './planner/planner.js';
import { HOST_ROUTES } from './spec/label-keys.js';
import { ParseCache } from './spec/parse-cache.js';

/** What decides about labels, of the daemon's settings. */
export interface LabelRules {
  /** Whether labels that came with a container's image count. */
  readonly trustImageLabels: boolean;
  /** Networks that twine.host.routes may name although they are the default or hold an address that is in use. */
  readonly allowHostRoutes: readonly Prefix[];
  /** Whether every labelled container is closed while not all of its labels are in force. */
  readonly strict: boolean;
}

interface ObservationParts
  extends LabelRules,
    Pick<WorldParts, 'forwarding' | 'names' | 'silent'>,
    Pick<ContainersParts, 'select'> {
  readonly api: DockerApi;
  readonly log: Log;
  readonly host: Host;
  readonly lookup: NetnsLookup;
}

export function observe(parts: ObservationParts): {
  readonly containers: Containers;
  readonly world: World;
  readonly planner: Planner;
} {
  const { api, log, host, lookup, trustImageLabels, allowHostRoutes, strict, select, ...rest } = parts;
  const intents = new ParseCache();
  const containers = new Containers({
    api,
    log,
    host: host.ref,
    findNetns: (pid, known) => lookup.find(pid, known),
    trustImageLabels,
    ...(select && { select }),
    labelled: (id, name, labels) => labels.size > 0 && intents.read(id, name, labels),
  });
  const world = new World({
    ...rest,
    containers,
    host,
    asksForHostRoute: found => found.some(({ labels }) => labels.has(HOST_ROUTES)),
    asksForHostInterfaces: found => intents.asksForHostInterfaces(found),
  });
  return { containers, world, planner: new Planner(allowHostRoutes, strict, intents, select !== undefined) };
}

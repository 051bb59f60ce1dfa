// Names that containers have beside their own: of Compose's and Swarm's services by the labels that these set, and of links.
// Pure. Not here: network aliases (labels/discovery/docker-view.ts).

interface ServiceNames {
  /** A Compose project's, or a Swarm stack's without the stack's name before it. */
  readonly service?: { readonly project: string; readonly name: string };
  /** Of Swarm alone: the service's id. */
  readonly swarmService?: string;
  /** Of Swarm alone: the service with its stack, and that with the number of the task, or its node: `stack_vpn.1`. */
  readonly taskNames?: readonly string[];
}

/** What no image can choose for a container. */
interface GivenNames {
  /** Swarm makes it of the task's name, Compose of the service's where the file gives no other. */
  readonly container: string;
  /** Compose gives one of the service's name on each network; undefined where they are not known, or cannot be. */
  readonly aliases: ReadonlySet<string> | undefined;
}

/** @param labels of the container, or of its image: one that Compose has built has the labels of its service */
export function serviceOf(labels: Readonly<Record<string, string>>, given: GivenNames): ServiceNames {
  const { container } = given;
  const project = labels['com.docker.compose.project'];
  const name = labels['com.docker.compose.service'];
  if (project !== undefined && name !== undefined)
    return isOfCompose(project, name, given) || isOneOff(labels) ? { service: { project, name } } : {};
  const full = labels['com.docker.swarm.service.name'];
  if (full === undefined || full === '') return {};
  const task = labels['com.docker.swarm.task.name'] ?? '';
  if (task !== container || !task.startsWith(`${full}.`)) return {};
  const stack = labels['com.docker.stack.namespace'] ?? '';
  const isOfStack = stack !== '' && full.startsWith(`${stack}_`);
  const swarmService = labels['com.docker.swarm.service.id'];
  // `stack_vpn.1.id`, of a global service `stack_vpn.node.id`.
  const slot = task.slice(0, task.lastIndexOf('.'));
  return {
    // Services without a stack know each other by name.
    service: { project: stack, name: isOfStack ? full.slice(stack.length + 1) : full },
    ...(swarmService !== undefined && { swarmService }),
    taskNames: slot.startsWith(`${full}.`) ? [full, slot] : [full],
  };
}

const WITHOUT_ALIASES: ReadonlySet<string> = new Set(['bridge', 'host', 'none']);

/** A container's aliases, by its networks; undefined where it can have none: on no network of its own, and on the default bridge. */
export function aliasesOf(
  networks: Readonly<Record<string, { readonly Aliases?: readonly string[] | null }>> | null | undefined,
): ReadonlySet<string> | undefined {
  const own = Object.entries(networks ?? {}).filter(([network]) => !WITHOUT_ALIASES.has(network));
  return own.length === 0 ? undefined : new Set(own.flatMap(([, { Aliases }]) => Aliases ?? []));
}

/** Whether `docker compose run` has made it: such a container does not stand in for its service. */
export function isOneOff(labels: Readonly<Record<string, string>>): boolean {
  return labels['com.docker.compose.oneoff']?.toLowerCase() === 'true';
}

/** By its name, `project-service-1` or as Compose 1 had it `project_service_1`, or its alias. */
function isOfCompose(project: string, service: string, { container, aliases }: GivenNames): boolean {
  if (!aliases || aliases.has(service)) return true;
  return ['-', '_'].some(mark => container.startsWith(`${project}${mark}${service}${mark}`));
}

/**
 * What a container calls others, each with the other's own name; undefined where it has no name for any.
 * @param links `container:name`, or of the default bridge `/container:/this-one/name`
 */
export function linksOf(links: readonly string[]): ReadonlyMap<string, string> | undefined {
  const names = links.flatMap((link): [string, string][] => {
    const [container = '', alias = ''] = link.split(':');
    const name = alias.slice(alias.lastIndexOf('/') + 1);
    return name === '' ? [] : [[name, container.replace(/^\//, '')]];
  });
  return names.length > 0 ? new Map(names) : undefined;
}

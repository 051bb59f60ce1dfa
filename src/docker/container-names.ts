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

/**
 * @param labels of the container, or of its image, which may have any
 * @param container its name: Swarm gives it that of the task, and no image can
 */
export function serviceOf(labels: Readonly<Record<string, string>>, container: string): ServiceNames {
  const project = labels['com.docker.compose.project'];
  const name = labels['com.docker.compose.service'];
  if (project !== undefined && name !== undefined) return { service: { project, name } };
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

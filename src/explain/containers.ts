// The containers that run now, and the way of a packet from one of them: no namespace is changed, and a running daemon is not
// needed. Composition only. Not here: the way (explain.ts), how it is shown (cli/commands/explain.ts).

import { ChannelError, DecodeError, errorCode, UserError } from '../base/errors.js';
import { parseAddress } from '../base/ip.js';
import { createLog } from '../base/log.js';
import { quote } from '../base/plain-text.js';
import type { Way } from '../control/answers.js';
import type { ExitPlace } from '../control/halves.js';
import { DockerApi } from '../docker/api-client.js';
import type { DockerHost } from '../docker/docker-host.js';
import type { ContainerView } from '../labels/discovery/container.js';
import { Host } from '../labels/discovery/host.js';
import type { Find } from '../labels/find-container.js';
import { NetnsLookup } from '../labels/namespace/netns-lookup.js';
import { NetnsSwitch } from '../netlink/netns.js';
import { explainPacket } from './explain.js';
import { exitWayPlace } from './hop.js';
import { ALONE, type Looking, type Pause, SHARED } from './looking.js';
import { addressOnNetworks, formatQuestion, type TypedDestination } from './question.js';
import { KnownContainers, WayContainers } from './way-containers.js';

/** For one of Docker's answers, where nobody else waits for it. */
const PATIENCE_MS = 10_000;

/** Of questions to Docker: more than a way has containers. */
const MAX_ROUNDS = 16;

/** Where to look, and how. */
export interface LiveParts {
  readonly dockerHost: DockerHost;
  /** All containers, where they are known; absent: Docker is asked. */
  readonly known?: readonly ContainerView[] | undefined;
  /** The routers of exit networks; absent: there are none. */
  readonly exits?: readonly ExitPlace[] | undefined;
  /** How, where others wait for the thread; absent: nobody does. */
  readonly pause?: Pause;
}

/**
 * @param find the container that is meant; it throws where there is none
 * @throws UserError without the right to enter namespaces, for a name that is no container's, for a container that does not run,
 *   and where a namespace has more than is read; Error when Docker does not answer
 */
export async function explainLive(
  { dockerHost, known, exits = [], pause }: LiveParts,
  find: Find,
  typed: TypedDestination,
): Promise<Way> {
  const entry = await NetnsSwitch.open();
  const looking = { entry, ...lookingWith(pause) };
  const api = new DockerApi(dockerHost, undefined, true);
  let host: Host | undefined;
  try {
    if (known) return await follow(looking, new KnownContainers(known, find), exits, typed);
    host = new Host(entry);
    const lookup = new NetnsLookup(entry, host.ref);
    const log = createLog(false, true, () => undefined);
    const findNetns: NetnsLookup['find'] = (pid, before) => lookup.find(pid, before);
    const patience = pause ? undefined : PATIENCE_MS;
    const parts = { api, log, host: host.ref, findNetns, patience };
    return await follow(looking, new WayContainers(parts, find), exits, typed);
  } catch (err) {
    if (err instanceof ChannelError || err instanceof DecodeError)
      throw new UserError(`the way cannot be told: ${err.message}`, { cause: err });
    if (host || known || errorCode(err) !== 'EPERM') throw err;
    throw new UserError(
      'dwgd explain looks into the network of containers, which only root may: run it as root (sudo dwgd explain …)',
      { cause: err },
    );
  } finally {
    api.close();
    host?.close();
    entry.close();
  }
}

/** Follows the way as far as the containers that are inspected, then inspects where it has got to, and follows it again. */
async function follow(
  looking: Looking,
  containers: Pick<WayContainers, 'list' | 'wantNeighbours' | 'wantNext'>,
  exits: readonly ExitPlace[],
  typed: TypedDestination,
): Promise<Way> {
  const routers = exits.map(exitWayPlace);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { all, from } = await containers.list();
    checkStart(from);
    const found = all.map(one => ({ ...one, attachments: sharedAttachments(one, all) }));
    const start = found[all.indexOf(from)]!;
    // Names of the DNS stay what they are: looked up from here, they would go by the host's resolver and not by the container's.
    const to = parseAddress(typed.host) ?? addressOnNetworks(typed.host, start, found);
    if (!to) {
      if (containers.wantNeighbours(start, found)) continue;
      throw new UserError(
        `${quote(typed.host)} is neither an address nor a container on a network of ${quote(from.name)}: give an address (names of the DNS are not looked up, which would tell the host's resolver of them)`,
      );
    }
    const { host: _, ...rest } = typed;
    const question = { to, ...rest };
    const explanation = await explainPacket(looking, [...found, ...routers], start, question);
    if (!containers.wantNext(explanation, found))
      return { container: from.name, destination: formatQuestion(question), ...explanation };
  }
  throw new UserError('the way cannot be told: Docker has other containers on it each time that it is asked');
}

/** @throws UserError where no way of its own begins there */
function checkStart({ name, netns, hostNetwork }: ContainerView): void {
  if (hostNetwork)
    throw new UserError(
      `${quote(name)} is in the network of the host, whose ways dwgd does not explain: ask ip route get there`,
    );
  if (!netns)
    throw new UserError(`${quote(name)} is not running, so that there is no way to ask about: start it`);
}

function lookingWith(pause: Pause | undefined): Omit<Looking, 'entry'> {
  return pause ? { pause, effort: SHARED } : { pause: async () => undefined, effort: ALONE };
}

/** Of all that share its namespace: who joined another's has none of its own. */
function sharedAttachments(
  { netns, attachments }: ContainerView,
  all: readonly ContainerView[],
): ContainerView['attachments'] {
  if (!netns) return attachments;
  return all.filter(one => one.netns?.key === netns.key).flatMap(one => one.attachments);
}

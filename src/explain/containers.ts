// The containers that run now, and the way of a packet from one of them: no namespace is changed, and a running daemon is not
// needed. Composition only. Not here: the way (explain.ts), how it is plainName (cli/commands/explain.ts).

import { ChannelError, DecodeError, errorCode, UserError } from '../base/errors.js';
import { parseAddress } from '../base/ip.js';
import { createLog } from '../base/log.js';
import { quote } from '../base/plain-text.js';
import type { Way } from '../control/answers.js';
import { DockerApi } from '../docker/api-client.js';
import type { DockerHost } from '../docker/docker-host.js';
import type { ContainerView } from '../labels/discovery/container.js';
import { Containers } from '../labels/discovery/containers.js';
import { Host } from '../labels/discovery/host.js';
import { NetnsLookup } from '../labels/namespace/netns-lookup.js';
import { NetnsSwitch } from '../netlink/netns.js';
import { addressOnNetworks, formatQuestion, type TypedDestination } from './destination.js';
import { explainPacket } from './explain.js';
import { ALONE, type Looking, type Pause, SHARED } from './looking.js';
import type { PacketQuestion } from './machine/packet.js';

/** For one of Docker's answers, where nobody else waits for it. */
const PATIENCE_MS = 10_000;

/** Where to look, and how. */
export interface LiveParts {
  readonly dockerHost: DockerHost;
  /** All containers, where they are known; absent: Docker is asked. */
  readonly known?: readonly ContainerView[] | undefined;
  /** How, where others wait for the thread; absent: nobody does. */
  readonly pause?: Pause;
}

/**
 * @param find the container that is meant; it throws where there is none
 * @throws UserError without the right to enter namespaces, for a name that is no container's, and for a container that does
 *   not run; Error when Docker does not answer
 */
export async function explainLive(
  { dockerHost, known, pause }: LiveParts,
  find: (containers: readonly ContainerView[]) => ContainerView,
  typed: TypedDestination,
): Promise<Way> {
  const entry = await NetnsSwitch.open();
  try {
    const listed = known ?? (await list(entry, dockerHost, pause ? undefined : PATIENCE_MS));
    const chosen = find(listed);
    if (chosen.hostNetwork)
      throw new UserError(
        `${quote(chosen.name)} is in the network of the host, whose ways dwgd does not explain: ask ip route get there`,
      );
    const found = listed.map(one => ({ ...one, attachments: sharedAttachments(one, listed) }));
    const from = found[listed.indexOf(chosen)]!;
    if (!from.netns)
      throw new UserError(
        `${quote(from.name)} is not running, so that there is no way to ask about: start it`,
      );
    const question = questionOf(typed, from, found);
    const explanation = await explainPacket({ entry, ...lookingWith(pause) }, found, from, question);
    return { container: from.name, destination: formatQuestion(question), ...explanation };
  } catch (err) {
    if (!(err instanceof ChannelError || err instanceof DecodeError)) throw err;
    throw new UserError(`the way cannot be told: ${err.message}`, { cause: err });
  } finally {
    entry.close();
  }
}

function lookingWith(pause: Pause | undefined): Omit<Looking, 'entry'> {
  return pause ? { pause, effort: SHARED } : { pause: async () => undefined, effort: ALONE };
}

async function list(
  entry: NetnsSwitch,
  dockerHost: DockerHost,
  patience: number | undefined,
): Promise<readonly ContainerView[]> {
  const api = new DockerApi(dockerHost);
  let host: Host | undefined;
  try {
    host = new Host(entry);
    const lookup = new NetnsLookup(entry, host.ref);
    const containers = new Containers({
      ...{ api, host: host.ref, findNetns: (pid, known) => lookup.find(pid, known) },
      ...{ log: createLog(false, true, () => undefined), trustImageLabels: false, patience },
    });
    return await containers.list(true);
  } catch (err) {
    if (host || errorCode(err) !== 'EPERM') throw err;
    throw new UserError(
      'dwgd explain looks into the network of containers, which only root may: run it as root (sudo dwgd explain …)',
      { cause: err },
    );
  } finally {
    api.close();
    host?.close();
  }
}

/** Of all that share its namespace: who joined another's has none of its own. */
function sharedAttachments(
  { netns, attachments }: ContainerView,
  all: readonly ContainerView[],
): ContainerView['attachments'] {
  if (!netns) return attachments;
  return all.filter(one => one.netns?.key === netns.key).flatMap(one => one.attachments);
}

/** Names of the DNS stay what they are: looked up from here, they would go by the host's resolver and not by the container's. */
function questionOf(
  { host, ...rest }: TypedDestination,
  from: ContainerView,
  containers: readonly ContainerView[],
): PacketQuestion {
  const to = parseAddress(host) ?? addressOnNetworks(host, from, containers);
  if (to) return { to, ...rest };
  throw new UserError(
    `${quote(host)} is neither an address nor a container on a network of ${quote(from.name)}: give an address (names of the DNS are not looked up, which would tell the host's resolver of them)`,
  );
}

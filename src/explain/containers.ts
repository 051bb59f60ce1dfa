// The containers that run now, and the way of a packet from one of them: Docker is asked, no namespace is changed, and a running
// daemon is not needed. Composition only. Not here: the way (explain.ts), how it is shown (cli/commands/explain.ts).

import { errorCode, UserError } from '../base/errors.js';
import { parseAddress } from '../base/ip.js';
import { createLog } from '../base/log.js';
import { quote } from '../base/plain-text.js';
import { DockerApi } from '../docker/api-client.js';
import type { DockerHost } from '../docker/docker-host.js';
import type { ContainerView } from '../labels/discovery/container.js';
import { Host } from '../labels/discovery/host.js';
import { NetnsLookup } from '../labels/namespace/netns-lookup.js';
import { NetnsSwitch } from '../netlink/netns.js';
import { addressOnNetworks, type TypedDestination } from './destination.js';
import { type Explanation, explainPacket } from './explain.js';
import type { PacketQuestion } from './machine/packet.js';
import { type Find, WayContainers } from './way-containers.js';

export interface LiveExplanation extends Explanation {
  readonly container: string;
  readonly question: PacketQuestion;
}

/**
 * @param find the container that is meant; it throws where there is none
 * @throws UserError without the right to enter namespaces, for a name that is no container's, and for a container that does
 *   not run; Error when Docker does not answer
 */
export async function explainLive(
  dockerHost: DockerHost,
  find: Find,
  typed: TypedDestination,
): Promise<LiveExplanation> {
  const entry = await NetnsSwitch.open();
  const api = new DockerApi(dockerHost, undefined, true);
  let host: Host | undefined;
  try {
    host = new Host(entry);
    const lookup = new NetnsLookup(entry, host.ref);
    const log = createLog(false, true, () => undefined);
    const findNetns: NetnsLookup['find'] = (pid, known) => lookup.find(pid, known);
    return await explainFrom(entry, new WayContainers({ api, log, host: host.ref, findNetns }, find), typed);
  } catch (err) {
    if (host || errorCode(err) !== 'EPERM') throw err;
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
async function explainFrom(
  entry: NetnsSwitch,
  containers: WayContainers,
  typed: TypedDestination,
): Promise<LiveExplanation> {
  for (;;) {
    const { all, from } = await containers.list();
    checkStart(from);
    const found = all.map(one => ({ ...one, attachments: sharedAttachments(one, all) }));
    const start = found[all.indexOf(from)]!;
    const to = parseAddress(typed.host) ?? addressOnNetworks(typed.host, start, found);
    if (!to) {
      if (containers.wantNeighbours(start, found)) continue;
      throw new UserError(
        `${quote(typed.host)} is neither an address nor a container on a network of ${quote(from.name)}: give an address (names of the DNS are not looked up, which would tell the host's resolver of them)`,
      );
    }
    const { host: _, ...rest } = typed;
    const question = { to, ...rest };
    const explanation = explainPacket(entry, found, start, question);
    if (!containers.wantNext(explanation, found)) return { container: from.name, question, ...explanation };
  }
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

/** Of all that share its namespace: who joined another's has none of its own. */
function sharedAttachments(
  { netns, attachments }: ContainerView,
  all: readonly ContainerView[],
): ContainerView['attachments'] {
  if (!netns) return attachments;
  return all.filter(one => one.netns?.key === netns.key).flatMap(one => one.attachments);
}

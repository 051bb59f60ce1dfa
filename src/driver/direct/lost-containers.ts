// Containers that have a tunnel themselves and that the database does not have: it was lost, or was in memory. Docker says which
// there are, and the key of the file in the container proves it. Not here: networks (driver/lifecycle/recovery.ts).

import { messageOf, UserError } from '../../base/errors.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import type { DockerClient, DockerNetwork } from '../lifecycle/docker-networks.js';
import { type Endpoint, type ExitNetwork, isDirect } from '../spec/model.js';
import { isId, shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { ContainerTunnels } from '../tunnel/container-tunnels.js';
import { linkName } from '../tunnel/join-plan.js';
import { containerAddresses } from './direct-plan.js';
import type { DirectTunnels } from './direct-tunnels.js';

interface LostContainersParts {
  readonly store: Store;
  readonly tunnels: Pick<DirectTunnels, 'readAgain' | 'keyOf'>;
  /** The way into them. */
  readonly inside: Pick<ContainerTunnels, 'read'>;
  readonly labels: { joined(endpointId: string): void };
  readonly queue: KeyedQueue;
  readonly log: Log;
}

export class LostContainers {
  readonly #parts: LostContainersParts;

  constructor(parts: LostContainersParts) {
    this.#parts = parts;
  }

  /** Puts them on record. What cannot be learnt is logged. */
  async learn(docker: Pick<DockerClient, 'sandboxKey'>, networks: readonly DockerNetwork[]): Promise<void> {
    const { store, log } = this.#parts;
    for (const { id: networkId, endpoints } of networks) {
      const network = store.exit(networkId);
      if (!network || !isDirect(network)) continue;
      for (const [id, container] of endpoints) {
        // While one is being attached, a Join is under way, and that one records it.
        if (!isId(id) || container.id.startsWith('ep-') || store.endpoint(id)) continue;
        try {
          const sandboxKey = await docker.sandboxKey(container.id);
          if (sandboxKey === undefined) continue;
          await this.#record(network, id, sandboxKey);
          log.info({ endpoint: shortId(id) }, 'learnt an endpoint again from its container');
        } catch (err) {
          log.warn(
            { endpoint: shortId(id) },
            `a container runs that the database does not have, and cannot be taken over: ${messageOf(err)}`,
          );
        }
      }
    }
  }

  /** In turn with Docker's calls about the network. @throws UserError */
  #record(network: ExitNetwork, id: string, sandboxKey: string): Promise<void> {
    const { store, tunnels, inside, queue, labels } = this.#parts;
    return queue.run(network.id, async () => {
      const file = tunnels.readAgain(network);
      const ifname = linkName(id, network.owner);
      const endpoint: Endpoint = {
        ...{ id, networkId: network.id, ...containerAddresses(network, file), ifname, sandboxKey },
        ...{ state: 'joined', publicKey: tunnels.keyOf(file) },
      };
      const rival = store.endpointOfLink(ifname, id) ?? store.networkEndpoints(network.id)[0];
      if (rival) throw new UserError(`the endpoint ${shortId(rival.id)} has the tunnel`);
      if (!inside.read(network, endpoint))
        throw new UserError('its link is not in it, or has another key: restart the container');
      store.putEndpoint(endpoint);
      labels.joined(id);
    });
  }
}

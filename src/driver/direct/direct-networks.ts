// What exit networks without a router are made of, as the driver needs it. Not here: any work.

import type { DockerClient, DockerNetwork } from '../lifecycle/docker-networks.js';
import type { ContainerTunnels } from '../tunnel/container-tunnels.js';
import { DirectExits } from './direct-exits.js';
import { DirectTunnels } from './direct-tunnels.js';
import { LostContainers } from './lost-containers.js';
import { SoleContainer } from './sole-container.js';

type PartsOf<T extends abstract new (parts: never) => unknown> = ConstructorParameters<T>[0];

type DirectNetworksParts = Omit<PartsOf<typeof DirectExits>, 'tunnels' | 'sole'> &
  Pick<PartsOf<typeof DirectTunnels>, 'resolver'> &
  Pick<PartsOf<typeof SoleContainer>, 'namespaces' | 'attached' | 'nameOf'> & {
    /** The way into containers. */
    readonly inside: ContainerTunnels;
  };

export class DirectNetworks {
  readonly tunnels: DirectTunnels;
  readonly verbs: DirectExits;
  readonly #lost: LostContainers;
  readonly #sole: SoleContainer;

  constructor(parts: DirectNetworksParts) {
    const { inside, fullTunnels } = parts;
    this.tunnels = new DirectTunnels({ ...parts, tunnels: inside, changed: () => fullTunnels.trigger() });
    this.#sole = new SoleContainer(parts);
    this.verbs = new DirectExits({ ...parts, tunnels: this.tunnels, sole: this.#sole });
    this.#lost = new LostContainers({ ...parts, tunnels: this.tunnels });
  }

  /** Puts containers on record that the store has lost. */
  learn(docker: Pick<DockerClient, 'sandboxKey'>, networks: readonly DockerNetwork[]): Promise<void> {
    return this.#lost.learn(docker, networks);
  }

  /** What is on record is what Docker has. */
  compared(): void {
    this.#sole.compared();
  }
}

// A driver on fake kernels with exit networks that have no router, for one container each.
import { UserError } from '../../src/base/errors.js';
import { DirectExits } from '../../src/driver/direct/direct-exits.js';
import { DirectTunnels } from '../../src/driver/direct/direct-tunnels.js';
import { LostContainers } from '../../src/driver/direct/lost-containers.js';
import { SoleContainer } from '../../src/driver/direct/sole-container.js';
import type { TunnelFile } from '../../src/driver/exit/tunnel-file.js';
import type { AttachedContainer } from '../../src/driver/lifecycle/docker-networks.js';
import { Exits } from '../../src/driver/lifecycle/exits.js';
import { AllNetworks } from '../../src/driver/lifecycle/verbs.js';
import type { ExitNetwork } from '../../src/driver/spec/model.js';
import type { CreateNetworkRequest, JoinResponse } from '../../src/driver/spec/protocol.js';
import { ContainerLinks } from '../../src/driver/tunnel/container-links.js';
import { ContainerTunnels } from '../../src/driver/tunnel/container-tunnels.js';
import { World } from './driver-world.js';
import { NOTHING_ELSE, tunnelFile } from './exit-world.js';
import { FakeKernel } from './fake-kernel.js';

export const DIRECT: ExitNetwork = {
  id: 'd'.repeat(64),
  files: ['/etc/dwgd/own.conf'],
  prefix: 'wg',
  owner: 0,
};

/** What Docker sends for `--ipam-driver=null`. */
export function directRequest(
  options: Readonly<Record<string, string>> = {},
  more: Partial<CreateNetworkRequest> = {},
): CreateNetworkRequest {
  return {
    NetworkID: DIRECT.id,
    Options: new Map(Object.entries({ 'dwgd.conf': DIRECT.files[0]!, ...options })),
    IPv4Data: [{ Pool: '0.0.0.0/0' }],
    IPv6Data: [],
    ...more,
  };
}

export class DirectWorld {
  readonly world: World;
  readonly tunnels: DirectTunnels;
  readonly sole: SoleContainer;
  readonly direct: DirectExits;
  readonly exits: Exits;
  readonly lost: LostContainers;
  /** How often it was waited for links that are to go. */
  waits = 0;
  readonly all: AllNetworks;
  /** What the file says; undefined: it cannot be read. */
  file: TunnelFile | undefined = tunnelFile();
  /** In milliseconds. */
  now = 1_000_000;
  /** What Docker tells of the network; undefined: it does not answer. */
  attached: ReadonlyMap<string, AttachedContainer> | undefined = new Map();
  readonly names = new Map<string, string>();
  /** How often full tunnels were asked to be looked at. */
  changes = 0;

  /** @param world of a daemon before it, whose store and kernels go on; @param isCompared whether Docker has been asked what it has */
  constructor(world = new World(), { isCompared = true } = {}) {
    this.world = world;
    const inside = new ContainerTunnels(world);
    const links = new ContainerLinks(world);
    this.tunnels = new DirectTunnels({
      ...world,
      tunnels: inside,
      links: { mtu: async () => 1420, hasRoute: () => true },
      changed: () => void this.changes++,
      open: path => {
        if (!this.file) throw new UserError(`dwgd.conf=${path} is not there`);
        return this.file;
      },
      now: () => this.now,
    });
    this.sole = new SoleContainer({
      ...{ ...world, links, now: () => this.now },
      reaper: {
        idle: () => {
          this.waits++;
          return world.reaper.idle();
        },
      },
      attached: async () => {
        if (!this.attached) throw new Error('Docker does not answer');
        return this.attached;
      },
      nameOf: id => this.names.get(id),
    });
    this.direct = new DirectExits({
      ...{ ...world, ...NOTHING_ELSE, tunnels: this.tunnels, sole: this.sole, links },
    });
    this.lost = new LostContainers({ ...world, ...NOTHING_ELSE, tunnels: this.tunnels, inside });
    this.exits = new Exits({ ...world, ...NOTHING_ELSE, routers: undefined as never, links });
    this.all = new AllNetworks(world.store, world.driver, this.exits, this.direct);
    if (isCompared) this.sole.compared();
  }

  /** A daemon's death, and the next one. */
  again(): DirectWorld {
    const next = new DirectWorld(this.world);
    next.file = this.file;
    next.now = this.now + 60_000;
    return next;
  }

  create(EndpointID: string) {
    return this.all.createEndpoint({ NetworkID: DIRECT.id, EndpointID, publishesPorts: false }, 0);
  }

  join(EndpointID: string): Promise<JoinResponse> {
    return this.all.join({ NetworkID: DIRECT.id, EndpointID, SandboxKey: `/netns/${EndpointID}` }, 0);
  }

  /** All that Docker does when a container starts. @returns its namespace */
  async start(id: string): Promise<FakeKernel> {
    await this.create(id);
    const { InterfaceName } = await this.join(id);
    const inside = new FakeKernel();
    this.world.namespaces.containers.set(`/netns/${id}`, inside);
    this.world.kernel.moveLink(InterfaceName.SrcName, inside, `${InterfaceName.DstPrefix}0`);
    return inside;
  }

  /** All that Docker does when it ends. */
  async stop(id: string): Promise<void> {
    const { world } = this;
    const ids = { NetworkID: DIRECT.id, EndpointID: id };
    await this.all.leave(ids, 0);
    const inside = world.namespaces.containers.get(`/netns/${id}`)!;
    inside.moveLink('wg0', world.kernel, `wg-${id}`);
    world.namespaces.containers.delete(`/netns/${id}`);
    await this.all.deleteEndpoint(ids, 0);
    await world.reaper.idle();
  }
}

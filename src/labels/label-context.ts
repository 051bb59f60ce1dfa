// What keeps labels, and what removes them: the ways to Docker, to the host and into namespaces, opened and closed together.
// Composition only. Not here: what is done by them (service.ts, clean-up.ts).

import { errorCode, UserError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { DockerApi } from '../docker/api-client.js';
import type { DockerHost } from '../docker/docker-host.js';
import { NetnsSwitch } from '../netlink/netns.js';
import type { Trace } from '../netlink/trace.js';
import { Nft } from '../nft/client.js';
import type { SandboxDesired } from './diff/state.js';
import type { HostForwarding } from './discovery/container.js';
import { Host } from './discovery/host.js';
import { openEar } from './drift/drift-events.js';
import type { Ear } from './drift/hearing.js';
import { HeldSet } from './hold/held-set.js';
import { LabelLock } from './lock.js';
import { firewallNotices } from './namespace/firewalls.js';
import { NetnsLookup } from './namespace/netns-lookup.js';
import { Sandboxes } from './namespace/sandbox.js';

export interface LabelParts {
  /** Where Docker's API is. */
  readonly dockerHost: DockerHost;
  readonly log: Log;
  readonly verbose: boolean;
}

/** What both the service and the removal need. */
export class LabelContext {
  readonly api: DockerApi;
  readonly host: Host;
  readonly lookup: NetnsLookup;
  readonly sandboxes: Sandboxes;
  readonly #netns: NetnsSwitch;
  readonly #nft: Nft;
  readonly #lock: LabelLock;
  readonly #trace: Trace | undefined;

  private constructor(parts: LabelParts, netns: NetnsSwitch, nft: Nft, host: Host, lock: LabelLock) {
    const { dockerHost, log, verbose } = parts;
    const trace = verbose ? (command: string): void => log.debug(command) : undefined;
    this.#trace = trace;
    this.api = new DockerApi(dockerHost);
    this.host = host;
    this.lookup = new NetnsLookup(netns, host.ref);
    this.sandboxes = new Sandboxes({ netnsSwitch: netns, nft, host: host.ref, ...(trace && { trace }) });
    this.#netns = netns;
    this.#nft = nft;
    this.#lock = lock;
  }

  static async open(parts: LabelParts): Promise<LabelContext> {
    const nft = new Nft();
    const netns = await NetnsSwitch.open();
    let host: Host | undefined;
    try {
      host = new Host(netns);
      return new LabelContext(parts, netns, nft, host, LabelLock.take(host, parts.log));
    } catch (err) {
      host?.close();
      netns.close();
      if (host || errorCode(err) !== 'EPERM') throw err;
      throw new UserError(
        'dwgd is not allowed to enter network namespaces: start it as root, and its own container with `privileged: true` and `pid: host`',
        { cause: err },
      );
    }
  }

  /** What the host does with packets that are not its own. */
  forwarding(): HostForwarding {
    return this.host.forwarding(this.#nft);
  }

  /** Changes in other namespaces, by events. */
  ear(ring: () => void): Ear {
    return openEar(this.#netns, ring);
  }

  /** What holds containers at the host. */
  heldSet(): HeldSet {
    return new HeldSet(this.host, this.#nft, this.#trace);
  }

  /** What a namespace's own firewalls do to what is to be forwarded there. */
  notices(desired: SandboxDesired): readonly string[] {
    return firewallNotices(desired, this.#netns, this.#nft);
  }

  close(): void {
    this.#lock.release();
    this.sandboxes.close();
    this.#nft.close();
    this.host.close();
    this.#netns.close();
  }
}

// When the full tunnels of containers are set up: in Join if the namespace exists already, else when Docker has
// moved the link, and periodically; they are removed with the endpoint. Not here: what they mean
// (driver/tunnel/full-tunnel.ts), what is done in a namespace (driver/tunnel/full-tunnel-netns.ts).

import { setImmediate as turn } from 'node:timers/promises';
import { Coalescer } from '../../base/coalescer.js';
import { isNotFound, messageOf, UserError } from '../../base/errors.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import { type Log, onBehalfOf } from '../../base/log.js';
import { LINK_NAME_PREFIX } from '../../base/ownership.js';
import type { Trace } from '../../netlink/trace.js';
import { type Endpoint, mayHavePeer, type Network } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import { type FullTunnel, heldFamilies } from '../tunnel/full-tunnel.js';
import { applyFullTunnels, type FullTunnelResult } from '../tunnel/full-tunnel-netns.js';
import type { LinkNamespaces } from '../tunnel/namespaces.js';
import { Poller, type Progress } from '../tunnel/poller.js';

/** What a network's containers reach by their tunnels, and whose it is. */
export interface RoutedNetwork extends Pick<Network, 'owner' | 'routes'> {
  /** Whether a file says so (`dwgd.conf`), and no option. */
  readonly isOfFile?: true;
}

interface FullTunnelParts {
  readonly store: Store;
  /** An exit network whose container has the tunnel itself; undefined for all others. */
  readonly direct?: (networkId: string) => RoutedNetwork | undefined;
  readonly namespaces: LinkNamespaces;
  /** What Docker's calls about an endpoint wait in, too. */
  readonly queue: KeyedQueue;
  readonly log: Log;
  /** Of what is done in containers. */
  readonly trace?: Trace | undefined;
  /** The kind of a container's link: `wireguard`. */
  readonly linkKind?: string;
}

/** The interval of the periodic check of all containers. */
const PERIOD_MS = 30_000;

export class FullTunnels {
  readonly #parts: FullTunnelParts;
  /**
   * Before version 28 Docker makes the namespace only after Join, and nobody tells of it. Its file is there about 100 ms
   * before the process starts, the link about 30 ms.
   */
  readonly #poller = new Poller(
    id => this.#attempt(id),
    id => this.#gaveUp(id),
  );
  /** What was last logged for each endpoint: that its tunnel is set up, that IPv6 is closed, and its last error. */
  readonly #held = new Set<string>();
  readonly #warned = new Set<string>();
  readonly #failures = new Map<string, string>();
  readonly #runner = new Coalescer(() => onBehalfOf(0, () => this.#reconcileAll()));
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: FullTunnelParts) {
    this.#parts = parts;
  }

  /** Checks every container now, and every 30 seconds. */
  start(): void {
    this.#timer = setInterval(() => this.trigger(), PERIOD_MS).unref();
    this.trigger();
  }

  /** Asks for a check of every container. */
  trigger(): void {
    this.#runner.trigger();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#runner.close();
    this.#poller.close();
  }

  /** Resolves when nothing is under way or waited for. */
  async idle(): Promise<void> {
    await this.#runner.idle();
    await this.#poller.idle();
  }

  /**
   * In Join, before Docker is answered: the container's namespace is closed where it is there already, as it always is
   * with Docker 28. The record of the endpoint is that of one that joins.
   * @throws UserError when it cannot be: then the container must not start
   */
  enter(network: RoutedNetwork, endpoint: Endpoint): void {
    if (heldFamilies(network).size === 0) return;
    try {
      this.#reconcile(network, endpoint);
    } catch (err) {
      if (isNotFound(err)) return;
      const reason = `cannot set up the full tunnel in the container's namespace: ${messageOf(err)}`;
      throw new UserError(reason, { cause: err });
    }
  }

  /** After Join: waits until Docker has moved the link, and leads the container's packets by it. */
  follow(network: RoutedNetwork, endpoint: Endpoint): void {
    if (heldFamilies(network).size > 0) this.#poller.follow(endpoint.id, network.owner);
  }

  /** A link has left the host's namespace: where Docker has moved it into a container, it is time. */
  linkLeft(name: string): void {
    if (!name.startsWith(LINK_NAME_PREFIX)) return;
    const { store } = this.#parts;
    const endpoint = store
      .endpoints('all')
      .find(({ ifname, state }) => ifname === name && state === 'joined');
    const network = endpoint && this.networkOf(endpoint.networkId);
    if (network) this.follow(network, endpoint);
  }

  /** One whose containers have tunnels, each its own; undefined for all others. */
  networkOf(networkId: string): RoutedNetwork | undefined {
    const { store, direct } = this.#parts;
    return store.network(networkId) ?? direct?.(networkId);
  }

  /** Takes back what an endpoint that goes had in its container, where that is still there. Never throws. */
  release(network: RoutedNetwork, endpoint: Endpoint): void {
    this.#held.delete(endpoint.id);
    this.#warned.delete(endpoint.id);
    this.#failures.delete(endpoint.id);
    if (heldFamilies(network).size === 0 || endpoint.sandboxKey === undefined) return;
    try {
      this.#reconcile(network, endpoint, endpoint.id);
    } catch (err) {
      if (!isNotFound(err)) this.#parts.log.error({ endpoint: shortId(endpoint.id) }, messageOf(err));
    }
  }

  async #reconcileAll(): Promise<void> {
    const { store, log } = this.#parts;
    try {
      const known = new Map<string, boolean>();
      const isFull = (networkId: string): boolean => {
        const network = this.networkOf(networkId);
        return network !== undefined && heldFamilies(network).size > 0;
      };
      for (const { id, networkId, state } of store.endpoints('all')) {
        if (this.#closed) return;
        const holds = known.get(networkId) ?? isFull(networkId);
        known.set(networkId, holds);
        if (state !== 'joined' || !holds || this.#poller.has(id)) continue;
        await this.#attempt(id);
        // Docker's calls take precedence.
        await turn();
      }
    } catch (err) {
      log.error(`cannot check the full tunnels: ${messageOf(err)}`);
    }
  }

  #gaveUp(id: string): void {
    // The periodic check tries again every 30 seconds.
    const warn = (): void =>
      this.#parts.log.warn(
        { endpoint: shortId(id) },
        'the link of a full tunnel is not up in its container: until it is, packets beyond its own networks go nowhere',
      );
    try {
      const { store } = this.#parts;
      const endpoint = store.endpoint(id);
      onBehalfOf((endpoint && this.networkOf(endpoint.networkId)?.owner) ?? 0, warn);
    } catch (err) {
      this.#failed(id, err);
    }
  }

  /** One try, not while Docker has the container join or leave. */
  #attempt(id: string): Promise<Progress> {
    return this.#parts.queue.run(id, async () => {
      const { store } = this.#parts;
      try {
        const endpoint = store.endpoint(id);
        const network = endpoint && this.networkOf(endpoint.networkId);
        if (!network || endpoint.state !== 'joined') return 'done';
        return onBehalfOf(network.owner, () => this.#try(network, endpoint));
      } catch (err) {
        // The database failed: a later question may find it well again.
        this.#failed(id, err);
        return 'waiting';
      }
    });
  }

  #try(network: RoutedNetwork, endpoint: Endpoint): Progress {
    const { id } = endpoint;
    try {
      const result = this.#reconcile(network, endpoint);
      this.#failures.delete(id);
      this.#tell(id, result, network.isOfFile === true);
      return result.complete ? 'done' : 'waiting';
    } catch (err) {
      if (!isNotFound(err)) this.#failed(id, err);
      return 'waiting';
    }
  }

  /** Says what failed, each thing once in a row. */
  #failed(id: string, err: unknown): void {
    const text = messageOf(err);
    if (this.#failures.get(id) !== text) this.#parts.log.error({ endpoint: shortId(id) }, text);
    this.#failures.set(id, text);
  }

  /**
   * Reconciles the endpoint's namespace with the full tunnels that it has.
   * @param without an endpoint that goes
   * @throws OpError, ChannelError, and what namespaces throw
   */
  #reconcile(network: RoutedNetwork, endpoint: Endpoint, without?: string): FullTunnelResult {
    const { namespaces, linkKind = 'wireguard', trace } = this.#parts;
    const netns = namespaces.openNetns(endpoint, network.owner);
    try {
      const tunnels = this.#tunnelsIn(endpoint.sandboxKey, network.owner, without);
      return namespaces.within(netns, () => applyFullTunnels(tunnels, linkKind, trace));
    } finally {
      netns.close();
    }
  }

  #tunnelsIn(sandboxKey: string | undefined, owner: number, without: string | undefined): FullTunnel[] {
    const { store } = this.#parts;
    return store.endpoints('all').flatMap(endpoint => {
      if (endpoint.sandboxKey !== sandboxKey || endpoint.id === without || !mayHavePeer(endpoint)) return [];
      const network = this.networkOf(endpoint.networkId);
      if (network?.owner !== owner) return [];
      const held = heldFamilies(network);
      return held.size > 0 ? [{ held, endpoint }] : [];
    });
  }

  #tell(id: string, { complete, changes, closesIPv6 }: FullTunnelResult, isOfFile: boolean): void {
    const { log } = this.#parts;
    const where = { endpoint: shortId(id) };
    if (closesIPv6 && !this.#warned.has(id)) {
      this.#warned.add(id);
      const remedy = isOfFile
        ? 'give a file with an Address and AllowedIPs (::/0) of IPv6'
        : 'add --ipv6, an IPv6 --subnet and ::/0 in dwgd.route';
      log.warn(
        where,
        `the full tunnel takes IPv4 alone, so IPv6 is closed to its container beyond its own networks: ${remedy} for IPv6 by the tunnel, or set the label twine.route.::/0=<gateway of the bridge> for IPv6 beside it`,
      );
    }
    if (!complete) return;
    if (!this.#held.has(id)) log.info(where, 'full tunnel in force');
    else if (changes.length > 0) log.warn(where, 'a full tunnel had been changed: restored');
    this.#held.add(id);
  }
}

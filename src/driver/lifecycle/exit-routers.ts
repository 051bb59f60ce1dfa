// The routers of exit networks as long as the daemon lives: made or taken over, told what their files say, and looked at, so
// that what others do to one is mended. Not here: Docker's verbs (exits.ts), a single router (driver/router).

import { Coalescer } from '../../base/coalescer.js';
import { ClosedError, messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { Synchronous } from '../../netlink/netns.js';
import type { SocketAddress } from '../../netlink/wireguard/device.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import { openTunnelFile } from '../files/tunnel-files.js';
import type { ToldWays } from '../ports/told-ways.js';
import { planRouter, portOf } from '../router/desired-router.js';
import type { RouterChange } from '../router/diff-router.js';
import { type ExitReading, readExit } from '../router/exit-reading.js';
import { type ExitTunnel, isResolved } from '../router/exit-tunnel.js';
import { checkExit } from '../router/join-exit.js';
import type { KeptNamespaces } from '../router/kept-namespaces.js';
import { ExitRouter, type RouterParts } from '../router/router.js';
import type { ExitNetwork } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { ContainerLinks } from '../tunnel/container-links.js';
import type { EndpointResolver } from '../tunnel/endpoint-resolver.js';

interface ExitRoutersParts extends RouterParts {
  readonly store: Store;
  readonly kept: KeptNamespaces;
  readonly ways: Pick<ToldWays, 'plan' | 'forget'>;
  readonly links: Pick<ContainerLinks, 'mtu'>;
  readonly resolver: Pick<EndpointResolver, 'resolve'>;
  readonly log: Log;
}

/** What somebody does to a router is mended after this time, in milliseconds. */
const LOOK_MS = 500;
/** A file or a name that could not be used is tried again after this time, in milliseconds. */
const LOAD_MS = 5_000;
/** Of a link before its tunnel's MTU is known, in bytes: every path takes it. */
const MTU_UNKNOWN = 1280;

/** A router that is there. */
interface Live {
  readonly router: ExitRouter;
  tunnel?: ExitTunnel;
}

export class ExitRouters {
  readonly #parts: ExitRoutersParts;
  readonly #live = new Map<string, Live>();
  /** What was last logged of a network, each thing once. */
  readonly #lastLogged = new Map<string, string>();
  /** Networks whose files are to be read again. */
  #stale = new Set<string>();
  readonly #loading: Coalescer;
  #look: NodeJS.Timeout | undefined;
  #load: NodeJS.Timeout | undefined;

  constructor(parts: ExitRoutersParts) {
    this.#parts = parts;
    this.#loading = new Coalescer(() => this.#loadMissing());
  }

  /** Takes over those that are there, makes those that are not, takes away those of no network; and keeps them up from now on. */
  start(): void {
    const { store, kept, log } = this.#parts;
    try {
      for (const name of kept.names()) {
        if (store.ownerOf(name) !== undefined) continue;
        log.info({ network: shortId(name) }, 'taking away the router of a network that is gone');
        kept.remove(name);
      }
    } catch (err) {
      log.error(`cannot look for routers of networks that are gone: ${messageOf(err)}`);
    }
    this.#loading.trigger();
    this.#look = setInterval(() => this.#lookAtAll(), LOOK_MS).unref();
    this.#load = setInterval(() => this.#loading.trigger(), LOAD_MS).unref();
  }

  close(): void {
    clearInterval(this.#look);
    clearInterval(this.#load);
    this.#loading.close();
  }

  /** Resolves when no file is read and no name is resolved, and lets go of the routers, which stay. */
  async idle(): Promise<void> {
    await this.#loading.idle();
    for (const { router } of this.#live.values()) router.close();
    this.#live.clear();
  }

  /** Reads all files again. One that cannot be used leaves its router as it is, which is logged. */
  reload(): void {
    this.#stale = new Set(this.#parts.store.exits().map(({ id }) => id));
    this.#lastLogged.clear();
    this.#loading.trigger();
  }

  /** Reads the file and makes the router. @throws UserError, or what the kernel refuses: then there is none */
  async make(network: ExitNetwork): Promise<TunnelFile> {
    const tunnel = await this.#tunnelOf(network);
    const isNew = !this.#live.has(network.id);
    try {
      this.#open(network).tunnel = tunnel;
      this.reconcile(network);
    } catch (err) {
      // Docker repeats calls: what containers go out by stays.
      if (isNew) this.remove(network.id);
      throw err;
    }
    return tunnel.file;
  }

  /** Takes the router away with all that is in it. */
  remove(networkId: string): void {
    this.#live.get(networkId)?.router.close();
    this.#live.delete(networkId);
    this.#lastLogged.delete(networkId);
    this.#parts.ways.forget(networkId);
    faultPoint('remove-router');
    this.#parts.kept.remove(networkId);
  }

  /** What the file says, where that is known. */
  file(networkId: string): TunnelFile | undefined {
    return this.#live.get(networkId)?.tunnel?.file;
  }

  /** What is there now, for whoever asks: changes nothing. */
  reading(network: ExitNetwork): ExitReading {
    return readExit(network, this.#live.get(network.id), this.#lastLogged.get(network.id));
  }

  /** The MTU of containers' links, in bytes. */
  mtu({ id, mtu }: ExitNetwork): number {
    return this.#live.get(id)?.tunnel?.mtu ?? mtu ?? MTU_UNKNOWN;
  }

  /** Where the other end of a container's link is made: a descriptor of the router's namespace. */
  netnsFd(network: ExitNetwork): number {
    return this.#open(network).router.netnsFd;
  }

  /** Does that at once, for whoever cannot do anything about a failure. */
  bringUpToDate(networkId: string): void {
    const network = this.#parts.store.exit(networkId);
    if (network) this.#lookAt(network);
  }

  /** Runs a function in the namespace of a router. @throws ClosedError where there is none */
  within<T>(networkId: string, fn: () => Synchronous<T>): Synchronous<T> {
    const live = this.#live.get(networkId);
    if (!live) throw new ClosedError('there is no router');
    return live.router.within(fn);
  }

  /**
   * Brings a router to what is on record.
   * @param except an endpoint that has no port yet
   * @throws what the kernel refuses
   */
  reconcile(network: ExitNetwork, except?: string): RouterChange[] {
    const { store, ways } = this.#parts;
    const endpoints = store
      .networkEndpoints(network.id)
      .filter(({ id, state }) => id !== except && state !== 'created' && state !== 'deleting');
    const ports = endpoints.map(endpoint => portOf(network.id, endpoint));
    const { router, tunnel } = this.#open(network);
    return router.reconcile(planRouter(network, tunnel, ports, ways.plan(network.id, endpoints)));
  }

  #open(network: ExitNetwork): Live {
    const known = this.#live.get(network.id);
    if (known) return known;
    const { netns, isNew } = this.#parts.kept.open(network.id);
    const live = { router: new ExitRouter(this.#parts, netns) };
    this.#live.set(network.id, live);
    this.#parts.log.info(
      { network: shortId(network.id) },
      isNew ? 'made the router of an exit network' : 'took over the router of an exit network',
    );
    return live;
  }

  #lookAtAll(): void {
    const { store, log } = this.#parts;
    try {
      for (const network of store.exits()) this.#lookAt(network);
    } catch (err) {
      log.error(`cannot look at the routers of exit networks: ${messageOf(err)}`);
    }
  }

  #lookAt(network: ExitNetwork): void {
    try {
      const changes = this.reconcile(network);
      const mended = changes.filter(({ op }) => op !== 'tables' || changes.length === 1);
      if (mended.length > 0)
        this.#parts.log.info(
          { network: shortId(network.id), changes: [...new Set(mended.map(({ op }) => op))].join(' ') },
          'brought the router of an exit network up to date',
        );
    } catch (err) {
      this.#logOnce(network, `cannot bring the router of an exit network up to date: ${messageOf(err)}`);
    }
  }

  /** What is wrong with the file or a name does not stop the others. */
  async #loadMissing(): Promise<void> {
    for (const network of this.#parts.store.exits()) {
      const tunnel = this.#live.get(network.id)?.tunnel;
      const isStale = this.#stale.delete(network.id);
      if (!isStale && tunnel && isResolved(tunnel)) continue;
      try {
        const found = await this.#tunnelOf(network);
        // It may have been removed meanwhile.
        if (!this.#parts.store.exit(network.id)) continue;
        this.#open(network).tunnel = found;
        if (isResolved(found)) this.#lastLogged.delete(network.id);
      } catch (err) {
        this.#logOnce(network, messageOf(err));
      }
      if (this.#parts.store.exit(network.id)) this.#lookAt(network);
    }
  }

  /** @throws UserError for a file that cannot be used */
  async #tunnelOf(network: ExitNetwork): Promise<ExitTunnel> {
    const { links, resolver } = this.#parts;
    const [path = ''] = network.files;
    const file = openTunnelFile(path);
    checkExit(network, file);
    const endpoints = new Map<string, SocketAddress>();
    let pathMtu: number | undefined;
    for (const { publicKey, endpoint } of file.peers) {
      if (!endpoint) continue;
      try {
        const found = await resolver.resolve(endpoint, network.owner);
        endpoints.set(`${publicKey}`, found);
        const mtu = await links.mtu(undefined, { publicKey, endpoint: found });
        pathMtu = Math.min(pathMtu ?? mtu, mtu);
      } catch (err) {
        this.#logOnce(
          network,
          `nothing goes out to ${endpoint.host} of dwgd.conf=${path} yet: ${messageOf(err)}`,
        );
      }
    }
    return { file, endpoints, mtu: network.mtu ?? file.mtu ?? pathMtu ?? MTU_UNKNOWN };
  }

  #logOnce(network: ExitNetwork, text: string): void {
    if (this.#lastLogged.get(network.id) === text) return;
    this.#lastLogged.set(network.id, text);
    this.#parts.log.warn({ network: shortId(network.id) }, text);
  }
}

// The routers of exit networks as long as the daemon lives: made or taken over, told what their files say, and looked at, so
// that what others do to one is mended, and a silent tunnel gives way to another. Not here: Docker's verbs (exits.ts), a single
// router and its files (driver/router).

import { Coalescer } from '../../base/coalescer.js';
import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import type { ToldWays } from '../ports/told-ways.js';
import { attachedTo, planRouter, portOf } from '../router/desired-router.js';
import type { RouterChange } from '../router/diff-router.js';
import { ExitFiles, type ExitFilesParts, MTU_UNKNOWN } from '../router/exit-files.js';
import { type ExitReading, readExit } from '../router/exit-reading.js';
import type { KeptNamespaces } from '../router/kept-namespaces.js';
import { LostPorts } from '../router/lost-ports.js';
import { ExitRouter, type RouterParts } from '../router/router.js';
import { UnknownRouters } from '../router/unknown-routers.js';
import { type Endpoint, type ExitNetwork, isDirect } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';

interface ExitRoutersParts extends RouterParts, Pick<ExitFilesParts, 'links' | 'resolver'> {
  readonly store: Store;
  readonly kept: KeptNamespaces;
  readonly ways: Pick<ToldWays, 'plan' | 'forget'>;
  readonly log: Log;
}

/** What somebody does to a router is mended after this time, in milliseconds. */
const LOOK_MS = 500;
/** So often it is seen to files that could not be read, and to names, in milliseconds. */
const LOAD_MS = 5_000;

export class ExitRouters {
  readonly #parts: ExitRoutersParts;
  readonly #routers = new Map<string, ExitRouter>();
  readonly #files = new Map<string, ExitFiles>();
  /** What was logged of a network, each thing once. */
  readonly #logged = new Map<string, Set<string>>();
  /** Why the router of a network is not as it is to be. */
  readonly #failures = new Map<string, string>();
  /** Networks whose files are to be read again. */
  #stale = new Set<string>();
  readonly #lost: LostPorts;
  readonly #unknown: UnknownRouters;
  readonly #loading: Coalescer;
  #look: NodeJS.Timeout | undefined;
  #load: NodeJS.Timeout | undefined;

  constructor(parts: ExitRoutersParts) {
    this.#parts = parts;
    this.#lost = new LostPorts(parts.log);
    this.#unknown = new UnknownRouters({ ...parts, remove: id => this.remove(id) });
    // The database may fail: the next time it may be well again.
    const failed = (err: unknown): void =>
      parts.log.error(`cannot read the files of exit networks: ${messageOf(err)}`);
    this.#loading = new Coalescer(() => this.#loadMissing().catch(failed));
  }

  /** Takes over those that are there, makes those that are not, and keeps them up from now on. */
  start(): void {
    this.#loading.trigger();
    this.#look = setInterval(() => this.#lookAtAll(), LOOK_MS).unref();
    this.#load = setInterval(() => this.#loading.trigger(), LOAD_MS).unref();
  }

  /** Docker has been compared with: what is on record is what there is, and what is beside it goes from now on. */
  compared(): void {
    this.#unknown.start();
  }

  close(): void {
    clearInterval(this.#look);
    clearInterval(this.#load);
    this.#loading.close();
  }

  /** Resolves when no file is read and no name is resolved, and lets go of the routers, which stay. */
  async idle(): Promise<void> {
    await this.#loading.idle();
    for (const router of this.#routers.values()) router.close();
    this.#routers.clear();
  }

  /** Reads all files again. One that cannot be used leaves its router as it is, which is logged. */
  reload(): void {
    this.#stale = new Set(this.#all().map(({ id }) => id));
    this.#logged.clear();
    this.#loading.trigger();
  }

  /** Reads the files and makes the router. @throws UserError, or what the kernel refuses: then there is none */
  async make(network: ExitNetwork): Promise<void> {
    const isNew = !this.#routers.has(network.id);
    const files = this.#newFiles(network);
    try {
      files.readAll();
      files.begin(this.#open(network).peers);
      await files.resolveCurrent();
      this.#files.set(network.id, files);
      this.reconcile(network);
    } catch (err) {
      // Docker repeats calls: what containers go out by stays.
      if (isNew) this.remove(network.id);
      throw err;
    }
    this.#loading.trigger();
  }

  /** Takes the router away with all that is in it. @returns whether nothing is left; what is goes later */
  remove(networkId: string): boolean {
    this.#routers.get(networkId)?.close();
    this.#routers.delete(networkId);
    for (const known of [this.#files, this.#logged, this.#failures]) known.delete(networkId);
    this.#lost.forget(networkId);
    this.#parts.ways.forget(networkId);
    faultPoint('remove-router');
    return this.#parts.kept.remove(networkId);
  }

  /** What containers are told at Join, where that is known. */
  file(networkId: string): ExitFiles['first'] {
    return this.#files.get(networkId)?.first;
  }

  /** What the file in force says; undefined as long as it is not known. */
  fileInForce(networkId: string): TunnelFile | undefined {
    return this.#files.get(networkId)?.tunnel?.file;
  }

  /** Files that were read, in the order in which they are used. */
  known(networkId: string): ExitFiles['known'] {
    return this.#files.get(networkId)?.known ?? [];
  }

  /** What is there now, for whoever asks: changes nothing. */
  reading(network: ExitNetwork): ExitReading {
    const { standings, tunnel } = this.#filesOf(network);
    const found = { standings, tunnel, failure: this.#failures.get(network.id) };
    return { ...readExit(found, this.#routers.get(network.id)), lost: this.#lost.of(network.id) };
  }

  /** The MTU of containers' links, in bytes. */
  mtu({ id, mtu }: ExitNetwork): number {
    return this.#files.get(id)?.tunnel?.mtu ?? mtu ?? MTU_UNKNOWN;
  }

  /** The names of the ports that the router has now. @throws UserError, OpError */
  ports(network: ExitNetwork): ReadonlySet<string> {
    return this.#open(network).readPorts();
  }

  /** Where the other end of a container's link is made: a descriptor of the router's namespace. */
  netnsFd(network: ExitNetwork): number {
    return this.#open(network).netnsFd;
  }

  /** For sockets in its namespace; undefined where there is none now. */
  router(networkId: string): Pick<ExitRouter, 'within'> | undefined {
    return this.#routers.get(networkId);
  }

  /**
   * Brings a router to what is on record.
   * @param except an endpoint that has no port yet, but perhaps an earlier one
   * @throws what the kernel refuses
   */
  reconcile(network: ExitNetwork, except?: Endpoint): RouterChange[] {
    const { store, ways } = this.#parts;
    const endpoints = attachedTo(store.networkEndpoints(network.id), except?.id);
    const ports = endpoints.map(endpoint => portOf(network.id, endpoint));
    const { tunnel } = this.#filesOf(network);
    const desired = planRouter(network, tunnel, ports, ways.plan(network, endpoints));
    const others = { keepsOtherPorts: !this.#unknown.areKnown, ...(except && { formerPort: except.ifname }) };
    return this.#open(network).reconcile({ ...desired, ...others });
  }

  #filesOf(network: ExitNetwork): ExitFiles {
    const known = this.#files.get(network.id) ?? this.#newFiles(network);
    this.#files.set(network.id, known);
    return known;
  }

  #newFiles(network: ExitNetwork): ExitFiles {
    return new ExitFiles(network, { ...this.#parts, failed: text => this.#logOnce(network, text) });
  }

  #open(network: ExitNetwork): ExitRouter {
    const known = this.#routers.get(network.id);
    if (known) return known;
    const { netns, isNew } = this.#parts.kept.open(network.id);
    const router = new ExitRouter(this.#parts, netns);
    this.#routers.set(network.id, router);
    const text = isNew ? 'made the router of an exit network' : 'took over the router of an exit network';
    this.#parts.log.info({ network: shortId(network.id) }, text);
    return router;
  }

  /** Networks that have one. */
  #all(): ExitNetwork[] {
    return this.#parts.store.exits().filter(network => !isDirect(network));
  }

  #lookAtAll(): void {
    const { log } = this.#parts;
    try {
      for (const network of this.#all()) this.lookAt(network);
    } catch (err) {
      log.error(`cannot look at the routers of exit networks: ${messageOf(err)}`);
    }
  }

  /** Brings a router to what is on record, and logs what fails. */
  lookAt(network: ExitNetwork): void {
    const { kept, log, store } = this.#parts;
    const subject = { network: shortId(network.id) };
    try {
      const changes = this.reconcile(network);
      const mended = changes.filter(({ op }) => op !== 'tables' || changes.length === 1);
      const ops = [...new Set(mended.map(({ op }) => op))].join(' ');
      if (ops) log.info({ ...subject, changes: ops }, 'brought the router of an exit network up to date');
      const { change, told } = this.#filesOf(network).step(this.#open(network).peers);
      if (told !== undefined) log.warn(subject, told);
      if (change) this.reconcile(network);
      this.#failures.delete(network.id);
      // Of containers that ended before this daemon the record may tell until Docker has said so.
      if (this.#unknown.areKnown)
        this.#lost.look(network.id, store.networkEndpoints(network.id), this.#open(network).ports);
      const unkept = kept.keepStill(network.id, this.netnsFd(network));
      if (unkept !== undefined) log.warn(subject, unkept);
    } catch (err) {
      const failure = `cannot bring the router of an exit network up to date: ${messageOf(err)}`;
      this.#failures.set(network.id, failure);
      this.#logOnce(network, failure);
    }
  }

  /** What is wrong with a file or a name does not stop the others. */
  async #loadMissing(): Promise<void> {
    this.#unknown.remove();
    for (const network of this.#all()) {
      const files = this.#filesOf(network);
      files.read(this.#stale.delete(network.id));
      this.lookAt(network);
      files.begin(this.#routers.get(network.id)?.peers ?? []);
      await files.resolve();
      // It may have been removed meanwhile.
      if (!this.#parts.store.exit(network.id)) continue;
      if (files.isWhole) this.#logged.delete(network.id);
      this.lookAt(network);
    }
  }

  #logOnce(network: ExitNetwork, text: string): void {
    const logged = this.#logged.get(network.id) ?? new Set();
    if (logged.has(text)) return;
    this.#logged.set(network.id, logged.add(text));
    this.#parts.log.warn({ network: shortId(network.id) }, text);
  }
}

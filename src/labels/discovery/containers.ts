// All containers as they are now: one listing, and an inspection of each that may have changed. Events only tell which those
// are. Not here: Docker's JSON (docker-view.ts), reporting what cannot be inspected (inspect-errors.ts), what the labels
// mean (labels/spec/parse.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { type DockerApi, isForbidden, unlessGone } from '../../docker/api-client.js';
import { KeptListing } from '../../docker/kept-listing.js';
import { mapConcurrently } from '../../docker/map-concurrently.js';
import { Queries } from '../../docker/queries.js';
import type { ContainerView, NetnsRef } from './container.js';
import {
  connectionIn,
  containerOf,
  createdIn,
  EVENTS,
  inspectedId,
  inspectPath,
  readContainerListing,
  readInspection,
} from './docker-answers.js';
import { fingerprint, isRunning, type ListedContainer, nameOf } from './docker-view.js';
import { dnsOf } from './host-dns.js';
import { ImageLabels } from './image-labels.js';
import { InspectErrors } from './inspect-errors.js';
import { hostNetworks, indeterminate, joinedContainer, knownNetns } from './namespace-sharing.js';
import { Networks, networkIds } from './networks.js';
import { hiddenNetns, isStill, netnsOfContainer, processExists } from './proc-netns.js';
import {
  type ContainerSnapshot,
  type LabelledInspection,
  snapshotInspected,
  snapshotListed,
  snapshotStopped,
  withFormerAddresses,
} from './snapshot.js';
import { Views } from './views.js';

export interface ContainersParts {
  readonly api: DockerApi;
  readonly log: Log;
  /** The host's own namespace. */
  readonly host: NetnsRef;
  /** Tells which of the known namespaces a process is in (labels/namespace/netns-lookup.ts). */
  readonly findNetns: (pid: number, known: Iterable<NetnsRef>) => NetnsRef | undefined;
  /** Whether labels that came with the image count. */
  readonly trustImageLabels: boolean;
  /** Is told the labels of a container as soon as they are known, while Docker still answers other requests. */
  readonly labelled?: (id: string, name: string, labels: ReadonlyMap<string, string>) => void;
  /** Milliseconds that a pass waits for one of Docker's answers. */
  readonly patience?: number | undefined;
  /** The ids of those that are inspected; absent: of all. Of the others only is known what the listing has. */
  readonly select?: (listed: readonly ListedContainer[]) => ReadonlySet<string>;
}

/** All are listed once more so long after events begin to be heard, in milliseconds. */
const SETTLED_MS = 2_000;
/** Concurrent inspections. */
const MAX_CONCURRENCY = 16;

export class Containers {
  readonly #parts: ContainersParts;
  readonly #snapshots = new Map<string, ContainerSnapshot>();
  /** By id, as they were listed last. */
  #entries: ReadonlyMap<string, ListedContainer> = new Map();
  /** Ids of those that no event has named since their snapshot. */
  readonly #fresh = new Set<string>();
  readonly #views = new Views();
  /** The last that a snapshot got. */
  #revision = 0;
  /** Ids of those that events have named since the last listing: inspected concurrently with the next one. */
  readonly #dirty = new Set<string>();
  /** Ids of those that Docker has connected and not started: it answers nothing about one before that. */
  readonly #starting = new Set<string>();
  readonly #queries: Queries;
  readonly #listing: KeptListing<ListedContainer>;
  readonly #imageLabels: ImageLabels;
  readonly #networks: Networks;
  readonly #inspectErrors: InspectErrors;

  constructor(parts: ContainersParts) {
    this.#parts = parts;
    this.#queries = new Queries(parts.api, parts.patience);
    this.#listing = new KeptListing(this.#queries, readContainerListing);
    this.#imageLabels = new ImageLabels(this.#queries, parts.trustImageLabels);
    this.#networks = new Networks(this.#queries, parts.log);
    this.#inspectErrors = new InspectErrors(parts.log);
  }

  /** Calls back whenever containers may have changed. @param noted is told before by what event; none: some may have been missed */
  async listen(changed: () => void, noted?: (event?: unknown) => void): Promise<void> {
    const { api, log } = this.#parts;
    this.#queries.listen(changed);
    let settled: NodeJS.Timeout | undefined;
    await api.listen(EVENTS, {
      up: () => {
        // What happened while nobody listened is not replayed.
        this.#fresh.clear();
        this.#starting.clear();
        this.#listing.hears(true);
        noted?.();
        log.info({ docker: api.name }, 'listening for Docker events');
        changed();
        // Docker says that it tells of events a moment before it does.
        clearTimeout(settled);
        settled = setTimeout(() => {
          if (api.isClosed) return;
          this.#listing.hears(true);
          changed();
        }, SETTLED_MS).unref();
      },
      event: event => {
        const id = containerOf(event);
        if (id !== undefined) this.#listing.name(id);
        // What is of no container, or of one that is only made, changes nothing yet.
        if (id === undefined || createdIn(event)) return noted?.(event);
        this.#fresh.delete(id);
        this.#dirty.add(id);
        if (connectionIn(event)) this.#starting.add(id);
        else this.#starting.delete(id);
        noted?.(event);
        changed();
      },
      down: err => {
        this.#listing.hears(false);
        if (!isForbidden(err))
          return log.warn({ docker: api.name, err: messageOf(err) }, 'cannot reach Docker: retrying');
        log.error(`${messageOf(err)}; until then labels are applied only when --look-interval is over`);
        changed();
      },
    });
  }

  /**
   * Every container, running or not. The view of one that has not changed keeps its revision.
   * @param fullResync check even whether a process is still the container's, and retry what failed
   * @throws Error when Docker does not answer
   */
  async list(fullResync: boolean): Promise<ContainerView[]> {
    const again = this.#queries.begin() || fullResync;
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const id of dirty) {
      this.#inspectErrors.forget(id);
      this.#queries.forget(inspectPath(id));
    }
    const asked = dirty.filter(id => !this.#starting.has(id)).slice(0, MAX_CONCURRENCY);
    const early = new Map(asked.map(id => [id, this.#inspect(id).catch(() => undefined)]));
    const listed = await this.#listing.all(again);
    // Snapshots that were made with other networks are outdated.
    if (await this.#networks.update(listed.flatMap(networkIds), again)) this.#fresh.clear();
    const selected = this.#parts.select?.(listed);
    const snapshot = async (container: ListedContainer): Promise<ContainerSnapshot | undefined> => {
      const isStarting = this.#starting.has(container.Id) && !isRunning(container);
      if (isStarting || (selected && !selected.has(container.Id))) return this.#lastSnapshot(container);
      return this.#snapshot(container, early.get(container.Id), { fullResync, again }).catch(err => {
        this.#inspectErrors.note(container.Id, nameOf(container), err);
        return this.#lastSnapshot(container);
      });
    };
    // Of thousands, few are to be asked about.
    const isKnown = (one: ListedContainer): boolean =>
      !again &&
      this.#entries.get(one.Id) === one &&
      this.#fresh.has(one.Id) &&
      !this.#starting.has(one.Id) &&
      !this.#inspectErrors.has(one.Id);
    const snapshots = listed.map(one =>
      !selected && isKnown(one) ? this.#snapshots.get(one.Id) : undefined,
    );
    // One that joined another is found where that one is.
    const rest = [...snapshots.keys()].filter(n => !snapshots[n]);
    const joined = rest.filter(n => joinedContainer(listed[n]!.HostConfig?.NetworkMode) !== undefined);
    const others = new Set(joined);
    for (const some of [rest.filter(n => !others.has(n)), joined])
      await mapConcurrently(some, MAX_CONCURRENCY, async n => {
        snapshots[n] = await snapshot(listed[n]!);
      });
    // Docker tells of a network in an inspection before it does in a listing.
    const isOnUnknown = (n: number): boolean =>
      (snapshots[n]?.view.attachments ?? []).some(
        ({ networkId }) => networkId !== '' && !this.#networks.kindOf(networkId),
      );
    const unknown = rest.filter(isOnUnknown);
    if (unknown.length > 0) {
      const ids = unknown.flatMap(n => snapshots[n]!.view.attachments.map(({ networkId }) => networkId));
      await this.#networks.update([...listed.flatMap(networkIds), ...ids.filter(id => id !== '')], again);
      for (const n of unknown) {
        this.#fresh.delete(listed[n]!.Id);
        snapshots[n] = await snapshot(listed[n]!);
      }
    }
    const present = new Map(listed.map(one => [one.Id, one]));
    this.#retainOnly(present, dirty);
    const found = snapshots.filter(snapshot => snapshot !== undefined);
    this.#inspectErrors.checkProcesses(found);
    const isOfHost = hostNetworks(found, this.#parts.host);
    const isIndeterminate = indeterminate(found);
    return found.map(each => this.#views.get(each, isOfHost(each), isIndeterminate(each)));
  }

  /** Forgets all others. @param named by events: of one that is gone something may have been asked */
  #retainOnly(present: ReadonlyMap<string, ListedContainer>, named: readonly string[]): void {
    const hasGone = [...this.#entries.keys(), ...named].some(id => !present.has(id));
    this.#entries = present;
    if (!hasGone) return;
    for (const id of this.#snapshots.keys()) if (!present.has(id)) this.#snapshots.delete(id);
    this.#views.retainOnly(present);
    for (const id of this.#fresh) if (!present.has(id)) this.#fresh.delete(id);
    this.#inspectErrors.retainOnly(present);
    this.#imageLabels.retainOnly(present);
    this.#queries.dropAll(path => {
      const id = inspectedId(path);
      return id !== undefined && !present.has(id);
    });
  }

  async #snapshot(
    listed: ListedContainer,
    early: Promise<LabelledInspection | undefined> | undefined,
    { fullResync, again }: { readonly fullResync: boolean; readonly again: boolean },
  ): Promise<ContainerSnapshot | undefined> {
    const id = listed.Id;
    const current = fingerprint(listed);
    const kindOf = (network: string) => this.#networks.kindOf(network);
    const known = this.#snapshots.get(id);
    if (!isRunning(listed)) {
      if (known?.fingerprint === current && this.#fresh.has(id)) return known;
      if (!again && this.#inspectErrors.has(id)) return this.#lastSnapshot(listed);
      const inspection = await this.#inspectAs(current, listed, early);
      if (!inspection) return undefined;
      return this.#keep(id, this.#numbered(snapshotStopped(inspection.container, current, kindOf)), true);
    }
    const isFresh = known?.fingerprint === current && this.#fresh.has(id);
    const isUnverified = known?.view.unverified !== undefined || known?.view.unknownRuntime !== undefined;
    const isOutdated = (again && isUnverified) || (fullResync && !isStill(known?.view.netns));
    if (isFresh && !isOutdated) return known;
    // A container with which Docker hangs must not delay the others in every pass.
    if (!again && this.#inspectErrors.has(id)) return this.#lastSnapshot(listed);
    const inspection = await this.#inspectAs(current, listed, early);
    if (!inspection) return undefined;
    const { container, own } = inspection;
    const { Running, Pid } = container.State;
    const sandboxKey = container.NetworkSettings?.SandboxKey;
    const lookUp = (process: number): NetnsRef | undefined => {
      const found = this.#parts.findNetns(process, knownNetns(this.#snapshots, container));
      if (!found && own.labels.size > 0 && processExists(process)) throw new Error(hiddenNetns(sandboxKey));
      return found;
    };
    const netns = Running ? netnsOfContainer({ id, pid: Pid, sandboxKey }, lookUp) : undefined;
    const dns = own.labels.size > 0 ? dnsOf(container) : {};
    const snapshot = snapshotInspected(inspection, { ...(netns && { netns }), ...dns }, kindOf);
    // If an event has come meanwhile, or there is no process yet, it is inspected again.
    return this.#keep(id, this.#numbered(snapshot), snapshot.view.netns !== undefined);
  }

  /** @param isComplete whether it is not taken anew until an event names the container */
  #keep(id: string, snapshot: ContainerSnapshot, isComplete: boolean): ContainerSnapshot {
    if (!this.#dirty.has(id) && isComplete) this.#fresh.add(id);
    this.#snapshots.set(id, snapshot);
    this.#inspectErrors.forget(id);
    return snapshot;
  }

  #numbered(content: Omit<ContainerSnapshot, 'revision'>): ContainerSnapshot {
    return { ...withFormerAddresses(content, this.#snapshots), revision: ++this.#revision };
  }

  /** The inspection that was requested before the listing, unless the listing is newer. */
  async #inspectAs(
    current: string,
    { Id }: ListedContainer,
    early: Promise<LabelledInspection | undefined> | undefined,
  ): Promise<LabelledInspection | undefined> {
    const inspection = await early;
    return inspection && fingerprint(inspection.container) === current ? inspection : this.#inspect(Id);
  }

  /**
   * A container that Docker cannot inspect: its last snapshot if the listing has not changed; else what the listing has, its
   * name and addresses, which other containers' labels need.
   */
  #lastSnapshot(listed: ListedContainer): ContainerSnapshot {
    const known = this.#snapshots.get(listed.Id);
    if (known?.fingerprint === fingerprint(listed)) return known;
    return this.#numbered(snapshotListed(listed, network => this.#networks.kindOf(network), known));
  }

  /** A container with its labels; undefined when it is gone. */
  async #inspect(id: string): Promise<LabelledInspection | undefined> {
    const container = await unlessGone(this.#queries.get(inspectPath(id), readInspection));
    if (!container) return undefined;
    // Labels of a stopped container do not count, and its image may be gone.
    if (!container.State.Running) return { container, own: { labels: new Map(), imageLabels: [] } };
    const own = await this.#imageLabels.read(container);
    this.#parts.labelled?.(id, nameOf(container), own.labels);
    return { container, own };
  }
}

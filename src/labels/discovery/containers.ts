// What Docker's containers look like now: one listing, and an inspection of each that may have changed since. Events
// only say which those are. Not here: Docker's JSON (docker-types.ts), what is said of those that cannot be seen (inspect-errors.ts),
// what the labels mean (labels/spec/parse.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { type DockerApi, unlessGone } from '../../docker/api-client.js';
import type { ContainerView, NetnsRef } from './container.js';
import { containerOf, readContainerListing, readInspection } from './docker-answers.js';
import {
  fingerprint,
  type InspectedContainer,
  isRunning,
  type ListedContainer,
  nameOf,
  networkIds,
} from './docker-types.js';
import { hostDnsOf } from './host-dns.js';
import { ImageLabels } from './image-labels.js';
import { InspectErrors } from './inspect-errors.js';
import { hostNetworks, indeterminate } from './namespace-sharing.js';
import { Networks } from './networks.js';
import { isStill, netnsOfContainer } from './proc-netns.js';
import { Queries } from './queries.js';
import {
  type ContainerSnapshot,
  type LabelOrigins,
  snapshotInspected,
  snapshotListed,
  snapshotStopped,
} from './snapshot.js';

interface ContainersParts {
  readonly api: DockerApi;
  readonly log: Log;
  /** The host's own namespace. */
  readonly host: NetnsRef;
  /** Whether labels that came with the image count. */
  readonly trustImageLabels: boolean;
  /** Is told the labels of a container as soon as they are known: Docker may still be asked for other things. */
  readonly labelled?: (id: string, name: string, labels: ReadonlyMap<string, string>) => void;
}

/** Exact names: an `exec` in a container makes events of other names, and many. */
const EVENTS = {
  type: ['container', 'network'],
  event: ['start', 'die', 'destroy', 'rename', 'update', 'connect', 'disconnect'],
};
/** Inspections under way at a time. */
const MAX_CONCURRENCY = 16;

/** What Docker and the image say of a container. */
interface Inspection {
  readonly container: InspectedContainer;
  readonly own: LabelOrigins;
}

export class Containers {
  readonly #parts: ContainersParts;
  readonly #snapshots = new Map<string, ContainerSnapshot>();
  /** Those that no event has named since they were seen. */
  readonly #fresh = new Set<string>();
  /** Their views as they were last, with the snapshots that these were made of. */
  readonly #views = new Map<string, { readonly snapshot: ContainerSnapshot; readonly view: ContainerView }>();
  /** The last that was given to a view. */
  #revision = 0;
  /** Those that events have named since the last look: inspected beside the listing. */
  readonly #dirty = new Set<string>();
  readonly #queries: Queries;
  readonly #imageLabels: ImageLabels;
  readonly #networks: Networks;
  readonly #inspectErrors: InspectErrors;

  constructor(parts: ContainersParts) {
    this.#parts = parts;
    this.#queries = new Queries(parts.api);
    this.#imageLabels = new ImageLabels(this.#queries, parts.trustImageLabels);
    this.#networks = new Networks(this.#queries, parts.log);
    this.#inspectErrors = new InspectErrors(parts.log);
  }

  /** Calls back whenever containers may have changed, for ever, until the API is closed. */
  async listen(changed: () => void): Promise<void> {
    const { api, log } = this.#parts;
    this.#queries.listen(changed);
    await api.listen(EVENTS, {
      up: () => {
        // Whatever happened while nobody listened has no event.
        this.#fresh.clear();
        log.info({ socket: api.socketPath }, 'listening to the events of Docker');
        changed();
      },
      event: event => {
        const id = containerOf(event);
        if (id === undefined) return;
        this.#fresh.delete(id);
        this.#dirty.add(id);
        changed();
      },
      down: err =>
        log.warn({ socket: api.socketPath, err: messageOf(err) }, 'Docker is not there: it is asked again'),
    });
  }

  /**
   * Every container, running or not. Of one of which nothing is new the view has the revision of before.
   * @param thorough do not even believe that a process is still the container's
   * @throws Error when Docker cannot be asked
   */
  async list(fullResync: boolean): Promise<ContainerView[]> {
    const again = this.#queries.begin() || fullResync;
    const named = [...this.#dirty];
    this.#dirty.clear();
    for (const id of named) {
      this.#inspectErrors.forget(id);
      this.#queries.forget(inspectionOf(id));
    }
    const early = new Map(
      named.slice(0, MAX_CONCURRENCY).map(id => [id, this.#inspect(id).catch(() => undefined)]),
    );
    const listed = await this.#queries.get('/containers/json', readContainerListing, { all: true });
    // What was seen with other networks is to be seen anew.
    if (await this.#networks.learn(listed.flatMap(networkIds), again)) this.#fresh.clear();
    const seen = await mapSome(listed, MAX_CONCURRENCY, container =>
      this.#snapshot(container, early.get(container.Id), { fullResync, again }).catch(err => {
        this.#inspectErrors.note(container.Id, nameOf(container), err);
        return this.#lastSnapshot(container);
      }),
    );
    const present = new Set(listed.map(({ Id }) => Id));
    for (const known of [this.#snapshots, this.#views])
      for (const id of known.keys()) if (!present.has(id)) known.delete(id);
    for (const id of this.#fresh) if (!present.has(id)) this.#fresh.delete(id);
    this.#inspectErrors.retainOnly(present);
    this.#imageLabels.retainOnly(present);
    const found = seen.filter(container => container !== undefined);
    this.#inspectErrors.checkProcesses(found);
    const isOfHost = hostNetworks(found, this.#parts.host);
    const isIndeterminate = indeterminate(found);
    return found.map(seen => this.#complete(seen, isOfHost(seen), isIndeterminate(seen)));
  }

  async #snapshot(
    listed: ListedContainer,
    early: Promise<Inspection | undefined> | undefined,
    { fullResync, again }: { readonly fullResync: boolean; readonly again: boolean },
  ): Promise<ContainerSnapshot | undefined> {
    const id = listed.Id;
    const print = fingerprint(listed);
    const kindOf = (network: string) => this.#networks.kindOf(network);
    const known = this.#snapshots.get(id);
    if (!isRunning(listed)) {
      if (known?.fingerprint === print && this.#fresh.has(id)) return known;
      if (!again && this.#inspectErrors.has(id)) return this.#lastSnapshot(listed);
      const inspection = await this.#inspectAs(print, listed, early);
      if (!inspection) return undefined;
      const stopped = snapshotStopped(inspection.container, print, kindOf);
      if (!this.#dirty.has(id)) this.#fresh.add(id);
      this.#snapshots.set(id, stopped);
      this.#inspectErrors.forget(id);
      return stopped;
    }
    const isBelieved = known?.fingerprint === print && this.#fresh.has(id);
    const isUnsure = known?.view.unverified !== undefined || known?.view.unknownRuntime !== undefined;
    const isDoubted = (again && isUnsure) || (fullResync && !isStill(known?.view.netns));
    if (isBelieved && !isDoubted) return known;
    // What Docker is stuck with shall not keep the others waiting again and again.
    if (!again && this.#inspectErrors.has(id)) return this.#lastSnapshot(listed);
    const inspection = await this.#inspectAs(print, listed, early);
    if (!inspection) return undefined;
    const { container, own } = inspection;
    const { Running, Pid } = container.State;
    const sandboxKey = container.NetworkSettings?.SandboxKey;
    const netns = Running ? netnsOfContainer({ id, pid: Pid, sandboxKey }) : undefined;
    const hostDns = own.labels.size > 0 ? hostDnsOf(container) : undefined;
    const seen = snapshotInspected(
      container,
      own,
      { ...(netns && { netns }), ...(hostDns && { hostDns }) },
      kindOf,
    );
    // An event that came meanwhile may tell of something newer still. Without a process it is looked at again.
    if (!this.#dirty.has(id) && seen.view.netns) this.#fresh.add(id);
    this.#snapshots.set(id, seen);
    this.#inspectErrors.forget(id);
    return seen;
  }

  /** The inspection that was asked for before the listing, unless that is newer. */
  async #inspectAs(
    print: string,
    { Id }: ListedContainer,
    early: Promise<Inspection | undefined> | undefined,
  ): Promise<Inspection | undefined> {
    const inspection = await early;
    return inspection && fingerprint(inspection.container) === print ? inspection : this.#inspect(Id);
  }

  /**
   * A container that Docker cannot inspect: as it was seen before, if it is the same by the listing; else what that
   * tells, its name and addresses, for others' sake.
   */
  #lastSnapshot(listed: ListedContainer): ContainerSnapshot {
    const known = this.#snapshots.get(listed.Id);
    if (known?.fingerprint === fingerprint(listed)) return known;
    return snapshotListed(listed, network => this.#networks.kindOf(network), known);
  }

  /** A container with its labels; undefined where it is gone. */
  async #inspect(id: string): Promise<Inspection | undefined> {
    const container = await unlessGone(this.#queries.get(inspectionOf(id), readInspection));
    if (!container) return undefined;
    // Labels of one that does not run do not count, and its image may be gone.
    if (!container.State.Running) return { container, own: { labels: new Map(), imageLabels: [] } };
    const own = await this.#imageLabels.read(container);
    this.#parts.labelled?.(id, nameOf(container), own.labels);
    return { container, own };
  }

  #complete(seen: ContainerSnapshot, hostNetwork: boolean, isIndeterminate: boolean): ContainerView {
    const { snapshot, view: known } = this.#views.get(seen.view.id) ?? {};
    const isSame = known?.hostNetwork === hostNetwork && (known.isIndeterminate ?? false) === isIndeterminate;
    if (snapshot === seen && isSame) return known;
    const view = {
      ...seen.view,
      revision: ++this.#revision,
      hostNetwork,
      ...(isIndeterminate && { isIndeterminate }),
    };
    this.#views.set(seen.view.id, { snapshot: seen, view });
    return view;
  }
}

function inspectionOf(id: string): string {
  return `/containers/${id}/json`;
}

/** Maps with so many calls under way at a time, in order. */
async function mapSome<T, U>(
  items: readonly T[],
  atATime: number,
  fn: (item: T) => Promise<U>,
): Promise<U[]> {
  const results = new Array<U>(items.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const n = next++;
      results[n] = await fn(items[n]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, work));
  return results;
}

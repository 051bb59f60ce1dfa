// Holds containers at the host from Docker's `network connect` until their labels are in force, so that nothing of them
// leaves before. If the daemon dies, the kernel lets go by itself. Not here: whose labels ask for it (starting.ts), the
// kernel's part (held-set.ts), applying labels (labels/controller/reconciler.ts).

import type { Log } from '../../base/log.js';
import type { DockerApi } from '../../docker/api-client.js';
import { mapConcurrently } from '../../docker/map-concurrently.js';
import type { SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import type { ConnectEvent, ConnectedNetwork } from '../discovery/docker-answers.js';
import { isRunning, type ListedContainer, nameOf } from '../discovery/docker-view.js';
import { networkIds } from '../discovery/networks.js';
import { type ApplyResult, isClosedOrInForce } from '../namespace/outcome.js';
import { Questions } from './docker-questions.js';
import type { HeldSet } from './held-set.js';
import { type HeldEndpoint, HOLD_SECONDS, MAX_HELD } from './hold-table.js';
import { Refusals } from './refusals.js';
import { endpointOn, isToBeHeld } from './starting.js';

const MAX_CONCURRENCY = 8;
const RENEW_MS = (HOLD_SECONDS * 1000) / 3;
/** How long a start may take. One that fails is told by an event. */
const START_MS = 600_000;

interface HoldParts {
  readonly api: Pick<DockerApi, 'get' | 'isClosed'>;
  readonly set: Pick<HeldSet, 'open' | 'add' | 'delete' | 'retainOnly' | 'remove'>;
  readonly log: Log;
  /** Whether all labels are as `twine.strict`. */
  readonly strict: boolean;
  /** A clock, in milliseconds; absent: the machine's monotonic one. */
  readonly now?: () => number;
}

/** A container that starts. */
interface Held {
  name: string;
  /** When Docker connected it last. */
  since: number;
  /** How many questions about it are under way. */
  asking: number;
  readonly endpoints: HeldEndpoint[];
  /** Whether it runs, and its labels are not in force. */
  isRunning: boolean;
  /** The key of the namespace that it runs in. */
  netns?: string | undefined;
}

export class Hold {
  readonly #parts: HoldParts;
  readonly #questions: Questions;
  /** By container id: those that may be held. */
  readonly #held = new Map<string, Held>();
  readonly #refusals: Refusals;
  #timer: NodeJS.Timeout | undefined;
  /** When the last listing was begun. */
  #listedAt = Number.NEGATIVE_INFINITY;
  /** Settles when those that start now are known; undefined when nobody is held by an earlier daemon any more. */
  #known: Promise<void> | undefined;
  /** Keys of namespaces of the first plan to which it has not been applied. */
  #unread: Set<string> | undefined;
  #isClosed = false;

  constructor(parts: HoldParts) {
    this.#parts = parts;
    this.#questions = new Questions(parts.api);
    this.#refusals = new Refusals(parts.log);
  }

  /** Begins. Whom an earlier daemon held stays held. */
  open(): void {
    this.#refusals.attempt('containers are not held while they start', () => this.#parts.set.open());
  }

  /** Ends: nobody is held any more. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#refusals.attempt('the table that holds containers stays: dwgd cleanup removes it', () =>
      this.#parts.set.remove(),
    );
  }

  /** Takes note that Docker has connected a container; of nothing: of these some may have been missed. */
  connected(connection?: ConnectEvent): void {
    if (this.#isClosed) return;
    if (!connection) {
      const known = this.#holdAll().catch(err => this.#cannotHold('containers that start now', err));
      this.#questions.begin(known);
      if (!this.#unread) this.#known = known;
      return;
    }
    const { container: id, network } = connection;
    const held = this.#enter(id);
    if (!held) return;
    this.#questions.begin(this.#holdOne(id, network, held).catch(err => this.#cannotHold(held.name, err)));
  }

  /** Takes note that a container has ended. */
  ended(id: string): void {
    const held = this.#held.get(id);
    if (held) this.#release(id, held);
  }

  /**
   * Lists containers by a function, and remembers when it was begun: who starts later is not in the listing as one that does.
   * What follows would hold up those who are to be held, so it waits for them.
   */
  async listing<T>(list: () => Promise<T>): Promise<T> {
    const began = this.#now();
    const found = await list();
    this.#listedAt = began;
    await this.#questions.answered();
    return found;
  }

  /** Takes note of the last listing, and of what is to be in force: in other namespaces it is nothing. */
  planned(containers: readonly ContainerView[], sandboxes: readonly Pick<SandboxDesired, 'netns'>[]): void {
    this.#unread ??= new Set(sandboxes.map(({ netns }) => netns.key));
    if (this.#unread.size === 0) this.#letGoOfInherited();
    if (this.#held.size === 0) return;
    const wanted = new Set(sandboxes.map(({ netns }) => netns.key));
    const views = new Map(containers.map(view => [view.id, view]));
    for (const [id, held] of this.#held) {
      if (held.since > this.#listedAt) continue;
      const view = views.get(id);
      const key = view?.netns?.key;
      held.netns = key;
      held.isRunning = key !== undefined || view?.unverifiedLabelKeys !== undefined;
      const hasNothing = key !== undefined && !wanted.has(key) && !view?.isIndeterminate;
      if (!view || view.hostNetwork || hasNothing) this.#release(id, held);
    }
  }

  /** Takes note of what came of applying what is to be in force in a namespace; undefined where it is gone. */
  programmed(key: string, outcome: ApplyResult | undefined): void {
    if (this.#unread?.delete(key) && this.#unread.size === 0) this.#letGoOfInherited();
    if (!outcome || !isClosedOrInForce(outcome)) return;
    for (const [id, held] of this.#held) if (held.netns === key) this.#release(id, held);
  }

  /** Whom an earlier daemon held, but for those that start now: what is to be in force was applied everywhere. */
  #letGoOfInherited(): void {
    const known = this.#known;
    this.#known = undefined;
    void known?.then(() => {
      if (this.#isClosed) return;
      const endpoints = [...this.#held.values()].flatMap(held => held.endpoints);
      this.#refusals.attempt('containers of an earlier daemon stay held', () =>
        this.#parts.set.retainOnly(endpoints),
      );
    });
  }

  /** Those that start now: their events may have been missed. */
  async #holdAll(): Promise<void> {
    const listed = await this.#questions.containers();
    const starting = listed.filter(one => !isRunning(one) && isToBeHeld(one, this.#parts.strict));
    const entered = starting.map(container => ({ container, held: this.#enter(container.Id) }));
    try {
      const networks = [...new Set(starting.flatMap(networkIds))];
      await mapConcurrently(networks, MAX_CONCURRENCY, async network => {
        const found = await this.#questions.network(network);
        for (const { container, held } of entered) this.#add(container, held, found);
      });
    } finally {
      for (const { container, held } of entered) this.#asked(container.Id, held);
    }
  }

  async #holdOne(id: string, network: string, held: Held): Promise<void> {
    try {
      // At once: there is no time for one after the other.
      const asked = [this.#questions.containers(id), this.#questions.network(network)] as const;
      const [[container], found] = await Promise.all(asked);
      if (container?.Id === id && isToBeHeld(container, this.#parts.strict))
        this.#add(container, held, found);
    } finally {
      this.#asked(id, held);
    }
  }

  /** One that is on no network by which it could be held is forgotten. */
  #asked(id: string, held: Held | undefined): void {
    if (held && --held.asking === 0 && held.endpoints.length === 0 && this.#held.get(id) === held)
      this.#held.delete(id);
  }

  /** Undefined where too many start at once. */
  #enter(id: string): Held | undefined {
    const known = this.#held.get(id);
    if (!known && this.#held.size >= MAX_HELD) {
      this.#cannotHold(id.slice(0, 12), new Error(`${MAX_HELD} others are held`));
      return undefined;
    }
    const held = known ?? { name: id.slice(0, 12), since: 0, asking: 0, endpoints: [], isRunning: false };
    held.since = this.#now();
    held.asking++;
    this.#held.set(id, held);
    this.#timer ??= setInterval(() => this.#renew(), RENEW_MS).unref();
    return held;
  }

  #add(container: ListedContainer, held: Held | undefined, network: ConnectedNetwork | undefined): void {
    const endpoint = network && endpointOn(network, container);
    // Meanwhile its labels may have come into force.
    if (!endpoint || !held || this.#held.get(container.Id) !== held || this.#isClosed) return;
    held.name = nameOf(container);
    held.endpoints.push(endpoint);
    this.#refusals.attempt(`${held.name} is not held while it starts`, () => this.#parts.set.add([endpoint]));
    this.#parts.log.debug({ container: held.name, ...endpoint }, 'held until its labels are in force');
  }

  #release(id: string, { name, endpoints, since }: Held): void {
    this.#held.delete(id);
    if (endpoints.length === 0) return;
    this.#refusals.attempt(`${name} stays held for up to ${HOLD_SECONDS} s`, () =>
      this.#parts.set.delete(endpoints),
    );
    this.#parts.log.debug({ container: name, ms: Math.round(this.#now() - since) }, 'held no more');
  }

  #renew(): void {
    for (const [id, { name, since, endpoints, isRunning }] of this.#held) {
      const age = this.#now() - since;
      if (!isRunning && age > START_MS) this.#held.delete(id);
      else if (endpoints.length > 0 && age >= RENEW_MS) {
        this.#refusals.attempt(`${name} is not held any more`, () => this.#parts.set.add(endpoints));
        if (isRunning)
          this.#parts.log.warn(
            { container: name },
            'what it sends is dropped at the host until its labels can be applied',
          );
      }
    }
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #cannotHold(name: string, err: unknown): void {
    if (this.#isClosed || this.#parts.api.isClosed) return;
    const consequence = "not held until labels are in force, so first packets may go by Docker's routes";
    this.#refusals.note(`${name}: ${consequence}`, err);
  }

  #now(): number {
    return this.#parts.now?.() ?? performance.now();
  }
}

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
import { type Held, newHeld } from './held-container.js';
import type { HeldSet } from './held-set.js';
import { HOLD_SECONDS, MAX_HELD } from './hold-table.js';
import { Inherited } from './inherited.js';
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

export class Hold {
  readonly #parts: HoldParts;
  readonly #questions: Questions;
  /** By container id: those that may be held. */
  readonly #held = new Map<string, Held>();
  readonly #refusals: Refusals;
  #timer: NodeJS.Timeout | undefined;
  /** When the last listing was begun. */
  #listedAt = Number.NEGATIVE_INFINITY;
  readonly #inherited = new Inherited(() => this.#letGoOfInherited());
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
      this.#inherited.starting(known);
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

  /** Takes note that Docker has disconnected a container: on its other networks it stays held. */
  disconnected({ container, network }: ConnectEvent): void {
    const held = this.#held.get(container);
    if (!held) return;
    this.#drop(held, [network]);
    this.#forgetUnheld(container, held);
  }

  /**
   * Lists containers by a function, and remembers when it was begun: who starts later is not in the listing as one that does.
   * What follows would hold up those who are to be held, so it waits for them.
   */
  async listing<T>(list: () => Promise<T>): Promise<T> {
    const began = this.#now();
    const found = await list();
    await this.#questions.answered();
    // Until here plans are made of the listing before it.
    this.#listedAt = began;
    return found;
  }

  /** Takes note of the last listing, and of what is to be in force: in other namespaces it is nothing. */
  planned(containers: readonly ContainerView[], sandboxes: readonly Pick<SandboxDesired, 'netns'>[]): void {
    this.#inherited.planned(sandboxes);
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
    this.#inherited.programmed(key);
    if (!outcome || !isClosedOrInForce(outcome)) return;
    for (const [id, held] of this.#held) if (held.netns === key) this.#release(id, held);
  }

  /** Whom an earlier daemon held, but for those that start now: what is to be in force was applied everywhere. */
  #letGoOfInherited(): void {
    if (this.#isClosed) return;
    const endpoints = [...this.#held.values()].flatMap(held => [...held.endpoints.values()]);
    this.#refusals.attempt('containers of an earlier daemon stay held', () =>
      this.#parts.set.retainOnly(endpoints),
    );
  }

  /** Those that start now: their events may have been missed. */
  async #holdAll(): Promise<void> {
    const listed = await this.#questions.containers();
    const starting = listed.filter(one => !isRunning(one) && isToBeHeld(one, this.#parts.strict));
    const entered = starting.flatMap(container => {
      const held = this.#enter(container.Id);
      return held ? { container, held, stale: new Set(held.endpoints.keys()) } : [];
    });
    try {
      const networks = [...new Set(starting.flatMap(networkIds))];
      await mapConcurrently(networks, MAX_CONCURRENCY, async network => {
        const found = await this.#questions.network(network);
        for (const { container, held, stale } of entered)
          if (this.#add(container, held, found)) stale.delete(network);
      });
      // Its end may have been missed, and its link-layer address be another's by now.
      for (const { held, stale } of entered) this.#drop(held, [...stale]);
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
  #asked(id: string, held: Held): void {
    held.asking--;
    this.#forgetUnheld(id, held);
  }

  #forgetUnheld(id: string, held: Held): void {
    if (held.asking === 0 && held.endpoints.size === 0 && this.#held.get(id) === held) this.#held.delete(id);
  }

  /** Undefined where too many start at once. */
  #enter(id: string): Held | undefined {
    const known = this.#held.get(id);
    if (!known && this.#held.size >= MAX_HELD) {
      this.#cannotHold(id.slice(0, 12), new Error(`${MAX_HELD} others are held`));
      return undefined;
    }
    const held = known ?? newHeld(id);
    held.since = this.#now();
    // A plan that does not know of this yet says nothing of it.
    held.netns = undefined;
    held.asking++;
    this.#held.set(id, held);
    this.#timer ??= setInterval(() => this.#renew(), RENEW_MS).unref();
    return held;
  }

  /** @returns whether it is on the network */
  #add(container: ListedContainer, held: Held, network: ConnectedNetwork | undefined): boolean {
    const endpoint = network && endpointOn(network, container);
    // Meanwhile its labels may have come into force.
    if (!endpoint || this.#held.get(container.Id) !== held || this.#isClosed) return false;
    held.name = nameOf(container);
    if (held.endpoints.get(network.Id)?.mac !== endpoint.mac) this.#drop(held, [network.Id]);
    held.endpoints.set(network.Id, endpoint);
    this.#refusals.attempt(`${held.name} is not held while it starts`, () => this.#parts.set.add([endpoint]));
    this.#parts.log.debug({ container: held.name, ...endpoint }, 'held until its labels are in force');
    return true;
  }

  #release(id: string, held: Held): void {
    this.#held.delete(id);
    this.#drop(held, [...held.endpoints.keys()]);
  }

  /** Lets go of a container on networks. */
  #drop({ name, endpoints, since }: Held, networks: readonly string[]): void {
    const dropped = networks.flatMap(network => endpoints.get(network) ?? []);
    for (const network of networks) endpoints.delete(network);
    if (dropped.length === 0) return;
    this.#refusals.attempt(`${name} stays held for up to ${HOLD_SECONDS} s`, () =>
      this.#parts.set.delete(dropped),
    );
    this.#parts.log.debug({ container: name, ms: Math.round(this.#now() - since) }, 'held no more');
  }

  #renew(): void {
    for (const [id, held] of this.#held) {
      const { name, since, endpoints, isRunning } = held;
      const age = this.#now() - since;
      if (!isRunning && age > START_MS) this.#release(id, held);
      else if (endpoints.size > 0 && age >= RENEW_MS) {
        const all = [...endpoints.values()];
        this.#refusals.attempt(`${name} is not held any more`, () => this.#parts.set.add(all));
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

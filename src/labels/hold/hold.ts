// Holds containers at the host from Docker's `network connect` until their labels are in force, so that nothing of them
// leaves before. If the daemon dies, the kernel lets go by itself. Not here: whose labels ask for it (starting.ts), who is held
// (held-containers.ts) until when (hold-ends.ts), the time before an address is known (bridge-guard.ts), the kernel's part.

import type { Log } from '../../base/log.js';
import type { DockerApi } from '../../docker/api-client.js';
import type { SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import type { ConnectEvent, ConnectedNetwork, CreateEvent } from '../discovery/docker-answers.js';
import { isRunning, type ListedContainer, nameOf } from '../discovery/docker-view.js';
import type { ApplyResult } from '../namespace/outcome.js';
import { AskedNetworks } from './asked-networks.js';
import { BridgeGuard } from './bridge-guard.js';
import { Questions } from './docker-questions.js';
import { type Held, HeldContainers } from './held-containers.js';
import type { HeldSet } from './held-set.js';
import { HoldEnds } from './hold-ends.js';
import type { HostBridges } from './host-bridges.js';
import { Refusals } from './refusals.js';
import { endpointOn, isToBeHeld, networksOf } from './starting.js';

interface HoldParts {
  readonly api: Pick<DockerApi, 'get' | 'isClosed'>;
  readonly set: Pick<HeldSet, keyof HeldSet>;
  readonly bridges: Pick<HostBridges, 'of' | 'heardOn'>;
  readonly log: Log;
  /** Whether all labels are as `twine.strict`. */
  readonly strict: boolean;
  /** A clock, in milliseconds; absent: the machine's monotonic one. */
  readonly now?: () => number;
}

export class Hold {
  readonly #parts: HoldParts;
  readonly #questions: Questions;
  readonly #refusals: Refusals;
  /** Those that may be held. */
  readonly #held: HeldContainers;
  readonly #guard: BridgeGuard;
  readonly #networks: AskedNetworks;
  /** By id the names of those that are known not to be held. */
  readonly #others = new Map<string, string>();
  /** Ids of those to be held that Docker has made, and not connected yet: what is known of them may still be under way. */
  readonly #made = new Set<string>();
  readonly #ends: HoldEnds;
  #isClosed = false;

  constructor(parts: HoldParts) {
    const { api, set, bridges, log } = parts;
    this.#parts = parts;
    this.#questions = new Questions(api);
    this.#refusals = new Refusals(log);
    const now = (): number => this.#now();
    this.#held = new HeldContainers({ set, log, refusals: this.#refusals, now });
    this.#ends = new HoldEnds(this.#held, () => this.#letGoOfInherited());
    this.#guard = new BridgeGuard({
      ...{ set, bridges, refusals: this.#refusals, now },
      mayPass: by =>
        'id' in by
          ? !this.#held.get(by.id) && !this.#made.has(by.id) && !this.#guard.expects(by.id)
          : [...this.#others.values()].includes(by.name),
    });
    this.#networks = new AskedNetworks(this.#questions, this.#guard, log);
  }

  /** Begins. Whom an earlier daemon held stays held. */
  open(): void {
    this.#refusals.attempt('containers are not held while they start', () => this.#parts.set.open());
  }

  /** Ends: nobody is held any more. */
  close(): void {
    this.#isClosed = true;
    this.#held.close();
    this.#guard.close();
    this.#refusals.attempt('the table that holds containers stays: dwgd cleanup removes it', () =>
      this.#parts.set.remove(),
    );
  }

  /** Takes note that Docker has made a container: it is about to start. */
  created({ id, name, labels }: CreateEvent): void {
    if (this.#isClosed) return;
    if (!isToBeHeld({ Labels: labels }, this.#parts.strict)) return void this.#others.set(id, name);
    // Who had its name is gone, or has another.
    for (const [other, of] of this.#others) if (other === id || of === name) this.#others.delete(other);
    this.#made.add(id);
    const asked = this.#networks.expect(id, () => this.#held.get(id) !== undefined);
    this.#questions.begin(asked.catch(err => this.#cannotHold(name, err)));
  }

  /** Takes note that Docker has connected a container; of nothing: of these some may have been missed. */
  connected(connection?: ConnectEvent): void {
    if (this.#isClosed) return;
    if (!connection) {
      this.#made.clear();
      void this.#networks.turnByVersion();
      const known = this.#holdAll().catch(err => this.#cannotHold('containers that start now', err));
      this.#questions.begin(known);
      this.#ends.starting(known);
      return;
    }
    const { container: id, network } = connection;
    if (this.#others.has(id)) {
      if (this.#guard.concerns(network)) this.#questions.begin(this.#networks.learn(id, network));
      return;
    }
    this.#guard.expect(id, network);
    this.#made.delete(id);
    const held = this.#enter(id);
    if (!held) return;
    this.#questions.begin(this.#holdOne(id, network, held).catch(err => this.#cannotHold(held.name, err)));
  }

  /** Takes note that a bridge has got a port: somebody is about to start. */
  portAdded(bridge: string): void {
    if (!this.#isClosed) this.#guard.portAdded(bridge);
  }

  /** Takes note that some bridge may have got a port, and why it cannot be told which. */
  portMissed(err: unknown): void {
    if (!this.#isClosed) this.#refusals.note('who starts on a bridge may not be held in time', err);
  }

  /** Takes note that a container has ended. */
  ended(id: string): void {
    this.#made.delete(id);
    const held = this.#held.get(id);
    if (held) this.#held.release(id, held);
    this.#guard.settled(id);
  }

  /** Takes note that a network is there no more. */
  removed(network: string): void {
    this.#guard.gone(network);
  }

  /** Takes note that Docker has disconnected a container. */
  disconnected({ container, network }: ConnectEvent): void {
    this.#held.disconnect(container, network);
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
    this.#ends.listed(began);
    return found;
  }

  /** Takes note of the last listing, and of what is to be in force: in other namespaces it is nothing. */
  planned(containers: readonly ContainerView[], sandboxes: readonly Pick<SandboxDesired, 'netns'>[]): void {
    const listed = new Set(containers.map(({ id }) => id));
    for (const id of this.#others.keys()) if (!listed.has(id)) this.#others.delete(id);
    this.#ends.planned(containers, sandboxes);
  }

  /** Takes note of what came of applying what is to be in force in a namespace; undefined where it is gone. */
  programmed(key: string, outcome: ApplyResult | undefined): void {
    this.#ends.programmed(key, outcome);
  }

  /** Whom an earlier daemon held, but for those that start now: what is to be in force was applied everywhere. */
  #letGoOfInherited(): void {
    if (this.#isClosed) return;
    this.#refusals.attempt('containers of an earlier daemon stay held', () =>
      this.#parts.set.retainOnly(this.#held.endpoints()),
    );
  }

  /** Those that start now: their events may have been missed. */
  async #holdAll(): Promise<void> {
    const { strict } = this.#parts;
    const listed = await this.#questions.containers();
    const wanted = listed.filter(one => isToBeHeld(one, strict));
    for (const one of listed) if (!isToBeHeld(one, strict)) this.#others.set(one.Id, nameOf(one));
    const entered = wanted
      .filter(one => !isRunning(one))
      .flatMap(container => {
        const held = this.#enter(container.Id);
        return held ? { container, held, stale: new Set(held.endpoints.keys()) } : [];
      });
    try {
      const networks = [...new Set(wanted.flatMap(networksOf))];
      await this.#networks.askEach(networks, found => {
        for (const { container, held, stale } of entered)
          if (found && this.#hold(container, held, found)) stale.delete(found.Id);
      });
      // Its end may have been missed, and its link-layer address be another's by now.
      for (const { held, stale } of entered) this.#held.drop(held, [...stale]);
    } finally {
      for (const { container, held } of entered) this.#held.answered(container.Id, held);
    }
  }

  async #holdOne(id: string, network: string, held: Held): Promise<void> {
    try {
      // At once: there is no time for one after the other.
      const asked = [this.#questions.containers(id), this.#questions.network(network)] as const;
      const [[container], found] = await Promise.all(asked);
      if (container?.Id === id && isToBeHeld(container, this.#parts.strict)) {
        if (found) this.#hold(container, held, found);
      } else if (container?.Id === id) this.#others.set(id, nameOf(container));
      if (found) this.#guard.told(found);
    } finally {
      this.#guard.settled(id, network);
      this.#held.answered(id, held);
    }
  }

  /** @returns whether it is on the network */
  #hold(container: ListedContainer, held: Held, network: ConnectedNetwork): boolean {
    const bridge = this.#isClosed ? undefined : this.#parts.bridges.of(network);
    const endpoint = bridge === undefined ? undefined : endpointOn(network, bridge, container);
    if (!endpoint) return false;
    held.name = nameOf(container);
    return this.#held.hold(container.Id, held, network.Id, endpoint);
  }

  /** Undefined where too many start at once. */
  #enter(id: string): Held | undefined {
    try {
      return this.#held.enter(id);
    } catch (err) {
      this.#cannotHold(id.slice(0, 12), err);
      return undefined;
    }
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

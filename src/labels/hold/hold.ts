// Holds containers at the host from Docker's `network connect` until their labels are in force, so that nothing of them
// leaves before. If the daemon dies, the kernel lets go by itself. Not here: whose labels ask for it (starting.ts), what is asked
// (starts.ts), who is held (held-containers.ts) until when (hold-ends.ts), the time before an address is known (bridge-guard.ts).

import type { Log } from '../../base/log.js';
import type { DockerApi } from '../../docker/api-client.js';
import type { SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import type { ConnectEvent, CreateEvent, RemoveEvent } from '../discovery/docker-answers.js';
import type { ApplyResult } from '../namespace/outcome.js';
import { AskedNetworks } from './asked-networks.js';
import { afterBacklog } from './backlog.js';
import { BridgeGuard } from './bridge-guard.js';
import { Questions } from './docker-questions.js';
import { type Held, HeldContainers } from './held-containers.js';
import type { HeldSet } from './held-set.js';
import { HoldEnds } from './hold-ends.js';
import type { HostBridges } from './host-bridges.js';
import { Passers } from './passers.js';
import { Refusals } from './refusals.js';
import { isToBeHeld } from './starting.js';
import { Starts } from './starts.js';

interface HoldParts {
  readonly api: Pick<DockerApi, 'get' | 'isClosed'>;
  readonly set: Pick<HeldSet, keyof HeldSet>;
  readonly bridges: Pick<HostBridges, 'of' | 'heardOn'>;
  readonly log: Log;
  /** Whether all labels are as `twine.strict`. */
  readonly strict: boolean;
  /** A clock, in milliseconds; absent: the machine's monotonic one. */
  readonly now?: () => number;
  /** As that of HoldEnds; absent: that of the kernel. */
  readonly drained?: (work: () => void) => void;
}

export class Hold {
  readonly #parts: HoldParts;
  readonly #questions: Questions;
  readonly #refusals: Refusals;
  /** Those that may be held. */
  readonly #held: HeldContainers;
  readonly #guard: BridgeGuard;
  readonly #networks: AskedNetworks;
  readonly #starts: Starts;
  readonly #passers = new Passers();
  readonly #ends: HoldEnds;
  #isClosed = false;

  constructor(parts: HoldParts) {
    const { api, set, bridges, log } = parts;
    const drained = (work: () => void): void =>
      (parts.drained ?? afterBacklog)(() => {
        if (!this.#isClosed) work();
      });
    this.#parts = parts;
    this.#questions = new Questions(api);
    this.#refusals = new Refusals(log);
    const now = (): number => this.#now();
    this.#held = new HeldContainers({ set, log, refusals: this.#refusals, now });
    this.#guard = new BridgeGuard({
      ...{ set, bridges, refusals: this.#refusals, now },
      mayPass: by => this.#passers.mayPass(by) && !('id' in by && this.#held.get(by.id)),
    });
    const ends = {
      mayPass: (id: string) => this.#passers.mayPass({ id }),
      inForce: (id: string, held: Held | undefined) => {
        this.#passers.inForce(id);
        this.#guard.passed(id, [...(held?.endpoints.values() ?? [])]);
      },
      drained,
    };
    this.#ends = new HoldEnds(this.#held, ends, () => drained(() => this.#letGoOfInherited()));
    this.#networks = new AskedNetworks(this.#questions, this.#guard, log);
    this.#starts = new Starts({
      ...{ questions: this.#questions, networks: this.#networks, guard: this.#guard, passers: this.#passers },
      ...{ held: this.#held, strict: parts.strict },
      bridgeOf: network => (this.#isClosed ? undefined : bridges.of(network)),
      cannotHold: (name, err) => this.#cannotHold(name, err),
    });
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
    if (!isToBeHeld({ Labels: labels }, this.#parts.strict)) return void this.#passers.frees(id, name);
    // Who had its name is gone, or has another.
    this.#passers.starts(id, name);
    this.#refusals.attempt(`${name} may not be held in time`, () => this.#parts.set.mend());
    void this.#begin(
      this.#networks.expect(id, () => this.#held.get(id) !== undefined),
      name,
    );
  }

  /** Takes note that Docker has connected a container; of nothing: of these some may have been missed. */
  connected(connection?: ConnectEvent): void {
    if (this.#isClosed) return;
    if (!connection) {
      void this.#networks.turnByVersion();
      this.#ends.starting(this.#begin(this.#starts.all(), 'containers that start now'));
      return;
    }
    const { container: id, network } = connection;
    if (this.#passers.isFree(id)) {
      if (this.#guard.concerns(network)) this.#questions.begin(this.#networks.learn(id, network));
      return;
    }
    this.#ends.begins(id);
    this.#guard.expect(id, network);
    this.#passers.starts(id);
    const held = this.#starts.enter(id);
    if (held) void this.#begin(this.#starts.one(id, network, held), held.name);
  }

  /** Takes note that a bridge has got a port: somebody is about to start. */
  portAdded(bridge: string): void {
    if (!this.#isClosed) this.#networks.portAdded(this.#guard.portAdded(bridge));
  }

  /** Takes note that some bridge may have got a port, and why it cannot be told which. */
  portMissed(err: unknown): void {
    if (!this.#isClosed) this.#refusals.note('who starts on a bridge may not be held in time', err);
  }

  /** Takes note that a container has ended. */
  ended(id: string): void {
    const held = this.#held.get(id);
    if (held) this.#held.release(id, held);
    this.#ends.begins(id);
    this.#guard.settled(id);
    if (this.#isClosed || this.#passers.isFree(id)) return;
    this.#passers.starts(id);
    this.#guard.ended(id);
  }

  /** Takes note that a container or a network is there no more. */
  removed({ what, id }: RemoveEvent): void {
    if (what === 'network') this.#guard.gone(id);
    else {
      // Its bridge is guarded all the time meanwhile.
      this.#guard.removed(id);
      this.ended(id);
      this.#guard.removed(id);
    }
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
    this.#passers.retainOnly(listed);
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

  /** Has others wait for the answers to what was asked. */
  #begin(asked: Promise<void>, name: string): Promise<void> {
    const answered = asked.catch(err => this.#cannotHold(name, err));
    this.#questions.begin(answered);
    return answered;
  }

  #cannotHold(name: string, err: unknown): void {
    if (!this.#isClosed && !this.#parts.api.isClosed) this.#refusals.noHold(name, err);
  }

  #now(): number {
    return this.#parts.now?.() ?? performance.now();
  }
}

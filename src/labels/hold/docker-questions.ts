// What Docker is asked about those who start, while others wait for the answers. Not here: what follows from them (hold.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { type DockerApi, unlessGone } from '../../docker/api-client.js';
import { parseVersion, readVersion } from '../../docker/engine-version.js';
import { LISTING } from '../../docker/queries.js';
import {
  type ConnectedNetwork,
  readConnectedNetwork,
  readContainerListing,
} from '../discovery/docker-answers.js';
import type { ListedContainer } from '../discovery/docker-view.js';

/** How long Docker may take for an answer: after that the container has started. */
const ANSWER_MS = 5_000;
/** The first version of Docker that makes a container's ends some milliseconds before it starts, and not some hundred. */
const FIRST_LATE = 28;
/** How long others wait at most. */
const GIVE_WAY_MS = 500;

export class Questions {
  readonly #api: Pick<DockerApi, 'get'>;
  readonly #underWay = new Set<Promise<void>>();
  /** By network: the question under way, and the one that follows it for all who have asked since. */
  readonly #networks = new Map<string, Promise<ConnectedNetwork | undefined>>();
  readonly #next = new Map<string, Promise<ConnectedNetwork | undefined>>();

  constructor(api: Pick<DockerApi, 'get'>) {
    this.#api = api;
  }

  /** All containers, or the one with an id. @throws Error when Docker does not answer */
  async containers(id?: string): Promise<ListedContainer[]> {
    const query = { all: true, ...(id !== undefined && { filters: { id: [id] } }) };
    return readContainerListing(await this.#api.get(LISTING, ANSWER_MS, query));
  }

  /** Whether Docker tells of who starts too late to ask; undefined where it does not say its version. @throws Error as above */
  async isLate(): Promise<boolean | undefined> {
    const version = readVersion(await this.#api.get<unknown>('/version', ANSWER_MS));
    const parsed = parseVersion(version ?? '');
    return parsed && parsed[0] >= FIRST_LATE;
  }

  /**
   * A network with who is connected to it; undefined where it is gone. An answer tells of all, so those who ask while one is
   * awaited, which may be older than what they ask about, share the next.
   * @param network its id or its name
   * @throws Error when Docker does not answer
   */
  network(network: string): Promise<ConnectedNetwork | undefined> {
    const shared = this.#next.get(network);
    if (shared !== undefined) return shared;
    const before = this.#networks.get(network);
    if (before === undefined) return this.#begin(network);
    const next = before
      .catch(() => undefined)
      .then(() => {
        this.#next.delete(network);
        return this.#begin(network);
      });
    this.#next.set(network, next);
    return next;
  }

  #begin(network: string): Promise<ConnectedNetwork | undefined> {
    const asked = this.#askNetwork(network).finally(() => {
      if (this.#networks.get(network) === asked) this.#networks.delete(network);
    });
    this.#networks.set(network, asked);
    return asked;
  }

  async #askNetwork(network: string): Promise<ConnectedNetwork | undefined> {
    const path = `/networks/${encodeURIComponent(network)}`;
    const answer = await unlessGone(this.#api.get<unknown>(path, ANSWER_MS));
    return answer === undefined ? undefined : readConnectedNetwork(answer);
  }

  /** Has others wait for what asks. @param work does not fail */
  begin(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.then(() => this.#underWay.delete(work));
  }

  /** Resolves when nothing asks any more, or after GIVE_WAY_MS. */
  async answered(): Promise<void> {
    if (this.#underWay.size === 0) return;
    await Promise.race([Promise.all(this.#underWay), sleep(GIVE_WAY_MS, undefined, { ref: false })]);
  }
}

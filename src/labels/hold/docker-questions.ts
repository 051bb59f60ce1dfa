// What Docker is asked about those who start, while others wait for the answers. Not here: what follows from them (hold.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { type DockerApi, unlessGone } from '../../docker/api-client.js';
import { LISTING } from '../../docker/queries.js';
import {
  type ConnectedNetwork,
  readConnectedNetwork,
  readContainerListing,
} from '../discovery/docker-answers.js';
import type { ListedContainer } from '../discovery/docker-view.js';

/** How long Docker may take for an answer: after that the container has started. */
const ANSWER_MS = 5_000;
/** How long others wait at most. */
const GIVE_WAY_MS = 500;

export class Questions {
  readonly #api: Pick<DockerApi, 'get'>;
  readonly #underWay = new Set<Promise<void>>();

  constructor(api: Pick<DockerApi, 'get'>) {
    this.#api = api;
  }

  /** All containers, or the one with an id. @throws Error when Docker does not answer */
  async containers(id?: string): Promise<ListedContainer[]> {
    const query = { all: true, ...(id !== undefined && { filters: { id: [id] } }) };
    return readContainerListing(await this.#api.get(LISTING, ANSWER_MS, query));
  }

  /** A network with who is connected to it; undefined where it is gone. @throws Error when Docker does not answer */
  async network(id: string): Promise<ConnectedNetwork | undefined> {
    const answer = await unlessGone(this.#api.get<unknown>(`/networks/${id}`, ANSWER_MS));
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

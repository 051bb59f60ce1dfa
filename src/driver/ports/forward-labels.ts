// The label `dwgd.forward` of containers on exit networks: asked of Docker after each Join, which does not tell of it, and put on
// record, so that it lasts while Docker is away. Not here: what it means (driver/router/ways-in.ts), asking Docker itself
// (driver/lifecycle/docker-networks.ts).

import { messageOf } from '../../base/errors.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import { plain } from '../../base/plain-text.js';
import { FORWARD, OPEN_BY_THEMSELVES } from '../spec/forwarded-ports.js';
import { type ExitNetwork, isDirect, mayHavePeer } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { LabelledEndpoint } from './label-listing.js';

interface ForwardLabelsParts {
  readonly store: Pick<Store, 'exit' | 'exits' | 'networkEndpoints' | 'endpoint' | 'putEndpoint'>;
  /** By endpoints, of the running containers on these networks. @throws Error when Docker does not answer */
  readonly ask: (networks: readonly string[]) => Promise<ReadonlyMap<string, LabelledEndpoint>>;
  /** The label of an image, by its id; absent: labels of images count as the container's own. @throws Error */
  readonly imageForward?: ((image: string) => Promise<string | undefined>) | undefined;
  /** The ways in to a network have changed. */
  readonly changed: (network: ExitNetwork) => void;
  readonly queue: KeyedQueue;
  readonly log: Log;
}

/** After a Join, or after Docker came up, in milliseconds: Docker does not tell of a container that is being attached. */
const DELAYS_MS = [150, 300, 600, 1_200, 2_500, 5_000, 15_000, 30_000];
/** Characters of a label and of a name that are kept. */
const [LABEL_MAX, NAME_MAX] = [4_096, 128];

export class ForwardLabels {
  readonly #parts: ForwardLabelsParts;
  readonly #delays: readonly number[];
  /** Endpoints of which Docker has told nothing yet. */
  readonly #waiting = new Set<string>();
  readonly #names = new Map<string, string>();
  #asked = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: ForwardLabelsParts, delays = DELAYS_MS) {
    this.#parts = parts;
    this.#delays = delays;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** Docker has come up: asks for all containers. */
  dockerUp(): void {
    const { store } = this.#parts;
    const endpoints = store.exits().flatMap(({ id }) => store.networkEndpoints(id));
    for (const { id } of endpoints.filter(mayHavePeer)) this.#waiting.add(id);
    this.#begin();
  }

  joined(endpointId: string): void {
    this.#waiting.add(endpointId);
    this.#begin();
  }

  /** What a container is called; absent: Docker did not tell. */
  nameOf(endpointId: string): string | undefined {
    return this.#names.get(endpointId);
  }

  #begin(): void {
    this.#asked = 0;
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const delay = this.#delays[this.#asked];
    if (this.#isClosed || this.#waiting.size === 0 || delay === undefined) return;
    this.#timer = setTimeout(() => void this.#ask(), delay).unref();
  }

  async #ask(): Promise<void> {
    const { store, ask } = this.#parts;
    this.#asked++;
    try {
      const present = new Set(
        store
          .exits()
          .flatMap(({ id }) => store.networkEndpoints(id))
          .filter(mayHavePeer)
          .map(({ id }) => id),
      );
      for (const id of this.#names.keys()) if (!present.has(id)) this.#names.delete(id);
      for (const id of this.#waiting) if (!present.has(id)) this.#waiting.delete(id);
      if (this.#waiting.size === 0) return;
      const found = await ask(store.exits().map(({ id }) => id));
      for (const id of [...this.#waiting]) {
        const told = found.get(id);
        if (!told) continue;
        this.#names.set(id, plain(told.container, NAME_MAX));
        await this.#settle(id, told).catch(err => this.#failed(err));
      }
    } catch (err) {
      this.#failed(err);
    }
    this.#schedule();
  }

  #failed(err: unknown): void {
    if (!this.#isClosed && this.#asked === this.#delays.length)
      this.#parts.log.warn(`cannot ask Docker for the label ${FORWARD}: ${messageOf(err)}`);
  }

  /** Where it is not known whose a label is, it does not count. @throws Error when Docker does not say so */
  async #settle(id: string, { image, forward }: LabelledEndpoint): Promise<void> {
    const { imageForward, log } = this.#parts;
    if (forward === undefined) {
      this.#waiting.delete(id);
    } else if (imageForward && (await imageForward(image)) === forward) {
      this.#waiting.delete(id);
      log.info(
        { endpoint: shortId(id) },
        `${FORWARD} came with the container's image and does not count: give it to the container, or start dwgd with --trust-image-labels`,
      );
    } else {
      this.#waiting.delete(id);
      await this.#take(id, forward);
    }
  }

  /** An option of the endpoint counts more than the label, and was there from the beginning. */
  #take(id: string, forward: string): Promise<void> {
    const { store, queue, changed, log } = this.#parts;
    return queue.run(id, async () => {
      const endpoint = store.endpoint(id);
      if (!endpoint || endpoint.forward !== undefined) return;
      store.putEndpoint({ ...endpoint, forward: forward.slice(0, LABEL_MAX) });
      const network = store.exit(endpoint.networkId);
      if (network && isDirect(network))
        log.info({ endpoint: shortId(id) }, `${FORWARD} changes nothing: ${OPEN_BY_THEMSELVES}`);
      else if (network) changed(network);
    });
  }
}

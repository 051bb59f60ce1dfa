// Which labels of ours a container has of its own, and which it may have from its image. They never change: Docker is
// asked once for each image, and labels are read once for each container, however often it is inspected. Not here: what
// the labels mean (labels/spec/parse.ts).

import { messageOf } from '../../base/errors.js';
import type { DockerApi } from '../../docker/api-client.js';
import { readImageLabels } from './docker-answers.js';
import { type InspectedContainer, twineLabels } from './docker-types.js';
import { isRefusal } from './inspect-errors.js';
import { Runtimes } from './runtimes.js';
import type { LabelOrigins } from './snapshot.js';

/** How long Docker may take for an answer, in milliseconds. */
const TIMEOUT_MS = 5_000;

/** Characters of Docker's reason that are told. */
const REASON_MAX = 120;

export class ImageLabels {
  readonly #api: DockerApi;
  readonly #trustImageLabels: boolean;
  readonly #runtimes: Runtimes;
  /** By container id. */
  readonly #known = new Map<string, { readonly own: LabelOrigins; readonly image: string }>();
  /** By image id, of those that known containers have. */
  readonly #images = new Map<string, ReadonlyMap<string, string>>();

  /** @param trustImageLabels whether those that came with the image are the container's own */
  constructor(api: DockerApi, trustImageLabels: boolean) {
    this.#api = api;
    this.#trustImageLabels = trustImageLabels;
    this.#runtimes = new Runtimes(api);
  }

  /** The very same for the same container. @throws Error when Docker cannot be asked */
  async read(container: InspectedContainer): Promise<LabelOrigins> {
    const known = this.#known.get(container.Id);
    if (known) return known.own;
    const own = await this.#read(container);
    // An image may come back, by the name under which it is pulled, and so may leave to ask.
    if (!own.unverified) this.#known.set(container.Id, { own, image: container.Image });
    return own;
  }

  /** Forgets all other containers, and the images that none of these has. */
  retainOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    const images = new Set([...this.#known.values()].map(({ image }) => image));
    for (const image of this.#images.keys()) if (!images.has(image)) this.#images.delete(image);
  }

  async #read({ Config, HostConfig, Image }: InspectedContainer): Promise<LabelOrigins> {
    const labels = twineLabels(Config.Labels);
    const runtime = HostConfig?.Runtime ?? '';
    if (await this.#runtimes.hasOwnStack(runtime))
      return { labels: new Map(), imageLabels: [], ownStack: { runtime, keys: [...labels.keys()] } };
    if (labels.size === 0 || this.#trustImageLabels) return { labels, imageLabels: [] };
    const inherited = await this.#inheritedFrom(Image);
    if (typeof inherited === 'string')
      return { labels: new Map(), imageLabels: [], unverified: { labels, why: inherited } };
    const imageLabels = [...labels.keys()].filter(key => inherited.get(key) === labels.get(key));
    for (const key of imageLabels) labels.delete(key);
    return { labels, imageLabels };
  }

  /** Or why it cannot be told: the image is gone, or Docker does not tell of it. @throws Error when it cannot be asked */
  async #inheritedFrom(image: string): Promise<ReadonlyMap<string, string> | string> {
    const known = this.#images.get(image);
    if (known) return known;
    try {
      const path = `/images/${encodeURIComponent(image).replaceAll('%3A', ':')}/json`;
      const labels = twineLabels(readImageLabels(await this.#api.get(path, TIMEOUT_MS)));
      this.#images.set(image, labels);
      return labels;
    } catch (err) {
      if (!isRefusal(err)) throw err;
      if ((err as { statusCode?: number }).statusCode === 404) return "the container's image is gone";
      return `Docker does not tell of the container's image (${messageOf(err).slice(0, REASON_MAX)})`;
    }
  }
}

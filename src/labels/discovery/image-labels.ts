// Which of our labels are the container's own, and which came with its image. They never change: Docker is asked once for
// each image, and labels are sorted once for each container, however often it is inspected. Not here: what the labels mean
// (labels/spec/parse.ts).

import { messageOf } from '../../base/errors.js';
import type { DockerApi } from '../../docker/api-client.js';
import { readImageLabels } from './docker-answers.js';
import { type InspectedContainer, twineLabels } from './docker-types.js';
import { isRefusal } from './inspect-errors.js';
import { Runtimes } from './runtimes.js';
import type { LabelOrigins } from './snapshot.js';

/** For Docker's answer about an image. */
const TIMEOUT_MS = 5_000;

/** Characters of Docker's reason that are quoted. */
const REASON_MAX = 120;

export class ImageLabels {
  readonly #api: DockerApi;
  readonly #trustImageLabels: boolean;
  readonly #runtimes: Runtimes;
  /** By container id. */
  readonly #known = new Map<string, { readonly own: LabelOrigins; readonly image: string }>();
  /** By image id, of the images of known containers. */
  readonly #images = new Map<string, ReadonlyMap<string, string>>();

  /** @param trustImageLabels whether labels of the image count as the container's own */
  constructor(api: DockerApi, trustImageLabels: boolean) {
    this.#api = api;
    this.#trustImageLabels = trustImageLabels;
    this.#runtimes = new Runtimes(api);
  }

  /** Returns the same object for the same container. @throws Error when Docker does not answer */
  async read(container: InspectedContainer): Promise<LabelOrigins> {
    const known = this.#known.get(container.Id);
    if (known) return known.own;
    const own = await this.#read(container);
    // The image may be pulled again, and Docker may answer again.
    if (!own.unverified) this.#known.set(container.Id, { own, image: container.Image });
    return own;
  }

  /** Forgets all other containers, and images that none of these uses. */
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

  /** The image's labels, or why they are not known. @throws Error when Docker does not answer */
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
      return `Docker cannot inspect the container's image (${messageOf(err).slice(0, REASON_MAX)})`;
    }
  }
}

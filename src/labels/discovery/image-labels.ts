// Which of our labels are the container's own, and which came with its image. They never change: Docker is asked once for
// each image, and labels are sorted once for each container, however often it is inspected. Not here: what the labels mean
// (labels/spec/parse.ts).

import { ClosedError, messageOf } from '../../base/errors.js';
import { plain } from '../../base/plain-text.js';
import type { Queries } from '../../docker/queries.js';
import { readImageLabels } from './docker-answers.js';
import { type InspectedContainer, twineLabels } from './docker-view.js';
import { Runtimes } from './runtimes.js';
import type { LabelOrigins } from './snapshot.js';

/** Characters of Docker's reason that are quoted. */
const REASON_MAX = 120;

/** Why it is not known whether labels count. */
type Unknown = Omit<NonNullable<LabelOrigins['unverified']>, 'labels'>;

export class ImageLabels {
  readonly #queries: Queries;
  readonly #trustImageLabels: boolean;
  readonly #runtimes: Runtimes;
  /** By container id. */
  readonly #known = new Map<string, { readonly own: LabelOrigins; readonly image: string }>();
  /** By image id, of the images of known containers. */
  readonly #images = new Map<string, ReadonlyMap<string, string>>();

  /** @param trustImageLabels whether labels of the image count as the container's own */
  constructor(queries: Queries, trustImageLabels: boolean) {
    this.#queries = queries;
    this.#trustImageLabels = trustImageLabels;
    this.#runtimes = new Runtimes(queries);
  }

  /** Docker is asked once for each container, and until all is known of it. @throws ClosedError */
  async read(container: InspectedContainer): Promise<LabelOrigins> {
    const known = this.#known.get(container.Id);
    if (known) return known.own;
    const own = await this.#read(container);
    // The image may be pulled again, and Docker may answer again.
    if (!own.unverified && !own.unknownRuntime)
      this.#known.set(container.Id, { own, image: container.Image });
    return own;
  }

  /** Forgets all other containers, and images that none of these uses. */
  retainOnly(ids: Pick<ReadonlySet<string>, 'has'>): void {
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    const images = new Set([...this.#known.values()].map(({ image }) => image));
    for (const image of this.#images.keys()) if (!images.has(image)) this.#images.delete(image);
  }

  async #read({ Config, HostConfig, Image }: InspectedContainer): Promise<LabelOrigins> {
    const labels = twineLabels(Config.Labels);
    const runtime = HostConfig?.Runtime ?? '';
    const none = { labels: new Map(), imageLabels: [] };
    const isOwn = await this.#runtimes.hasOwnStack(runtime);
    if (isOwn === true) return { ...none, ownStack: { runtime, keys: [...labels.keys()] } };
    if (typeof isOwn === 'string') {
      const why = isOwn.slice(0, REASON_MAX);
      if (labels.size === 0) return { ...none, unknownRuntime: { runtime, why } };
      return { ...none, unverified: { labels, ...unknownRuntime(runtime, why) } };
    }
    if (labels.size === 0 || this.#trustImageLabels) return { labels, imageLabels: [] };
    const inherited = await this.#inheritedFrom(Image);
    if ('why' in inherited) return { ...none, unverified: { labels, ...inherited } };
    const imageLabels = [...labels.keys()].filter(key => inherited.get(key) === labels.get(key));
    for (const key of imageLabels) labels.delete(key);
    return { labels, imageLabels };
  }

  /** The image's labels, or why they are not known. @throws ClosedError */
  async #inheritedFrom(image: string): Promise<ReadonlyMap<string, string> | Unknown> {
    const known = this.#images.get(image);
    if (known) return known;
    try {
      const path = `/images/${encodeURIComponent(image).replaceAll('%3A', ':')}/json`;
      const labels = twineLabels(await this.#queries.get(path, readImageLabels));
      this.#images.set(image, labels);
      return labels;
    } catch (err) {
      if (err instanceof ClosedError) throw err;
      if ((err as { statusCode?: number }).statusCode === 404)
        return { why: "the container's image is gone" };
      return {
        why: `Docker cannot inspect the container's image (${messageOf(err).slice(0, REASON_MAX)})`,
        unknown:
          'which labels came with it; Docker is asked again, and --trust-image-labels makes that needless',
      };
    }
  }
}

function unknownRuntime(runtime: string, why: string): Unknown {
  return {
    why: `Docker does not describe the runtime ${plain(runtime, 40)} (${why})`,
    unknown: 'whether labels have an effect; Docker is asked again: allow dwgd to request /info, or use runc',
  };
}

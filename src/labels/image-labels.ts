// The labels of ours that images have: what a container may have inherited. Asked of Docker once for each image, since
// an image never changes. Not here: which labels of a container count (containers.ts).

import { type DockerApi, unlessGone } from '../docker-api.js';
import { twineLabels } from './docker-view.js';

/** How long Docker may take for an answer, in milliseconds. */
const ANSWERED_WITHIN = 5_000;

/** What of an answer of `GET /images/ID/json` is of use. */
interface InspectedImage {
  readonly Config?: { readonly Labels?: Readonly<Record<string, string>> | null } | null;
}

export class ImageLabels {
  readonly #known = new Map<string, ReadonlyMap<string, string>>();

  /** By the image's id; undefined where it is gone. @throws Error when Docker cannot be asked */
  async of(api: DockerApi, id: string): Promise<ReadonlyMap<string, string> | undefined> {
    const known = this.#known.get(id);
    if (known) return known;
    const image = await unlessGone(api.get<InspectedImage>(`/images/${id}/json`, ANSWERED_WITHIN));
    if (!image) return undefined;
    const labels = twineLabels(image.Config?.Labels);
    this.#known.set(id, labels);
    return labels;
  }
}

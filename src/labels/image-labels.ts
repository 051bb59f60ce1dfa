// The labels of ours that images have: what a container may have inherited. Asked of Docker once for each image, since
// an image never changes. Not here: which labels of a container count (containers.ts).

import type Dockerode from 'dockerode';
import { unlessGone } from '../docker-api.js';
import { twineLabels } from './docker-view.js';

export class ImageLabels {
  readonly #known = new Map<string, ReadonlyMap<string, string>>();

  /** By the image's id; undefined where it is gone. @throws Error when Docker cannot be asked */
  async of(api: Dockerode, id: string): Promise<ReadonlyMap<string, string> | undefined> {
    const known = this.#known.get(id);
    if (known) return known;
    const image = await unlessGone(() => api.getImage(id).inspect());
    if (!image) return undefined;
    const labels = twineLabels((image.Config as { Labels?: Record<string, string> } | null)?.Labels);
    this.#known.set(id, labels);
    return labels;
  }
}

// What Docker's listing of containers says of the label `dwgd.forward`, by endpoints. Pure. Not here: when it is asked for
// (forward-labels.ts).

import { FORWARD } from '../spec/forwarded-ports.js';

/** What Docker tells of the container of an endpoint. */
export interface LabelledEndpoint {
  readonly container: string;
  /** The id of its image. */
  readonly image: string;
  /** Absent: it has none; it may have come with the image. */
  readonly forward?: string;
}

/**
 * What cannot be read is left out.
 * @param containers the answer to `GET /containers/json`
 */
export function readLabelListing(containers: unknown): Map<string, LabelledEndpoint> {
  const found = new Map<string, LabelledEndpoint>();
  for (const entry of Array.isArray(containers) ? containers : []) {
    const { Names, Labels, ImageID, NetworkSettings } = objectOf(entry);
    const name: unknown = Array.isArray(Names) ? Names[0] : undefined;
    const forward = objectOf(Labels)[FORWARD];
    const told = {
      container: typeof name === 'string' ? name.replace(/^\//, '') : '',
      image: typeof ImageID === 'string' ? ImageID : '',
      ...(typeof forward === 'string' && { forward }),
    };
    for (const endpoint of Object.values(objectOf(objectOf(NetworkSettings).Networks))) {
      const { EndpointID } = objectOf(endpoint);
      if (typeof EndpointID === 'string' && EndpointID !== '') found.set(EndpointID, told);
    }
  }
  return found;
}

/**
 * The label that an image gives to its containers; undefined where it gives none.
 * @param image the answer to `GET /images/ID/json`
 */
export function readImageForward(image: unknown): string | undefined {
  const forward = objectOf(objectOf(objectOf(image).Config).Labels)[FORWARD];
  return typeof forward === 'string' ? forward : undefined;
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

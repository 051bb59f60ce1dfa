// How namespaces are looked into: at which pace, and how far, since their owners could make any number of rules and elements. Types
// and numbers only. Not here: what is found (netns-view.ts).

import type { NetnsSwitch } from '../netlink/netns.js';

/** Gives others time, between one piece of work and the next. It throws to end the whole. */
export type Pause = () => Promise<void>;

/** For one packet in one namespace: what is beyond it is a doubt. */
interface Effort {
  /** Elements of all sets together, the bytes of one set, and how many are looked through. */
  readonly elements: number;
  readonly elementBytes: number;
  readonly comparisons: number;
}

export interface Looking {
  readonly entry: NetnsSwitch;
  readonly pause: Pause;
  readonly effort: Effort;
}

/** Where nobody else waits for the thread. */
export const ALONE: Effort = {
  elements: 200_000,
  elementBytes: 8 * 1024 * 1024,
  comparisons: 2_000_000,
};
/** Where others do: a set is read and looked through without a pause. */
export const SHARED: Effort = {
  elements: 10_000,
  elementBytes: 512 * 1024,
  comparisons: 100_000,
};

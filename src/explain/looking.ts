// How namespaces are looked into: at which pace, and how far, since their owners could make any number of rules and elements. Types
// and numbers only. Not here: what is found (netns-view.ts).

import type { NetnsSwitch } from '../netlink/netns.js';

/** Gives others time, between one piece of work and the next. It throws to end the whole. */
export type Pause = () => Promise<void>;

/** For one packet in one namespace: what is beyond it is a doubt. */
export interface Effort {
  /** Instructions of rules. */
  readonly steps: number;
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
  steps: 100_000,
  elements: 200_000,
  elementBytes: 8 * 1024 * 1024,
  comparisons: 2_000_000,
};
/** Where others do: rules are followed without a pause. */
export const SHARED: Effort = {
  steps: 50_000,
  elements: 20_000,
  elementBytes: 1024 * 1024,
  comparisons: 100_000,
};

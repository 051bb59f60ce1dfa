// A container that starts, as the hold knows it. Not here: what happens to it (hold.ts), whose labels ask for it (starting.ts).

import type { HeldEndpoint } from './hold-table.js';

export interface Held {
  name: string;
  /** When Docker connected it last. */
  since: number;
  /** How many questions about it are under way. */
  asking: number;
  /** Where it is held, by the ids of networks. */
  readonly endpoints: Map<string, HeldEndpoint>;
  /** Whether it runs, and its labels are not in force. */
  isRunning: boolean;
  /** The key of the namespace that it runs in, by the last plan. */
  netns?: string | undefined;
}

/** One of which only the id is known. */
export function newHeld(id: string): Held {
  return { name: id.slice(0, 12), since: 0, asking: 0, endpoints: new Map(), isRunning: false };
}

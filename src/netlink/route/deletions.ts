// Deletions of rules and routes that are marked as ours. Root of a container may make thousands of those, and make them
// again, while the kernel takes up to a third of a millisecond for each deletion. Not here: which are deleted.

import { ChannelError } from '../../base/errors.js';

/** So many are deleted however long it takes. */
const AT_LEAST = 64;
/** How long the event loop waits for more than those, in milliseconds. */
const MAX_MS = 20;

/** Some are left, for the next time. */
export class UnfinishedError extends ChannelError {
  constructor() {
    super(
      'there are more old rules and routes of dwgd than are deleted at a time: the rest follows; where this does not end, a program in the container makes them (ip rule, ip route: protocol 229 or 230)',
    );
  }
}

/** The deletions in one namespace at one time. */
export class Deletions {
  readonly #now: () => number;
  readonly #began: number;
  #made = 0;

  /** @param now a clock, in milliseconds */
  constructor(now = (): number => performance.now()) {
    this.#now = now;
    this.#began = now();
  }

  /** Is called before each. @throws UnfinishedError when no more are made at this time */
  next(): void {
    if (this.#made >= AT_LEAST && this.#now() - this.#began > MAX_MS) throw new UnfinishedError();
    this.#made++;
  }
}

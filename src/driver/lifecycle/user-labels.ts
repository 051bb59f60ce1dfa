// Labels of containers of rootless Dockers, which have no effect: said once, when the first such container is seen, and at
// most once an hour for each user. Not here: asking a Docker (docker-networks.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { type Log, onBehalfOf } from '../../base/log.js';
import { plain } from '../../base/plain-text.js';
import type { DockerClient } from './docker-networks.js';

/** How long nothing more is said to a user, in milliseconds. */
const QUIET_MS = 3_600_000;
/** Between two looks at the containers of one user, in milliseconds: whoever starts containers all the time costs no more. */
const REST_MS = 5_000;
/** Characters of what is quoted. */
const [NAME_MAX, LABEL_MAX] = [128, 255] as const;

/** What of the outside it needs. */
interface Clock {
  /** In milliseconds, of any clock that goes forward. */
  now(): number;
  wait(ms: number): Promise<unknown>;
}

const CLOCK: Clock = {
  now: () => performance.now(),
  wait: ms => sleep(ms, undefined, { ref: false }),
};

export class UserLabels {
  readonly #log: Log;
  readonly #clock: Clock;
  /** By user: when that user's containers may be looked at again. */
  readonly #nextLook = new Map<number, number>();

  constructor(log: Log, clock: Clock = CLOCK) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Looks at the containers of a user's Docker, when it is time to, and says so if one has labels. One call at a time. */
  async check(docker: Pick<DockerClient, 'labelledContainer'>, user: number): Promise<void> {
    const { now, wait } = this.#clock;
    const rest = (this.#nextLook.get(user) ?? 0) - now();
    if (rest > REST_MS) return;
    if (rest > 0) await wait(rest);
    this.#nextLook.set(user, now() + REST_MS);
    try {
      const found = await docker.labelledContainer();
      if (!found) return;
      this.#nextLook.set(user, now() + QUIET_MS);
      const fields = { container: plain(found.name, NAME_MAX), label: plain(found.label, LABEL_MAX) };
      onBehalfOf(user, () => this.#log.warn(fields, whyNoEffect(user)));
    } catch {
      // The answer of a user's Docker may be anything; the next event or start has it asked again.
    }
  }
}

function whyNoEffect(user: number): string {
  return `labels have no effect in the rootless Docker of user ${user}: dwgd applies those of root's Docker alone; run the container there, or give it a network of driver dwgd, or network_mode: service:<its gateway>`;
}

// Ways of packets, as a running daemon tells them: one at a time, in pieces with rests between, so that neither Docker's calls nor
// labels wait for them. Loaded when somebody asks. Not here: the way (explain/containers.ts), how it is asked for (control/api.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from './base/errors.js';
import { KeyedQueue } from './base/keyed-queue.js';
import type { AskWay, ExitPlace } from './control/halves.js';
import { type DockerHost, isUnreachable } from './docker/docker-host.js';
import type { ContainerView } from './labels/discovery/container.js';

/** One is answered, one waits; others are to ask again. */
const MOST_ASKING = 2;
/** Of one way, in milliseconds, with the rests. */
const MOST_MS = 4_000;
/** The work after which there is a rest, which is as long, and the longest, in milliseconds. */
const [STRETCH_MS, LONGEST_REST_MS] = [5, 200] as const;

interface ExplainerParts {
  readonly dockerHost: DockerHost;
  /** All containers, as far as labels are kept; undefined: Docker is to be asked. */
  readonly known: () => readonly ContainerView[] | undefined;
  /** The routers of exit networks. */
  readonly exits: () => Promise<readonly ExitPlace[]>;
}

export class Explainer {
  readonly #parts: ExplainerParts;
  readonly #turns = new KeyedQueue();
  #asking = 0;

  constructor(parts: ExplainerParts) {
    this.#parts = parts;
  }

  readonly explain: AskWay = async (name, to) => {
    if (this.#asking >= MOST_ASKING)
      throw new UserError('too many ways are being asked for: ask again in a few seconds', { code: 'EBUSY' });
    this.#asking++;
    try {
      return await this.#turns.run('', () => this.#explain(name, to));
    } finally {
      this.#asking--;
    }
  };

  async #explain(name: string, to: string): ReturnType<AskWay> {
    const { destinationMistake, readDestination } = await import('./explain/question.js');
    const typed = readDestination(to);
    if (!typed) throw new UserError(destinationMistake(to), { code: 'EINVAL' });
    const { explainLive } = await import('./explain/containers.js');
    const { findContainer } = await import('./labels/find-container.js');
    const { dockerHost, known, exits } = this.#parts;
    const parts = { dockerHost, known: known(), exits: await exits(), pause: pauses() };
    return explainLive(parts, containers => findContainer(name, containers), typed).catch(err => {
      if (!isUnreachable(err)) throw err;
      throw new UserError('cannot ask Docker for its containers: it does not answer', { cause: err });
    });
  }
}

/** Called between pieces of work, rests where there was enough of it; the last one is an error. */
function pauses(): () => Promise<void> {
  const end = performance.now() + MOST_MS;
  let began = performance.now();
  return async () => {
    const now = performance.now();
    if (now > end)
      throw new UserError(`the way cannot be told: it takes longer than ${MOST_MS / 1000} s to follow`);
    if (now - began < STRETCH_MS) return;
    await sleep(Math.min(now - began, LONGEST_REST_MS));
    began = performance.now();
  };
}

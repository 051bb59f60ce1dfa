// What of the containers is not to be seen, each said once: those that Docker cannot tell of, and processes where none is
// to be seen at all. Not here: what is done without it (containers.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { ClosedError } from './queries.js';
import type { ContainerSnapshot } from './snapshot.js';

/** Looks in a row at which no process was to be seen, before that is said. */
const BLIND_PASSES = 3;

export class InspectErrors {
  readonly #log: Log;
  /** Why, by container id. */
  readonly #why = new Map<string, string>();
  #blindPasses = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether Docker could not tell of the container when it was last asked. */
  has(id: string): boolean {
    return this.#why.has(id);
  }

  /** Notes a container that Docker cannot tell of, and says why. @throws ClosedError */
  note(id: string, name: string, err: unknown): void {
    if (err instanceof ClosedError) throw err;
    const text = messageOf(err);
    if (this.#why.get(id) !== text) {
      this.#log.warn(
        { container: name },
        `Docker cannot tell of it, so its labels stay as they were until it can: ${text}`,
      );
    }
    this.#why.set(id, text);
  }

  /** Forgets a container: Docker can tell of it, or it is another by now. */
  forget(id: string): void {
    this.#why.delete(id);
  }

  /** Forgets all other containers. */
  retainOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#why.keys()) if (!ids.has(id)) this.#why.delete(id);
  }

  /** Says it once when no process of any container is to be seen. A single look may fall into a container's end. */
  checkProcesses(seen: readonly ContainerSnapshot[]): void {
    const running = seen.filter(({ running }) => running);
    const isBlind = running.length > 0 && running.every(({ view }) => !view.netns);
    this.#blindPasses = isBlind ? this.#blindPasses + 1 : 0;
    if (this.#blindPasses !== BLIND_PASSES) return;
    this.#log.warn("no container's process is to be seen: give dwgd's own container `pid: host`");
  }
}

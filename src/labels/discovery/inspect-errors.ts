// Reports what cannot be seen of containers, once: those that Docker cannot inspect, and that no process is visible at all.
// Not here: what happens to such containers (containers.ts).

import { ClosedError, messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { isForbidden } from '../../docker/api-client.js';
import type { ContainerSnapshot } from './snapshot.js';

/** Passes in a row without any visible process before that is reported. */
const MAX_PASSES_WITHOUT_PROCESS = 3;

export class InspectErrors {
  readonly #log: Log;
  /** Why, by container id. */
  readonly #why = new Map<string, string>();
  #passesWithoutProcess = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether Docker could not inspect the container the last time. */
  has(id: string): boolean {
    return this.#why.has(id);
  }

  /** Records that Docker cannot inspect a container, and reports why. @throws ClosedError */
  note(id: string, name: string, err: unknown): void {
    if (err instanceof ClosedError) throw err;
    const text = messageOf(err);
    if (this.#why.get(id) !== text) {
      this.#log[isForbidden(err) ? 'error' : 'warn'](
        { container: name },
        `cannot inspect the container; until Docker answers its last applied configuration stays, and where there is none its packets leave by Docker's routes: ${text}`,
      );
    }
    this.#why.set(id, text);
  }

  /** Forgets a container: Docker could inspect it, or it has changed. */
  forget(id: string): void {
    this.#why.delete(id);
  }

  /** Forgets all other containers. */
  retainOnly(ids: Pick<ReadonlySet<string>, 'has'>): void {
    for (const id of this.#why.keys()) if (!ids.has(id)) this.#why.delete(id);
  }

  /** Reports once that no process of any container is visible. A single pass may coincide with a container's end. */
  checkProcesses(seen: readonly ContainerSnapshot[]): void {
    const running = seen.filter(({ running }) => running);
    const hasNone = running.length > 0 && running.every(({ view }) => !view.netns);
    this.#passesWithoutProcess = hasNone ? this.#passesWithoutProcess + 1 : 0;
    if (this.#passesWithoutProcess !== MAX_PASSES_WITHOUT_PROCESS) return;
    this.#log.warn("no process of any container is visible: give dwgd's own container `pid: host`");
  }
}

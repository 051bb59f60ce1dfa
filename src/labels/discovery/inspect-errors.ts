// Reports what cannot be seen of containers, once: those that Docker cannot inspect, and that no process is visible at all.
// Not here: what happens to such containers (containers.ts).

import { DecodeError, messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { TimeoutError } from '../../docker/api-client.js';
import type { ContainerSnapshot } from './snapshot.js';

/** Passes in a row without any visible process before that is reported. */
const MAX_PASSES_WITHOUT_PROCESS = 3;

/** Whether Docker is up, but cannot answer this one request. */
export function isRefusal(err: unknown): boolean {
  return (
    err instanceof TimeoutError ||
    // The answer lacks a field that every version of Docker has so far, or is not JSON.
    err instanceof DecodeError ||
    err instanceof TypeError ||
    err instanceof SyntaxError ||
    (err as { statusCode?: number }).statusCode !== undefined
  );
}

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

  /** Records that Docker cannot inspect a container, and reports why. @throws the error if it is not about the container */
  note(id: string, name: string, err: unknown): void {
    if (!isRefusal(err)) throw err;
    const text = messageOf(err);
    if (this.#why.get(id) !== text) {
      this.#log.warn(
        { container: name },
        `cannot inspect the container; keeping its last applied configuration: ${text}`,
      );
    }
    this.#why.set(id, text);
  }

  /** Forgets a container: Docker could inspect it, or it has changed. */
  forget(id: string): void {
    this.#why.delete(id);
  }

  /** Forgets all other containers. */
  retainOnly(ids: ReadonlySet<string>): void {
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

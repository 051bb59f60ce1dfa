// What the kernel or Docker refuses to those who hold containers, in the log: the same once in a row. Not here: what was tried
// (hold.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';

export class Refusals {
  readonly #log: Log;
  #lastLogged: string | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Does something, or says what follows from that it cannot be done. */
  attempt(consequence: string, work: () => void): void {
    try {
      work();
    } catch (err) {
      this.note(consequence, err);
    }
  }

  /** Says that a container is not held, and why. */
  noHold(name: string, err: unknown): void {
    this.note(`${name}: not held until labels are in force, so first packets may go by Docker's routes`, err);
  }

  /** Says what follows, and why. */
  note(consequence: string, err: unknown): void {
    const text = `${consequence}: ${messageOf(err)}`;
    if (text !== this.#lastLogged) this.#log.warn(text);
    this.#lastLogged = text;
  }
}

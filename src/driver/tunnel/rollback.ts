// Rollback: when a step fails, the steps before it are undone in reverse order.
// Not here: what the steps are.

import { messageOf } from '../../base/errors.js';
import { faultPoint } from '../../fault/fault-point.js';

export class Rollback {
  readonly #steps: { readonly what: string; readonly back: () => Promise<void> | void }[] = [];

  /** Remembers how to take back what has just been done. */
  add(what: string, back: () => Promise<void> | void): void {
    this.#steps.push({ what, back });
  }

  /** Takes everything back; goes on after a failure and reports each one. */
  async run(report: (text: string) => void): Promise<void> {
    for (const { what, back } of this.#steps.splice(0).reverse()) {
      try {
        faultPoint('undo');
        await back();
      } catch (err) {
        report(`cannot undo ${what}: ${messageOf(err)}`);
      }
    }
  }
}

// Whom an earlier daemon held: until what is to be in force has been applied everywhere, nobody knows who that is. Not here:
// who starts now (hold.ts), the kernel's part (held-set.ts).

import type { SandboxDesired } from '../diff/state.js';

export class Inherited {
  readonly #letGo: () => void;
  /** Settles when those that start now are known; undefined when nobody is held by an earlier daemon any more. */
  #known: Promise<void> | undefined;
  /** Keys of namespaces of the first plan to which it has not been applied. */
  #unread: Set<string> | undefined;

  /** @param letGo of all but those that start now */
  constructor(letGo: () => void) {
    this.#letGo = letGo;
  }

  /** @param known settles when those that start now are known */
  starting(known: Promise<void>): void {
    if (!this.#unread) this.#known = known;
  }

  /** Takes note of what is to be in force. */
  planned(sandboxes: readonly Pick<SandboxDesired, 'netns'>[]): void {
    this.#unread ??= new Set(sandboxes.map(({ netns }) => netns.key));
    this.#check();
  }

  /** Takes note that something came of applying it in a namespace. */
  programmed(key: string): void {
    if (this.#unread?.delete(key)) this.#check();
  }

  #check(): void {
    if (this.#unread?.size !== 0) return;
    const known = this.#known;
    this.#known = undefined;
    void known?.then(this.#letGo);
  }
}

// Who may pass a bridge that is guarded: those that are not to be held, and those whose labels are in force. Of whom nothing is
// known may not. Not here: how long a bridge is guarded (bridge-guard.ts).

/** Ids of others are not like that: a step of `docker build`, Swarm's own ends of bridges. */
const CONTAINER = /^[\da-f]{64}$/;

/** A container by its id, or while Docker has it by its endpoint, by its name. */
export type Passer = { readonly id: string } | { readonly name: string };

export class Passers {
  /** By id the names of those that are not to be held. */
  readonly #free = new Map<string, string>();
  /** Ids of those that were to be held, and need not be any more. */
  readonly #inForce = new Set<string>();
  /** Ids of those that are to be held. */
  readonly #starting = new Set<string>();

  mayPass(by: Passer): boolean {
    if ('name' in by) return [...this.#free.values()].includes(by.name);
    const isKnown = this.#free.has(by.id) || this.#inForce.has(by.id);
    return isKnown || (!this.#starting.has(by.id) && !CONTAINER.test(by.id));
  }

  /** Whether one is known not to be held. */
  isFree(id: string): boolean {
    return this.#free.has(id);
  }

  /** One is not to be held. */
  frees(id: string, name: string): void {
    this.#starting.delete(id);
    this.#free.set(id, name);
  }

  /** One was to be held, and its labels are in force. */
  inForce(id: string): void {
    this.#starting.delete(id);
    this.#inForce.add(id);
  }

  /** One that is to be held may start. @param name its name, which was perhaps another's */
  starts(id: string, name?: string): void {
    this.#inForce.delete(id);
    this.#starting.add(id);
    for (const [other, of] of this.#free) if (other === id || of === name) this.#free.delete(other);
  }

  /** Forgets all but these. */
  retainOnly(ids: ReadonlySet<string>): void {
    for (const all of [this.#free, this.#inForce, this.#starting])
      for (const id of all.keys()) if (!ids.has(id)) all.delete(id);
  }
}

// What the labels of all containers ask for, each container's read once: labels never change while it lives.
// Not here: reading them (parse.ts).

import type { ContainerView } from '../discovery/container.js';
import type { ContainerIntent, Diagnostic } from './intent.js';
import { decodeLabels } from './parse.js';

type Decoded = ReturnType<typeof decodeLabels>;

export class ParseCache {
  /** By the labels themselves, so that what is not looked at any more is not kept. */
  readonly #decoded = new WeakMap<ReadonlyMap<string, string>, Decoded & { readonly name: string }>();

  /** Of those that have labels that count, and of those whose labels may count; by container id. */
  getAll(containers: readonly ContainerView[]): {
    readonly intents: ReadonlyMap<string, ContainerIntent>;
    readonly unverified: ReadonlyMap<string, ContainerIntent>;
    readonly diagnostics: readonly Diagnostic[];
  } {
    const intents = new Map<string, ContainerIntent>();
    const unverified = new Map<string, ContainerIntent>();
    const diagnostics: Diagnostic[] = [];
    for (const container of containers) {
      if (container.unverified) {
        unverified.set(container.id, this.read(container.name, container.unverified.labels).intent);
      }
      if (container.labels.size === 0) continue;
      const decoded = this.read(container.name, container.labels);
      intents.set(container.id, decoded.intent);
      // The labels of a container in the host's network are refused as a whole.
      if (!container.hostNetwork) diagnostics.push(...decoded.diagnostics);
    }
    return { intents, unverified, diagnostics };
  }

  /** Of one container; it is as well to ask before the time. */
  read(name: string, labels: ReadonlyMap<string, string>): Decoded {
    const known = this.#decoded.get(labels);
    // A container may be renamed, and its mistakes name it.
    if (known?.name === name) return known;
    const decoded = { ...decodeLabels(name, labels), name };
    this.#decoded.set(labels, decoded);
    return decoded;
  }
}

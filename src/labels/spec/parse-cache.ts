// The decoded labels of all containers, each decoded once: labels never change while a container lives, and replicas have the
// same. Not here: decoding them (parse.ts).

import { isDefaultOrHalf } from '../../base/ip.js';
import type { ContainerView } from '../discovery/container.js';
import type { ContainerIntent, Diagnostic } from './intent.js';
import { decodeLabels } from './parse.js';

type Decoded = ReturnType<typeof decodeLabels>;
type Labels = ReadonlyMap<string, string>;

interface KnownLabels extends Decoded {
  readonly name: string;
  readonly labels: Labels;
  /** Under which others find them. */
  readonly text: string;
  /** The revision of the last view with these labels; absent: there was none yet. */
  readonly seenAt?: number;
}

interface AllIntents {
  readonly intents: ReadonlyMap<string, ContainerIntent>;
  readonly unverified: ReadonlyMap<string, ContainerIntent>;
  readonly diagnostics: readonly Diagnostic[];
}

export class ParseCache {
  /** The same list has the same intents. */
  #last: { readonly containers: readonly ContainerView[]; readonly all: AllIntents } | undefined;
  /** By container id. */
  readonly #entries = new Map<string, KnownLabels>();
  /** By the text of all labels; without a mistake, since a diagnostic has the container's name. */
  readonly #alike = new Map<string, Decoded>();
  #revision = 0;

  /** Intents of containers whose labels count, and of those whose labels are unverified; by container id. */
  getAll(containers: readonly ContainerView[]): AllIntents {
    if (this.#last?.containers !== containers) this.#last = { containers, all: this.#readAll(containers) };
    return this.#last.all;
  }

  #readAll(containers: readonly ContainerView[]): AllIntents {
    const intents = new Map<string, ContainerIntent>();
    const unverified = new Map<string, ContainerIntent>();
    const diagnostics: Diagnostic[] = [];
    for (const container of containers) {
      const { id, name, revision, labels, hostNetwork } = container;
      if (container.unverified) {
        unverified.set(id, this.read(id, name, container.unverified.labels, revision).intent);
      } else if (labels.size > 0) {
        const decoded = this.read(id, name, labels, revision);
        intents.set(id, decoded.intent);
        // The labels of a container in the host's network are refused as a whole.
        if (!hostNetwork) diagnostics.push(...decoded.diagnostics);
      }
    }
    for (const id of this.#entries.keys())
      if (!intents.has(id) && !unverified.has(id)) this.#entries.delete(id);
    if (this.#alike.size > this.#entries.size) this.#forgetUnused();
    return { intents, unverified, diagnostics };
  }

  /** Whether any labels ask for a default route, half of one, or a route by a name, which may turn out to be the host's. */
  asksForHostInterfaces(containers: readonly ContainerView[]): boolean {
    const { intents } = this.getAll(containers);
    return [...intents.values()].some(({ routes }) =>
      routes.some(({ network, destination }) => isDefaultOrHalf(network) || destination?.kind === 'name'),
    );
  }

  /** Decodes the labels of one container, perhaps ahead of time. @param seenAt the revision of its view */
  read(id: string, name: string, labels: Labels, seenAt?: number): Decoded {
    const known = this.#entries.get(id);
    if (known && seenAt !== undefined && known.seenAt === seenAt) return known;
    // Diagnostics contain the name, and a container may be renamed.
    const isSame = known?.name === name && sameLabels(known.labels, labels);
    const text = isSame ? known.text : JSON.stringify([...labels]);
    const decoded = isSame ? known : this.#decode(name, labels, text);
    const { intent, diagnostics } = decoded;
    this.#entries.set(id, {
      intent,
      diagnostics,
      name,
      labels,
      text,
      ...(seenAt !== undefined && { seenAt }),
    });
    return decoded;
  }

  #decode(name: string, labels: Labels, text: string): Decoded {
    const known = this.#alike.get(text);
    if (known) return known;
    const decoded = decodeLabels(name, labels, ++this.#revision);
    if (decoded.diagnostics.length === 0) this.#alike.set(text, decoded);
    return decoded;
  }

  #forgetUnused(): void {
    const used = new Set([...this.#entries.values()].map(({ text }) => text));
    for (const text of this.#alike.keys()) if (!used.has(text)) this.#alike.delete(text);
  }
}

function sameLabels(a: Labels, b: Labels): boolean {
  return a === b || (a.size === b.size && [...a].every(([key, value]) => b.get(key) === value));
}

// What root's Docker calls networks of this driver and the containers on them: asked for when somebody wants to know, and
// remembered. Not here: asking Docker (docker-networks.ts).

import { withDeadline } from '../../base/deadline.js';
import { plain } from '../../base/plain-text.js';

/** A container on a network. */
interface NamedContainer {
  readonly id: string;
  readonly name: string;
}

/** Names by ids: of networks, and of endpoints. */
export interface Names {
  readonly networks: ReadonlyMap<string, string>;
  readonly containers: ReadonlyMap<string, NamedContainer>;
}

/** How long names count, and how long at least nothing is asked again, in milliseconds. */
const [KEPT_MS, REST_MS] = [10_000, 1_000] as const;
/** How long somebody waits for Docker, in milliseconds; the answer counts when it comes. */
const PATIENCE_MS = 500;
/** Characters of a name. */
export const NAME_MAX = 128;

export class DockerNames {
  readonly #request: (networks: readonly string[]) => Promise<Names>;
  #names: Names = { networks: new Map(), containers: new Map() };
  #asked = Number.NEGATIVE_INFINITY;
  #pending: Promise<void> | undefined;

  /** @param request asks Docker */
  constructor(request: (networks: readonly string[]) => Promise<Names>) {
    this.#request = request;
  }

  /**
   * The names as far as they are known.
   * @param networks ids of those that are asked for
   * @param endpoints likewise
   */
  async find(networks: readonly string[], endpoints: readonly string[]): Promise<Names> {
    const age = performance.now() - this.#asked;
    const isComplete =
      networks.every(id => this.#names.networks.has(id)) &&
      endpoints.every(id => this.#names.containers.has(id));
    if (age > KEPT_MS || (!isComplete && age > REST_MS)) this.#ask(networks);
    // One who knows enough does not wait for the same again.
    if (this.#pending && !isComplete)
      await withDeadline(this.#pending, PATIENCE_MS, () => new Error('late')).catch(() => undefined);
    return this.#names;
  }

  #ask(networks: readonly string[]): void {
    if (this.#pending || networks.length === 0) return;
    this.#asked = performance.now();
    this.#pending = this.#request(networks)
      .then(names => {
        this.#names = names;
      })
      // What was known stays: the names are a courtesy.
      .catch(() => undefined)
      .finally(() => {
        this.#pending = undefined;
      });
  }
}

/**
 * Reads listings of networks and containers; what cannot be read of them has no name.
 * @param networks the answer to `GET /networks`
 * @param containers the answer to `GET /containers/json`
 */
export function readNames(networks: unknown, containers: unknown): Names {
  const named = listOf(networks).flatMap(({ Id, Name }): [string, string][] =>
    typeof Id === 'string' && typeof Name === 'string' ? [[Id, plain(Name, NAME_MAX)]] : [],
  );
  const attached = listOf(containers).flatMap(({ Id, Names: names, NetworkSettings }) => {
    const [first] = Array.isArray(names) ? names : [];
    if (typeof Id !== 'string' || typeof first !== 'string') return [];
    const container = { id: Id, name: plain(first.replace(/^\//, ''), NAME_MAX) };
    const endpoints = Object.values(objectOf(objectOf(NetworkSettings).Networks));
    return endpoints.flatMap((endpoint): [string, NamedContainer][] => {
      const { EndpointID } = objectOf(endpoint);
      return typeof EndpointID === 'string' && EndpointID !== '' ? [[EndpointID, container]] : [];
    });
  });
  return { networks: new Map(named), containers: new Map(attached) };
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

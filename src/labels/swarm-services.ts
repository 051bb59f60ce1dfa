// Labels of ours that Swarm's services have, and not their containers (`deploy.labels`): told once, since they have no effect.
// Docker is asked beside the passes, for a service of which a task has come. Not here: labels of containers
// (discovery/containers.ts).

import type { DockerApi } from '../docker/api-client.js';
import type { ContainerView } from './discovery/container.js';
import { readService } from './discovery/docker-answers.js';
import { twineLabels } from './discovery/docker-view.js';
import type { Plan } from './planner/plan.js';
import { diagnostic } from './spec/diagnostics.js';
import type { Diagnostic } from './spec/intent.js';
import { SERVICE_LABEL } from './spec/label-keys.js';

/** Docker's own, which become a part of a path. */
const ID = /^\w{1,64}$/;
/** How long Docker may take, in milliseconds. */
const WITHIN_MS = 3_000;
/** After a refusal, in milliseconds: a worker of the swarm knows no services, and its Docker logs each question. */
const REST_MS = 600_000;
/** Of one service. */
const MAX_TOLD = 16;

export class SwarmServices {
  readonly #api: Pick<DockerApi, 'get'>;
  readonly #found: () => void;
  readonly #now: () => number;
  /** Ids of containers whose services were asked for, or will be. */
  #seen: ReadonlySet<string> = new Set();
  /** Ids of services that are to be asked for. */
  readonly #due = new Set<string>();
  /** What is wrong with each, by id; only of those of which something is. */
  readonly #told = new Map<string, readonly Diagnostic[]>();
  #isAsking = false;
  #restsUntil = 0;

  /** @param found called when there is something new to tell. @param now in milliseconds */
  constructor(api: Pick<DockerApi, 'get'>, found: () => void, now = () => performance.now()) {
    this.#api = api;
    this.#found = found;
    this.#now = now;
  }

  /** The plan, with what is known of the services of these containers. Those that are new are asked for in the background. */
  withTold<P extends Pick<Plan, 'diagnostics' | 'warnings'>>(
    plan: P,
    containers: readonly ContainerView[],
  ): P {
    const tasks = containers.filter(({ netns, swarmService }) => netns && ID.test(swarmService ?? ''));
    for (const { id, swarmService } of tasks) if (!this.#seen.has(id)) this.#due.add(swarmService!);
    this.#seen = new Set(tasks.map(({ id }) => id));
    const present = new Set(tasks.map(({ swarmService }) => swarmService));
    for (const known of [this.#due, this.#told])
      for (const id of known.keys()) if (!present.has(id)) known.delete(id);
    if (this.#due.size > 0 && !this.#isAsking) void this.#askAll();
    const told = [...this.#told.values()].flat();
    if (told.length === 0) return plan;
    return {
      ...plan,
      diagnostics: [...plan.diagnostics, ...told],
      warnings: new Set([...plan.warnings, ...told]),
    };
  }

  async #askAll(): Promise<void> {
    this.#isAsking = true;
    for (const id of this.#due) {
      this.#due.delete(id);
      if (this.#now() < this.#restsUntil) continue;
      const told = await this.#ask(id);
      const before = this.#told.get(id) ?? [];
      if (!told || (told.length === 0 && before.length === 0)) continue;
      this.#told.set(id, told);
      this.#found();
    }
    this.#isAsking = false;
  }

  /** Undefined where Docker does not say: it is no manager of the swarm, or a proxy refuses it. */
  async #ask(id: string): Promise<readonly Diagnostic[] | undefined> {
    try {
      const { name, labels } = readService(await this.#api.get(`/services/${id}`, WITHIN_MS));
      const keys = [...twineLabels(labels).keys()].slice(0, MAX_TOLD);
      return keys.map(key => diagnostic(name, key, `it has no effect: ${SERVICE_LABEL}`));
    } catch (err) {
      if ((err as { statusCode?: number }).statusCode !== 404) this.#restsUntil = this.#now() + REST_MS;
      return undefined;
    }
  }
}

// What the labels of a compose file would do: the daemon's own plan for the containers that compose would make, and each
// mistake with its place in the file. Nothing is asked, and nothing done. Not here: how it is shown (cli/commands).

import type { Prefix } from '../base/ip.js';
import { ownKey } from '../base/ownership.js';
import { plain } from '../base/plain-text.js';
import { namespaceRoutes } from '../labels/diff/digest.js';
import type { Plan } from '../labels/planner/plan.js';
import { Planner } from '../labels/planner/planner.js';
import type { Diagnostic } from '../labels/spec/intent.js';
import { SERVICE_LABEL } from '../labels/spec/label-keys.js';
import { type ComposeWorld, composeWorld } from './inspections.js';
import type { Project, Service } from './project.js';
import type { Place } from './yaml-tree.js';

/** Something about a label, and where that stands. */
export interface PlacedDiagnostic extends Pick<Diagnostic, 'container' | 'key' | 'message'> {
  readonly place: Place;
}

export interface Preview extends Pick<Plan, 'sandboxes' | 'hostRoutes'> {
  /** Labels that would not be in force. */
  readonly mistakes: readonly PlacedDiagnostic[];
  /** What should be known though labels are in force. */
  readonly warnings: readonly PlacedDiagnostic[];
  /** What is only known when the containers run. */
  readonly notes: readonly string[];
  /** Texts in the plan that are made up, with what they stand for. */
  readonly names: ReadonlyMap<string, string>;
  readonly world: ComposeWorld;
}

/** As the daemon's flags of the same names. */
interface PreviewOptions {
  readonly allowHostRoutes: readonly Prefix[];
  readonly strict: boolean;
}

/** How often it is planned anew with the routes of the plan before in force. */
const MAX_ROUNDS = 4;

/** @throws ComposeError */
export function previewProject(project: Project, { allowHostRoutes, strict }: PreviewOptions): Preview {
  const world = composeWorld(project);
  const planner = new Planner(allowHostRoutes, strict);
  const external = [...project.networks.values()].filter(({ isExternal }) => isExternal);
  const answers = new Map<string, []>();
  const planWith = (inForce: ReadonlySet<string>): Plan =>
    planner.plan(
      {
        containers: world.containers,
        external: new Map(answers),
        externalRevision: answers.size,
        hostAddresses: world.hostInterfaceAddresses.map(({ prefix }) => prefix),
        nextHops: [],
        hostInterfaceAddresses: world.hostInterfaceAddresses,
        bridgeFiltered: [],
      },
      inForce,
    );
  let plan = planWith(new Set());
  // A name without a dot is meant for a container. On a network of others it may be one of theirs.
  if (external.length === 0)
    for (const name of plan.externalNames) if (!name.includes('.')) answers.set(name, []);
  for (let round = 0; round < MAX_ROUNDS; round++)
    plan = planWith(new Set(plan.sandboxes.map(namespaceRoutes)));
  const told = new Placer(project, world).place(plan);
  return {
    sandboxes: plan.sandboxes,
    hostRoutes: plan.hostRoutes,
    ...told,
    notes: [
      ...plan.externalNames
        .filter(name => !answers.has(name))
        .map(name => `${plain(name, 80)} is no container of the file: the DNS is asked for it when they run`),
      ...world.foreign.map(
        name =>
          `${plain(name, 80)} uses the network of a container that is not of the file: where its labels lead is not known`,
      ),
      ...project.inactive.map(name => `${plain(name, 80)} is left out: none of its profiles is asked for`),
    ],
    names: world.names,
    world,
  };
}

/** Finds the places of diagnostics. */
class Placer {
  readonly #project: Project;
  readonly #world: ComposeWorld;
  /** By names as diagnostics have them. */
  readonly #services: ReadonlyMap<string, Service>;

  constructor(project: Project, world: ComposeWorld) {
    this.#project = project;
    this.#world = world;
    this.#services = new Map([...world.services].map(([name, service]) => [plain(name, 128), service]));
  }

  place({ diagnostics, warnings: told }: Plan): Pick<Preview, 'mistakes' | 'warnings'> {
    const foreign = new Set(this.#world.foreign.map(name => plain(name, 128)));
    const mistakes = diagnostics.filter(one => !told.has(one) && !foreign.has(one.container));
    const warnings = diagnostics.filter(one => told.has(one));
    return {
      mistakes: unique([...mistakes.map(one => this.#placed(one)), ...this.#ofDeploy(), ...this.#ofFiles()]),
      warnings: unique(warnings.map(one => this.#placed(one))),
    };
  }

  #placed({ container, key, message }: Diagnostic): PlacedDiagnostic {
    const service = this.#services.get(container);
    const label = service?.labels.find(label => plain(label.key, 255) === key);
    const place = label?.place ?? service?.labelsAt ?? this.#project.services[0]!.place;
    return { container, key, message, place };
  }

  /** Labels that the plan does not know. */
  #ofFiles(): PlacedDiagnostic[] {
    return this.#project.services.flatMap(({ name, labelFileAt }) =>
      labelFileAt
        ? {
            place: labelFileAt,
            container: plain(name, 128),
            key: 'label_file',
            message: 'its labels are not in this plan: give those of dwgd below labels',
          }
        : [],
    );
  }

  /** Labels that stand where containers do not get them from. */
  #ofDeploy(): PlacedDiagnostic[] {
    return this.#project.services.flatMap(({ name, deployLabels }) =>
      deployLabels
        .filter(({ key }) => ownKey(key) !== undefined)
        .map(({ key, place }) => ({
          place,
          container: plain(name, 128),
          key: plain(key, 255),
          message: `below deploy: ${SERVICE_LABEL}`,
        })),
    );
  }
}

/** The same of several containers of one service once, in the order of the file. */
function unique(told: readonly PlacedDiagnostic[]): PlacedDiagnostic[] {
  const found = new Map(told.map(one => [JSON.stringify([one.place, one.key, one.message]), one]));
  return [...found.values()].sort(
    ({ place: a }, { place: b }) =>
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line || a.column - b.column,
  );
}

// The labels' half of what the daemon tells of itself. Not here: how it is asked for (control/), what is in force
// (controller/overview.ts), a single namespace (namespace/sandbox.ts).

import { setImmediate as turn } from 'node:timers/promises';
import { messageOf } from '../base/errors.js';
import { plain } from '../base/plain-text.js';
import type {
  ComparedPart,
  HalfHealth,
  HearingStatus,
  LabelledState,
  LabelledStatus,
  LabelSurvey,
  Rules,
} from '../control/answers.js';
import type { Sample } from '../control/exposition.js';
import type { LabelsHalf } from '../control/halves.js';
import type { Overview } from './controller/overview.js';
import { compareHostRoutes, compareState } from './diff/compare.js';
import type { Change, DesiredRoute, SandboxDesired } from './diff/state.js';
import type { ContainerView } from './discovery/container.js';
import type { DriftWatch, HearingState } from './drift/drift-watch.js';
import { hostRoutesBy, labelLinksOf, labelledIn } from './label-links.js';
import type { ComparedSandbox } from './namespace/outcome.js';
import type { Diagnostic } from './spec/intent.js';

export interface LabelsStatusParts {
  readonly overview: Overview;
  readonly compare: (desired: SandboxDesired) => ComparedSandbox | undefined;
  /** In which namespaces changes by others are heard. */
  readonly drift: Pick<DriftWatch, 'status' | 'stateOf'>;
  /** What firewalls of a namespace's own do to what is to be forwarded there. */
  readonly notices: (desired: SandboxDesired) => readonly string[];
  /** The changes that would be made to the host's routes. */
  readonly hostRouteChanges: (desired: readonly DesiredRoute[]) => readonly Change[];
}

/** The shortest beginning of an id that is taken for one. */
const MIN_ID = 4;
/** Series of one metric: labels have names of whoever starts containers. */
const MAX_SERIES = 256;
const NOTES: Readonly<Record<HearingState, string>> = {
  heard: 'changes by others are heard',
  muted: 'it changes without end, so it is not heard for now, and read every half minute',
  unheard: 'changes by others are not heard here: it is read every half minute',
};
const STATES: readonly LabelledState[] = ['applied', 'pending', 'failing', 'frozen', 'stopped'];

export class LabelsStatus implements LabelsHalf {
  readonly #parts: LabelsStatusParts;

  constructor(parts: LabelsStatusParts) {
    this.#parts = parts;
  }

  health(): HalfHealth {
    const { listing } = this.#parts.overview;
    if (!listing) return { state: 'working' };
    return { state: 'failing', reason: listing.reason, since: new Date(listing.since).toISOString() };
  }

  containers(): readonly LabelledStatus[] {
    const { overview } = this.#parts;
    const links = labelLinksOf(overview.led);
    return overview.containers().map(one => ({ ...one, ...links.get(one.id) }));
  }

  hearing(): HearingStatus {
    return this.#parts.drift.status;
  }

  async rules(name: string): Promise<Rules | undefined> {
    const container = this.#find(name);
    if (!container) return undefined;
    const table = this.#parts.overview.desired(container)?.table;
    const known = { name: plain(container.name, 128), id: container.id };
    if (!table) return known;
    const { printTable } = await import('../nft/text/listing.js');
    return { ...known, nft: printTable(table) };
  }

  async survey(): Promise<LabelSurvey | undefined> {
    const { overview, notices } = this.#parts;
    if (overview.listing || overview.labelled().some(({ unverifiedLabelKeys }) => unverifiedLabelKeys))
      return undefined;
    const { containers, sandboxes, diagnostics, hostRoutes } = overview.led;
    const firewalls: { container: string; message: string }[] = [];
    for (const desired of sandboxes.filter(({ forwarding }) => forwarding)) {
      for (const message of notices(desired))
        firewalls.push({ container: labelledIn(desired, containers), message });
      // Each takes a millisecond, and Docker's calls do not wait for all of them.
      await turn();
    }
    const named = ({ container, key, message, risk }: Diagnostic): LabelSurvey['told'][number] => ({
      ...{ container, key, message },
      ...(risk && { risk }),
    });
    const told = diagnostics.filter(({ once }) => once === undefined).map(named);
    const { reason } = this.hearing();
    return {
      ...{ told, firewalls, hasHostRoutes: hostRoutes.length > 0 },
      ...(reason !== undefined && { deafBecause: reason }),
    };
  }

  #find(name: string): ContainerView | undefined {
    return this.#parts.overview.labelled().find(one => isCalled(one, name));
  }

  async inspect(name: string): ReturnType<LabelsHalf['inspect']> {
    const { overview } = this.#parts;
    const container = this.#find(name);
    if (!container) return undefined;
    const status = overview.containers().find(({ id }) => id === container.id);
    const shown = plain(container.name, 128);
    return {
      kind: 'container',
      id: container.id,
      name: shown,
      parts: [this.#comparedPart(shown, container), ...this.#hostPart(shown, container)],
      notInForce: status?.notInForce ?? [],
    };
  }

  #comparedPart(name: string, container: ContainerView): ComparedPart {
    const title = `labels of ${name}`;
    if (!container.netns) return { title, problem: 'the container is not running', comparisons: [] };
    const desired = this.#parts.overview.desired(container);
    if (!desired) return { title, problem: 'none of its labels is applied', comparisons: [] };
    try {
      const found = this.#parts.compare(desired);
      if (!found) return { title, problem: 'its network namespace is gone', comparisons: [] };
      const { warnings = [] } = found;
      return {
        title,
        ...(warnings.length > 0 && { problem: warnings.join('; ') }),
        note: NOTES[this.#parts.drift.stateOf(desired.netns.key)],
        comparisons: compareState(found.desired, found.observed, found.changes),
      };
    } catch (err) {
      return { title, problem: messageOf(err), comparisons: [] };
    }
  }

  /** The host's routes by the container, where there are any or are to be. */
  #hostPart(name: string, container: ContainerView): ComparedPart[] {
    const title = `routes of the host by ${name}`;
    const { hostRoutes } = this.#parts.overview.led;
    try {
      const comparisons = compareHostRoutes(
        hostRoutesBy(container, hostRoutes),
        container.attachments.flatMap(({ addresses }) => addresses),
        this.#parts.hostRouteChanges(hostRoutes),
      );
      return comparisons.length > 0 ? [{ title, comparisons }] : [];
    } catch (err) {
      return [{ title, problem: messageOf(err), comparisons: [] }];
    }
  }

  async metrics(): Promise<readonly Sample[]> {
    const containers = this.#parts.overview.containers();
    const { passes, applied, ms } = this.#parts.overview.counts;
    const { heard, muted, unheard } = this.hearing();
    const running = containers.filter(({ state }) => state !== 'stopped');
    const sum = (of: (status: LabelledStatus) => number): number =>
      running.reduce((total, status) => total + of(status), 0);
    const results = (name: 'dwgd_passes_total' | 'dwgd_apply_total', counts: typeof passes): Sample[] =>
      Object.entries(counts).map(([result, value]) => ({ name, labels: [result], value }));
    return [
      { name: 'dwgd_labels', labels: ['in_force'], value: sum(({ inForce }) => inForce) },
      {
        name: 'dwgd_labels',
        labels: ['not_in_force'],
        value: sum(({ labels, inForce }) => labels - inForce),
      },
      ...running
        .flatMap(({ name, notInForce }) => notInForce.map(problem => [name, problem] as const))
        .slice(0, MAX_SERIES)
        .map(
          ([name, { label, since }]): Sample => ({
            name: 'dwgd_label_not_in_force_since_seconds',
            labels: [name, label],
            value: Date.parse(since) / 1000,
          }),
        ),
      ...STATES.map(
        (state): Sample => ({
          name: 'dwgd_labelled_containers',
          labels: [state],
          value: containers.filter(one => one.state === state).length,
        }),
      ),
      { name: 'dwgd_closed_containers', value: running.filter(({ isClosed }) => isClosed).length },
      { name: 'dwgd_heard_namespaces', value: heard },
      { name: 'dwgd_unheard_namespaces', labels: ['muted'], value: muted },
      { name: 'dwgd_unheard_namespaces', labels: ['other'], value: unheard },
      ...results('dwgd_passes_total', passes),
      { name: 'dwgd_pass_seconds_total', value: ms / 1000 },
      ...results('dwgd_apply_total', applied),
    ];
  }
}

function isCalled({ id, name }: ContainerView, text: string): boolean {
  return name === text || id === text || (text.length >= MIN_ID && id.startsWith(text));
}

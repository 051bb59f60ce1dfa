// What the log says of labels, and how often: each failure once if it repeats. Not here: mistakes (mistakes.ts), the format of a
// line (base/log.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { isUnreachable } from '../../docker/docker-host.js';
import type { Change } from '../diff/state.js';
import { CLOSED } from '../diff/strict.js';
import type { ApplyResult } from '../namespace/outcome.js';
import type { Diagnostic } from '../spec/intent.js';
import type { Attempts } from './attempts.js';
import { Mistakes } from './mistakes.js';
import type { WorkItem } from './work-queue.js';

/** A failure is reported when it repeats: in a container that is stopping or being connected, things fail once. */
const REPORTED_AT = 2;
/** Failures of one namespace that are listed, and characters of each: there can be one for every route. */
const MAX_FAILURES = 3;
const FAILURE_MAX = 400;
/** It is said of a namespace so often that it was mended, in milliseconds. */
const MENDED_MS = 30_000;

/** The name of a namespace in the log, and why it fails. */
type ReportedItem = Pick<WorkItem, 'key' | 'subject' | 'lastError' | 'repeats'> &
  Partial<Pick<WorkItem, 'desired'>>;

export class Reporter {
  readonly #log: Log;
  /** Namespaces that are closed while a label is not in force; by their keys. */
  readonly #closed = new Set<string>();
  /** Other warnings about namespaces, as they were reported; by their keys. */
  readonly #warned = new Map<string, string>();
  /** When it was last said of a namespace that it was mended; by their keys. */
  readonly #mendedAt = new Map<string, number>();
  readonly #mistakes: Mistakes;

  constructor(log: Log) {
    this.#log = log;
    this.#mistakes = new Mistakes(log);
  }

  /** Reports why the containers cannot be listed, if it lasts. That Docker is down is reported by who listens to it. */
  listFailed(err: unknown, { lastError = '', repeats }: Attempts): void {
    if (repeats === REPORTED_AT && !isUnreachable(err))
      this.#log.error(
        `${lastError}; until Docker lists them what is in force stays, and no labels are applied to containers that start meanwhile`,
      );
    else this.#log.debug(lastError);
  }

  /** Says how long a pass took. @param times when it began, had listed and had planned, by the clock of performance.now() */
  passed(
    namespaces: number,
    isFull: boolean,
    [began, listed, planned]: readonly [number, number, number],
  ): void {
    const ms = (from: number, to: number): number => Math.round((to - from) * 10) / 10;
    this.#log.debug(
      { namespaces, list: ms(began, listed), plan: ms(listed, planned), ms: ms(began, performance.now()) },
      isFull ? 'full resync' : 'reconcile pass',
    );
  }

  /** Reports each mistake when it is new, or has lasted. @param diagnostics all that there are now */
  diagnostics(diagnostics: readonly Diagnostic[]): void {
    this.#mistakes.report(diagnostics);
  }

  /**
   * Reports the outcome of reconciling a namespace.
   * @param item with the failure counted, if there was one
   * @param outcome undefined when the namespace was gone
   */
  outcome(item: ReportedItem, outcome: ApplyResult | undefined): void {
    const { key, subject, lastError = '', repeats, desired } = item;
    const fields = { containers: subject };
    if (outcome?.isClosed) this.#closed.add(key);
    // They are found when a table is installed, and not again while it stays.
    for (const { container, key, message, isOpen } of outcome?.refused ?? [])
      this.#log[isOpen ? 'error' : 'warn']({ container, label: key }, message);
    if (outcome?.unreadable)
      this.#log.warn(
        fields,
        `the table was installed anew, since it could not be read: ${messageOf(outcome.unreadable)}`,
      );
    if (outcome?.failures.length === 0)
      this.#warn(key, fields, [...(outcome.warnings ?? []), ...(outcome.notices ?? [])].join('; '));
    if (!outcome) {
      this.#log.debug(fields, 'the network namespace is gone');
    } else if (outcome.failures.length > 0) {
      if (repeats === (outcome.mayLeak ? 1 : REPORTED_AT)) this.#log.error(fields, lastError);
      else this.#log.debug(fields, lastError);
    } else if (outcome.changes.length > 0) {
      this.#log.info({ ...fields, did: summary(outcome.changes) }, 'reconciled with its labels');
      // In a frozen namespace it is not known whether they are.
      const isFrozen = desired !== undefined && 'isFrozen' in desired;
      if (!outcome.isClosed && !isFrozen && this.#closed.delete(key)) {
        const isLoose = desired !== undefined && 'netns' in desired && !desired.isStrict;
        const why = isLoose ? 'no label asks for twine.strict any more' : 'all labels are in force';
        this.#log.info(fields, `${why}: the container that twine.strict had closed is open`);
      }
    }
  }

  /** Reports what came of mending what somebody has changed: who does that without end fills no log. @param now in milliseconds */
  mended(item: ReportedItem, outcome: ApplyResult | undefined, now: number): void {
    const failed = outcome && outcome.failures.length > 0;
    const isQuiet = now < (this.#mendedAt.get(item.key) ?? Number.NEGATIVE_INFINITY) + MENDED_MS;
    if (failed) this.#log.debug({ containers: item.subject }, `not mended: ${failureOf(outcome)}`);
    else if (outcome && outcome.changes.length > 0 && isQuiet)
      this.#log.debug({ containers: item.subject, did: summary(outcome.changes) }, 'mended');
    else {
      this.outcome(item, outcome);
      if (outcome && outcome.changes.length > 0) this.#mendedAt.set(item.key, now);
    }
  }

  /** Reports a warning about a namespace when it is new. */
  #warn(key: string, fields: object, text: string): void {
    if (text !== '' && this.#warned.get(key) !== text) this.#log.warn(fields, text);
    this.#warned.set(key, text);
  }

  /** Forgets what was reported about all other namespaces. */
  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#closed) if (!keys.has(key)) this.#closed.delete(key);
    for (const known of [this.#warned, this.#mendedAt])
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
  }
}

/** Why an attempt failed, and what that means for packets, in one line of limited length. */
export function failureOf(outcome: ApplyResult): string {
  return failuresText(outcome.failures) + consequenceOf(outcome);
}

/** What failures mean for packets. */
function consequenceOf({ mayLeak, isClosed }: ApplyResult): string {
  if (isClosed) return `; until then ${CLOSED}`;
  if (!mayLeak) return '';
  return '; until then packets may leave by routes other than those of labels: twine.strict=true would close the container meanwhile';
}

/** The failures in one line of limited length. */
function failuresText(failures: readonly unknown[]): string {
  const listed = failures.slice(0, MAX_FAILURES).map(err => {
    const text = messageOf(err);
    return text.length > FAILURE_MAX ? `${text.slice(0, FAILURE_MAX)}…` : text;
  });
  const more = failures.length - listed.length;
  return [...listed, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** The changes in short: `replaceTable, 2 addRoute`. */
export function summary(changes: readonly Change[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of changes) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => (count > 1 ? `${count} ${kind}` : kind)).join(', ');
}

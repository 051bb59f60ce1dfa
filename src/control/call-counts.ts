// How many calls there were, how they ended and how long they took. Not here: the calls.

import type { Sample } from './exposition.js';

export class CallCounts {
  /** By method: how often it ended with which status, and the seconds of all. */
  readonly #methods = new Map<string, { readonly statuses: Map<number, number>; seconds: number }>();

  /** @param method one of a fixed list @param ms milliseconds */
  count(method: string, status: number, ms: number): void {
    let known = this.#methods.get(method);
    if (!known) {
      known = { statuses: new Map(), seconds: 0 };
      this.#methods.set(method, known);
    }
    known.statuses.set(status, (known.statuses.get(status) ?? 0) + 1);
    known.seconds += ms / 1000;
  }

  samples(): Sample[] {
    return [...this.#methods].flatMap(([method, { statuses, seconds }]): Sample[] => [
      { name: 'dwgd_call_seconds_total', labels: [method], value: seconds },
      ...[...statuses].map(
        ([status, value]): Sample => ({ name: 'dwgd_calls_total', labels: [method, String(status)], value }),
      ),
    ]);
  }
}

// The metrics of the daemon as a whole: what both halves count, and the process. Not here: the names (metric-table.ts), the
// text (exposition.ts).

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { exposition, type Sample } from './exposition.js';
import type { Daemon } from './halves.js';
import { healthOf } from './health.js';

/** How often the event loop's delay is looked at, in milliseconds: it wakes the process each time. */
const RESOLUTION_MS = 50;
/** So long after the last scrape nobody is interested any more, in milliseconds. */
const FORGOTTEN_MS = 300_000;
/** For so long an answer is given again, in milliseconds: whoever asks in a loop costs no more. */
const FRESH_MS = 1_000;
const QUANTILES = [0.5, 0.99, 1] as const;

type Asked = Omit<Daemon, 'explain'>;

export class Metrics {
  readonly #daemon: Asked;
  readonly #delay = new LoopDelay();
  #last: { readonly at: number; readonly text: Promise<string> } | undefined;

  constructor(daemon: Asked) {
    this.#daemon = daemon;
  }

  close(): void {
    this.#delay.stop();
  }

  /** All as text for Prometheus; within a second the same. */
  text(): Promise<string> {
    const now = performance.now();
    if (!this.#last || now - this.#last.at > FRESH_MS) this.#last = { at: now, text: this.#collect() };
    return this.#last.text;
  }

  async #collect(): Promise<string> {
    const { driver, labels, version } = this.#daemon;
    const halves = await Promise.all([driver?.metrics() ?? [], labels?.metrics() ?? []]);
    const health = healthOf(this.#daemon);
    const healthy = (['driver', 'labels'] as const)
      .filter(half => health[half].state !== 'off')
      .map(
        (half): Sample => ({
          name: 'dwgd_half_healthy',
          labels: [half],
          value: health[half].state === 'working' ? 1 : 0,
        }),
      );
    return exposition([
      { name: 'dwgd_info', labels: [version], value: 1 },
      ...healthy,
      ...halves.flat(),
      ...this.#delay.samples(),
      ...this.#ofProcess(),
    ]);
  }

  #ofProcess(): Sample[] {
    const { user, system } = process.cpuUsage();
    return [
      { name: 'process_cpu_seconds_total', value: (user + system) / 1e6 },
      { name: 'process_resident_memory_bytes', value: process.memoryUsage.rss() },
      { name: 'process_start_time_seconds', value: this.#daemon.started.getTime() / 1000 },
    ];
  }
}

/** How late the event loop is, watched only while somebody asks. */
class LoopDelay {
  #histogram: IntervalHistogram | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Since the last time; nothing at the first one. */
  samples(): Sample[] {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.stop(), FORGOTTEN_MS).unref();
    const histogram = this.#histogram;
    if (!histogram) {
      this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      this.#histogram.enable();
      return [];
    }
    if (histogram.count === 0) return [];
    const samples = QUANTILES.map(
      (quantile): Sample => ({
        name: 'dwgd_event_loop_delay_seconds',
        labels: [String(quantile)],
        // What is measured is the time between two looks.
        value: Math.max(0, histogram.percentile(quantile * 100) / 1e9 - RESOLUTION_MS / 1000),
      }),
    );
    histogram.reset();
    return samples;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#histogram?.disable();
    this.#histogram = undefined;
  }
}

// Loaded into the daemon before its program (`node --import`): by SIGUSR2 it begins to watch how long the event loop stalls, by
// another it says so in a file. In between it costs nothing.
import { writeFileSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 1;
let histogram: IntervalHistogram | undefined;

process.on('SIGUSR2', () => {
  if (!histogram) {
    histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    histogram.enable();
    return;
  }
  histogram.disable();
  const ms = (ns: number): number => Math.max(0, ns / 1e6 - RESOLUTION_MS);
  writeFileSync(
    process.env.BENCH_STALLS!,
    JSON.stringify({ longest: ms(histogram.max), p99: ms(histogram.percentile(99)) }),
  );
  histogram = undefined;
});

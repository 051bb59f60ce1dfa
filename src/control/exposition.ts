// Samples of metrics as text, in the format that Prometheus scrapes (version 0.0.4). Pure. Not here: which metrics there are
// (metric-table.ts), their values (metrics.ts).

import { METRICS, type MetricName } from './metric-table.js';

/** One value of a metric; the labels' values are in the order of the table. */
export interface Sample {
  readonly name: MetricName;
  readonly labels?: readonly string[];
  readonly value: number;
}

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The metrics in the order of the table, each with its help; of metrics without a sample nothing. */
export function exposition(samples: readonly Sample[]): string {
  const lines: string[] = [];
  const byName = new Map<MetricName, Sample[]>();
  for (const sample of samples) {
    const known = byName.get(sample.name);
    if (known) known.push(sample);
    else byName.set(sample.name, [sample]);
  }
  for (const { name, type, help, labels } of METRICS) {
    const found = byName.get(name);
    if (!found) continue;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    // A label set that comes twice would have the whole answer refused: the last one counts.
    const values = new Map(found.map(sample => [labelSet(labels, sample.labels), sample.value]));
    for (const [set, value] of values) lines.push(`${name}${set} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}

function labelSet(names: readonly string[], values: readonly string[] = []): string {
  if (names.length === 0) return '';
  return `{${names.map((name, n) => `${name}="${escaped(values[n] ?? '')}"`).join(',')}}`;
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, char => (char === '\n' ? '\\n' : `\\${char}`));
}

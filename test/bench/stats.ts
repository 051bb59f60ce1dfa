// Medians, and tables of them. Not here: what is measured.

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)]!;
  return low + (sorted[Math.ceil(at)]! - low) * (at - Math.floor(at));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Three figures at the most: 0.42, 6.3, 122. */
export function figure(value: number): string {
  return value.toFixed(value < 1 ? 2 : value < 100 ? 1 : 0);
}

/** Median, 95th percentile and how many, as cells of a table. */
export function spread(values: readonly number[]): string[] {
  return [figure(median(values)), figure(quantile(values, 0.95)), String(values.length)];
}

/** Prints a title and rows in columns: the first to the left, the others to the right. */
export function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!))).join('  ');
  console.log(`\n${title}\n${all.map(row => `  ${line(row)}`).join('\n')}`);
}

/** Says on standard error what is being done. */
export function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

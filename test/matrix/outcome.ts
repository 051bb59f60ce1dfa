// What came of one part of the suite in one column of the matrix, read from what its run printed.

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** The names of those that failed. */
  readonly failures: readonly string[];
  readonly seconds: number;
  /** Of the checkout. */
  readonly commit: string;
}

const NAME = /^(.*?) \(\d[\d.]*(?:ms| s)\)$/;

/**
 * Of the output of node's reporter `spec` or of the laboratory's, and the exit status. Only tests count, not what frames
 * them. A run that failed has at least one failure, and one in which nothing passed has failed, whatever it printed.
 */
export function readOutcome(output: string, status: number, seconds: number, commit: string): Outcome {
  let passed = 0;
  const failures: string[] = [];
  // Frames are told before what is in them, and end like tests.
  const frames = new Set(
    [...output.matchAll(/^(\s*)▶ (.*)$/gm)].map(([, indent, name]) => `${indent}${name}`),
  );
  // The summary at the end tells failures once more.
  const [lines = ''] = output.split(/^✖ failing tests:$/m);
  for (const line of lines.split('\n')) {
    const [, indent, mark, rest] = /^(\s*)(✔|✖|ok|FAIL) +(.*)$/.exec(line) ?? [];
    const name = NAME.exec(rest ?? '')?.[1];
    if (mark === undefined || name === undefined || frames.has(`${indent}${name}`)) continue;
    if (mark === '✔' || mark === 'ok') passed++;
    else failures.push(name);
  }
  const isGood = status === 0 && passed > 0;
  if (!isGood && failures.length === 0) failures.push(`the run, with status ${status}`);
  return { passed, failed: failures.length, failures, seconds, commit };
}

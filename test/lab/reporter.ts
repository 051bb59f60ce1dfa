// Node's test events as calm lines for people, and as results.ndjson for run.ts, line by line so that a guest
// that dies leaves what it had. It runs inside the guest and decides nothing.
import { appendFileSync } from 'node:fs';
import type { TestEvent } from 'node:test/reporters';

const ndjson = '/run/lab/results.ndjson';

function record(test: string, ok?: boolean): void {
  appendFileSync(ndjson, `${JSON.stringify({ test, ok })}\n`);
}

/** The error under the wrapper of the runner, with its stack, and what it was caused by. */
function explain(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const because = cause instanceof Error && cause.cause instanceof Error ? `\n${cause.cause.message}` : '';
  const text = cause instanceof Error ? (cause.stack ?? cause.message) + because : String(cause);
  return text
    .split('\n')
    .filter(line => !line.includes('node:internal'))
    .map(line => `      ${line}`)
    .join('\n');
}

export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const event of source) {
    if (event.type === 'test:start') {
      path.length = event.data.nesting;
      path.push(event.data.name);
      // A test that has begun and never ends shows up as the one that hung. Scenarios are only the frame.
      if (event.data.nesting === 0) yield `${event.data.name}\n`;
      else record(path.join(' › '));
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const { name, nesting, details } = event.data;
      path.length = nesting;
      const full = [...path, name].join(' › ');
      const seconds = (details.duration_ms / 1000).toFixed(1);
      const ok = event.type === 'test:pass';
      const error = event.type === 'test:fail' ? event.data.details.error : undefined;
      const childFailed = (error as { failureType?: string } | undefined)?.failureType === 'subtestsFailed';
      if (nesting > 0 || (!ok && !childFailed)) {
        record(full, ok);
        yield `  ${ok ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`;
        if (!ok) yield `${explain(error)}\n`;
      }
    } else if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      yield event.data.message;
    }
  }
}

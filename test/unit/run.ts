// `node dist/test/unit/run.js [--reporter dot]`: every unit test, in a few processes. `node --test` starts one for each file,
// and what it loads anew each time costs more than the tests. With files: these, in this process and this order.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { parseArgs } from 'node:util';

const folder = import.meta.dirname;
/** Milliseconds that each file took the last time. */
const TIMES = join(folder, 'times.json');
/** One more than there are processors: what one waits, others compute. Each loads most of the project, which takes seconds. */
const HANDS = availableParallelism() + 1;
/** What a process asks for the next file with. */
const NEXT = 'next';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { reporter: { type: 'string', default: 'spec' }, hand: { type: 'boolean', default: false } },
});

/** The files that are left, the longest last; how long each takes, as far as that is known. */
class Queue {
  readonly #times: Map<string, number>;
  readonly #files: string[];

  constructor(files: readonly string[]) {
    this.#times = new Map(Object.entries(readTimes()));
    // One that is new may be long.
    const weight = (file: string): number =>
      this.#times.get(relative(folder, file)) ?? 1e6 + statSync(file).size;
    const weights = new Map(files.map(file => [file, weight(file)]));
    this.#files = [...files].sort((a, b) => weights.get(a)! - weights.get(b)!);
  }

  /** The longest of those that are left. */
  take(): string | undefined {
    return this.#files.pop();
  }

  took(file: string, ms: number): void {
    this.#times.set(relative(folder, file), Math.round(ms));
  }

  save(): void {
    writeFileSync(TIMES, JSON.stringify(Object.fromEntries(this.#times)));
  }
}

function readTimes(): Record<string, number> {
  try {
    return JSON.parse(readFileSync(TIMES, 'utf8'));
  } catch {
    return {};
  }
}

/**
 * Runs files of the queue in one process, one after the other, until none is left. Its output comes when it has ended, in one
 * piece. Resolves to whether all passed.
 */
async function runHand(queue: Queue): Promise<boolean> {
  // Room for what lives for a moment: most of what tests make.
  const args = [
    '--max-semi-space-size=32',
    `--test-reporter=${values.reporter}`,
    import.meta.filename,
    '--hand',
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const output: Buffer[] = [];
  child.stdout!.on('data', (part: Buffer) => output.push(part));
  const files = handOut(queue, child);
  const [status] = await once(child, 'close');
  process.stdout.write(Buffer.concat(output));
  if (status === 0 && files.at(-1) === undefined) return true;
  const names = files.filter(file => file !== undefined).map(file => relative(process.cwd(), file));
  console.error(`A process with unit tests ended with ${status ?? 'a signal'}. It ran: ${names.join(' ')}`);
  return false;
}

/** Gives a process a file of the queue each time that it asks. Returns what it was given, in the end undefined. */
function handOut(queue: Queue, child: ChildProcess): (string | undefined)[] {
  const files: (string | undefined)[] = [];
  let since = 0;
  child.on('message', message => {
    if (message !== NEXT) return;
    const last = files.at(-1);
    if (last !== undefined) queue.took(last, performance.now() - since);
    const file = queue.take();
    files.push(file);
    since = performance.now();
    child.send({ file: file ?? null });
  });
  return files;
}

async function nextFile(): Promise<string | null> {
  process.send!(NEXT);
  // The channel keeps the process only while it is listened to, so that a test that waits for nothing is found out.
  const [{ file }] = await once(process, 'message');
  return file;
}

if (values.hand) {
  for (let file = await nextFile(); file !== null; file = await nextFile()) {
    await import(file);
    // Tests of a process take turns: after this one's, those of the file are over.
    await test(`so much for ${relative(folder, file)}`, () => undefined);
  }
  process.disconnect();
} else if (positionals.length > 0) {
  for (const file of positionals) await import(resolve(file));
} else {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.test.js'),
  );
  const queue = new Queue(names.map(name => join(folder, name)));
  const passed = await Promise.all(Array.from({ length: HANDS }, () => runHand(queue)));
  queue.save();
  const isWell = passed.every(Boolean) && queue.take() === undefined;
  process.exitCode = isWell ? 0 : 1;
}

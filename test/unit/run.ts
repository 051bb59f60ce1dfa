// `node dist/test/unit/run.js [--reporter dot]`: every unit test, in a few processes. `node --test` starts one for each file,
// and what it loads anew each time costs more than the tests.
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** Processes for each processor: each loads most of the project anew, which takes a second. */
const HANDS_PER_PROCESSOR = 2;
/** Of these at a time: what some of them wait, others compute. */
const AT_ONCE = 2;

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { reporter: { type: 'string', default: 'spec' } },
});

/** The files dealt out so that each hand has about as much: the largest first, in turn, there and back. */
function deal(files: readonly string[], hands: number): string[][] {
  const dealt = Array.from({ length: hands }, (): string[] => []);
  const size = (file: string): number => statSync(file).size;
  for (const [n, file] of [...files].sort((a, b) => size(b) - size(a)).entries()) {
    const at = n % (2 * hands);
    dealt[at < hands ? at : 2 * hands - 1 - at]!.push(file);
  }
  return dealt.filter(hand => hand.length > 0);
}

/** Runs the files in one process; its output comes when it has ended, in one piece. Resolves to whether all passed. */
function runHand(files: readonly string[]): Promise<boolean> {
  // Room for what lives for a moment: most of what tests make.
  const args = [
    '--max-semi-space-size=32',
    `--test-reporter=${values.reporter}`,
    import.meta.filename,
    ...files,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => output.push(part));
  return new Promise(resolve => {
    child.on('close', status => {
      process.stdout.write(Buffer.concat(output));
      if (status !== 0) console.error(`A process with unit tests ended with ${status ?? 'a signal'}.`);
      resolve(status === 0);
    });
  });
}

if (files.length > 0) {
  for (const file of files) await import(file);
} else {
  const folder = import.meta.dirname;
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.test.js'),
  );
  const processors = availableParallelism();
  const hands = deal(
    all.map(name => join(folder, name)),
    processors * HANDS_PER_PROCESSOR,
  );
  let isWell = true;
  const work = async (): Promise<void> => {
    for (let hand = hands.shift(); hand; hand = hands.shift()) isWell = (await runHand(hand)) && isWell;
  };
  await Promise.all(Array.from({ length: processors * AT_ONCE }, work));
  process.exitCode = isWell ? 0 : 1;
}

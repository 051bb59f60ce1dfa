// `node dist/test/fuzz/run.js [--seconds N | --runs N] [--seed S] [--keep] [target…]`, or `--replay FILE target`. Fails
// when a parser throws what it may not, hangs, or takes long.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Random } from '../support/random.js';
import { CACHE, CORPUS, keep, readCorpus } from './corpus.js';
import { Coverage } from './coverage.js';
import { Fuzzer, type Outcome } from './fuzzer.js';
import { complaint, type Target } from './target.js';
import { TARGETS } from './targets.js';

const PROGRESS_MS = 2_000;
const STACK_LINES = 4;
/** Of a complaint that are printed. */
const LINES = 8;

const { values: given, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    runs: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: `${(Date.now() % 0x7fff_ffff) + 1}` },
    keep: { type: 'boolean', default: false },
    replay: { type: 'string' },
  },
});

/** Those that were named; all of them where none was. */
function chosen(): readonly Target[] {
  const unknown = names.find(name => !TARGETS.some(target => target.name === name));
  if (unknown === undefined)
    return names.length > 0 ? TARGETS.filter(({ name }) => names.includes(name)) : TARGETS;
  throw new Error(
    `there is no target ${unknown}: the targets are ${TARGETS.map(({ name }) => name).join(', ')}`,
  );
}

function printFindings({ name }: Target, { findings }: Outcome): void {
  for (const { input, complaint } of findings) {
    const where = given.keep ? keep(CORPUS, name, input) : undefined;
    console.log(`  ${complaint.split('\n').slice(0, LINES).join('\n  ')}`);
    if (where) console.log(`  again: node dist/test/fuzz/run.js --replay ${where} ${name}`);
    else console.log(`  the input, in base64: ${input.subarray(0, 3000).toString('base64')}`);
  }
}

async function fuzz(target: Target, coverage: Coverage, seconds: number, seed: number): Promise<boolean> {
  const { name } = target;
  const folders = given.keep ? [CORPUS, CACHE] : [CORPUS];
  const seeds = folders.flatMap(folder => readCorpus(folder, name)).map(({ input }) => input);
  const fuzzer = new Fuzzer(target, seeds, coverage, new Random(seed));
  let told = performance.now();
  const line = ({ executions, added, findings }: Outcome): string =>
    `${name.padEnd(22)} ${`${executions}`.padStart(9)} executions, ${added.length} new inputs, ${findings.length} findings`;
  const outcome = await fuzzer.run({ runs: Number(given.runs), until: told + seconds * 1000 }, outcome => {
    if (!process.stdout.isTTY || performance.now() - told < PROGRESS_MS) return;
    told = performance.now();
    process.stdout.write(`\r${line(outcome)}`);
  });
  console.log(`${process.stdout.isTTY ? '\r' : ''}${line(outcome)}`);
  if (given.keep) for (const input of outcome.added) keep(CACHE, name, input);
  printFindings(target, outcome);
  return outcome.findings.length === 0;
}

async function replay(path: string, targets: readonly Target[]): Promise<boolean> {
  let isWell = true;
  for (const target of targets) {
    const wrong = await complaint(target, readFileSync(path));
    if (wrong !== undefined) isWell = false;
    console.log(`${target.name}: ${wrong ?? 'well'}`);
  }
  return isWell;
}

async function main(): Promise<boolean> {
  const targets = chosen();
  if (given.replay !== undefined) return replay(given.replay, targets);
  // Traces of errors that are expected would be most of the work.
  Error.stackTraceLimit = STACK_LINES;
  const seed = Number(given.seed);
  console.log(`seed ${seed}`);
  const coverage = new Coverage();
  let passed = 0;
  for (const target of targets) {
    if (await fuzz(target, coverage, Number(given.seconds) / targets.length, seed)) passed++;
  }
  coverage.close();
  console.log(`${passed} passed, ${targets.length - passed} failed`);
  return passed === targets.length;
}

process.exitCode = (await main()) ? 0 : 1;

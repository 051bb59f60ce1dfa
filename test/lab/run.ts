// The laboratory's command, outside the guest: reads arguments, boots one guest by qemu.ts, says what came of it.
// The tests themselves run inside, by guest.ts.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runGuests } from './guests.js';
import { boot, cache, claimOut, type Ending, type Job, lockedUp, root } from './qemu.js';

const usage = `Usage: node dist/test/lab/run.js [options] [scenario…]
  (no option)         run the named scenarios, or all but siege, service, processes, faults and those that are long alone
  --exec <command>    run a bash line in the guest, in the checkout; its exit status is ours
  --shell             a shell in the guest on this terminal
  --list              the scenarios, one a line
  --no-docker         without dockerd, for what does not need it
  --long              with the long form of scenarios that have one
  --guests <n>        run scenarios in so many guests side by side (default 2, for more than two scenarios)
  --cpus <n>          of a guest (default 2; 1 where guests run side by side)
  --timeout <s>       a guest is killed after so long (default 2400; a shell: never)
  --memory <MiB>      of the guest (default 4096)`;

const scenarios = join(root, 'test/lab/scenarios');
/** Run only where they are named: too long for `make test`, which has the service by test/service, processes by ifname, and
 * faults of labels beside Docker. */
const ON_REQUEST = new Set(['siege', 'service', 'processes', 'faults', 'exit-faults', 'exit-crowd']);
/** Run where they are named, and with the long forms. */
const ONLY_LONG = new Set([
  ...['many', 'networks', 'restarts', 'failover', 'assigned'],
  ...['exit-leaks', 'exit-pairs', 'exit-ports'],
]);

function isChosen(name: string): boolean {
  return !ON_REQUEST.has(name) && (values.long || !ONLY_LONG.has(name));
}

function names(): string[] {
  return readdirSync(scenarios)
    .filter(file => file.endsWith('.ts'))
    .map(file => file.slice(0, -3))
    .sort();
}

/** The first comment line of a scenario's file says what it proves. */
function firstComment(name: string): string {
  const line = readFileSync(join(scenarios, `${name}.ts`), 'utf8').split('\n', 1)[0]!;
  return line.replace(/^\/\/ */, '');
}

/** Refuses the run with one sentence. */
function refuse(sentence: string): never {
  process.stderr.write(`lab: ${sentence}\n`);
  process.exit(2);
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d+$/.test(text)) refuse(`--${option} wants a whole number, not "${text}"`);
  return Number(text);
}

function command() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        exec: { type: 'string' },
        shell: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        'no-docker': { type: 'boolean', default: false },
        long: { type: 'boolean', default: false },
        guests: { type: 'string', default: '2' },
        cpus: { type: 'string', default: '2' },
        timeout: { type: 'string' },
        memory: { type: 'string', default: '4096' },
      },
    });
  } catch (error) {
    return refuse(`${(error as Error).message}\n${usage}`);
  }
}

/** What the guest's reporter wrote down: every test that began, and how it ended if it did. */
function tests(out: string): Map<string, boolean | undefined> {
  const file = join(out, 'results.ndjson');
  const tests = new Map<string, boolean | undefined>();
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []) {
    const { test, ok } = JSON.parse(line) as { test: string; ok?: boolean };
    tests.set(test, ok);
  }
  return tests;
}

/** The scenarios that were through when the guest ended, and those from the one it was in on. */
function unfinished(names: readonly string[], out: string): { finished: string[]; rest: string[] } {
  const begun = new Set([...tests(out).keys()].map(test => test.split(' › ')[0]!));
  const last = Math.max(
    0,
    names.findLastIndex(name => begun.has(name)),
  );
  return { finished: names.slice(0, last), rest: names.slice(last) };
}

/** Passed and failed tests, all or those of some scenarios, and the one that never came back. */
function results(out: string, of?: readonly string[]): { passed: number; failed: number; running?: string } {
  const all = [...tests(out)].filter(([test]) => of === undefined || of.includes(test.split(' › ')[0]!));
  const ends = all.map(([, ok]) => ok);
  const running = all.find(([, ok]) => ok === undefined)?.[0];
  return {
    passed: ends.filter(ok => ok === true).length,
    failed: ends.filter(ok => ok !== true).length,
    ...(running === undefined ? {} : { running }),
  };
}

/** Says how a run of scenarios ended; the closing line is for machines. */
function conclude(ending: Ending, out: string, before: { passed: number; failed: number }): number {
  const { running, ...now } = results(out);
  const passed = before.passed + now.passed;
  const failed = before.failed + now.failed;
  if (running !== undefined) console.log(`lab: never came back: ${running}`);
  // A guest that did not end well, or ran nothing, is a failure even when every test that ended had passed.
  const good = 'status' in ending && ending.status === 0 && now.passed > 0;
  const failures = good ? failed : Math.max(failed, 1);
  if (failures > 0) console.log(`lab: logs are in ${out}`);
  console.log(`${passed} passed, ${failures} failed`);
  return failures > 0 ? 1 : 0;
}

const { values, positionals } = command();
if (values.help) {
  console.log(usage);
  process.exit(0);
}
if (values.list) {
  for (const name of names()) console.log(`${name.padEnd(20)} ${firstComment(name)}`);
  process.exit(0);
}
for (const name of positionals) {
  if (!names().includes(name)) refuse(`there is no scenario "${name}": ${names().join(', ')}`);
}
if (positionals.length && (values.shell || values.exec !== undefined))
  refuse('name scenarios, or use --exec or --shell: not both');

const mode: Job['mode'] = values.shell ? 'shell' : values.exec !== undefined ? 'exec' : 'scenarios';
const timeout = wholeNumber('timeout', values.timeout ?? (mode === 'shell' ? '0' : '2400'));
const memory = wholeNumber('memory', values.memory);
const cpus = wholeNumber('cpus', values.cpus);

const started = Date.now();
const prepared = spawnSync('bash', [join(root, 'test/lab/prepare')], { stdio: ['ignore', 2, 2] });
if (prepared.status !== 0) process.exit(1);

const chosen = positionals.length ? positionals : names().filter(isChosen);
const guests = wholeNumber('guests', values.guests);
if (mode === 'scenarios' && guests > 1 && chosen.length > 2) {
  const options = ['--timeout', String(timeout), '--memory', String(memory)];
  if (values['no-docker']) options.push('--no-docker');
  if (values.long) options.push('--long');
  process.exit(await runGuests(chosen, guests, options));
}

const lineEnd = mode === 'shell' ? '\r\n' : '\n';
const progress = (line: string) => process.stderr.write(`lab: ${line}${lineEnd}`);
const job = (names: readonly string[], out: string): Job => ({
  mode,
  job: values.exec ?? names.join(' '),
  docker: !values['no-docker'],
  long: values.long,
  out,
  timeout,
  memory,
  cpus,
  progress,
});

let out = await claimOut();
progress(`booting; files of this run in ${out}, kernel from ${cache}`);
let ending = await boot(job(chosen, out));
let before = { passed: 0, failed: 0 };
if (mode === 'scenarios' && 'failure' in ending && lockedUp(out)) {
  // Not a test's failure: the machine under it broke. What it had not finished gets one fresh guest.
  const { finished, rest } = unfinished(chosen, out);
  before = results(out, finished);
  progress(`the guest's processors locked up (${out}/console.log); a fresh guest runs: ${rest.join(', ')}`);
  out = await claimOut();
  ending = await boot(job(rest, out));
}
if ('failure' in ending) process.stderr.write(`lab: ${ending.failure}\n`);
if (mode === 'scenarios') {
  console.log(`lab: the whole run took ${((Date.now() - started) / 1000).toFixed(0)} s`);
  process.exitCode = conclude(ending, out, before);
} else {
  process.exitCode = 'status' in ending ? ending.status : 125;
}

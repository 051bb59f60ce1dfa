// `make soak`: containers, networks, gateways and labels come and go at random, by a seed, beside a Docker of their own; after
// each move a model says what must hold. Run by test/docker/inside. SOAK_MINUTES (30), SOAK_SEED.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { figure, median, quantile, table } from '../bench/stats.js';
import { keeper } from '../docker/keeper.js';
import { remove, removeNetwork } from '../support/containers.js';
import { ask, cleanup, daemon, docker, sh } from '../support/lab.js';
import { Random } from '../support/random.js';
import { difference, held } from './model.js';
import { type Move, move } from './moves.js';
import { boxes, found } from './truth.js';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 30);
const SEED = Number(process.env.SOAK_SEED ?? 1);
/** What does not hold by then is wrong. */
const [WITHIN_MS, EVERY_MS] = [10_000, 50];
/** A warning that is not true so long after it is an untrue one. */
const TRUE_AFTER_MS = 1_000;
const MAX_GROWTH = 1.05;

interface Sample {
  readonly residentKb: number;
  readonly descriptors: number;
}

const random = new Random(SEED);
const [samples, delays, wrong, untrue]: [Sample[], number[], string[], string[]] = [[], [], [], []];
let [moves, checks, read] = [0, 0, 0];

const networks = async (): Promise<string[]> =>
  (await docker.get<{ Name: string }[]>('/networks'))
    .map(({ Name }) => Name)
    .filter(name => name.startsWith('net-'));

function sample(): Sample {
  const status = readFileSync(`/proc/${daemon.pid()}/status`, 'utf8');
  return {
    residentKb: Number(/VmRSS:\s+(\d+)/.exec(status)![1]),
    descriptors: readdirSync(`/proc/${daemon.pid()}/fd`).length,
  };
}

/** What does not hold now. */
async function amiss(): Promise<readonly string[]> {
  const all = await boxes();
  const running = all.filter(({ isRunning }) => isRunning);
  const said = await Promise.all(
    running.map(async box => {
      const what = difference(held(box, all), await found(box.name));
      return what === undefined ? [] : [`${box.name}: ${what}`];
    }),
  );
  checks += running.length;
  return said.flat();
}

/** Waits until all holds; returns what does not. */
async function settled(): Promise<readonly string[]> {
  const began = performance.now();
  for (;;) {
    const what = await amiss();
    const took = performance.now() - began;
    if (what.length === 0) delays.push(took);
    if (what.length === 0 || took > WITHIN_MS) return what;
    await sleep(EVERY_MS);
  }
}

/** Warnings since the last time of containers whose labels are all in force a second later. */
async function untrueWarnings(): Promise<readonly string[]> {
  const log = daemon.logs();
  const warnings = log
    .slice(read)
    .split('\n')
    .filter(line => / ?warning /.test(line));
  read = log.length;
  if (warnings.length === 0) return [];
  await sleep(TRUE_AFTER_MS);
  const { text } = await ask('/run/dwgd/control.sock', 'GET', '/v1/status');
  const { containers } = JSON.parse(text) as {
    containers: { name: string; state: string; notInForce: unknown[] }[];
  };
  const inForce = containers.filter(
    ({ state, notInForce }) => state === 'applied' && notInForce.length === 0,
  );
  return warnings.filter(line => inForce.some(({ name }) => line.includes(` container=${name} `)));
}

async function step(): Promise<void> {
  const next: Move = move(random, await boxes(), await networks());
  moves++;
  await next.carryOut();
  const what = await settled();
  for (const one of what) {
    const line = `move ${moves}, ${next.words}: ${one}`;
    wrong.push(line);
    process.stderr.write(`soak: WRONG ${line}\n`);
  }
  untrue.push(...(await untrueWarnings()));
  samples.push(sample());
}

function report(before: Sample, after: Sample): void {
  const third = (n: number): readonly Sample[] =>
    samples.slice((samples.length * n) / 3, (samples.length * (n + 1)) / 3);
  const row = (what: string, of: readonly Sample[]): string[] => [
    what,
    figure(median(of.map(({ residentKb }) => residentKb)) / 1024),
    String(median(of.map(({ descriptors }) => descriptors))),
  ];
  table(
    `Soak: seed ${SEED}, ${MINUTES} min, ${moves} moves, ${checks} checks`,
    ['', 'MiB', 'descriptors'],
    [
      row('before', [before]),
      ...[0, 1, 2].map(n => row(`third ${n + 1}`, third(n))),
      row('all removed', [after]),
    ],
  );
  console.log(`  ${wrong.length} checks wrong, ${untrue.length} warnings untrue a second later`);
  console.log(
    `  all holds after a move: median ${figure(median(delays))} ms, p99 ${figure(quantile(delays, 0.99))} ms, the looking included`,
  );
  for (const line of untrue.slice(0, 20)) console.log(`  untrue: ${line.slice(0, 300)}`);
  const [middle, last] = [third(1), third(2)].map(of => median(of.map(({ residentKb }) => residentKb)));
  assert.deepEqual(wrong, []);
  assert.deepEqual(untrue, []);
  assert.ok(last! <= middle! * MAX_GROWTH, `memory of the last third: ${last} KiB for ${middle}`);
  assert.ok(
    after.descriptors <= before.descriptors,
    `${after.descriptors} descriptors for ${before.descriptors}`,
  );
}

await keeper.start({ flags: [] });
const before = sample();
process.stderr.write(`soak: seed ${SEED}, ${MINUTES} min\n`);
const end = performance.now() + MINUTES * 60_000;
let told = performance.now();
while (performance.now() < end) {
  await step();
  if (performance.now() - told > 60_000) {
    told = performance.now();
    process.stderr.write(`soak: ${moves} moves, ${Math.round((end - told) / 60_000)} min to go\n`);
  }
}
for (const { name } of await boxes()) await remove(name);
for (const name of await networks()) await removeNetwork(name);
await sleep(3_000);
const stillHeld = await sh('nft list set inet dwgd held 2> /dev/null | grep elements || true');
report(before, sample());
assert.equal(stillHeld, '');
await cleanup();
process.exit();

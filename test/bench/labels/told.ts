// What metrics and page cost a daemon that is asked for both every second: by turns one with them and one without, both halves
// on, beside the same containers, each through the same load. Which of the two goes first changes from turn to turn.
import { setTimeout as sleep } from 'node:timers/promises';
import { remove, run } from '../../support/containers.js';
import { daemon } from '../../support/lab.js';
import { type Memory, memoryOf } from '../memory.js';
import { median, progress, table } from '../stats.js';
import { byTurns, PAIRED, type Pairs, paired } from '../turns.js';
import { WATCHED, watch } from '../watched.js';
import { keep } from './kept.js';
import { ONE, TEN } from './labelled.js';
import { startOne } from './start.js';

const CONTAINERS = 20;
const TURNS = 8;
const [ROUNDS, WARM] = [8, 3];
const SETTLE_MS = 2_000;
const DATABASE = '/run/bench-told.db';
const CASES = [
  ['1 label', ONE],
  ['10 labels', TEN],
] as const;

interface Turn {
  /** Medians from the event to the last rule, by cases. */
  readonly starts: readonly number[];
  readonly memory: Memory;
}

export async function measureTold(network: string, turns = TURNS): Promise<void> {
  progress(`metrics and page, ${turns} turns with and without, beside ${CONTAINERS} containers`);
  const names = Array.from({ length: CONTAINERS }, (_, n) => `beside-${n}`);
  for (const [n, name] of names.entries())
    await run(name, { networks: { [network]: {} }, labels: n % 2 === 0 ? ONE : TEN });
  const pairs = await byTurns(turns, isTold => oneTurn(network, isTold));
  for (const name of names) await remove(name);
  report(pairs);
}

async function oneTurn(network: string, isTold: boolean): Promise<Turn> {
  await keep({ args: ['-d', DATABASE, ...(isTold ? WATCHED : [])] });
  const stop = isTold ? watch() : undefined;
  // What answers is loaded when somebody asks, once.
  await sleep(SETTLE_MS);
  const taken = CASES.map((): number[] => []);
  for (let round = -WARM; round < ROUNDS; round++) {
    for (const [n, [, labels]] of CASES.entries()) {
      const { whole } = await startOne(network, labels);
      if (round >= 0) taken[n]!.push(whole);
    }
  }
  await sleep(SETTLE_MS);
  const memory = memoryOf(daemon.pid());
  const asked = await stop?.();
  if (asked === 0) throw new Error('nobody has watched');
  await daemon.stop();
  return { starts: taken.map(median), memory };
}

function report(pairs: Pairs<Turn>): void {
  const memory = (what: string, of: (memory: Memory) => number) =>
    paired(pairs, `${what}, MB`, ({ memory }) => of(memory));
  table('Metrics and page, asked for every second: medians of turns', PAIRED, [
    ...CASES.map(([what], n) =>
      paired(pairs, `${what}: start event to the last rule, ms`, ({ starts }) => starts[n]!),
    ),
    memory('resident memory', ({ resident }) => resident),
    memory('    of it shared by nobody', ({ own }) => own),
    memory('    proportional', ({ proportional }) => proportional),
  ]);
  const more = pairs.told.map(({ memory }, n) => memory.resident - pairs.plain[n]!.memory.resident);
  console.log(`RESULT told ${median(more)}`);
}

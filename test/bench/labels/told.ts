// What metrics and page cost a daemon that is asked for both every second: by turns one with them and one without, both halves
// on, beside the same containers, each through the same load. Which of the two goes first changes from turn to turn.
import { setTimeout as sleep } from 'node:timers/promises';
import { remove, run } from '../../support/containers.js';
import { daemon } from '../../support/lab.js';
import { type Memory, memoryOf } from '../memory.js';
import { figure, median, progress, table } from '../stats.js';
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

export async function measureTold(network: string): Promise<void> {
  progress(`metrics and page, ${TURNS} turns with and without, beside ${CONTAINERS} containers`);
  const names = Array.from({ length: CONTAINERS }, (_, n) => `beside-${n}`);
  for (const [n, name] of names.entries())
    await run(name, { networks: { [network]: {} }, labels: n % 2 === 0 ? ONE : TEN });
  const plain: Turn[] = [];
  const told: Turn[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const order = turn % 2 === 0 ? [plain, told] : [told, plain];
    for (const taken of order) taken.push(await oneTurn(network, taken === told));
  }
  for (const name of names) await remove(name);
  report(plain, told);
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

function report(plain: readonly Turn[], told: readonly Turn[]): void {
  const row = (what: string, unit: string, of: (turn: Turn) => number): string[] => {
    const differences = told.map((turn, n) => of(turn) - of(plain[n]!));
    return [
      `${what}, ${unit}`,
      ...[plain, told].map(turns => figure(median(turns.map(of)))),
      signed(median(differences)),
      `${differences.filter(one => one > 0).length} of ${differences.length}`,
    ];
  };
  table(
    'Metrics and page, asked for every second: medians of turns',
    ['', 'without', 'with', 'difference by turns', 'more with'],
    [
      ...CASES.map(([what], n) =>
        row(`${what}: start event to the last rule`, 'ms', turn => turn.starts[n]!),
      ),
      row('resident memory', 'MB', ({ memory }) => memory.resident),
      row('    of it shared by nobody', 'MB', ({ memory }) => memory.own),
      row('    proportional', 'MB', ({ memory }) => memory.proportional),
    ],
  );
  const more = told.map(({ memory }, n) => memory.resident - plain[n]!.memory.resident);
  console.log(`RESULT told ${median(more)}`);
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${figure(Math.abs(value))}`;
}

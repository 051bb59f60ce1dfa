// What metrics and page cost a Join, in the laboratory: by turns a daemon without them and one with them, which is asked for
// both every second, each through the same calls of Docker's.
import { setTimeout as sleep } from 'node:timers/promises';
import { daemon, database, wg } from '../support/lab.js';
import { createNetwork, measureCalls, Timings } from './calls.js';
import { Connection } from './connection.js';
import { type Memory, memoryOf } from './memory.js';
import { median, progress, table } from './stats.js';
import { byTurns, PAIRED, paired } from './turns.js';
import { WATCHED, watch } from './watched.js';

const TURNS = Number(process.argv[2] ?? 6);
const [ROUNDS, WARM] = [15, 10];
const SETTLE_MS = 8_000;

interface Turn {
  readonly calls: Timings;
  readonly memory: Memory;
}

await wg.add('wg0', { addresses: ['10.0.0.1/16'], port: 51820 });
progress(`metrics and page, ${TURNS} turns with and without: ${ROUNDS} endpoints in each`);
const pairs = await byTurns(TURNS, oneTurn);
const times = (call: string) => paired(pairs, `${call}, ms`, ({ calls }: Turn) => median(calls.of(call)));
table('In the guest: metrics and page, asked for every second: medians of turns', PAIRED, [
  ...['an empty call', 'CreateEndpoint + Join', 'CreateEndpoint', 'Join', 'DeleteEndpoint'].map(times),
  paired(pairs, 'resident memory, MB', ({ memory }) => memory.resident),
]);

async function oneTurn(isTold: boolean): Promise<Turn> {
  await daemon.start({ args: ['-d', database, '--no-labels', ...(isTold ? WATCHED : [])] });
  const stop = isTold ? watch() : undefined;
  // What answers is loaded when somebody asks, once.
  await sleep(SETTLE_MS);
  const connection = new Connection();
  const network = await createNetwork(connection, '10.0.0.0/16', new Timings());
  await measureCalls(connection, network, WARM, new Timings());
  const calls = new Timings();
  await measureCalls(connection, network, ROUNDS, calls);
  const memory = memoryOf(daemon.pid());
  if ((await stop?.()) === 0) throw new Error('nobody has watched');
  connection.close();
  await daemon.stop();
  daemon.forget();
  return { calls, memory };
}

// What metrics and page cost a Join: by turns a daemon that is asked for both every second, and one that is not, in the
// laboratory, without dockerd. Run as `node dist/test/lab/run.js --no-docker --exec "node dist/test/bench/guest-told.js"`.
import { daemon, database, sh, wg } from '../support/lab.js';
import { createNetwork, crowd, measureCalls, Timings } from './calls.js';
import { Connection } from './connection.js';
import { memoryOf } from './memory.js';
import { figure, median, progress, table } from './stats.js';
import { WATCHED, watch } from './watched.js';

const TURNS = 6;
const [ROUNDS, WARM] = [12, 12];
/** Endpoints that stay, so that there is something to tell. */
const CROWD = 20;
const BOTH = 'CreateEndpoint + Join';

interface Turn {
  readonly join: number;
  readonly resident: number;
}

await wg.add('wg0', { addresses: ['10.0.0.1/16'], port: 51820 });
const plain: Turn[] = [];
const told: Turn[] = [];
for (let turn = 0; turn < TURNS; turn++) {
  for (const taken of turn % 2 === 0 ? [plain, told] : [told, plain]) {
    progress(`turn ${turn + 1} of ${TURNS}, ${taken === told ? 'with' : 'without'} metrics and page`);
    taken.push(await oneTurn(taken === told));
  }
}
const row = (what: string, of: (turn: Turn) => number): string[] => [
  what,
  ...[plain, told].map(turns => figure(median(turns.map(of)))),
  median(told.map((turn, n) => of(turn) - of(plain[n]!))).toFixed(2),
  told.map((turn, n) => (of(turn) - of(plain[n]!)).toFixed(1)).join(' '),
];
table(
  'In the guest: metrics and page, asked for every second; medians of turns',
  ['', 'without', 'with', 'difference by turns', 'each'],
  [row(`${BOTH}, ms`, ({ join }) => join), row('resident memory, MB', ({ resident }) => resident)],
);
process.exit();

async function oneTurn(isTold: boolean): Promise<Turn> {
  await daemon.start({ args: ['-d', database, ...(isTold ? WATCHED : [])] });
  const connection = new Connection();
  const network = await createNetwork(connection, '10.0.0.0/16', new Timings());
  await crowd(connection, network, CROWD, new Timings());
  const stop = isTold ? watch() : undefined;
  // Meanwhile what answers is loaded.
  await measureCalls(connection, network, WARM, new Timings());
  const timings = new Timings();
  await measureCalls(connection, network, ROUNDS, timings);
  const { resident } = memoryOf(daemon.pid());
  if ((await stop?.()) === 0) throw new Error('nobody has watched');
  connection.close();
  await daemon.kill9();
  await sh(
    `rm -f ${database}*; for link in $(wg show interfaces); do [ "$link" = wg0 ] || ip link del "$link"; done`,
  );
  for (const { publicKey } of (await wg.dump('wg0')).peers) await sh(`wg set wg0 peer '${publicKey}' remove`);
  return { join: median(timings.of(BOTH)), resident };
}

// The benchmark's part inside the laboratory, without dockerd: the daemon's calls and their yardsticks by turns,
// start-up, and memory with many endpoints. Prints its tables; lines that begin with RESULT are for the part outside.
import { daemon, database, sh, wg } from '../support/lab.js';
import { createNetwork, crowd, measureCalls, measureNetworks, Timings } from './calls.js';
import { Connection } from './connection.js';
import { type Memory, memoryOf } from './memory.js';
import { measureIdle, measureStartup, printMemory } from './startup.js';
import { figure, median, progress, quantile, spread, table } from './stats.js';
import { measureC, measureProcesses, prepareYardsticks, STEPS } from './yardsticks.js';

/** Daemon, C program and processes take turns, so that whatever else the machine does meets all three. */
const TURNS = 3;
const ROUNDS = 12;
const WARM = 25;
const STARTS = 5;
const YARDSTICK_WARM = 3;
const CROWD = 500;

const calls = new Timings();
const c = new Timings();
const processes = { reads: [] as number[], changes: [] as number[] };

await wg.add('wg0', { addresses: ['10.0.0.1/16'], port: 51820 });
await prepareYardsticks();
await daemon.start({ args: ['-d', database] });
const connection = new Connection();
const network = await createNetwork(connection, '10.0.0.0/16', new Timings());

progress(`${WARM} rounds to get warm`);
await measureCalls(connection, network, WARM, new Timings());
await measureNetworks(connection, WARM, new Timings());
for (let turn = 1; turn <= TURNS; turn++) {
  progress(`turn ${turn} of ${TURNS}: the daemon, ${ROUNDS} rounds`);
  await measureCalls(connection, network, ROUNDS, calls);
  await measureNetworks(connection, ROUNDS, calls);
  progress(`turn ${turn} of ${TURNS}: the C program`);
  for (const [step, values] of await measureC(ROUNDS, YARDSTICK_WARM)) c.add(step, ...values);
  progress(`turn ${turn} of ${TURNS}: processes`);
  const ofProcesses = await measureProcesses(ROUNDS, YARDSTICK_WARM);
  processes.reads.push(...ofProcesses.reads);
  processes.changes.push(...ofProcesses.changes);
}
const afterCalls = memoryOf(daemon.pid());

progress(`${CROWD} endpoints that stay`);
const crowded = new Timings();
await crowd(connection, network, CROWD, crowded);
const withCrowd = memoryOf(daemon.pid());
connection.close();
const peers = (await wg.dump('wg0')).peers.length;
if (peers !== CROWD) throw new Error(`wg0 has ${peers} peers, not ${CROWD}`);
await daemon.kill9();
await sh(`rm -f ${database}*`);

progress('start-up in the guest');
const startup = await measureStartup(STARTS);
const idle = await measureIdle();

report(calls, crowded, startup, [
  ['idle, no Docker', idle],
  ['after some 60 containers', afterCalls],
  [`${CROWD} endpoints joined`, withCrowd],
]);

function report(
  calls: Timings,
  crowded: Timings,
  startup: readonly number[],
  memory: readonly (readonly [string, Memory])[],
): void {
  const both = calls.of('CreateEndpoint + Join');
  const six = processes.reads.map((reads, n) => reads + processes.changes[n]!);
  const times = (values: readonly number[]): string => `${figure(median(values) / median(both))} ×`;
  const head = ['ms', 'median', 'p95', 'n'];
  table(
    'In the guest: CreateEndpoint + Join, and the same work done otherwise',
    [...head, 'beside the daemon'],
    [
      ['dwgd, both calls', ...spread(both), times(both)],
      ['six processes: three that read, three that change', ...spread(six), times(six)],
      ['three processes: what changes only', ...spread(processes.changes), times(processes.changes)],
      ['C program, six netlink messages', ...spread(c.of('total')), times(c.of('total'))],
      ...STEPS.map(step => [`    ${step}`, ...spread(c.of(step)), times(c.of(step))]),
    ],
  );
  const each = [
    'an empty call',
    'CreateNetwork',
    'DeleteNetwork',
    'CreateEndpoint',
    'Join',
    'Leave',
    'DeleteEndpoint',
  ];
  table('In the guest: each call', head, [
    ...each.map(call => [call, ...spread(calls.of(call))]),
    ['the kernel deletes a link (C program)', ...spread(c.of('deletion'))],
  ]);
  const tail = (call: string, from: number): string[] => [
    `${call}, endpoints ${from + 1} to ${from + 50}`,
    ...spread(crowded.of(call).slice(from, from + 50)),
  ];
  table('In the guest: with the number of endpoints', head, [
    tail('CreateEndpoint', 0),
    tail('CreateEndpoint', CROWD - 50),
    tail('Join', 0),
    tail('Join', CROWD - 50),
  ]);
  table('In the guest: from exec to a socket that accepts', head, [['start-up', ...spread(startup)]]);
  printMemory('In the guest: memory of the daemon', memory);
  console.log(`RESULT processes ${median(six) / median(both)}`);
  console.log(`RESULT three-processes ${median(processes.changes) / median(both)}`);
  console.log(`RESULT c ${median(both) / median(c.of('total'))}`);
  console.log(`RESULT delete ${quantile(calls.of('DeleteEndpoint'), 0.95) / median(c.of('deletion'))}`);
  console.log(`RESULT crowd ${memory.at(-1)![1].resident}`);
}

// How long each command takes beside hundreds of labelled containers, from its start to its end, as who types it sees it.
// Each answer is looked at: an error would be quick.
import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { daemon } from '../../support/lab.js';
import { figure, median, progress, table } from '../stats.js';
import { keep } from './kept.js';
import { hold, labelled, patternOf, SOCKET } from './standins.js';
import { DockerStub, type Standin } from './stub.js';

const CONTAINERS = 500;
const ROUNDS = 15;
const COMPOSE = '/run/bench-compose.yml';
const CLI = join(process.env.LAB_ROOT!, 'dist/src/cli/main.js');
const MAX_OUTPUT = 256 * 1024 * 1024;
const run = promisify(execFile);

interface Typed {
  readonly args: readonly string[];
  /** What its answer has. */
  readonly says: RegExp;
  /** In what it says, where it has found something: its status is 1 then. */
  readonly finds?: true;
  /** Whether it is no command of ours. */
  readonly isEmpty?: true;
}

const DOCKER = ['--docker-host', `unix://${SOCKET}`];
/** Node.js alone, the least that any of them can take. */
const EMPTY: Typed = { args: ['-p', '0'], says: /^0$/m, isEmpty: true };
const COMMANDS: readonly Typed[] = [
  EMPTY,
  { args: ['--version'], says: /^\d/ },
  { args: ['--help'], says: /^Usage: dwgd/ },
  { args: ['config'], says: /^look-interval = 300/m },
  { args: ['pubkey', '-s', 'seed', '-i', '10.0.0.2'], says: /^\S{43}=$/m },
  { args: ['status'], says: /^labelled-499 +10 +10 /m },
  { args: ['status', '--json'], says: /"labelled-499"/ },
  { args: ['inspect', 'labelled-3'], says: /^container labelled-3 .*all is as it is to be$/m },
  { args: ['plan', COMPOSE], says: /^# bench-labelled-499-1$/m },
  { args: ['plan', 'labelled-3', ...DOCKER], says: /^ip route prepend 10\.77\.0\.0\/16 via /m },
  { args: ['explain', 'labelled-3', '10.77.0.1'], says: /^labelled-3 to 10\.77\.0\.1/ },
  { args: ['explain', 'labelled-3', '192.0.2.1:443/tcp'], says: /^labelled-3 to 192\.0\.2\.1:443/ },
  {
    args: ['explain', 'labelled-3', '192.0.2.1:443/tcp', ...DOCKER],
    says: /^labelled-3 to 192\.0\.2\.1:443/,
  },
  { args: ['doctor', ...DOCKER], says: /^( {2}see: |nothing is wrong)/m, finds: true },
];

/** Every command so often, by turns: whatever else the machine does meets all of them. */
export async function measureTyped(network: string): Promise<void> {
  const pattern = await patternOf(network);
  progress(`commands beside ${CONTAINERS} labelled containers: namespaces, and a stub of Docker's API`);
  const standins = await hold(CONTAINERS + 1);
  const all = labelled(standins.list);
  const stub = new DockerStub(pattern, all);
  const stop = await stub.serve(SOCKET);
  writeFileSync(COMPOSE, composeOf(all));
  await keep({ socket: SOCKET });
  const taken = COMMANDS.map((): number[] => []);
  const asked = COMMANDS.map(() => 0);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [n, typed] of COMMANDS.entries()) {
      const before = stub.asked;
      const ms = await timeOf(typed);
      asked[n] = stub.asked - before;
      if (round > 0) taken[n]!.push(ms);
    }
  }
  table(
    `Commands beside ${CONTAINERS} labelled containers, from start to end`,
    ['ms', 'median', 'worst', 'of node alone', 'n', 'asked Docker'],
    COMMANDS.map(({ args, isEmpty }, n) => [
      `${isEmpty ? 'node' : 'dwgd'} ${args.filter(word => !DOCKER.includes(word)).join(' ')}`,
      figure(median(taken[n]!)),
      figure(Math.max(...taken[n]!)),
      `${(median(taken[n]!) / median(taken[0]!)).toFixed(1)}`,
      String(taken[n]!.length),
      String(asked[n]),
    ]),
  );
  console.log(`RESULT typed ${Math.max(...taken.map(median))}`);
  await daemon.stop();
  stop();
  await standins.free();
  rmSync(COMPOSE);
}

async function timeOf({ args, says, finds, isEmpty }: Typed): Promise<number> {
  const from = performance.now();
  const { stdout } = await run(process.execPath, isEmpty ? args : [CLI, ...args], {
    maxBuffer: MAX_OUTPUT,
  }).catch((err: Error & { readonly code?: number; readonly stdout: string; readonly stderr: string }) => {
    if (finds && err.code === 1) return err;
    throw new Error(`dwgd ${args.join(' ')} ended with ${err.code}: ${err.stderr}`);
  });
  const ms = performance.now() - from;
  if (!says.test(stdout))
    throw new Error(`dwgd ${args.join(' ')} answers otherwise: ${stdout.slice(0, 500)}`);
  return ms;
}

/** The same containers as services. */
function composeOf(standins: readonly Standin[]): string {
  const services = standins.map(({ name, labels }) => [name, { image: 'busybox', labels }]);
  return JSON.stringify({ name: 'bench', services: Object.fromEntries(services) });
}

// The two peers that the daemon's Join is laid beside: processes, and a C program. Both run in a network namespace
// of their own, so that the daemon does not watch them. Not here: what they do (join.c, processes.c).
import { sh } from '../support/lab.js';

const NETNS = 'yardsticks';
const BUILT = 'dist/test/bench';

export interface ProcessRounds {
  readonly reads: number[];
  readonly changes: number[];
}

/** Of the C program, in order. */
export const STEPS = [
  'read wg0',
  'read its MTU',
  'make the link',
  'key and peer',
  'read the public key',
  'host peer',
] as const;

/** The namespace with the interface wg0 in it, of the same make as the one that the daemon's containers use. */
export async function prepareYardsticks(): Promise<void> {
  await sh(`
    ip netns add ${NETNS}
    ip -n ${NETNS} link set lo up
    ip -n ${NETNS} link add wg0 type wireguard
    ip netns exec ${NETNS} wg set wg0 listen-port 51820 private-key <(wg genkey)
    ip -n ${NETNS} link set wg0 up`);
}

async function rounds(program: string, count: number, warm: number): Promise<number[][]> {
  const output = await sh(`ip netns exec ${NETNS} ${BUILT}/${program} ${count} ${warm}`, { within: 300 });
  return output.split('\n').map(line => line.split(' ').map(Number));
}

/** The C program, one process for all rounds: milliseconds of the whole, of each step, and of a link's deletion. */
export async function measureC(count: number, warm: number): Promise<[what: string, ms: number[]][]> {
  const lines = await rounds('join', count, warm);
  return ['total', ...STEPS, 'deletion'].map((what, n) => [what, lines.map(line => line[n]!)]);
}

/** `ip` and `wg`, a process per step. */
export async function measureProcesses(count: number, warm: number): Promise<ProcessRounds> {
  const lines = await rounds('processes', count, warm);
  return { reads: lines.map(([reads]) => reads!), changes: lines.map(([, changes]) => changes!) };
}

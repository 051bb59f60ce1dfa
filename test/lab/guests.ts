// Several guests at a time, each with a part of the scenarios: a guest leaves half of a two-core machine idle.
// Each is a run of run.ts of its own; here its lines are shown and its closing counts added up.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** The closing line of a run. */
const CLOSING = /^(\d+) passed, (\d+) failed$/;

interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** What a run came to. */
interface Outcome extends Count {
  /** The lines of tests that failed, each with its reason. */
  readonly failures: readonly string[];
}

/** A line of a test that failed, and one of its reason. */
const [FAILED, REASON] = [/^ {2}FAIL /, /^ {6}/];

/** What scenarios take, in seconds, so that the guests end at about the same time: in `make test`, or by themselves. */
const SECONDS: Readonly<Record<string, number>> = {
  'exit-leaks': 1235,
  failover: 320,
  'exit-pairs': 300,
  'exit-ports': 130,
  rootless: 220,
  exit: 280,
  service: 200,
  labels: 137,
  'full-tunnel': 130,
  'own-tunnel': 90,
  defects: 113,
  many: 85,
  ifname: 76,
  converge: 70,
  restarts: 70,
  networks: 60,
  failures: 48,
  pubkey: 45,
  processes: 35,
  modules: 14,
  laboratory: 7,
};
const SECONDS_OF_OTHERS = 30;

/** The names dealt out, the longest first, each to the guest that has the least to do. */
export function deal(names: readonly string[], guests: number): string[][] {
  const cost = (name: string): number => SECONDS[name] ?? SECONDS_OF_OTHERS;
  const hands = Array.from({ length: Math.min(guests, names.length) }, (): string[] => []);
  const load = (hand: readonly string[]): number => hand.reduce((sum, name) => sum + cost(name), 0);
  for (const name of [...names].sort((a, b) => cost(b) - cost(a))) {
    hands.reduce((least, hand) => (load(hand) < load(least) ? hand : least)).push(name);
  }
  return hands;
}

/** Runs the scenarios in so many guests side by side; prints the closing line, returns the exit status. */
export async function runGuests(
  names: readonly string[],
  guests: number,
  options: readonly string[],
): Promise<number> {
  const runs = deal(names, guests).map((hand, n) => runGuest(n + 1, hand, options));
  const counts = await Promise.all(runs);
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  // Said again: of a long output the end is what is read.
  for (const line of counts.flatMap(({ failures }) => failures)) console.log(line);
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

/** One guest; a run that ends without its closing line, or badly, counts as a failure. */
function runGuest(n: number, names: readonly string[], options: readonly string[]): Promise<Outcome> {
  return new Promise(resolve => {
    const script = new URL('run.js', import.meta.url).pathname;
    const child = spawn(process.execPath, [script, '--guests', '1', '--cpus', '1', ...options, ...names], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let count: Count = { passed: 0, failed: 1 };
    const failures: string[] = [];
    let isFailure = false;
    const show = (stream: Readable, print: (line: string) => void): void => {
      createInterface(stream).on('line', line => {
        const closing = CLOSING.exec(line);
        if (closing) count = { passed: Number(closing[1]), failed: Number(closing[2]) };
        else print(`${n}| ${line}`);
        isFailure = FAILED.test(line) || (isFailure && REASON.test(line));
        if (isFailure) failures.push(line);
      });
    };
    show(child.stdout, line => console.log(line));
    show(child.stderr, line => console.error(line));
    child.on('close', status => {
      const isTold = status === 0 || count.failed > 0;
      resolve({ ...count, ...(!isTold && { failed: 1 }), failures });
    });
  });
}

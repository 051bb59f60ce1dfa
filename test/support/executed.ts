// What a daemon that was started under strace(1), with nothing to find in its PATH, has executed.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import type { DaemonOptions } from './daemon.js';

const EMPTY = '/run/empty';

/** How to start a daemon so. @param trace where strace writes calls of execve and execveat */
export function traced(trace: string): Required<Pick<DaemonOptions, 'under' | 'env' | 'within'>> {
  mkdirSync(EMPTY, { recursive: true });
  const under = [
    '/usr/bin/strace',
    '-f',
    '--seccomp-bpf',
    '-e',
    'trace=execve,execveat',
    '-s',
    '256',
    '-o',
    trace,
  ];
  return { under, env: { PATH: EMPTY }, within: 120 };
}

/**
 * Asserts that it executed nothing after it had begun. Before that, setpriv(1) takes away the capabilities that the unit does
 * not give, and becomes the daemon.
 * @param trace where strace wrote calls of execve and execveat
 */
export function assertOnlyDaemonRan(trace: string): void {
  const calls = readFileSync(trace, 'utf8')
    .split('\n')
    .filter(line => line.includes('exec'));
  assert.equal(calls.length, 2, calls.join('\n'));
  assert.match(calls[0]!, /execve\("\/usr\/bin\/setpriv"/);
  assert.match(calls[1]!, /execve\("[^"]*node", \["[^"]*node", "[^"]*dist\/src\/cli\/main\.js"/);
}

// Hundreds of containers that are named network namespaces with a stub of Docker's API in front, because one machine cannot
// run so many. Not here: the stub (stub.ts).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { remove, run } from '../../support/containers.js';
import { docker } from '../../support/lab.js';
import { GATEWAY, ONE, TEN } from './labelled.js';
import type { Pattern, Standin } from './stub.js';

/** Where the stub listens. */
export const SOCKET = '/run/bench-docker.sock';
const NAMESPACES = '/run/bench-netns';

/** What a real Docker says of a container on a network. */
export async function patternOf(network: string): Promise<Pattern> {
  const id = await run('pattern', { networks: { [network]: {} } });
  const inspected = await docker.get<{ Image: string }>(`/containers/${id}/json`);
  const list = await docker.get<{ Id: string }[]>('/containers/json?all=1');
  const networks = await docker.get<object>('/networks');
  const image = await docker.get<object>(`/images/${inspected.Image}/json`);
  const [version, info] = await Promise.all(['/version', '/info'].map(path => docker.get<object>(path)));
  await remove(id);
  return {
    ...{ inspected, listed: list.find(({ Id }) => Id === id)!, networks, image },
    ...{ version: version!, info: info! },
  };
}

/** So many namespaces, each as a container without labels; the first has the gateway's name. */
export async function hold(count: number): Promise<{ list: Standin[]; free: () => Promise<void> }> {
  const child: ChildProcess = spawn('dist/test/bench/labels/namespaces', [String(count), NAMESPACES], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout!.setEncoding('utf8');
  for await (const chunk of child.stdout!) {
    text += chunk as string;
    if (text.split('\n').length > count) break;
  }
  const list = text
    .trim()
    .split('\n')
    .map((pid, n) => ({
      id: (n + 1).toString(16).padStart(64, '0'),
      name: n === 0 ? GATEWAY : `labelled-${n}`,
      pid: Number(pid),
      sandboxKey: `${NAMESPACES}/${pid}`,
      address: `10.1.${Math.floor(n / 250)}.${1 + (n % 250)}`,
      labels: {},
    }));
  return {
    list,
    free: async () => {
      child.stdin!.end();
      await once(child, 'exit');
      // The kernel takes namespaces down behind their last process.
      await sleep(1_000);
    },
  };
}

/** All but the first with labels. */
export function labelled(standins: readonly Standin[]): Standin[] {
  return standins.map((standin, n) => ({ ...standin, labels: n === 0 ? {} : n % 2 === 0 ? ONE : TEN }));
}

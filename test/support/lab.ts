// The library of the scenarios: everything one imports, the frame of a scenario, and cleanup between them.
// It is used inside the guest only; run.ts and qemu.ts are the outside.
import { after, before, describe } from 'node:test';
import { daemon } from './daemon.js';
import { docker, dockerd } from './docker.js';
import { eventually, sh } from './shell.js';

export {
  bothHalves,
  type DaemonOptions,
  daemon,
  database,
  socketPath as daemonSocket,
  withoutEngine,
} from './daemon.js';
export { ask, docker, dockerd } from './docker.js';
export { eventually, ShellError, sh } from './shell.js';
export { type KeyPair, keyPair, Remote, type WgDump, wg } from './wireguard.js';

/** Whether the run was started with --long. */
export const isLong = process.env.LAB_LONG === '1';

interface ScenarioOptions {
  /** Wait for dockerd before the first test. Default true. */
  docker?: boolean;
  /** Seconds for the whole scenario. Default 900: a slow machine is no failure. */
  within?: number;
}

/** One scenario: its tests run in order, in a guest cleaned up before and after. One per file, named as the file. */
export function scenario(
  name: string,
  tests: () => void,
  { docker: needsDocker = true, within = 900 }: ScenarioOptions = {},
): void {
  describe(name, { timeout: within * 1000 }, () => {
    before(async () => {
      if (!needsDocker) return;
      await dockerd.wait();
      if (!dockerd.pristine()) await dockerd.restart();
    });
    tests();
    after(cleanup);
  });
}

/**
 * Leaves the guest as it was after its boot: no containers, networks of users, WireGuard links, namespaces,
 * daemon or database. Docker goes first, while the daemon is there to answer it. It goes on after an error and
 * throws them all at the end.
 */
export async function cleanup(): Promise<void> {
  const errors: unknown[] = [];
  const step = (work: () => Promise<unknown>) => work().catch((error: unknown) => errors.push(error));
  if (process.env.LAB_DOCKER === '1') await step(cleanDocker);
  await step(daemon.stop);
  daemon.forget();
  await step(() =>
    sh(`
    for ns in $(ip netns list | cut -d' ' -f1); do
      ip netns pids "$ns" | xargs -r kill -9
      ip netns del "$ns"
    done
    for link in $(wg show interfaces); do ip link del "$link"; done
    ip link del to-remote 2> /dev/null || true`),
  );
  if (errors.length) throw new AggregateError(errors, `cleaning up: ${errors.map(String).join('; ')}`);
}

async function cleanDocker(): Promise<void> {
  if (!(await docker.get('/version').catch(() => false))) await dockerd.start();
  const containers = await docker.get<{ Id: string }[]>('/containers/json?all=1');
  const networks = await docker.get<{ Id: string; Driver: string }[]>(
    '/networks?filters={"type":["custom"]}',
  );
  if (networks.some(network => network.Driver === 'dwgd') && !daemon.running()) await daemon.start();
  const outcomes = [
    ...(await Promise.allSettled(
      containers.map(({ Id }) => docker.call('DELETE', `/containers/${Id}?force=1&v=1`)),
    )),
    ...(await Promise.allSettled(networks.map(({ Id }) => docker.call('DELETE', `/networks/${Id}`)))),
  ];
  // A container with --rm may be going already: what counts is that it is gone.
  await eventually(async () => {
    const left = await docker.get<{ Id: string }[]>('/containers/json?all=1');
    if (left.length) throw new Error(`containers left: ${left.map(({ Id }) => Id).join(', ')}`);
  });
  const left = await docker.get<unknown[]>('/networks?filters={"type":["custom"]}');
  if (left.length) {
    const reasons = outcomes.flatMap(outcome =>
      outcome.status === 'rejected' ? [String(outcome.reason)] : [],
    );
    throw new Error(`networks left: ${reasons.join('; ')}`);
  }
}

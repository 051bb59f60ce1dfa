// What a siege is measured by: containers that come and go by docker run and by the driver's calls, labels that are
// broken, and what the daemon holds meanwhile. Not here: the hostile users (attackers.ts).
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { remove, run } from '../containers.js';
import { daemon, daemonSocket, docker, eventually, sh } from '../lab.js';
import { demand, newId } from '../libnetwork.js';

/** What was measured while root went about his business. */
export interface Measured {
  /** Milliseconds of each Join. */
  readonly joins: readonly number[];
  /** Milliseconds of each docker run. */
  readonly runs: readonly number[];
  /** Containers with a broken route label that were found closed. */
  readonly closed: number;
  /** Resident memory of the daemon, in MB. */
  readonly most: number;
}

/**
 * Root's business: containers come and go, by docker run and by the driver's calls alone, side by side, each at least once.
 * @param network on which the driver is called: 10.0.1.0/24
 */
export async function business(isOver: () => boolean, network: string): Promise<Measured> {
  const [joins, runs]: number[][] = [[], []];
  let [closed, most] = [0, 0];
  const repeat = async (rest: number, work: () => unknown): Promise<void> => {
    do {
      await work();
      await sleep(rest);
    } while (!isOver());
  };
  await Promise.all([
    repeat(100, async () => joins!.push(await join(network))),
    repeat(1000, async () => runs!.push(await dockerRun())),
    repeat(10_000, async () => {
      await brokenLabel();
      closed++;
    }),
    repeat(100, () => {
      most = Math.max(most, resident());
    }),
  ]);
  return { joins: joins!, runs: runs!, closed, most };
}

/** What a user types, who then sees an answer by the tunnel; how long it took, in milliseconds. @throws ShellError */
export async function dockerRun(): Promise<number> {
  const start = performance.now();
  await sh('docker run --rm --network=runs busybox:local ping -c 1 -W 30 10.0.0.1', { within: 600 });
  return performance.now() - start;
}

/** An endpoint comes and goes as a container has it; how long the Join took, in milliseconds. */
export async function join(NetworkID: string): Promise<number> {
  const ids = { NetworkID, EndpointID: newId() };
  await demand('NetworkDriver.CreateEndpoint', { ...ids, Interface: { Address: '10.0.1.2/24' } });
  const start = performance.now();
  await demand('NetworkDriver.Join', { ...ids, SandboxKey: '/run/netns/none' });
  const took = performance.now() - start;
  await demand('NetworkDriver.Leave', ids);
  await demand('NetworkDriver.DeleteEndpoint', ids);
  return took;
}

/** A container whose route label has a mistake comes, is closed, and goes. */
async function brokenLabel(): Promise<void> {
  await run('broken', { networks: { bridge: {} }, labels: { 'twine.route.203.0.113.0/24': '"vpn"' } });
  try {
    await eventually(async () => assert.match(await routeOf('broken', '203.0.113.1'), UNREACHABLE), {
      within: 300,
    });
  } finally {
    await remove('broken');
  }
}

/** What ip-route(8) says of an address that a label closes. */
export const UNREACHABLE = /No route|unreachable/;

/** What ip-route(8) says of an address in a container. */
export const routeOf = (container: string, address: string): Promise<string> =>
  docker.within(container, `ip route get ${address} 2>&1 || true`);

/** What the daemon has open, in order, but for the connections that dockerd keeps to it: each is one socket less. */
export function descriptors(): string[] {
  const folder = `/proc/${daemon.pid()}/fd`;
  const open = readdirSync(folder).flatMap(fd => {
    try {
      return readlinkSync(`${folder}/${fd}`).replace(/\[\d+\]$/, '');
    } catch {
      return [];
    }
  });
  const connections = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .filter(line => line.endsWith(` ${daemonSocket}`) && / 0001 03 /.test(line));
  for (const _ of connections) open.splice(open.indexOf('socket:'), 1);
  return open.sort();
}

/** VmRSS of the daemon, in MB of 10^6 bytes. */
export function resident(): number {
  const status = readFileSync(`/proc/${daemon.pid()}/status`, 'utf8');
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6;
}

/** The value that a share of all is not above. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

/** In a line. */
export function show({ joins, runs, closed, most }: Measured): string {
  const ms = (values: readonly number[], q: number): string => `${quantile(values, q).toFixed(0)} ms`;
  return (
    `${joins.length} Joins, median ${ms(joins, 0.5)}, p99 ${ms(joins, 0.99)}; ` +
    `${runs.length} docker runs, median ${ms(runs, 0.5)}, longest ${ms(runs, 1)}; ` +
    `${closed} broken labels closed; ${most.toFixed(0)} MB at most`
  );
}

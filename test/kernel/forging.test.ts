// A hostile neighbour in the namespace, who sends answers in the kernel's name: none is taken, whatever it says.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AF_NETLINK, close, SOCK_RAW, sendto, socket } from '../../native/libc-sockets.js';
import { LibNftables, NFT_CTX_OUTPUT_JSON } from '../../native/libnftables.js';
import { IP_FORWARD, routeLocalnet } from '../../src/labels/diff/sysctls.js';
import { openConnection } from '../../src/netlink/connection.js';
import { EventSocket } from '../../src/netlink/event-socket.js';
import { NETLINK_GENERIC, NETLINK_ROUTE } from '../../src/netlink/message.js';
import { RTNLGRP_LINK } from '../../src/netlink/route/link.js';
import { NETLINK_NETFILTER } from '../../src/nft/messages.js';
import { accepting, container, desire, programmer, withFallback } from '../support/label-namespace.js';
import { address } from '../support/label-world.js';
import { kernelTest, type Namespace } from '../support/namespace.js';

/** How often the daemon looks into the namespace under the flood. */
const PASSES = Number(process.env.DWGD_FORGED_LOOKS ?? 500);
const SECRET = 'secret of the host';
const FORGER = fileURLToPath(new URL('../support/forger.js', import.meta.url));

/** A file of the host's that only root reads, and the name of a link that a sysctl's path would lead to it by. */
function bait(t: TestContext): { readonly file: string; readonly name: string } {
  const folder = mkdtempSync('/tmp/f');
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'secret');
  writeFileSync(file, SECRET, { mode: 0o600 });
  symlinkSync(file, join(folder, 'route_localnet'));
  return { file, name: `../../../../..${folder}` };
}

/** What is forged: answers of a protocol to the requests of some numbers, counted from the first of a socket. */
interface Forgery {
  readonly protocol: number;
  readonly seqs: readonly number[];
}

/** Forges in the namespace until the test ends. */
async function forge(t: TestContext, ns: Namespace, forgery: Forgery, name: string): Promise<ChildProcess> {
  const { protocol, seqs } = forgery;
  // Whoever has no socket of the protocol in the namespace yet gets the number of its process for a port.
  const args = [FORGER, `${protocol}`, `${process.pid}`, seqs.join(), name];
  const child = spawn('ip', ['netns', 'exec', ns.name, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill());
  await once(child.stdout, 'data');
  return child;
}

function quantile(times: readonly number[], q: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}

function quantiles(times: readonly number[]): string {
  const at = (q: number): string => quantile(times, q).toFixed(2);
  return `median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`;
}

/** Runs under the flood of two forgers, and tells what they say of themselves. */
async function underFlood<T>(
  t: TestContext,
  ns: Namespace,
  forgery: Forgery,
  name: string,
  fn: () => T,
): Promise<T> {
  const forgers = [await forge(t, ns, forgery, name), await forge(t, ns, forgery, name)];
  const value = fn();
  for (const forger of forgers) {
    forger.kill();
    const [said] = (await once(forger.stdout!, 'data')) as [Buffer];
    t.diagnostic(`forger: ${said.toString().trim()}`);
  }
  return value;
}

kernelTest(
  `a neighbour who forges the kernel's answers gets no byte of the host in ${PASSES} passes, and changes none`,
  async t => {
    const { inside } = await container(t);
    const { inside: elsewhere } = await container(t);
    const { sandboxes } = await programmer(t);
    const { file, name } = bait(t);
    // Its own socket has the port that is attacked.
    for (const { rt } of [inside, elsewhere]) rt.close();
    const desired = desire(inside, {
      table: accepting(80),
      routes: withFallback('10.20.0.0/16', '10.9.0.3'),
      sysctls: [IP_FORWARD, routeLocalnet(address('10.9.0.1'))],
    });
    const failures: string[] = [];
    const look = (): number[] =>
      Array.from({ length: PASSES }, () => {
        const began = performance.now();
        try {
          failures.push(...sandboxes.reconcile(desired)!.failures.map(String));
        } catch (err) {
          failures.push(String(err));
        }
        return performance.now() - began;
      });
    sandboxes.reconcile(desired);
    // The fourth request of a look asks for the link of the sysctl.
    const forgery = { protocol: NETLINK_ROUTE, seqs: [4] };
    // Forgers have the processors as well, wherever they are.
    const quiet = await underFlood(t, elsewhere, forgery, name, look);
    const flooded = await underFlood(t, inside, forgery, name, look);
    t.diagnostic(`without the flood: ${quantiles(quiet)}; under it: ${quantiles(flooded)}`);
    assert.equal(readFileSync(file, 'latin1'), SECRET);
    const ruleset = inside.exec('nft', 'list', 'ruleset');
    assert.match(ruleset, /before ipv4\/conf\/eth0\/route_localnet=0/);
    assert.doesNotMatch(ruleset, /\.\.|secret/);
    assert.deepEqual(failures, []);
    // What has held up the longest of thousands nobody knows, where the machine is busy.
    const more = quantile(flooded, 0.9) - quantile(quiet, 0.9);
    assert.ok(more < 50, `a look takes ${more.toFixed(1)} ms more under the flood`);
  },
  'nft',
);

kernelTest(
  "a neighbour who forges nf_tables' answers keeps no table from its place",
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const desired = desire(inside, { table: accepting(80) });
    const seqs = Array.from({ length: 16 }, (_, n) => n);
    const outcomes = await underFlood(t, inside, { protocol: NETLINK_NETFILTER, seqs }, 'eth0', () =>
      Array.from({ length: 100 }, () => {
        const placed = sandboxes.reconcile(desired);
        return [placed, sandboxes.reconcile(desired), sandboxes.clear(inside.ref)].map(outcome => [
          ...outcome!.failures.map(String),
          ...outcome!.changes.map(({ kind }) => kind),
        ]);
      }),
    );
    const expected = [['createTable'], [], ['deleteTable']];
    assert.deepEqual(
      outcomes,
      outcomes.map(() => expected),
    );
    assert.equal(inside.exec('nft', 'list', 'ruleset'), '');
  },
  'nft',
);

/** Protocols and ports of the netlink sockets of the namespace that the thread is in. */
function ports(): string[] {
  const rows = readFileSync('/proc/thread-self/net/netlink', 'latin1').trim().split('\n').slice(1);
  return rows.map(row => row.trim().split(/\s+/).slice(1, 3).join(' '));
}

for (const [what, openSocket] of [
  ['a socket of rtnetlink', () => openConnection(NETLINK_ROUTE)],
  ['a socket of generic netlink', () => openConnection(NETLINK_GENERIC)],
  ['a socket of nf_tables', () => openConnection(NETLINK_NETFILTER)],
  [
    'a socket that waits for events',
    () =>
      new EventSocket(
        NETLINK_ROUTE,
        RTNLGRP_LINK,
        () => undefined,
        () => undefined,
      ),
  ],
  ["libnftables' own socket", () => new LibNftables().context(NFT_CTX_OUTPUT_JSON)],
] as const) {
  kernelTest(`whoever else sends to ${what} is refused`, async t => {
    const { inside } = await container(t);
    inside.within(() => {
      const others = ports();
      const opened: { close(): void } | { free(): void } = openSocket();
      try {
        const found = ports().filter(port => !others.includes(port));
        const [protocol, port] = found[0]!.split(' ').map(Number);
        assert.deepEqual([found.length, port !== 0], [1, true]);
        const to = Buffer.alloc(12);
        to.writeUInt16LE(AF_NETLINK);
        to.writeUInt32LE(port!, 4);
        const fd = socket(AF_NETLINK, SOCK_RAW, protocol!);
        assert.throws(() => sendto(fd, Buffer.alloc(16, 16), to, 'a port'), { code: 'ECONNREFUSED' });
        close(fd);
      } finally {
        if ('free' in opened) opened.free();
        else opened.close();
      }
    });
  });
}

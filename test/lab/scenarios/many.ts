// Four containers at a time (with --long fifty, ten at a time): started, reached, removed; nothing of them is left.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { createNetwork, remove, run } from '../../support/containers.js';
import { daemon, eventually, isLong, scenario, wg } from '../../support/lab.js';

const COUNT = isLong ? 50 : 4;
const AT_A_TIME = isLong ? 10 : 4;

interface Open {
  /** Sockets of rtnetlink, WireGuard and every other netlink family. */
  netlink: number;
  /** Files, event loops, namespaces: all that is no socket. */
  files: number;
}

/** What the daemon holds open, but for Docker's connections: dockerd keeps one or two of them as it likes. */
function open(): Open {
  const base = `/proc/${daemon.pid()}`;
  const netlink = new Set(
    readFileSync(`${base}/net/netlink`, 'utf8')
      .split('\n')
      .map(line => line.trim().split(/\s+/).at(-1)),
  );
  const counted: Open = { netlink: 0, files: 0 };
  for (const fd of readdirSync(`${base}/fd`)) {
    const target = readlinkSync(`${base}/fd/${fd}`);
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode === undefined) counted.files++;
    else if (netlink.has(inode)) counted.netlink++;
  }
  return counted;
}

/** Runs a job for every number, AT_A_TIME of them at once; throws the first failure when all have ended. */
async function forEach(job: (n: number) => Promise<unknown>): Promise<void> {
  const numbers = Array.from({ length: COUNT }, (_, n) => n);
  const worker = async (): Promise<void> => {
    for (let n = numbers.shift(); n !== undefined; n = numbers.shift()) await job(n);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

scenario(
  'many',
  () => {
    test(`${COUNT} containers leave no link, peer, row, socket or file descriptor`, async () => {
      await wg.add('wg0', { addresses: ['10.0.0.1/24'], port: 51820 });
      await daemon.start({ args: ['-d', '/run/lab-dwgd.db', '--no-labels'] });
      await createNetwork('many', {
        options: { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's' },
        subnets: ['10.0.0.0/24 10.0.0.1'],
      });
      // The first one warms what stays open for good.
      await run('first', { networks: { many: {} } });
      await remove('first');
      await daemon.settled();
      const before = open();

      const command = ['sh', '-c', 'ping -c 1 -W 20 10.0.0.1 && sleep 1000'];
      await forEach(n => run(`c${n}`, { networks: { many: {} }, command }));
      assert.equal((await wg.dump('wg0')).peers.length, COUNT);
      await eventually(
        async () => {
          const silent = (await wg.dump('wg0')).peers.filter(peer => peer.latestHandshake === 0);
          assert.equal(silent.length, 0);
        },
        { within: 120 },
      );
      await forEach(n => remove(`c${n}`));

      await daemon.settled();
      assert.deepEqual((await wg.dump('wg0')).peers, []);
      assert.deepEqual(await wg.names(), ['wg0']);
      assert.equal(await daemon.rows('client'), 0);
      await eventually(() => assert.deepEqual(open(), before));
    });
  },
  { within: 1500 },
);

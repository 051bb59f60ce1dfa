// The first packets of a container: its labels are in force before it sends anything. A program that sends from its first
// instruction is started again and again; what of it leaves by Docker's route is counted at the host.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createNetwork, remove, run, start, stop } from '../support/containers.js';
import { dyingAt } from '../support/faults.js';
import { daemon, sh } from '../support/lab.js';
import { inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { sender } from './sender.js';
import { connectVpn, FAR, FAR6, leaks, makeVpn, makeWorld } from './world.js';

/** Starts of one container after the other, and of containers at once: FIRST_PACKET_STARTS=1000, FIRST_PACKET_AT_ONCE=50 for the long run. */
const STARTS = Number(process.env.FIRST_PACKET_STARTS ?? 20);
const AT_ONCE = Number(process.env.FIRST_PACKET_AT_ONCE ?? 10);
const PORT = 7100;
const PROGRAM = '/run/lab/sender';
/** The same for both families. */
const BOTH = '/run/lab/sends-both';
const APP = {
  networks: { front: {} },
  labels: { 'twine.route.203.0.113.0/24': 'gw' },
  binds: [`${PROGRAM}:/sender`],
  command: ['/sender'],
};

/** Packets to the world by way of the host since it was made. */
async function leaked(): Promise<number> {
  return [...(await leaks())].reduce((sum, [, packets]) => sum + packets, 0);
}

/** By which ways packets have gone to the world since an earlier look. */
async function leakedSince(before: ReadonlyMap<string, number>): Promise<string[]> {
  const more = [...(await leaks())].map(([way, packets]) => [way, packets - (before.get(way) ?? 0)] as const);
  return more.flatMap(([way, packets]) => (packets > 0 ? `${way}: ${packets}` : []));
}

/** Fails where packets have left since an earlier look, and says what the daemon did with their senders. */
async function assertNoneLeft(before: ReadonlyMap<string, number>, when?: string): Promise<void> {
  const ways = await leakedSince(before);
  if (ways.length === 0) return;
  const macs = ways.map(way => way.slice(0, 17));
  const about = (line: string): boolean => line.includes(' guarded ') || macs.some(mac => line.includes(mac));
  const log = daemon
    .logs()
    .split('\n')
    .filter(about)
    .map(line => line.slice(0, 400));
  assert.fail(`${when ?? 'in all'}: ${ways.join(', ')}\n${log.join('\n')}`);
}

/** Packets that came by the gateway's tunnel. */
async function arrived(): Promise<number> {
  const text = await inside('netns:vpn', `nft list chain inet arrivals input`);
  return Number(/packets (\d+)/.exec(text)?.[1]);
}

/** Waits until more packets come by the tunnel. */
async function goesByTunnel(): Promise<void> {
  const before = await arrived();
  await follows(async () => assert.ok((await arrived()) > before + 2));
}

/** The elements of the set of those who are held. */
async function held(): Promise<string> {
  return sh('nft list set inet dwgd held | sed -n "/elements/,/}/p"');
}

keeping(
  'first-packet',
  () => {
    test('without the hold packets of most starts leave by the route of Docker, which the counter sees', async () => {
      writeFileSync(PROGRAM, sender([FAR], PORT));
      chmodSync(PROGRAM, 0o755);
      await makeWorld();
      await makeVpn();
      await createNetwork('front', { driver: 'bridge' });
      await inside(
        'netns:vpn',
        `nft "add table inet arrivals; add chain inet arrivals input { type filter hook input priority 0; }; add rule inet arrivals input udp dport ${PORT} counter"`,
      );
      await keeper.start({ flags: ['--look-interval', '80000', '--no-hold'] });
      await run('gw', {
        networks: { front: {} },
        labels: { 'twine.nat.interfaces': 'wg+' },
        // Longer than a thousand starts take.
        command: ['sleep', '100000'],
      });
      await connectVpn('gw');
      for (let n = 0; n < 5; n++) {
        await run('app', APP);
        await goesByTunnel();
        await remove('app');
      }
      assert.notEqual(await leaked(), 0);
      assert.match(await sh.fails('nft list table inet dwgd'), /No such file/);
    });

    test(`of ${STARTS} starts no packet leaves by the route of Docker, and all go by the tunnel soon`, async () => {
      await daemon.stop();
      await keeper.start();
      // Whoever starts before that may be too early.
      await follows(() => assert.match(daemon.logs(), /full resync/));
      const before = await leaks();
      await run('app', APP);
      for (let n = 1; n < STARTS; n++) {
        await goesByTunnel();
        await assertNoneLeft(before, `start ${n}`);
        if (n % 2 === 0) {
          await remove('app');
          await run('app', APP);
        } else {
          await stop('app');
          await start('app');
        }
      }
      await goesByTunnel();
      await remove('app');
      await assertNoneLeft(before);
      assert.equal(await held(), '');
    });

    test(`nor of ${AT_ONCE} that start at once`, async () => {
      const before = await leaks();
      const names = Array.from({ length: AT_ONCE }, (_, n) => `app${n}`);
      await Promise.all(names.map(name => run(name, APP)));
      await goesByTunnel();
      await follows(async () => assert.equal(await held(), ''));
      await Promise.all(names.map(remove));
      await assertNoneLeft(before);
    });

    test('nor where the daemon is killed while a container is held, and started again', async () => {
      await run('other', { ...APP, command: ['sleep', '100000'] });
      const before = await leaks();
      for (let n = 0; n < 5; n++) {
        await daemon.kill9();
        await keeper.start({ env: dyingAt({ name: 'hold-entered', nth: 1 }) });
        // Its first pass is over, and bridges with containers to be held are known.
        await follows(() => assert.match(daemon.logs(), /full resync/));
        await run('app', APP);
        await follows(async () => assert.equal(daemon.running(), false));
        await sleep(100);
        assert.match(await held(), /(?:[\da-f]{2}:){5}/, 'it stays held without the daemon');
        await keeper.start();
        await goesByTunnel();
        await follows(async () => assert.equal(await held(), ''));
        await remove('app');
      }
      await remove('other');
      await assertNoneLeft(before);
    });

    test('nor, in either family, of one that is on two networks, however often it starts', async () => {
      await createNetwork('both', { driver: 'bridge', subnets: ['10.31.0.0/24', 'fd31::/64'] });
      await connect('both', 'gw');
      await sh('ip -6 route add 2001:db8:f00::/64 dev to-world');
      await sh(`ip -n vpn addr add ${FAR6}/128 dev lo nodad`);
      await sh('sysctl -qw net.ipv6.conf.all.forwarding=1');
      await inside(
        'gw',
        'sysctl -qw net.ipv6.conf.wg0.disable_ipv6=0; ip -6 addr add fd25::2/64 dev wg0 nodad; ip -6 route add 2001:db8:f00::/64 via fd25::1',
      );
      await sh('ip -n vpn addr add fd25::1/64 dev peer nodad');
      writeFileSync(BOTH, sender([FAR, FAR6], PORT));
      chmodSync(BOTH, 0o755);
      const labels = { ...APP.labels, 'twine.route.2001:db8:f00::/64': 'gw' };
      const [both, loose] = [{ front: {}, both: {} }, { both: {} }];
      // The counter sees the other family.
      const binds = [`${BOTH}:/sender`];
      await run('plain', { networks: loose, binds, command: ['/sender'] });
      await follows(async () =>
        assert.ok(
          [...(await leaks()).keys()].some(way => way.includes(FAR6)),
          'nothing of IPv6 leaves',
        ),
      );
      await remove('plain');
      const before = await leaks();
      for (let n = 0; n < 3; n++) {
        if (n === 0) await run('app', { networks: both, labels, binds, command: ['/sender'] });
        else {
          await stop('app');
          await start('app');
        }
        await goesByTunnel();
        await follows(async () => assert.equal(await held(), ''));
        await assertNoneLeft(before, `start ${n}`);
      }
      await remove('app');
      await assertNoneLeft(before);
    });

    test('one without labels is not held, and one that was never held is not cut off by a restart', async () => {
      const before = await leaked();
      await run('plain', { networks: { front: {} }, binds: APP.binds, command: ['/sender'] });
      await follows(async () => assert.ok((await leaked()) > before));
      await daemon.kill9();
      await keeper.start();
      assert.equal(await held(), '');
      const after = await leaked();
      await follows(async () => assert.ok((await leaked()) > after));
      await remove('plain');
    });

    test('the table goes with the daemon, and comes again where others flush the rules of the host', async () => {
      await sh('nft delete table inet dwgd');
      const before = await leaked();
      await run('app', APP);
      await goesByTunnel();
      assert.equal((await leaked()) - before, 0);
      await daemon.stop();
      assert.match(await sh.fails('nft list table inet dwgd'), /No such file/);
      await remove('app');
    });
  },
  600 + 3 * STARTS,
);

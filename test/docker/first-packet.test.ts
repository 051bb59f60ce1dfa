// The first packets of a container: its labels are in force before it sends anything. A program that sends from its first
// instruction is started again and again; what of it leaves by Docker's route is counted at the host.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNetwork, remove, run, start, stop } from '../support/containers.js';
import { daemon, sh } from '../support/lab.js';
import { inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { sender } from './sender.js';
import { connectVpn, FAR, leaks, makeVpn, makeWorld } from './world.js';

/** Starts of one container after the other: FIRST_PACKET_STARTS=1000 for the long run. */
const STARTS = Number(process.env.FIRST_PACKET_STARTS ?? 20);
const AT_ONCE = 10;
const PORT = 7100;
const PROGRAM = '/run/lab/sender';
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

keeping('first-packet', () => {
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
    await run('gw', { networks: { front: {} }, labels: { 'twine.nat.interfaces': 'wg+' } });
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
    const before = await leaked();
    await run('app', APP);
    for (let n = 1; n < STARTS; n++) {
      await goesByTunnel();
      assert.equal((await leaked()) - before, 0, `start ${n}`);
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
    assert.equal((await leaked()) - before, 0);
    assert.equal(await held(), '');
  });

  test(`nor of ${AT_ONCE} that start at once`, async () => {
    const before = await leaked();
    const names = Array.from({ length: AT_ONCE }, (_, n) => `app${n}`);
    await Promise.all(names.map(name => run(name, APP)));
    await goesByTunnel();
    await follows(async () => assert.equal(await held(), ''));
    await Promise.all(names.map(remove));
    assert.equal((await leaked()) - before, 0);
  });

  test('nor where the daemon is killed while a container is held, and started again', async () => {
    const before = await leaked();
    for (let n = 0; n < 5; n++) {
      const started = run('app', APP);
      await follows(async () => assert.match(await held(), /02:42/));
      await daemon.kill9();
      await started;
      await sleep(100);
      assert.match(await held(), /02:42/, 'it stays held without the daemon');
      await keeper.start();
      await goesByTunnel();
      await follows(async () => assert.equal(await held(), ''));
      await remove('app');
    }
    assert.equal((await leaked()) - before, 0);
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
});

// The daemon runs no other program: its process tree under strace, with no tool in its PATH, through all it does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, createNetwork, ping, remove, run } from '../../support/containers.js';
import { assertOnlyDaemonRan, traced } from '../../support/executed.js';
import { bothHalves, daemon, eventually, scenario, sh, wg } from '../../support/lab.js';

const TRACE = '/run/dwgd.trace';

scenario('processes', () => {
  test('no execve and no other program from start to stop', async () => {
    await wg.add('wg0', { addresses: ['10.0.0.1/24', 'fd00::1/64'], port: 51820 });
    await daemon.start({ args: bothHalves, ...traced(TRACE) });
    await createNetwork('net', {
      options: { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's', 'dwgd.route': '0.0.0.0/0,::/0' },
      subnets: ['10.0.0.0/24 10.0.0.1', 'fd00::/64 fd00::1'],
    });
    await run('one', { networks: { net: {} } });
    await ping('one', '10.0.0.1');
    await ping('one', 'fd00::1');
    const { privateKey } = await wg.dump('wg0');
    await sh('ip link del wg0');
    await wg.add('wg0', { addresses: ['10.0.0.1/24', 'fd00::1/64'], port: 51820, privateKey });
    await eventually(async () => assert.equal((await wg.dump('wg0')).peers.length, 1), { within: 120 });
    await ping('one', '10.0.0.1');
    assert.notEqual(await addressOf('one', 'net'), '');
    await remove('one');
    await daemon.settled();
    assert.equal(await daemon.stop(), 0);

    assertOnlyDaemonRan(TRACE);
  });
});

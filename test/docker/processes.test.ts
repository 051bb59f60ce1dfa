// The keeper of labels runs no other program: its process tree under strace, with no tool in its PATH, through all that
// it does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNetwork, disconnect, remove, run } from '../support/containers.js';
import { assertOnlyDaemonRan, traced } from '../support/executed.js';
import { daemon, docker, sh } from '../support/lab.js';
import { inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';

const TRACE = '/run/dwgd.trace';

keeping('processes', () => {
  test('no execve and no other program from start to stop', async () => {
    const { under, env } = traced(TRACE);
    await keeper.start({ under, env, flags: ['--look-interval', '0.5'] });
    await createNetwork('main', {
      driver: 'bridge',
      subnets: ['172.30.0.0/24 172.30.0.1', 'fd30::/64 fd30::1'],
    });
    await run('gateway', { networks: { main: {} } });
    await run('user', {
      networks: { main: {} },
      labels: {
        'twine.nat.interfaces': 'eth+',
        'twine.nat.forward.80': 'gateway:8080',
        'twine.nat.forward.lo.53/udp': 'gateway',
        'twine.route.0.0.0.0/0': 'gateway',
        'twine.route.::/0': 'gateway',
        'twine.route.192.0.2.0/24': 'localhost',
        'twine.iptables.rule.a': 'TWINE_INPUT -p tcp --dport 7 -m conntrack --ctstate NEW -j DROP',
        'twine.host.routes': '10.66.0.0/16',
        'twine.nonsense': '$(touch /run/pwned)',
      },
    });
    await follows(async () => {
      assert.match(await inside('user', 'nft list table inet dwgd'), /dport 7/);
      assert.match(await sh('ip route show proto 229'), /10\.66\.0\.0\/16/);
    });
    await inside('user', 'nft flush ruleset');
    await follows(() => inside('user', 'nft list chain inet dwgd TWINE_INPUT'));
    await disconnect('main', 'gateway');
    await docker.call('POST', '/containers/user/restart?t=0');
    await remove('user');
    await follows(async () => assert.equal(await sh('ip route show proto 229'), ''));
    assert.equal(await daemon.stop(), 0);
    assertOnlyDaemonRan(TRACE);
  });
});

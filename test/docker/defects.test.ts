// Defects of the original, by their numbers: each test fails on a program that has the defect. Those of text alone are
// unit tests; 8 is more fully in failures.test.ts.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { addressOf, createNetwork, remove, run, stop } from '../support/containers.js';
import { daemon, dockerd, eventually, sh } from '../support/lab.js';
import { inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { assertSame, snapshot } from './snapshot.js';

const ROUTED = { 'twine.route.0.0.0.0/0': 'gateway' };

keeping('defects', () => {
  test("1: an unlabelled host-network container, and the host's firewall stays as it was", async () => {
    await createNetwork('main', { driver: 'bridge', subnets: ['172.30.0.0/24 172.30.0.1'] });
    await run('gateway', { networks: { main: {} } });
    await keeper.start();
    await sh('iptables -P FORWARD DROP; iptables -A FORWARD -s 198.51.100.0/24 -j REJECT');
    const before = await snapshot('host');
    await run('hosty', { mode: 'host' });
    await run('marker', { networks: { main: {} }, labels: ROUTED });
    await follows(async () => assert.match(await inside('marker', 'ip rule'), /lookup 229/));
    await remove('marker');
    await remove('hosty');
    assertSame(await snapshot('host'), before);
    assert.match(await sh('iptables-save'), /:FORWARD DROP/);
  });

  test('1: a start rewrites no other container', async () => {
    await run('quiet', { networks: { main: {} }, labels: ROUTED });
    await follows(() => assert.match(daemon.logs(), /reconciled with its labels containers=quiet/));
    const log = daemon.logs().length;
    for (const name of ['other-1', 'other-2']) await run(name, { networks: { main: {} }, labels: ROUTED });
    await follows(async () => assert.match(await inside('other-2', 'ip rule'), /lookup 229/));
    assert.doesNotMatch(daemon.logs().slice(log), /containers=quiet/);
    for (const name of ['other-1', 'other-2', 'quiet']) await remove(name);
  });

  test('2: nothing of a label is run', async () => {
    const proof = '/run/pwned';
    await run('evil', {
      networks: { main: {} },
      labels: {
        'twine.iptables.rule.semicolon': `TWINE_INPUT -j ACCEPT; touch ${proof}`,
        'twine.iptables.rule.substitute': `TWINE_INPUT -m comment --comment "$(touch ${proof})" -j ACCEPT`,
        'twine.iptables.rule.backquote': `TWINE_INPUT -s \`touch ${proof}\` -j ACCEPT`,
        'twine.nat.interfaces': `eth0;touch ${proof}`,
        'twine.nat.forward.80': `$(touch ${proof}):80`,
        [`twine.route.10.0.0.0/8;touch ${proof};`]: 'gateway',
        'twine.host.routes': `10.0.0.0/8\ntouch ${proof}`,
        'twine.route.10.9.0.0/16': 'gateway',
      },
    });
    await follows(async () => assert.match(await inside('evil', 'ip route'), /^10\.9\.0\.0\/16 via/m));
    assert.equal(existsSync(proof), false);
    assert.match(daemon.logs(), /warning .* container=evil label=twine\.iptables\.rule\.semicolon/);
    await remove('evil');
  });

  test('3: of twenty parallel starts, and twenty passes more, each container has its rules once', async () => {
    const labels = { 'twine.nat.interfaces': 'eth+', ...ROUTED };
    const names = Array.from({ length: 20 }, (_, i) => `many-${i}`);
    await Promise.all(names.map(name => run(name, { networks: { main: {} }, labels })));
    const shape = async (name: string): Promise<string> => {
      const text = await inside(
        name,
        'nft list table inet dwgd; nft list tables; ip rule; ip route show table 229',
      );
      return text.replace(/packets \d+ bytes \d+/g, '');
    };
    const single = await follows(() => complete(names[0]!, shape));
    for (const name of names) await follows(async () => assert.equal(await shape(name), single));
    assert.equal(single.match(/hook forward/g)?.length, 1);
    for (const name of names.slice(1)) await remove(name);
    assert.equal(await shape(names[0]!), single);
    await remove(names[0]!);
  });

  test("6: a gateway's new address replaces the old, a stopped one leaves nothing stale, Docker's default stays", async () => {
    await run('user', { networks: { main: {} }, labels: ROUTED });
    const routes = () => inside('user', 'ip route show table 229');
    const old = await addressOf('gateway', 'main');
    await follows(async () => assert.match(await routes(), new RegExp(`^default via ${old} `, 'm')));
    await inside('user', 'ip monitor route > /run/monitor 2>&1 & echo $! > /run/monitor.pid');
    await remove('gateway');
    await follows(async () => assert.doesNotMatch(await routes(), /via/));
    await run('squatter', { networks: { main: {} } });
    await run('gateway', { networks: { main: {} } });
    const now = await addressOf('gateway', 'main');
    assert.notEqual(now, old);
    await follows(async () => assert.match(await routes(), new RegExp(`^default via ${now} `, 'm')));
    assert.equal((await routes()).match(/via/g)?.length, 1);
    await stop('gateway');
    await follows(async () => assert.doesNotMatch(await routes(), /via/));
    const changes = await sh('kill $(cat /run/monitor.pid); cat /run/monitor');
    assert.match(changes, /default/);
    assert.doesNotMatch(changes, /172\.30\.0\.1 /, "Docker's default route was never touched");
    assert.match(await inside('user', 'ip route'), /^default via 172\.30\.0\.1 dev eth0/m);
  });

  test('8: after Docker has come back its events are heard; SIGTERM is obeyed at once; cleanup cleans', async () => {
    await dockerd.restart();
    await eventually(() => assert.equal(daemon.logs().split('listening for Docker events').length, 3));
    await run('gateway-2', { networks: { main: {} } });
    await run('heard', { networks: { main: {} }, labels: { 'twine.route.0.0.0.0/0': 'gateway-2' } });
    await follows(async () => assert.match(await inside('heard', 'ip rule'), /lookup 229/));
    assert.equal(await daemon.stop(), 0);
    assert.match(await sh('node dist/src/cli/main.js cleanup'), /^heard: /m);
    assert.doesNotMatch(await inside('heard', 'ip rule'), /lookup 229/);
  });

  test('10: host.routes works, for IPv4 and IPv6', async () => {
    await keeper.start();
    await createNetwork('dual', {
      driver: 'bridge',
      subnets: ['172.31.0.0/24 172.31.0.1', 'fd31::/64 fd31::1'],
    });
    await run('router', {
      networks: { dual: {} },
      labels: { 'twine.host.routes': '10.66.0.0/16,fd66::/64' },
    });
    await follows(async () => {
      assert.match(await sh('ip route show proto 229'), /^10\.66\.0\.0\/16 via 172\.31\./);
      assert.match(await sh('ip -6 route show proto 229'), /^fd66::\/64 via fd31:/);
    });
  });
});

/** The shape of a container that has all of its rules. */
async function complete(name: string, shape: (name: string) => Promise<string>): Promise<string> {
  const text = await shape(name);
  assert.match(text, /default via/);
  assert.match(text, /masquerade/);
  return text;
}

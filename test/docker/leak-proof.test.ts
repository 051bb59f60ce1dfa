// The leak-proof set-up of the README, with the host's firewall between containers of one bridge and without: clients on a
// network where the host has no address. And an internal network, which holds in one of the two cases only.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNetwork, remove, run } from '../support/containers.js';
import { daemon, sh } from '../support/lab.js';
import { ask, inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { connectVpn, FAR, FAR_PORT, leaked, makeVpn, makeWorld } from './world.js';

/** The answer from the other end of the world; a busy machine takes its time. */
const far = (container: string): Promise<string> => ask(container, 'udp', FAR, FAR_PORT);
/** Whether there is one soon: where none is to come, or not yet. */
const soonFar = (container: string): Promise<string> => ask(container, 'udp', FAR, FAR_PORT, { within: 0.5 });
const ROUTED = { 'twine.route.0.0.0.0/0': 'gw' };
const TOLD = 'is on the internal network closed';

keeping('leak-proof', () => {
  test('before its labels are applied nothing of a client leaves', async () => {
    await makeWorld();
    await makeVpn();
    await createNetwork('outer', { driver: 'bridge' });
    await createNetwork('inside', {
      driver: 'bridge',
      options: { 'com.docker.network.bridge.inhibit_ipv4': 'true' },
    });
    await createNetwork('closed', { driver: 'bridge', internal: true });
    await run('gw', {
      networks: { outer: {}, inside: {}, closed: {} },
      labels: { 'twine.nat.interfaces': 'wg+' },
    });
    await connectVpn('gw');
    await run('plain', { networks: { outer: {} } });
    assert.match(await far('plain'), /^world /);
    assert.notEqual(await leaked('plain'), 0, 'the counter counts');
    await run('early', { networks: { inside: {} }, labels: ROUTED });
    await assert.rejects(soonFar('early'));
    assert.equal(await leaked('early'), 0);
    await keeper.start();
    await follows(async () => assert.match(await soonFar('early'), /^vpn /));
    assert.equal(await leaked('early'), 0);
    const explain = (container: string): Promise<string> =>
      sh(`node dist/src/cli/main.js explain ${container} ${FAR}:${FAR_PORT}/udp | tail -n 1`);
    assert.equal(await explain('early'), 'goes by wg0 of gw');
    assert.equal(await explain('plain'), "leaves by Docker's default route: not covered by a label");
  });

  for (const isFiltered of [true, false]) {
    const what = `bridge-nf-call-iptables=${Number(isFiltered)}`;
    test(`with ${what} clients reach the world by the gateway, and on an internal network ${isFiltered ? 'they do not, which is told' : 'they do, too'}`, async () => {
      await sh(`echo ${Number(isFiltered)} > /proc/sys/net/bridge/bridge-nf-call-iptables`);
      const before = daemon.logs().length;
      await run('user', { networks: { inside: {} }, labels: ROUTED });
      await follows(async () => assert.match(await soonFar('user'), /^vpn /));
      assert.equal(await leaked('user'), 0);
      await run('inmate', { networks: { closed: {} }, labels: ROUTED });
      // Until then it sends by Docker's default route, which leads to the host, where Docker's rules drop it; the counter is before.
      await follows(async () =>
        assert.doesNotMatch(await inside('inmate', `ip route get ${FAR}`), / via \S+\.1 /),
      );
      if (isFiltered) {
        await follows(() => assert.ok(daemon.logs().slice(before).includes(TOLD)));
        await assert.rejects(soonFar('inmate'));
      } else await follows(async () => assert.match(await soonFar('inmate'), /^vpn /));
      assert.equal(await leaked('inmate'), 0);
      await remove('user');
      await remove('inmate');
    });
  }
});

// The leak-proof set-up of the pages, with the host's firewall between containers of one bridge and without: clients on a
// network where the host has no address. And an internal network, which holds in one of the two cases only.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { composed } from '../support/compose-containers.js';
import { type ContainerOptions, connect, createNetwork, remove, run } from '../support/containers.js';
import { daemon, docker, sh } from '../support/lab.js';
import { AS_ROOT, pageBlock } from '../support/page-blocks.js';
import { ask, inside, serve } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { connectVpn, FAR, FAR_PORT, leaked, makeVpn, makeWorld } from './world.js';

/** The answer from the other end of the world; a busy machine takes its time. */
const far = (container: string): Promise<string> => ask(container, 'udp', FAR, FAR_PORT);
/** Whether there is one soon: where none is to come, or not yet. */
const soonFar = (container: string): Promise<string> => ask(container, 'udp', FAR, FAR_PORT, { within: 0.5 });
const ROUTED = { 'twine.route.0.0.0.0/0': 'gw' };
const RECIPE_TEXT = pageBlock('docs/recipes.md: Nothing leaves before the labels are there');
const RECIPE = composed('house', RECIPE_TEXT);
/** The LAN of this test is another one. */
const lan = ({ labels, ...rest }: ContainerOptions): ContainerOptions => ({
  ...rest,
  labels: Object.fromEntries(
    Object.entries(labels ?? {}).map(([key, value]) => [
      key.replace('192.168.0.0/16', '198.51.100.0/24'),
      value,
    ]),
  ),
});
/** What wg-quick(8) does for a tunnel that takes everything. */
const AS_WG_QUICK = [
  'ip route add default dev wg0 via 10.250.0.1 table 51820',
  'ip rule add not fwmark 51820 table 51820',
  'ip rule add table main suppress_prefixlength 0',
];
const TOLD = 'is on the internal network closed';

keeping('leak-proof', () => {
  test('before its labels are applied nothing of a client leaves', async () => {
    await makeWorld();
    await makeVpn();
    for (const [name, network] of RECIPE.networks) await createNetwork(name, network);
    await createNetwork('closed', { driver: 'bridge', internal: true });
    await run('gw', lan(RECIPE.containers.get('vpn')!));
    const [{ Gateway: way }] = (
      await docker.get<{ IPAM: { Config: [{ Gateway: string }] } }>('/networks/house_default')
    ).IPAM.Config;
    assert.ok((await inside('gw', 'ip route show default')).startsWith(`default via ${way} `));
    await connectVpn('gw', AS_WG_QUICK);
    await run('plain', { networks: { house_default: {} } });
    assert.match(await far('plain'), /^world /);
    assert.notEqual(await leaked('plain'), 0, 'the counter counts');
    await run('app', { networks: { house_inside: {} }, labels: ROUTED });
    await assert.rejects(soonFar('app'));
    assert.equal(await leaked('app'), 0);
    await keeper.start();
    await follows(async () => assert.match(await soonFar('app'), /^vpn /));
    assert.equal(await leaked('app'), 0);
    const explain = (container: string): Promise<string> =>
      sh(`node dist/src/cli/main.js explain ${container} ${FAR}:${FAR_PORT}/udp | tail -n 1`);
    assert.equal(await explain('app'), 'goes by wg0 of gw');
    assert.equal(await explain('plain'), "leaves by Docker's default route: not covered by a label");
  });

  test('what the README asks is answered', async () => {
    await sh('mkdir -p /run/lab/asked');
    writeFileSync('/run/lab/asked/compose.yml', RECIPE_TEXT);
    const node = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
    const asked = pageBlock('README.md: Ask it').trimEnd().split('\n');
    const [doctor, plan, status, inspect, explain] = await Promise.all(
      asked.map(line =>
        // With 1 for a finding.
        sh(
          `${AS_ROOT}dwgd() { node ${node} "$@" || [[ $? == 1 && $1 == doctor ]]; }; cd /run/lab/asked; ${line}`,
        ),
      ),
    );
    assert.match(doctor!, /./);
    assert.match(plan!, /^# asked-browser-1$/m);
    assert.match(status!, /\bapp\b/);
    assert.match(inspect!, /: all is as it is to be$/m);
    assert.match(explain!, /^goes by wg0 of gw$/m);
    const { labels } = JSON.parse(await sh(pageBlock('docs/reference.md: Control socket'))) as {
      labels: object;
    };
    assert.ok(labels);
  });

  test('the port that the gateway publishes for a client is answered to the LAN, past the tunnel that takes everything', async () => {
    await run('browser', RECIPE.containers.get('browser')!);
    await serve('browser', 'browser', 'tcp', 3000);
    await follows(async () =>
      assert.equal(await ask('netns:world', 'tcp', '198.51.100.1', 3000), 'browser 198.51.100.2'),
    );
    assert.match(await far('browser'), /^vpn /);
    assert.equal(await leaked('browser'), 0);
    await remove('browser');
    await connect('closed', 'gw');
  });

  for (const isFiltered of [true, false]) {
    const what = `bridge-nf-call-iptables=${Number(isFiltered)}`;
    test(`with ${what} clients reach the world by the gateway, and on an internal network ${isFiltered ? 'they do not, which is told' : 'they do, too'}`, async () => {
      await sh(`echo ${Number(isFiltered)} > /proc/sys/net/bridge/bridge-nf-call-iptables`);
      const before = daemon.logs().length;
      await run('user', { networks: { house_inside: {} }, labels: ROUTED });
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

// A full tunnel holds whatever gateway Docker chooses: packets are counted on the host, none of them in the clear.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  connect,
  createNetwork,
  disconnect,
  type Place,
  ping,
  remove,
  run,
} from '../../support/containers.js';
import { daemon, docker, eventually, isLong, scenario, sh, wg } from '../../support/lab.js';

/** Somewhere in the world, which answers nobody. */
const FAR = '198.51.100.7';
const FAR6 = '2001:db8:f00d::7';

/** Sends from its first instruction on, and goes on. */
const SENDER = `for a in ${FAR} ${FAR6}; do while :; do ping -i 0.3 -W 1 $a; sleep 0.2; done & done; wait`;
const BRIDGES = ['a-bridge', 'z-bridge'] as const;

/** Counts what containers send into the world, by where it comes out. */
async function startCounting(): Promise<void> {
  const rules = ['br-full-a', 'br-full-z', 'wg0'].flatMap(link => [
    `iifname "${link}" ip daddr ${FAR} counter comment "${link} 4"`,
    `iifname "${link}" ip6 daddr ${FAR6} counter comment "${link} 6"`,
  ]);
  await sh(`nft -f - <<'END'
table inet tally
delete table inet tally
table inet tally {
  chain arrivals {
    type filter hook prerouting priority -300
    ${rules.join('\n    ')}
  }
}
END`);
}

interface Count {
  readonly clear4: number;
  readonly clear6: number;
  readonly tunnel4: number;
  readonly tunnel6: number;
}

async function counted(): Promise<Count> {
  const lines = (await sh('nft list chain inet tally arrivals')).split('\n');
  const of = (link: RegExp, family: 4 | 6): number =>
    lines
      .filter(line => new RegExp(`comment "${link.source} ${family}"`).test(line))
      .reduce((sum, line) => sum + Number(/packets (\d+)/.exec(line)?.[1]), 0);
  return {
    clear4: of(/br-full-./, 4),
    clear6: of(/br-full-./, 6),
    tunnel4: of(/wg0/, 4),
    tunnel6: of(/wg0/, 6),
  };
}

/** Until so many packets have come by the tunnel; none may have come in the clear. */
async function heldBoth(): Promise<void> {
  await eventually(async () => {
    const { tunnel4, tunnel6 } = await counted();
    assert.ok(tunnel4 > 3 && tunnel6 > 3);
  });
  const { clear4, clear6 } = await counted();
  assert.deepEqual([clear4, clear6], [0, 0]);
}

const ours = async (container: string): Promise<string> =>
  (await docker.within(container, 'ip rule; ip -6 rule; ip route show table all; ip -6 route show table all'))
    .split('\n')
    .filter(line => /\b230\b/.test(line))
    .join('\n');

const sender = (networks: Record<string, Place>) => ({
  networks,
  command: ['sh', '-c', SENDER],
});

scenario(
  'full-tunnel',
  () => {
    test('beside dual-stack bridges whose names sort before and after, nothing leaves in the clear from the first instruction on', async () => {
      await wg.add('wg0', { addresses: ['10.0.5.1/24', 'fd05::1/64', '10.9.9.9/32'], port: 51820 });
      await daemon.start();
      for (const [n, name] of BRIDGES.entries()) {
        await createNetwork(name, {
          driver: 'bridge',
          options: { 'com.docker.network.bridge.name': `br-full-${name[0]}` },
          subnets: [`172.31.${n}.0/24 172.31.${n}.1`, `fd31:${n}::/64 fd31:${n}::1`],
        });
      }
      const ifname = { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's' };
      await createNetwork('m-both', {
        options: { ...ifname, 'dwgd.route': '0.0.0.0/0,::/0' },
        subnets: ['10.0.5.0/25 10.0.5.1', 'fd05::/64 fd05::1'],
      });
      await createNetwork('m-four', {
        options: { ...ifname, 'dwgd.route': '0.0.0.0/1,128.0.0.0/1' },
        subnets: ['10.0.5.128/25 10.0.5.129'],
      });
      await startCounting();
      await run('both', sender({ 'a-bridge': {}, 'm-both': {}, 'z-bridge': {} }));
      await heldBoth();
    });

    if (isLong) {
      test('the networks of the bridges are reached, and so is the resolver of Docker', async () => {
        await run('neighbour', { networks: { 'z-bridge': { ip: '172.31.1.77' } } });
        await ping('both', '172.31.1.77');
        await ping('both', '172.31.0.1');
        const answer = await docker.within('both', 'busybox nslookup neighbour 127.0.0.11');
        assert.match(answer, /172\.31\.1\.77/);
        await remove('neighbour');
      });
    }

    test('while the tunnel is down in the container, nothing leaves at all; when it is up again, all by the tunnel', async () => {
      await docker.within('both', 'ip link set wg0 down');
      await startCounting();
      await sh('sleep 3');
      assert.deepEqual(await counted(), { clear4: 0, clear6: 0, tunnel4: 0, tunnel6: 0 });
      await docker.within('both', 'ip link set wg0 up');
      await eventually(async () => assert.ok((await counted()).tunnel4 > 3), { within: 90 });
      const { clear4, clear6 } = await counted();
      assert.deepEqual([clear4, clear6], [0, 0]);
    });

    if (isLong) {
      test('a container that starts again is held from the first instruction on', async () => {
        await startCounting();
        await docker.call('POST', '/containers/both/restart?t=0');
        await heldBoth();
      });

      test('the daemon killed: it holds on; what was lost meanwhile comes back at its start', async () => {
        await daemon.kill9();
        await startCounting();
        await heldBoth();
        await docker.within('both', 'ip rule flush table 230; ip -6 rule flush table 230');
        await daemon.start();
        await eventually(async () => assert.match(await ours('both'), /(32764:.*lookup 230[\s\S]*){2}/));
        await startCounting();
        await heldBoth();
      });
    }

    if (isLong) {
      test('of IPv4 alone, beside a dual-stack bridge: IPv4 by the tunnel, IPv6 nowhere, and that is logged once', async () => {
        await remove('both');
        await startCounting();
        await run('four', sender({ 'a-bridge': {}, 'm-four': {} }));
        await eventually(async () => assert.ok((await counted()).tunnel4 > 3));
        const { clear4, clear6 } = await counted();
        assert.deepEqual([clear4, clear6], [0, 0]);
        await eventually(() => assert.match(daemon.logs(), /takes IPv4 alone, so IPv6 is closed/));
        assert.equal(daemon.logs().match(/takes IPv4 alone/g)?.length, 1);
      });
    }

    if (isLong) {
      test('a bridge that is connected later takes nothing away', async () => {
        await connect('z-bridge', 'four');
        await startCounting();
        await eventually(async () => assert.ok((await counted()).tunnel4 > 3));
        const { clear4, clear6 } = await counted();
        assert.deepEqual([clear4, clear6], [0, 0]);
      });
    }

    if (isLong) {
      test('a tunnel that is disconnected leaves the bridge what it had, and connected again takes it back', async () => {
        await disconnect('m-four', 'four');
        assert.equal(await ours('four'), '');
        await startCounting();
        await eventually(async () => {
          const { clear4, clear6 } = await counted();
          assert.ok(clear4 > 3 && clear6 > 3);
        });
        await connect('m-four', 'four');
        await startCounting();
        await eventually(async () => assert.ok((await counted()).tunnel4 > 3));
        const { clear4, clear6 } = await counted();
        assert.deepEqual([clear4, clear6], [0, 0]);
        await remove('four');
      });
    }
  },
  { within: 1500 },
);

// Fifty containers on one exit network, ten at a time up and down: nothing of them is left, and nothing of the network (with --long).
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { createNetwork, remove, removeNetwork, run } from '../../support/containers.js';
import { forEach, openOf } from '../../support/crowd.js';
import { daemon, docker, eventually, scenario, sh } from '../../support/lab.js';
import {
  counted,
  FAR_AWAY,
  inRouter,
  KEPT,
  makeProviders,
  nothingElse,
  PROVIDERS,
  SUBNETS,
  startCounting,
} from '../../support/providers.js';

const [COUNT, AT_A_TIME] = [50, 10];
/** What a namespace has: links, addresses, routes, rules and the ruleset, but for what counts, and states that come by themselves. */
const STATE = `ip -br link | sed "s/@.*//" | cut -d" " -f1 | sort
  ip -br addr | tr -s " " | cut -d" " -f1,3- | sort; ip route show table all | sort; ip -6 route show table all | sort
  ip rule; ip -6 rule; nft list ruleset | sed -E "s/packets [0-9]+ bytes [0-9]+//"`;

const hostState = (): Promise<string> =>
  sh(`${STATE}; lsns -t net -n -o NS | sort; grep -c . /proc/mounts; ls /run/netns ${KEPT} 2> /dev/null`);

const daemonState = async (): Promise<object> => ({
  open: openOf(daemon.pid()),
  networks: await daemon.rows('network'),
  clients: await daemon.rows('client'),
});

scenario(
  'exit-crowd',
  () => {
    let without: { readonly host: string; readonly daemon: object };

    test(`${COUNT} containers go out at the same time, and leave no link, port, rule, route, row or descriptor`, async () => {
      await makeProviders();
      await startCounting();
      await daemon.start({ args: ['-d', '/run/lab-dwgd.db', '--no-labels'] });
      const make = (): Promise<string> =>
        createNetwork('crowd', { options: { 'dwgd.conf': PROVIDERS[0].file }, subnets: SUBNETS });
      // The first ones warm what stays open for good.
      await make();
      await run('first', { networks: { crowd: {} } });
      await remove('first');
      await removeNetwork('crowd');
      await daemon.settled();
      without = { host: await hostState(), daemon: await daemonState() };

      await make();
      await run('second', { networks: { crowd: {} } });
      await remove('second');
      await daemon.settled();
      const before = {
        host: await hostState(),
        router: await inRouter(`bash -c '${STATE}'`),
        daemon: await daemonState(),
      };
      const began = Date.now();
      const command = [
        'sh',
        '-c',
        `ping -c 1 -W 60 ${FAR_AWAY[0]} && ping -c 1 -W 60 ${FAR_AWAY[1]} && exec sleep 2000`,
      ];
      const heard = await counted();
      await forEach(COUNT, AT_A_TIME, n => run(`c${n}`, { networks: { crowd: {} }, command }));
      const up = Date.now();
      await eventually(
        async () => {
          const { wg0_4, wg0_6 } = await counted();
          assert.ok(wg0_4 - heard.wg0_4 >= COUNT && wg0_6 - heard.wg0_6 >= COUNT, `${wg0_4} ${wg0_6}`);
        },
        { within: 120, every: 1 },
      );
      const running = await docker.get<unknown[]>('/containers/json');
      assert.equal(running.length, COUNT);
      assert.equal(await daemon.rows('client'), COUNT);
      assert.equal((await inRouter('ip -br link show type veth')).split('\n').length, COUNT);
      await nothingElse();
      const down = Date.now();
      await forEach(COUNT, AT_A_TIME, n => remove(`c${n}`));
      console.log(`${COUNT} containers: up in ${up - began} ms, down in ${Date.now() - down} ms`);
      await daemon.settled();
      await eventually(async () => {
        assert.equal(await inRouter(`bash -c '${STATE}'`), before.router);
        assert.equal(await hostState(), before.host);
        assert.deepEqual(await daemonState(), before.daemon);
      });
    });

    test('the network removed: all is as it was before it', async () => {
      await removeNetwork('crowd');
      await eventually(async () => {
        assert.deepEqual(existsSync(KEPT) ? readdirSync(KEPT) : [], []);
        assert.equal(await hostState(), without.host);
        assert.deepEqual(await daemonState(), without.daemon);
      });
      await nothingElse();
    });
  },
  { within: 1500 },
);

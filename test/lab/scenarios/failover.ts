// An exit network of two files: when one far end is silent the other is in force, and nothing leaves by any other way meanwhile.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { connectFrom, echoOn } from '../../support/connections.js';
import { createNetwork, remove, removeNetwork, run } from '../../support/containers.js';
import { daemon, docker, eventually, isLong, Remote, scenario, sh } from '../../support/lab.js';
import {
  FAR_AWAY,
  goesOutBy,
  inRouter,
  KEPT,
  makeProviders,
  nothingElse,
  PINGS,
  PROVIDERS,
  removeProviders,
  SUBNETS,
  startCounting,
} from '../../support/providers.js';
import { at } from '../../support/talk.js';

const [FAR] = FAR_AWAY;
const FILES = PROVIDERS.map(({ file }) => file);

/** Rules of nft(8) for what far ends hear and say, in place of those of before. */
async function silence(
  remote: Remote,
  rules: { readonly heard?: string; readonly said?: string } = {},
): Promise<void> {
  const lines = Object.entries(rules).map(
    ([chain, match]) => `nft add rule inet tally ${chain} ${match} drop`,
  );
  await remote.sh(['nft flush chain inet tally heard; nft flush chain inet tally said', ...lines].join('; '));
}

const status = (): Promise<string> => sh('node dist/src/cli/main.js status');

const connection = (t: TestContext) => at('one', place => connectFrom(t, place, FAR, 7));

/** Milliseconds in which another tunnel is to be in force: 15 s of silence, 10 s for the change, and what asking takes in emulation. */
const CHANGED_MS = 40_000;

async function startNetwork(options: Record<string, string> = {}): Promise<void> {
  await createNetwork('exit', { options: { 'dwgd.conf': FILES.join(), ...options }, subnets: SUBNETS });
  await startCounting();
  await run('one', { networks: { exit: {} }, command: ['sh', '-c', PINGS] });
}

async function endNetwork(): Promise<void> {
  await remove('one');
  await removeNetwork('exit');
  await sh(`nft delete table inet tally; ip netns exec ${Remote.netns} nft delete table inet tally`);
}

const addressOf = (name: string): Promise<string> => docker.within(name, 'ip -4 -o addr show dev wg0');

scenario(
  'failover',
  () => {
    let remote: Remote;

    test('a silent far end gives way to the other file in time: the address stays, connections are reset, nothing leaks', async t => {
      remote = await makeProviders();
      await daemon.start();
      await startNetwork({ 'dwgd.failback': '60' });
      await at(`netns:${Remote.netns}`, place => echoOn(t, place, 7));
      await goesOutBy('wg0');
      const open = await connection(t);
      assert.equal(await open.say('one'), 'one');
      assert.match(await inRouter('nft list chain inet dwgd asking'), /10\.64\.0\.1/);
      const address = await addressOf('one');
      // It hears nothing, and goes on beginning handshakes itself.
      await silence(remote, { heard: 'udp dport 51820' });
      const took = await goesOutBy('wg1');
      console.log(`the second file is in force after ${took} ms`);
      assert.ok(took < CHANGED_MS, `${took} ms`);
      assert.equal(await open.say('two'), 'ECONNRESET');
      assert.equal(await (await connection(t)).say('three'), 'three');
      assert.equal(await addressOf('one'), address);
      assert.match(await inRouter('nft list chain inet dwgd asking'), /10\.65\.0\.1/);
      const why = `${FILES[1]} +yes +\\S.* ago +it came in place of ${FILES[0]}: packets were sent, and no peer answered for 15 s$`;
      assert.match(await status(), new RegExp(why, 'm'));
      assert.match(
        daemon.logs(),
        /second\.conf is in force in place of \/etc\/dwgd\/first\.conf: packets were sent/,
      );
      await nothingElse();
    });

    test('containers and the network removed: nothing is left', async () => {
      await endNetwork();
      await eventually(() => assert.deepEqual(readdirSync(KEPT), []));
    });

    if (isLong)
      test('an endpoint by name follows the name on the host, and the next of several addresses is tried', async t => {
        await sh('cp /etc/hosts /run/hosts; mount --bind /run/hosts /etc/hosts');
        t.after(() => sh('umount /etc/hosts'));
        const hosts = (...addresses: string[]): Promise<string> =>
          sh(`grep -v vpn.example /etc/hosts > /run/kept; cat /run/kept > /etc/hosts
            ${addresses.map(one => `echo ${one} vpn.example >> /etc/hosts`).join('\n')}`);
        await hosts('192.0.2.2');
        await removeProviders();
        remote = await makeProviders(['vpn.example', '192.0.2.2']);
        await createNetwork('exit', { options: { 'dwgd.conf': FILES[0]! }, subnets: SUBNETS });
        await startCounting();
        await run('one', { networks: { exit: {} }, command: ['sh', '-c', PINGS] });
        await goesOutBy('wg0');
        // The provider has moved.
        await remote.sh('ip addr add 192.0.2.3/24 dev uplink');
        await silence(remote, { heard: 'ip daddr 192.0.2.2', said: 'ip saddr 192.0.2.2' });
        await hosts('192.0.2.3');
        const moved = await goesOutBy('wg0');
        // Of several addresses the first is nobody's. From the other one nothing comes unasked, which would be followed.
        await hosts('192.0.2.9', '192.0.2.4');
        await remote.sh('ip addr add 192.0.2.4/24 dev uplink');
        const former = '{ 192.0.2.2, 192.0.2.3 }';
        await silence(remote, { heard: `ip daddr ${former}`, said: `ip saddr ${former}` });
        const next = await goesOutBy('wg0', { within: 90 });
        console.log(
          `the name's other address is used after ${moved} ms, the next of several after ${next} ms`,
        );
        assert.ok(moved < CHANGED_MS, `${moved} ms`);
        // One more address is tried in vain.
        assert.ok(next < 2 * CHANGED_MS, `${next} ms`);
        assert.match(await inRouter('wg show wg0 endpoints'), /192\.0\.2\.4:51820/);
        await endNetwork();
      });

    if (isLong)
      test('another daemon goes on with the second file; the first is tried again after dwgd.failback, and left again while it is silent', async () => {
        await removeProviders();
        remote = await makeProviders();
        await startNetwork({ 'dwgd.failback': '60' });
        await goesOutBy('wg0');
        await silence(remote, { heard: 'udp dport 51820', said: 'udp sport 51820' });
        await goesOutBy('wg1');
        await daemon.restart();
        await goesOutBy('wg1');
        assert.match(await status(), new RegExp(`${FILES[1]} +yes `));
        await eventually(() => assert.match(daemon.logs(), /first\.conf is in force .*dwgd\.failback/), {
          within: 90,
        });
        await goesOutBy('wg1', { within: 40 });
        await silence(remote);
        await goesOutBy('wg0', { within: 100 });
        await silence(remote, { heard: 'udp dport { 51820, 51821 }', said: 'udp sport { 51820, 51821 }' });
        await sh('sleep 40');
        await nothingElse();
        await silence(remote);
        await eventually(
          async () =>
            assert.match(await docker.within('one', `busybox ping -c 1 ${FAR}`), /1 packets received/),
          {
            within: 60,
          },
        );
      });
  },
  { within: 1500 },
);

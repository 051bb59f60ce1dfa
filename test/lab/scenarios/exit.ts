// An exit network: a provider's file is a Docker network, and nothing of its containers leaves by any other way.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { Way } from '../../../src/control/answers.js';
import { connectFrom, echoOn } from '../../support/connections.js';
import { createNetwork, ping, remove, removeNetwork, run } from '../../support/containers.js';
import {
  ask,
  daemon,
  docker,
  eventually,
  isLong,
  keyPair,
  Remote,
  scenario,
  sh,
  wg,
} from '../../support/lab.js';
import {
  FAR_AWAY,
  goesOutBy,
  inRouter,
  KEPT,
  makeProviders,
  nothingElse,
  PINGS,
  PROVIDERS,
  SUBNETS,
  startCounting,
} from '../../support/providers.js';
import { at } from '../../support/talk.js';

const [FAR, FAR6] = FAR_AWAY;
const [{ own, file: FILE }] = PROVIDERS;

/** Milliseconds from the end of a line that does damage to one that succeeds again, measured by one shell in the router's namespace. */
async function mendedIn(damage: string, isWhole: string): Promise<number> {
  const line = `${damage}; s=$(date +%s%N); for n in $(seq 100); do ${isWhole} > /dev/null 2>&1 && break; sleep 0.05; done
    ${isWhole} > /dev/null && echo $((($(date +%s%N) - s) / 1000000))`;
  return Number(await inRouter(`bash -c '${line}'`));
}

scenario(
  'exit',
  () => {
    let remote: Remote;

    test('a network of a file: from its first instruction on a container goes out at the far end, and nowhere else', async () => {
      remote = await makeProviders();
      await daemon.start();
      // The host has a wg0 of its own, as many have: that of the router is another.
      await wg.add('wg0', { addresses: ['10.200.0.1/24'] });
      await createNetwork('exit', {
        options: { 'dwgd.conf': PROVIDERS.map(({ file }) => file).join() },
        subnets: SUBNETS,
      });
      assert.match(daemon.logs(), /line 6: PostUp/);
      await startCounting();
      await run('one', { networks: { exit: {} }, command: ['sh', '-c', PINGS] });
      await goesOutBy('wg0');
      await ping('one', FAR);
      await ping('one', FAR6);
    });

    test('containers reach each other by name and address, and the gateway', async () => {
      await run('two', { networks: { exit: { ip: '10.77.0.22' } } });
      await ping('one', '10.77.0.22');
      await ping('two', '10.77.0.1');
      assert.match(await docker.within('one', 'busybox nslookup two 127.0.0.11'), /10\.77\.0\.22/);
      await nothingElse();
    });

    test('explain follows a packet into the router, and names file, peer and the server of the DNS', async () => {
      const answer = await eventually(
        async () => {
          const { status, text } = await ask('/run/dwgd/control.sock', 'GET', `/v1/explain/one?to=${FAR}`);
          assert.equal(status, 200, text);
          return text;
        },
        { within: 60, every: 1 },
      );
      const { sentence, steps } = JSON.parse(answer) as Way;
      assert.equal(
        sentence,
        `goes by exit network exit (file ${FILE}, peer ${remote.keys.publicKey} at ${remote.endpoint})`,
      );
      assert.ok(steps.some(({ kind, text }) => kind === 'dns' && text.includes('10.64.0.1')));
    });

    test("links have the tunnel's MTU", async () => {
      assert.match(await docker.within('one', 'ip link show'), /mtu 1420/);
      assert.match(await inRouter('ip link show wg0'), /mtu 1420/);
    });

    test('a file with another key and keepalive takes effect by SIGHUP, in place; one with a mistake leaves all as it was', async () => {
      const [text, next] = [await readFile(FILE, 'utf8'), keyPair()];
      await remote.admit(next.publicKey, '10.64.0.2/32', 'fd64::2/128');
      await writeFile(FILE, `${text.replace(own.privateKey, next.privateKey)}PersistentKeepalive = 7\n`);
      process.kill(daemon.pid(), 'SIGHUP');
      await eventually(async () =>
        assert.match(
          await inRouter('wg show wg0 public-key'),
          new RegExp(next.publicKey.replace(/[+/]/g, '\\$&')),
        ),
      );
      assert.match(await inRouter('wg show wg0 persistent-keepalive'), /\t7$/m);
      await ping('one', FAR);
      await writeFile(FILE, text.replace('Endpoint', 'Endpunkt'));
      process.kill(daemon.pid(), 'SIGHUP');
      await eventually(() => assert.match(daemon.logs(), /line 11: the key is unknown/));
      await ping('one', FAR);
      await writeFile(FILE, text);
      await remote.admit(own.publicKey, '10.64.0.2/32', 'fd64::2/128');
      process.kill(daemon.pid(), 'SIGHUP');
      await ping('one', FAR);
      await nothingElse();
    });

    test('a silent far end gives way to the second file in time: connections are reset, and nothing leaves by any other way', async t => {
      await at(`netns:${Remote.netns}`, place => echoOn(t, place, 7));
      const open = await at('one', place => connectFrom(t, place, FAR, 7));
      assert.equal(await open.say('one'), 'one');
      await remote.sh('ip link set wg0 down');
      const took = await goesOutBy('wg1');
      console.log(`the second file is in force after ${took} ms`);
      // 15 s of silence, 10 s for the change, and what asking takes in emulation.
      assert.ok(took < 40_000, `${took} ms`);
      assert.equal(await open.say('two'), 'ECONNRESET');
      assert.match(
        daemon.logs(),
        /second\.conf is in force in place of \/etc\/dwgd\/first\.conf: packets were sent/,
      );
    });

    test('the tunnel deleted, the ruleset flushed, the bridge deleted: back at once, and nothing leaks', async () => {
      const damages = [
        ['ip link del wg0', `ip route get ${FAR} | grep -q wg0`],
        ['nft flush ruleset', 'nft list chain inet dwgd forward'],
        ['ip link del br0', 'ip -br addr show dev br0 | grep -q 10.77.0.1'],
      ] as const;
      const times: number[] = [];
      for (const [damage, isWhole] of damages) {
        times.push(await mendedIn(damage, isWhole));
        await goesOutBy('wg1');
      }
      console.log(`mended in ${times.join(', ')} ms`);
      // Looks are half a second apart; the rest is what programs that ask take in emulation, beside another guest.
      assert.ok(Math.max(...times) < 30_000, times.join());
    });

    if (isLong)
      test('the daemon killed: containers go on through the same session, and the next daemon takes the router over', async () => {
        const [name] = readdirSync(KEPT);
        const session = await inRouter('wg show wg0 latest-handshakes');
        await daemon.kill9();
        await ping('two', FAR);
        await goesOutBy('wg1');
        await daemon.start();
        await eventually(() => assert.match(daemon.logs(), /took over the router of an exit network/));
        await ping('two', FAR);
        await ping('two', FAR6);
        assert.deepEqual(readdirSync(KEPT), [name]);
        assert.match(session, /\t[1-9]/);
        await goesOutBy('wg1');
      });

    if (isLong)
      test('a daemon that is stopped for a while leaves containers as they are', async () => {
        assert.equal(await daemon.stop(), 0);
        await ping('two', FAR);
        await nothingElse();
        await daemon.restart();
        await ping('two', FAR);
      });

    test('the key is in no answer, log or database', async () => {
      const answers = await sh('docker network inspect exit; docker inspect one two');
      const base64 = own.privateKey;
      const hex = Buffer.from(base64, 'base64').toString('hex');
      const files = await sh('cat /run/lab-dwgd.db* | xxd -p | tr -d "\\n"');
      for (const text of [answers, daemon.logs()]) {
        assert.equal(text.includes(base64), false);
        assert.equal(text.includes(hex), false);
      }
      assert.equal(files.includes(hex), false);
      assert.equal(files.includes(Buffer.from(base64).toString('hex')), false);
    });

    test('a file that others may read, or with a mistake, is refused with the line and the remedy', async () => {
      const text = await readFile(FILE, 'utf8');
      await writeFile('/etc/dwgd/open.conf', text, { mode: 0o644 });
      const open = { options: { 'dwgd.conf': '/etc/dwgd/open.conf' }, subnets: ['10.78.0.0/24'] };
      await assert.rejects(createNetwork('open', open), /chmod 600/);
      await writeFile('/etc/dwgd/wrong.conf', text.replace('AllowedIPs', 'AllowdIPs'), { mode: 0o600 });
      const wrong = { options: { 'dwgd.conf': '/etc/dwgd/wrong.conf' }, subnets: ['10.78.0.0/24'] };
      await assert.rejects(createNetwork('wrong', wrong), /line 10: .*AllowedIPs/);
      assert.equal(readdirSync(KEPT).length, 1);
    });

    test('containers and the network removed: nothing is left', async () => {
      for (const name of ['one', 'two']) await remove(name);
      await removeNetwork('exit');
      await eventually(async () => {
        assert.deepEqual(existsSync(KEPT) ? readdirSync(KEPT) : [], []);
        assert.equal(await daemon.rows('network'), 0);
        assert.equal(await daemon.rows('client'), 0);
        assert.doesNotMatch(await sh('ip -br link'), /wg-/);
        assert.doesNotMatch(await sh('cat /proc/mounts'), /\/run\/dwgd\/netns/);
      });
      await nothingElse();
    });

    if (isLong)
      test('a network without a subnet gets one from Docker', async () => {
        await createNetwork('plain', { options: { 'dwgd.conf': FILE } });
        await run('three', { networks: { plain: {} } });
        await ping('three', FAR);
        await remove('three');
        await removeNetwork('plain');
      });
  },
  { within: 1500 },
);

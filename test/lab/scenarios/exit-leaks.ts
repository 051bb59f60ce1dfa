// Whatever happens to an exit network, its daemon or Docker: nothing of its containers leaves by any link of the host (with --long a hundred starts, else ten).
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { sender } from '../../docker/sender.js';
import { create, createNetwork, remove, removeNetwork, run, start, stop } from '../../support/containers.js';
import { daemon, docker, dockerd, eventually, isLong, type Remote, scenario, sh } from '../../support/lab.js';
import {
  counted,
  FAR_AWAY,
  goesOutBy,
  inRouter,
  makeProviders,
  nothingElse,
  PROVIDERS,
  RESOLVERS,
  SUBNETS,
  startCounting,
} from '../../support/providers.js';
import { hearOn } from '../../support/sockets.js';
import { at } from '../../support/talk.js';

const PORT = 7100;
const [STEADY, EAGER] = ['/run/lab/steady', '/run/lab/eager'];
/** Starts of the program that sends from its first instruction, and how many containers take them in turn. */
const [STARTS, AT_ONCE] = isLong ? [100, 4] : [10, 2];
const EXIT = { networks: { exit: {} }, hostConfig: { Dns: [...RESOLVERS] } };
const CAPTURE = '/run/leaks.pcap';
/** What nobody but an exit network's container sends, or is sent. */
const FILTER = [
  ...[...FAR_AWAY, ...RESOLVERS].map(address => `host ${address}`),
  ...SUBNETS.map(subnet => `net ${subnet}`),
  'dst port 53',
].join(' or ');

let capturing: string | undefined;

/** Takes down each such packet on whatever link of the host, now and later. */
async function startCapture(): Promise<void> {
  await stopCapture();
  capturing = await sh(
    `tcpdump -i any -nn -U -Z root -w ${CAPTURE} '${FILTER}' < /dev/null > /run/lab/tcpdump.log 2>&1 & echo $!`,
  );
  await eventually(() => sh('grep -q "listening on any" /run/lab/tcpdump.log'));
}

async function stopCapture(): Promise<void> {
  if (capturing !== undefined) await sh(`kill ${capturing}; tail --pid=${capturing} -f /dev/null`);
  capturing = undefined;
}

const captured = async (): Promise<string[]> =>
  (await sh(`tcpdump -nn -r ${CAPTURE} 2> /dev/null | head -20`)).split('\n').filter(line => line !== '');

/** Nothing has left until now, and all goes on by a far end. */
async function goesOn(link: 'wg0' | 'wg1', within = 60): Promise<void> {
  await goesOutBy(link, { within, of: ['4', '6', 'dns'] });
  assert.deepEqual(await captured(), []);
}

/** Nothing has left until now, whether or not something goes out. */
async function nothingLeft(): Promise<void> {
  await nothingElse();
  assert.deepEqual(await captured(), []);
}

scenario(
  'exit-leaks',
  () => {
    let remote: Remote;
    after(stopCapture);

    test('what the host sends in the clear is seen by both counters', async () => {
      remote = await makeProviders();
      await startCounting();
      await startCapture();
      for (const address of FAR_AWAY) await sh(`ping -c 1 -W 1 ${address}`);
      await sh(`timeout 1 bash -c 'echo > /dev/udp/${RESOLVERS[0]}/53'`);
      await assert.rejects(nothingElse());
      const seen = (await captured()).join('\n');
      for (const address of [...FAR_AWAY, RESOLVERS[0]]) assert.ok(seen.includes(address), seen);
      await startCounting();
      await startCapture();
    });

    test('IPv4, IPv6 and the DNS of a container go out at the far end, and nowhere else', async () => {
      for (const [path, everyMs] of [
        [STEADY, 20],
        [EAGER, 1],
      ] as const) {
        writeFileSync(path, sender(FAR_AWAY, PORT, { asked: RESOLVERS, everyMs }));
        chmodSync(path, 0o755);
      }
      await daemon.start();
      const files = PROVIDERS.map(({ file }) => file).join();
      await createNetwork('exit', { options: { 'dwgd.conf': files }, subnets: SUBNETS });
      await run('one', { ...EXIT, binds: [`${STEADY}:/steady`], command: ['/steady'], restart: 'always' });
      await goesOn('wg0');
    });

    test("Docker's resolver asks the provider's server for a container", async t => {
      const [server] = PROVIDERS[0].theirs;
      const asked: string[] = [];
      await at('netns:remote', place => {
        const socket = hearOn(place, 53, server, (question, from) => {
          if (question.length < 12) return;
          asked.push(from.address);
          socket.send(answerTo(question), from.port, from.address);
        });
        t.after(() => socket.close());
      });
      await run('asks', EXIT);
      const said = await docker.within('asks', 'busybox nslookup -type=a somewhere.example 127.0.0.11');
      assert.match(said, new RegExp(FAR_AWAY[0].replaceAll('.', '\\.')));
      assert.deepEqual([...new Set(asked)], [PROVIDERS[0].ours[0]]);
      await remove('asks');
      await nothingLeft();
    });

    test('the far end down and up again', async () => {
      await remote.sh('ip link set wg0 down');
      await sh('sleep 5');
      await nothingLeft();
      await remote.sh(`ip link set wg0 up; ip -6 addr add ${PROVIDERS[0].theirs[1]}/64 dev wg0 nodad`);
      await goesOn('wg0');
    });

    for (const [what, damage] of [
      ['the tunnel deleted', 'ip link del wg0'],
      ['the ruleset flushed', 'nft flush ruleset'],
      ['the bridge deleted', 'ip link del br0'],
      [
        'all of it, again and again',
        "bash -c 'for n in 1 2 3; do ip link del wg0; nft flush ruleset; ip link del br0; sleep 1; done'",
      ],
      ['routes flushed', "bash -c 'ip route flush table main; ip -6 route flush table main'"],
    ] as const)
      test(`${what} in the router by hand`, async () => {
        await inRouter(`${damage} || true`);
        await goesOn('wg0');
      });

    test('the daemon killed, and a new one after 20 seconds', async () => {
      await daemon.kill9();
      await sh('sleep 20');
      await goesOn('wg0');
      await daemon.start();
      await goesOn('wg0');
    });

    test('the daemon stopped for a minute, in which a container ends and another cannot start', async () => {
      await run('two', { ...EXIT, binds: [`${STEADY}:/steady`], command: ['/steady'] });
      await create('three', { ...EXIT, binds: [`${STEADY}:/steady`], command: ['/steady'] });
      assert.equal(await daemon.stop(), 0);
      const began = Date.now();
      await goesOn('wg0');
      await remove('two');
      await assert.rejects(start('three'));
      await nothingLeft();
      await sh(`sleep ${Math.max(0, 60 - Math.floor((Date.now() - began) / 1000))}`);
      await goesOn('wg0');
      await daemon.start();
      await goesOn('wg0');
      await eventually(() => start('three'), { within: 60, every: 2 });
      await goesOn('wg0');
      await remove('three');
    });

    test('the daemon restarted', async () => {
      await daemon.restart();
      await goesOn('wg0');
    });

    test('Docker restarted: its container comes back, and goes out by the tunnel alone', async () => {
      await dockerd.restart();
      await goesOn('wg0', 180);
    });

    test('Docker killed and started', async () => {
      await dockerd.kill9();
      await dockerd.start();
      await goesOn('wg0', 180);
    });

    test('Docker restarted with live-restore: the container goes on', async () => {
      await dockerd.restart('--live-restore');
      await goesOn('wg0', 180);
      const pid = (): Promise<string> =>
        docker.get<{ State: { Pid: number } }>('/containers/one/json').then(({ State }) => `${State.Pid}`);
      const before = await pid();
      await dockerd.restart('--live-restore');
      assert.equal(await pid(), before);
      // Longer than the two looks that would have it taken for gone.
      await sh('sleep 8');
      await goesOn('wg0', 180);
      await dockerd.restart();
      await goesOn('wg0', 180);
    });

    test('one far end silent, then both, then one of them back', async () => {
      await remote.sh('nft add rule inet tally heard udp dport 51820 drop');
      await goesOn('wg1');
      await remote.sh('nft add rule inet tally heard udp dport 51821 drop');
      await sh('sleep 45');
      await nothingLeft();
      await remote.sh('nft flush chain inet tally heard');
      await eventually(
        async () => {
          const before = await counted();
          await sh('sleep 2');
          const now = await counted();
          assert.ok(now.wg0_4 + now.wg1_4 > before.wg0_4 + before.wg1_4);
        },
        { within: 90 },
      );
      await nothingLeft();
    });

    test(`${STARTS} starts of a program that sends from its first instruction`, async () => {
      await remove('one');
      const names = Array.from({ length: AT_ONCE }, (_, n) => `eager-${n}`);
      for (const name of names)
        await create(name, { ...EXIT, binds: [`${EAGER}:/eager`], command: ['/eager'] });
      const before = await counted();
      const began = Date.now();
      await Promise.all(
        names.map(async name => {
          for (let n = 0; n < STARTS / AT_ONCE; n++) {
            await start(name);
            await stop(name);
          }
        }),
      );
      const now = await counted();
      const came = (what: '4' | '6' | 'dns'): number =>
        now[`wg0_${what}`] + now[`wg1_${what}`] - before[`wg0_${what}`] - before[`wg1_${what}`];
      console.log(
        `${STARTS} starts in ${Math.round((Date.now() - began) / 1000)} s; at the far end ${came('4')} packets of IPv4, ${came('6')} of IPv6, ${came('dns')} to the DNS`,
      );
      for (const what of ['4', '6', 'dns'] as const) assert.ok(came(what) > STARTS, what);
      await nothingLeft();
      for (const name of names) await remove(name);
    });

    test('containers and the network removed: nothing has left in all that time', async () => {
      await removeNetwork('exit');
      await nothingLeft();
      // It was there all the time.
      await sh(`ping -c 1 -W 1 ${FAR_AWAY[0]}`);
      assert.notDeepEqual(await captured(), []);
    });
  },
  { within: 2200 },
);

/** An answer to a question for an address: that of somewhere far away. */
function answerTo(question: Buffer): Buffer {
  const answer = Buffer.concat([
    question,
    Buffer.from('c00c000100010000003c0004', 'hex'),
    Buffer.from(FAR_AWAY[0].split('.').map(Number)),
  ]);
  answer.writeUInt16BE(0x8180, 2);
  answer.writeUInt16BE(1, 6);
  answer.writeUInt16BE(0, 10);
  return answer;
}

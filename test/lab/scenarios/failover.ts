// An exit network of two files: when one far end is silent the other is in force, and nothing leaves by any other way meanwhile.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { connectFrom, echoOn } from '../../support/connections.js';
import { createNetwork, remove, removeNetwork, run } from '../../support/containers.js';
import { daemon, docker, eventually, isLong, keyPair, Remote, scenario, sh, wg } from '../../support/lab.js';
import { at } from '../../support/talk.js';

/** Somewhere in the world, which both far ends play. */
const FAR = '198.51.100.7';
const SUBNET = '10.77.0.0/24';
const FILES = ['/etc/dwgd/first.conf', '/etc/dwgd/second.conf'] as const;
const FOLDER = '/run/dwgd/netns';
/** Sends from its first instruction on, and goes on. */
const SENDER = `while :; do ping -i 0.3 -W 1 ${FAR}; sleep 0.2; done`;

/** A provider: where it listens, what it calls us, and its DNS server. */
const PROVIDERS = [
  { link: 'wg0', port: 51820, own: keyPair(), net: '10.64.0' },
  { link: 'wg1', port: 51821, own: keyPair(), net: '10.65.0' },
] as const;

/** The files, and far ends that answer. */
async function providers(endpoints: readonly string[] = ['192.0.2.2', '192.0.2.2']): Promise<Remote> {
  const remote = await Remote.create(['10.64.0.1/24', `${FAR}/32`]);
  const second = await wg.add('wg1', { addresses: ['10.65.0.1/24'], port: 51821, netns: Remote.netns });
  await mkdir('/etc/dwgd', { recursive: true, mode: 0o755 });
  for (const [n, { link, port, own, net }] of PROVIDERS.entries()) {
    await wg.setPeer(link, { publicKey: own.publicKey, allowedIps: [`${net}.2/32`] }, Remote.netns);
    await writeFile(
      FILES[n]!,
      `[Interface]
PrivateKey = ${own.privateKey}
Address = ${net}.2/32
DNS = ${net}.1
[Peer]
PublicKey = ${[remote.keys, second][n]!.publicKey}
AllowedIPs = 0.0.0.0/0
Endpoint = ${endpoints[n]}:${port}
`,
      { mode: 0o600 },
    );
  }
  return remote;
}

/** Counts what passes on the host in the clear, and what comes out at each far end. */
async function startCounting(): Promise<void> {
  const chain = (hook: string): string => `chain ${hook} {
    type filter hook ${hook} priority -300
    ip daddr ${FAR} counter comment "clear"
    ip saddr ${SUBNET} counter comment "clear"
  }`;
  await sh(`nft -f - <<'END'
table inet tally {
  ${chain('prerouting')}
  ${chain('output')}
}
END
ip netns exec ${Remote.netns} nft -f - <<'END'
table inet tally {
  chain heard { type filter hook prerouting priority -400; }
  chain said { type filter hook output priority -400; }
  chain arrivals {
    type filter hook prerouting priority -300
    iifname "uplink" udp dport { 51820, 51821 } accept
    iifname "uplink" icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept
    iifname "uplink" counter comment "clear"
    iifname "wg0" ip saddr 10.64.0.2 counter comment "wg0"
    iifname "wg1" ip saddr 10.65.0.2 counter comment "wg1"
    iifname "wg0" ip saddr != 10.64.0.2 counter comment "clear"
    iifname "wg1" ip saddr != 10.65.0.2 counter comment "clear"
  }
}
END`);
}

/** Packets so far, by what they are counted as. */
async function counted(): Promise<Record<'clear' | 'wg0' | 'wg1', number>> {
  const listed = await sh(
    `nft list table inet tally; ip netns exec ${Remote.netns} nft list table inet tally`,
  );
  const found = { clear: 0, wg0: 0, wg1: 0 };
  for (const [, packets, name] of listed.matchAll(/packets (\d+) bytes \d+ comment "(\w+)"/g))
    found[name as keyof typeof found] += Number(packets);
  return found;
}

/** Until a far end hears more; nothing may have come out anywhere else. @returns after how many milliseconds it did */
async function goesOutBy(link: 'wg0' | 'wg1', within: number): Promise<number> {
  const [before, began] = [await counted(), Date.now()];
  await eventually(async () => assert.ok((await counted())[link] > before[link]), { within, every: 0.5 });
  assert.equal((await counted()).clear, 0);
  return Date.now() - began;
}

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

/** Runs a line in the router's namespace. */
const inside = (line: string): Promise<string> =>
  sh(`nsenter --net=${FOLDER}/${readdirSync(FOLDER)[0]} ${line}`);

const status = (): Promise<string> => sh('node dist/src/cli/main.js status');

const connection = (t: TestContext) => at('one', place => connectFrom(t, place, FAR, 7));

/** Milliseconds in which another tunnel is to be in force: 15 s of silence, 10 s for the change, and what asking takes in emulation. */
const CHANGED_MS = 40_000;

async function startNetwork(options: Record<string, string> = {}): Promise<void> {
  await createNetwork('exit', { options: { 'dwgd.conf': FILES.join(), ...options }, subnets: [SUBNET] });
  await startCounting();
  await run('one', { networks: { exit: {} }, command: ['sh', '-c', SENDER] });
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
      remote = await providers();
      await daemon.start();
      await startNetwork({ 'dwgd.failback': '60' });
      await at(`netns:${Remote.netns}`, place => echoOn(t, place, 7));
      await goesOutBy('wg0', 60);
      const open = await connection(t);
      assert.equal(await open.say('one'), 'one');
      assert.match(await inside('nft list chain inet dwgd asking'), /10\.64\.0\.1/);
      const address = await addressOf('one');
      // It hears nothing, and goes on beginning handshakes itself.
      await silence(remote, { heard: 'udp dport 51820' });
      const took = await goesOutBy('wg1', 60);
      console.log(`the second file is in force after ${took} ms`);
      assert.ok(took < CHANGED_MS, `${took} ms`);
      assert.equal(await open.say('two'), 'ECONNRESET');
      assert.equal(await (await connection(t)).say('three'), 'three');
      assert.equal(await addressOf('one'), address);
      assert.match(await inside('nft list chain inet dwgd asking'), /10\.65\.0\.1/);
      const why = `${FILES[1]} +yes +\\S.* ago +it came in place of ${FILES[0]}: packets were sent, and no peer answered`;
      assert.match(await status(), new RegExp(why));
      assert.match(
        daemon.logs(),
        /second\.conf is in force in place of \/etc\/dwgd\/first\.conf: packets were sent/,
      );
      assert.equal((await counted()).clear, 0);
    });

    test('containers and the network removed: nothing is left', async () => {
      await endNetwork();
      await eventually(() => assert.deepEqual(readdirSync(FOLDER), []));
    });

    if (isLong)
      test('an endpoint by name follows the name on the host, and the next of several addresses is tried', async t => {
        await sh('cp /etc/hosts /run/hosts; mount --bind /run/hosts /etc/hosts');
        t.after(() => sh('umount /etc/hosts'));
        const hosts = (...addresses: string[]): Promise<string> =>
          sh(`grep -v vpn.example /etc/hosts > /run/kept; cat /run/kept > /etc/hosts
            ${addresses.map(one => `echo ${one} vpn.example >> /etc/hosts`).join('\n')}`);
        await hosts('192.0.2.2');
        await sh(`ip netns del ${Remote.netns}`);
        remote = await providers(['vpn.example']);
        await createNetwork('exit', { options: { 'dwgd.conf': FILES[0] }, subnets: [SUBNET] });
        await startCounting();
        await run('one', { networks: { exit: {} }, command: ['sh', '-c', SENDER] });
        await goesOutBy('wg0', 60);
        // The provider has moved.
        await remote.sh('ip addr add 192.0.2.3/24 dev uplink');
        await silence(remote, { heard: 'ip daddr 192.0.2.2', said: 'ip saddr 192.0.2.2' });
        await hosts('192.0.2.3');
        const moved = await goesOutBy('wg0', 60);
        // Of several addresses the first is nobody's.
        await hosts('192.0.2.9', '192.0.2.2');
        await silence(remote, { heard: 'ip daddr 192.0.2.3', said: 'ip saddr 192.0.2.3' });
        const next = await goesOutBy('wg0', 90);
        console.log(
          `the name's other address is used after ${moved} ms, the next of several after ${next} ms`,
        );
        assert.ok(moved < CHANGED_MS, `${moved} ms`);
        // One more address is tried in vain.
        assert.ok(next < 2 * CHANGED_MS, `${next} ms`);
        assert.match(await inside('wg show wg0 endpoints'), /192\.0\.2\.2:51820/);
        await endNetwork();
      });

    if (isLong)
      test('another daemon goes on with the second file; the first is tried again after dwgd.failback, and left again while it is silent', async () => {
        await sh(`ip netns del ${Remote.netns}`);
        remote = await providers();
        await startNetwork({ 'dwgd.failback': '60' });
        await goesOutBy('wg0', 60);
        await silence(remote, { heard: 'udp dport 51820', said: 'udp sport 51820' });
        await goesOutBy('wg1', 60);
        await daemon.restart();
        await goesOutBy('wg1', 60);
        assert.match(await status(), new RegExp(`${FILES[1]} +yes `));
        await eventually(() => assert.match(daemon.logs(), /first\.conf is in force .*dwgd\.failback/), {
          within: 90,
        });
        await goesOutBy('wg1', 40);
        await silence(remote);
        await goesOutBy('wg0', 100);
        await silence(remote, { heard: 'udp dport { 51820, 51821 }', said: 'udp sport { 51820, 51821 }' });
        await sh('sleep 40');
        assert.equal((await counted()).clear, 0);
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

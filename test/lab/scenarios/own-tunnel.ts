// A provider's file for one container, without a router: the container has the tunnel itself, and another is refused.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { Inspection, Status, Way } from '../../../src/control/answers.js';
import { createNetwork, ping, remove, removeNetwork, run, start } from '../../support/containers.js';
import {
  ask,
  daemon,
  docker,
  dockerd,
  eventually,
  isLong,
  keyPair,
  Remote,
  scenario,
  sh,
} from '../../support/lab.js';

/** Somewhere in the world, which the far end plays. */
const FAR = '198.51.100.7';
const FAR6 = '2001:db8:f00d::7';
const FILE = '/etc/dwgd/own.conf';
const CONTROL = '/run/dwgd/control.sock';

/** Sends from its first instruction on, and goes on. */
const SENDER = `for a in ${FAR} ${FAR6}; do while :; do ping -i 0.3 -W 1 $a; sleep 0.2; done & done; wait`;
const sending = { networks: { own: {} }, command: ['sh', '-c', SENDER], restart: 'always' } as const;

const own = keyPair();
const presharedKey = keyPair().privateKey;

async function provider(): Promise<Remote> {
  const remote = await Remote.create(['10.64.0.1/24', 'fd64::1/64', `${FAR}/32`, `${FAR6}/128`]);
  await admit(remote, own.publicKey);
  await mkdir('/etc/dwgd', { recursive: true, mode: 0o755 });
  await writeFile(
    FILE,
    `[Interface]
PrivateKey = ${own.privateKey}
Address = 10.64.0.2/24, fd64::2/64
DNS = 10.64.0.1
PostUp = iptables -A OUTPUT -j REJECT

[Peer]
PublicKey = ${remote.keys.publicKey}
PresharedKey = ${presharedKey}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = ${remote.endpoint}
`,
    { mode: 0o600 },
  );
  return remote;
}

async function admit(remote: Remote, key: string): Promise<void> {
  await remote.admit(key, '10.64.0.2/32', 'fd64::2/128');
  await remote.sh(`wg set wg0 peer ${key} preshared-key <(echo ${presharedKey})`);
}

/**
 * Counts what passes on the host but for WireGuard's UDP, by whatever link, and what comes out at the far end. The host itself refuses
 * what the far end sends to a link that is gone.
 */
async function startCounting(): Promise<void> {
  const chain = (hook: string): string => `chain ${hook} {
    type filter hook ${hook} priority -300
    ip daddr ${FAR} counter comment "clear"
    ip6 daddr ${FAR6} counter comment "clear"
    ip saddr 10.64.0.0/24 counter comment "clear"
    ip6 saddr fd64::/64 counter comment "clear"
  }`;
  await sh(`nft -f - <<'END'
table inet tally
delete table inet tally
table inet tally {
  ${chain('prerouting')}
  ${chain('output')}
}
END
ip netns exec ${Remote.netns} nft -f - <<'END'
table inet tally
delete table inet tally
table inet tally {
  chain arrivals {
    type filter hook prerouting priority -300
    iifname "uplink" udp dport 51820 accept
    iifname "uplink" icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept
    iifname "uplink" icmp type destination-unreachable icmp code port-unreachable accept
    iifname "uplink" counter comment "clear"
    iifname "wg0" ip daddr ${FAR} ip saddr 10.64.0.2 counter comment "tunnel4"
    iifname "wg0" ip6 daddr ${FAR6} ip6 saddr fd64::2 counter comment "tunnel6"
  }
}
END`);
}

async function counted(): Promise<{ clear: string[]; tunnel4: number; tunnel6: number }> {
  const listed = `${await sh('nft list table inet tally')}\n${await sh(
    `ip netns exec ${Remote.netns} nft list table inet tally`,
  )}`;
  const of = (name: string): string[] =>
    listed.split('\n').filter(line => line.includes(`comment "${name}"`) && !line.includes(' packets 0 '));
  const sum = (name: string): number =>
    of(name).reduce((all, line) => all + Number(/packets (\d+)/.exec(line)?.[1]), 0);
  return { clear: of('clear'), tunnel4: sum('tunnel4'), tunnel6: sum('tunnel6') };
}

/** Until more has come out at the far end; nothing may have come out anywhere else. */
async function goesOut(): Promise<void> {
  const before = await counted();
  await eventually(
    async () => {
      const { tunnel4, tunnel6 } = await counted();
      assert.ok(tunnel4 > before.tunnel4 + 2 && tunnel6 > before.tunnel6 + 2);
    },
    { within: 60 },
  );
  assert.deepEqual((await counted()).clear, []);
}

async function asked<T>(path: string): Promise<T> {
  return eventually(
    async () => {
      const { status, text } = await ask(CONTROL, 'GET', path);
      assert.equal(status, 200, text);
      return JSON.parse(text) as T;
    },
    { within: 60, every: 1 },
  );
}

scenario(
  'own-tunnel',
  () => {
    let remote: Remote;

    test("a container has the file's addresses, and goes out by them at the far end, and nowhere else", async () => {
      remote = await provider();
      await daemon.start();
      await createNetwork('own', { options: { 'dwgd.conf': FILE }, ipam: 'null' });
      assert.match(daemon.logs(), /line 5: PostUp/);
      assert.match(daemon.logs(), /give the container --dns=10\.64\.0\.1/);
      await startCounting();
      await run('one', { ...sending, ports: { '80/tcp': '8080' } });
      await goesOut();
      const addresses = await docker.within('one', 'ip -o addr show wg0');
      assert.match(addresses, /inet 10\.64\.0\.2\/32/);
      assert.match(addresses, /inet6 fd64::2\/128/);
      assert.match(await docker.within('one', 'ip link show wg0'), /mtu 1420/);
      assert.match(daemon.logs(), /published ports are not reachable on the host/);
      assert.deepEqual(existsSync('/run/dwgd/netns') ? readdirSync('/run/dwgd/netns') : [], []);
    });

    test('its ports are open at the address of the tunnel', async () => {
      await docker.within('one', 'busybox nc -l -p 8080 -e echo hello > /dev/null 2>&1 & sleep 1');
      assert.match(await remote.sh('timeout 10 busybox nc 10.64.0.2 8080 < /dev/null'), /hello/);
    });

    test('status, inspect and explain tell of it', async () => {
      const { networks } = await asked<Status>('/v1/status');
      const [network] = networks;
      assert.deepEqual(
        [network?.mode, network?.via, network?.subnets, network?.endpoints[0]?.container],
        ['exit', FILE, [], 'one'],
      );
      assert.deepEqual(network?.endpoints[0]?.addresses, ['10.64.0.2', 'fd64::2']);
      assert.equal(network?.exit?.problem, undefined);
      assert.deepEqual(
        network?.exit?.peers.map(({ publicKey, endpoint }) => [publicKey, endpoint]),
        [[remote.keys.publicKey, remote.endpoint]],
      );
      const { parts } = await asked<Inspection>('/v1/inspect/one');
      assert.deepEqual(
        parts.flatMap(({ comparisons }) => comparisons).filter(({ isSame }) => !isSame),
        [],
      );
      const { sentence } = await asked<Way>(`/v1/explain/one?to=${FAR}`);
      assert.equal(sentence, 'goes by wg0 of one');
    });

    test('another container is refused with the name of the first', async () => {
      await assert.rejects(
        run('two', { networks: { own: {} } }),
        /is that of the container one,.*stop one first/,
      );
      await goesOut();
    });

    test('the daemon killed: the container goes on, and the next daemon knows whose the tunnel is', async () => {
      const session = await docker.within('one', 'wg show wg0 latest-handshakes');
      await daemon.kill9();
      await goesOut();
      await daemon.start();
      await goesOut();
      assert.match(session, /\t[1-9]/);
      await assert.rejects(start('two'), /is that of the container one,/);
    });

    test('a file with another key and keepalive takes effect by SIGHUP, in place; what others change is mended', async () => {
      const [text, next] = [await readFile(FILE, 'utf8'), keyPair()];
      await admit(remote, next.publicKey);
      await writeFile(FILE, `${text.replace(own.privateKey, next.privateKey)}PersistentKeepalive = 7\n`);
      process.kill(daemon.pid(), 'SIGHUP');
      await eventually(async () => {
        const shown = await docker.within('one', 'wg show wg0 public-key; wg show wg0 persistent-keepalive');
        assert.ok(shown.includes(next.publicKey) && /\t7$/m.test(shown));
      });
      await goesOut();
      await docker.within('one', `wg set wg0 peer ${remote.keys.publicKey} remove`);
      await goesOut();
      await writeFile(FILE, text);
      await admit(remote, own.publicKey);
      process.kill(daemon.pid(), 'SIGHUP');
      await eventually(async () =>
        assert.ok((await docker.within('one', 'wg show wg0 public-key')).includes(own.publicKey)),
      );
      await goesOut();
    });

    if (isLong)
      test('the far end down: nothing leaves by any other way', async () => {
        await remote.sh('ip link set wg0 down');
        await sh('sleep 3');
        assert.deepEqual((await counted()).clear, []);
        await remote.sh(
          `ip link set wg0 up; ip -6 addr add fd64::1/64 dev wg0 nodad; ip -6 addr add ${FAR6}/128 dev wg0 nodad`,
        );
        await goesOut();
      });

    if (isLong)
      test('Docker killed and started again: the same container gets the tunnel again', async () => {
        await dockerd.kill9();
        await dockerd.start();
        await eventually(
          async () => assert.match(await docker.within('one', 'ip -o addr show wg0'), /10\.64\.0\.2/),
          { within: 90, every: 1 },
        );
        await goesOut();
      });

    test('the first gone, of two that start at once one gets it, and the other is told whose it is', async () => {
      await remove('one');
      await remove('two');
      const made = await Promise.allSettled(['three', 'four'].map(name => run(name, sending)));
      const failed = made.flatMap(one => (one.status === 'rejected' ? [String(one.reason)] : []));
      assert.equal(failed.length, 1);
      assert.match(failed[0]!, /is that of the container (three|four),/);
      await goesOut();
    });

    test('beside a bridge whose default route Docker prefers: from its first instruction on all goes by the tunnel', async () => {
      for (const name of ['three', 'four']) await remove(name);
      await createNetwork('aaa', { driver: 'bridge', subnets: ['172.30.0.0/24', 'fd30::/64'] });
      await run('five', { ...sending, networks: { aaa: {}, own: {} } });
      assert.match(await docker.within('five', 'ip route show table main'), /^default via .* dev eth0/m);
      await goesOut();
      await remove('five');
      await removeNetwork('aaa');
      await run('three', sending);
      await goesOut();
    });

    test('the keys are in no answer, log or database', async () => {
      const answers = await sh('docker network inspect own; docker inspect three');
      const files = await sh('cat /run/lab-dwgd.db* | xxd -p | tr -d "\\n"');
      for (const base64 of [own.privateKey, presharedKey]) {
        const hex = Buffer.from(base64, 'base64').toString('hex');
        for (const text of [answers, daemon.logs()]) {
          assert.equal(text.includes(base64), false);
          assert.equal(text.includes(hex), false);
        }
        assert.equal(files.includes(hex), false);
        assert.equal(files.includes(Buffer.from(base64).toString('hex')), false);
      }
    });

    test('containers and the network removed: nothing is left', async () => {
      await remove('three');
      await removeNetwork('own');
      await eventually(async () => {
        assert.equal(await daemon.rows('network'), 0);
        assert.equal(await daemon.rows('client'), 0);
        assert.doesNotMatch(await sh('ip -br link'), /wg-/);
      });
      assert.deepEqual((await counted()).clear, []);
      await assert.rejects(ping('three', FAR));
    });
  },
  { within: 900 },
);

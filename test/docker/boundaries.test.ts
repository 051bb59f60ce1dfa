// What labels never touch: the host, containers without labels, Docker's rules and the container's own; and whose
// labels do not count.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, createNetwork, remove, run } from '../support/containers.js';
import { daemon, sh } from '../support/lab.js';
import { ask, inside, serve } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { assertSame, snapshot } from './snapshot.js';

const ALL = {
  'twine.nat.interfaces': '+',
  'twine.nat.forward.8080': 'web:80',
  'twine.route.0.0.0.0/0': 'web',
  'twine.iptables.rule.a': 'TWINE_INPUT -j DROP',
};

/** Whether the namespace holds anything of ours. */
const hasOurs = async (where: string): Promise<boolean> =>
  /dwgd|proto 229/.test(await inside(where, 'nft list tables; ip route show table all; ip rule'));

/** Lets a container that does get its rules come and go, so that whatever was to happen to another has happened. */
async function pass(): Promise<void> {
  await run('marker', { networks: { main: {} }, labels: { 'twine.nat.interfaces': '+' } });
  await follows(async () => assert.ok(await hasOurs('marker')));
  await remove('marker');
}

keeping('boundaries', () => {
  test('a container without labels is byte for byte what Docker made', async () => {
    await createNetwork('main', {
      driver: 'bridge',
      subnets: ['172.30.0.0/24 172.30.0.1', 'fd30::/64 fd30::1'],
    });
    const bare = { networks: { main: { ip: '172.30.0.9' } }, mac: '02:42:ac:1e:00:09' };
    await run('bare', bare);
    const alone = await snapshot('bare');
    await remove('bare');
    await keeper.start();
    await run('bare', bare);
    await pass();
    assertSame(await snapshot('bare'), alone);
  });

  test('a labelled container in the host network is refused, and the host keeps its rules byte for byte', async () => {
    await run('web', { networks: { main: { aliases: ['web'] } } });
    await sh('iptables -I FORWARD -s 192.0.2.1 -j DROP; nft add table inet mine');
    const before = await snapshot('host');
    await run('hosty', { mode: 'host', labels: ALL });
    await run('joined', { mode: 'container:hosty', labels: ALL });
    await pass();
    assertSame(await snapshot('host'), before);
    for (const name of ['hosty', 'joined']) {
      assert.match(daemon.logs(), new RegExp(`warning .*in the host's network.* container=${name} `));
    }
    for (const name of ['hosty', 'joined']) await remove(name);
    await sh('iptables -D FORWARD -s 192.0.2.1 -j DROP; nft delete table inet mine');
  });

  test('labels of the image do not count, and that is logged; a changed value counts', async () => {
    await sh(
      `docker build -q -t labelled:local - <<'END'
FROM busybox:local
LABEL twine.nat.interfaces="+" twine.iptables.rule.drop="TWINE_INPUT -j DROP"
END`,
    );
    await run('inherits', { networks: { main: {} }, image: 'labelled:local' });
    await pass();
    assert.equal(await hasOurs('inherits'), false);
    assert.match(
      daemon.logs(),
      /the label came with the image.* container=inherits label=twine\.nat\.interfaces/,
    );
    await run('sets', {
      networks: { main: {} },
      image: 'labelled:local',
      labels: { 'twine.nat.interfaces': 'eth+' },
    });
    await follows(async () => assert.match(await inside('sets', 'nft list table inet dwgd'), /"eth\*"/));
    assert.doesNotMatch(await inside('sets', 'nft list table inet dwgd'), /"drop"/);
    for (const name of ['inherits', 'sets']) await remove(name);
  });

  test('rules that the container itself made stay as they are, byte for byte', async () => {
    await run('own', { networks: { main: {} } });
    await inside(
      'own',
      `iptables -A INPUT -p tcp --dport 9999 -j DROP
      iptables -t nat -A PREROUTING -p tcp --dport 81 -j REDIRECT --to-ports 82
      nft -f - <<'END'
table ip own { chain c { type filter hook input priority 5; policy accept; tcp dport 7 drop; } ; }
END
      ip route add 10.77.0.0/16 via 172.30.0.1
      ip route add 10.78.0.0/16 via 172.30.0.1 proto static`,
    );
    const before = await snapshot('own');
    const labels = { 'twine.nat.interfaces': '+', 'twine.route.10.78.0.0/16': 'web' };
    await run('sharer', { mode: 'container:own', labels });
    await follows(async () => assert.ok(await hasOurs('own')));
    const after = (await snapshot('own'))
      .join('\n')
      .replace(/^table inet dwgd \{$[\s\S]*?^\}$\n?/m, '')
      .split('\n');
    const ours = /proto 229|^229\d\d:|^net\.ipv[46]\.(conf\..*\.(forwarding|accept_redirects)|ip_forward) =/;
    assertSame(
      after.filter(line => !ours.test(line)),
      before.filter(line => !ours.test(line)),
    );
    await remove('sharer');
    await follows(async () => assertSame(await snapshot('own'), before));
    await remove('own');
  });

  test('two containers that share a namespace are one: their labels are merged, a contradiction is logged', async () => {
    await run('first', {
      networks: { main: {} },
      labels: { 'twine.nat.interfaces': 'eth+', 'twine.route.10.9.0.0/16': 'web' },
    });
    await run('second', {
      mode: 'container:first',
      labels: { 'twine.nat.forward.8080': 'web:80', 'twine.route.10.9.0.0/16': '172.30.0.1' },
    });
    await serve('web', 'web', 'tcp', 80);
    const address = await addressOf('first', 'main');
    await follows(async () => assert.match(await ask('web', 'tcp', address, 8080, { within: 0.5 }), /^web /));
    assert.match(daemon.logs(), /warning .* label=twine\.route\.10\.9\.0\.0\/16/);
    await remove('second');
    await follows(async () => assert.doesNotMatch(await inside('first', 'nft list table inet dwgd'), /8080/));
    await remove('first');
  });

  test('names and published ports work in a container with every label', async () => {
    await run('every', {
      networks: { main: {} },
      ports: { '80/tcp': '8099' },
      labels: {
        ...ALL,
        'twine.iptables.rule.a': 'TWINE_INPUT -p tcp --dport 81 -j DROP',
        'twine.nat.forward.lo.5353/udp': 'web:53',
      },
    });
    await follows(async () => assert.ok(await hasOurs('every')));
    await serve('every', 'every', 'tcp', 80);
    assert.match(await ask('host', 'tcp', '127.0.0.1', 8099), /^every /);
    assert.match(await inside('every', 'busybox nslookup -type=a web 127.0.0.11'), /172\.30\.0\./);
    await remove('every');
  });

  test('hostile labels are reported, and a good one beside them counts', async () => {
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`twine.junk.${i}`, 'x']));
    await run('hostile', {
      networks: { main: {} },
      labels: {
        'twine.nat.interfaces': 'eth+',
        'twine.iptables.rule.long': `TWINE_INPUT ${'-s 10.0.0.1 '.repeat(20_000)}`,
        'twine.iptables.rule.control': 'TWINE_INPUT -j \u001b[2J\u0007 DROP\nfake line',
        'twine.route.10.0.0.0/8': 'wеb',
        'twine.route.10.1.0.0/16\n2026-01-01 error forged': 'web',
        ...many,
      },
    });
    await follows(async () => assert.match(daemon.logs(), /container=hostile/));
    const lines = daemon
      .logs()
      .split('\n')
      .filter(line => line.includes('hostile'));
    assert.ok(lines.length < 200, `${lines.length} lines`);
    for (const line of lines) {
      assert.ok(line.length < 2_000);
      assert.doesNotMatch(line, /\p{Cc}/u);
    }
    assert.doesNotMatch(daemon.logs(), /^2026-01-01/m);
    await remove('hostile');
    // Fewer labels than the limit: those that are good count.
    await run('mixed', {
      networks: { main: {} },
      labels: { 'twine.nat.interfaces': 'eth+', 'twine.nat.forward.x': 'y', 'twine.nonsense': '1' },
    });
    await follows(async () => assert.match(await inside('mixed', 'nft list table inet dwgd'), /"eth\*"/));
    await remove('mixed');
  });

  test('two gateways of each other are reported', async () => {
    await run('gw-a', { networks: { main: {} }, labels: { 'twine.route.10.5.0.0/16': 'gw-b' } });
    await run('gw-b', { networks: { main: {} }, labels: { 'twine.route.10.5.0.0/16': 'gw-a' } });
    await follows(() => assert.match(daemon.logs(), /packets to 10\.5\.0\.0\/16 are routed in a loop/));
  });

  test('none of this was an error of the daemon', () => {
    assert.doesNotMatch(daemon.logs(), /^\S+ error /m);
  });
});

// twine.host.routes: routes of the host by way of a container, which come, follow and go with it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, createNetwork, remove, removeNetwork, run, start, stop } from '../support/containers.js';
import { daemon, sh } from '../support/lab.js';
import { pageBlock } from '../support/page-blocks.js';
import { inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';

const ours = () => sh('ip route show proto 229; ip -6 route show proto 229');
const foreign = () => sh('ip route | grep -v "proto 229"; ip -6 route | grep -v "proto 229\\|fe80"');

/** A machine behind the host, by a link of the host's own: what it sends to the network comes by the host. */
const makeLan = () =>
  sh(`
    ip netns add lan
    ip link add to-lan type veth peer name eth0 netns lan
    ip addr add 192.168.77.1/24 dev to-lan
    ip link set to-lan up
    ip -n lan addr add 192.168.77.2/24 dev eth0
    ip -n lan link set eth0 up
    ip -n lan route add default via 192.168.77.1`);

/** What Docker 29 makes, started with `--firewall-backend=nftables --bridge-accept-fwmark=0x2000/0x2000`, as far as it filters. */
async function nftablesOfDocker(): Promise<string> {
  const bridges = [...(await sh('ip -4 -o addr show')).matchAll(/ (br-\w+) .* 172\.3[01]\.0\.1\//g)];
  assert.equal(bridges.length, 2);
  const names = bridges.map(([, name]) => name!);
  const chains = names.map(
    name => `
      chain filter-forward-in__${name} {
        ct state established,related counter accept
        meta mark & 0x2000 == 0x2000 counter accept comment "ALLOW FW MARK"
        iifname "${name}" counter accept comment "ICC"
        counter drop comment "UNPUBLISHED PORT DROP"
      }
      chain filter-forward-out__${name} {
        ct state established,related counter accept
        counter accept comment "OUTGOING"
      }`,
  );
  const map = (way: string): string =>
    names.map(name => `"${name}" : jump filter-forward-${way}__${name}`).join(', ');
  return `table ip docker-bridges {
      ${chains.join('')}
      chain filter-FORWARD {
        type filter hook forward priority filter; policy accept;
        oifname vmap { ${map('in')} }
        iifname vmap { ${map('out')} }
      }
    }\n`;
}

/** The last commands that the log gives for the network. */
function commands(): string {
  return [...daemon.logs().matchAll(/ reach 10\.66\.0\.0\/16; .* run: (.*) container=/g)].at(-1)![1]!;
}

/** How many of two pings to the network behind the router are answered. */
async function pings(run: (command: string) => Promise<string>): Promise<number> {
  const told = await run('ping -n -c 2 -i 0.2 -W 2 10.66.0.9 || true');
  return Number(/(\d+) (?:packets )?received/.exec(told)![1]);
}

/** The same from the host, from a container beside the router, from one on another bridge, and from behind the host. */
const reached = (): Promise<number[]> =>
  Promise.all([
    pings(command => sh(command)),
    pings(command => inside('neighbour', command)),
    pings(command => inside('stranger', command)),
    pings(command => sh(`ip netns exec lan ${command}`)),
  ]);

/** A router with a network behind it. */
async function runRouter(): Promise<string> {
  await run('router', {
    networks: { main: {} },
    labels: { 'twine.host.routes': '10.66.0.1/16,fd66::/64' },
  });
  return addressOf('router', 'main');
}

keeping('host-routes', () => {
  test('the host gets a route to the networks behind a container, IPv4 and IPv6', async () => {
    await createNetwork('main', {
      driver: 'bridge',
      subnets: ['172.30.0.0/24 172.30.0.1', 'fd30::/64 fd30::1'],
    });
    await sh('ip route add 10.99.0.0/16 via 172.30.0.200');
    await keeper.start();
    const address = await runRouter();
    await follows(async () => {
      assert.match(await ours(), new RegExp(`^10\\.66\\.0\\.0/16 via ${address} dev br-`, 'm'));
      assert.match(await ours(), /^fd66::\/64 via fd30::\S+ dev br-/m);
    });
    await inside('router', 'ip addr add 10.66.0.9/32 dev lo');
    await sh('ping -n -c 1 -W 5 10.66.0.9');
  });

  test('machines behind the host and containers on another bridge reach it once the commands of the log have run', async () => {
    await createNetwork('other', { driver: 'bridge', subnets: ['172.31.0.0/24 172.31.0.1'] });
    await run('neighbour', { networks: { main: {} } });
    await run('stranger', { networks: { other: {} } });
    await makeLan();
    // The host tells a container beside the router of the shorter way, and ping(8) counts that as an error.
    await sh('for file in /proc/sys/net/ipv4/conf/*/send_redirects; do echo 0 > $file; done');
    assert.deepEqual(await reached(), [2, 2, 0, 0]);
    assert.equal(
      commands(),
      pageBlock('docs/reference.md: twine.host.routes').trimEnd().replaceAll('\n', ' && '),
    );
    await sh(commands());
    assert.deepEqual(await reached(), [2, 2, 2, 2]);
    await sh('iptables -F DOCKER-USER; iptables -A DOCKER-USER -j RETURN');
  });

  test("beside Docker's firewall of nftables the commands of the log do the same", async () => {
    await sh('iptables-save > /run/rules; iptables -P FORWARD ACCEPT; iptables -F FORWARD');
    await sh(`nft -f - <<'END'\n${await nftablesOfDocker()}END`);
    assert.deepEqual(await reached(), [2, 2, 0, 0]);
    await daemon.stop();
    await keeper.start();
    await follows(() => assert.match(commands(), /^nft /));
    assert.equal(
      commands(),
      pageBlock('docs/reference.md: twine.host.routes (2)').trimEnd().replaceAll('\n', ' && '),
    );
    await sh(commands());
    assert.deepEqual(await reached(), [2, 2, 2, 2]);
    await sh(`
      nft 'delete table ip docker-bridges; delete table inet host-routes'
      iptables-restore /run/rules
      ip netns del lan`);
    await remove('neighbour');
    await remove('stranger');
    await removeNetwork('other');
  });

  test('it follows the container to another address, and goes with it', async () => {
    const before = await foreign();
    await remove('router');
    await follows(async () => assert.equal(await ours(), ''));
    await run('squatter', { networks: { main: {} } });
    const address = await runRouter();
    await follows(async () => assert.match(await ours(), new RegExp(`via ${address} `)));
    await stop('router');
    await follows(async () => assert.equal(await ours(), ''));
    await start('router');
    await follows(async () => assert.match(await ours(), /10\.66/));
    await remove('router');
    await follows(async () => assert.equal(await ours(), ''));
    assert.equal(await foreign(), before);
    // Since the daemon started the router has come and gone.
    assert.equal(daemon.logs().match(/ reach 10\.66\.0\.0\/16; /g)?.length, 1);
  });

  test('a default route and one over an address in use are refused, the others of the label are not', async () => {
    const squatter = await addressOf('squatter', 'main');
    const refused = `0.0.0.0/0,172.30.0.0/16,172.30.0.192/28,${squatter}`;
    await run('greedy', {
      networks: { main: {} },
      labels: { 'twine.host.routes': `${refused},10.67.0.0/16` },
    });
    await follows(async () => assert.match(await ours(), /^10\.67\.0\.0\/16 .*$/));
    assert.match(daemon.logs(), /no route to 0\.0\.0\.0\/0: it would be the host's default route/);
    assert.match(
      daemon.logs(),
      /no route to 172\.30\.0\.0\/16: 172\.30\.0\.1 is an address of the host itself/,
    );
    assert.match(
      daemon.logs(),
      /no route to 172\.30\.0\.192\/28: 172\.30\.0\.200 is a gateway of the host's own routes/,
    );
    assert.match(
      daemon.logs(),
      /no route to 172\.30\.0\.\d+\/32: 172\.30\.0\.\d+ is the address of squatter/,
    );
  });

  test('what was allowed is made; what a dead daemon left and nobody wants is taken away', async () => {
    await daemon.kill9();
    await sh(
      'ip route add 10.68.0.0/16 via 172.30.0.1 proto 229 || ip route add 10.68.0.0/16 via 172.30.0.200 proto 229',
    );
    await keeper.start({
      flags: ['--allow-host-routes', '172.30.0.0/16,10.0.0.0/8', '--look-interval', '3600'],
    });
    await follows(async () => {
      assert.match(await ours(), /^172\.30\.0\.0\/16 via/m);
      assert.doesNotMatch(await ours(), /10\.68/);
    });
    await remove('greedy');
    await follows(async () => assert.equal(await ours(), ''));
    assert.match(await foreign(), /10\.99\.0\.0\/16 via 172\.30\.0\.200/);
  });
});

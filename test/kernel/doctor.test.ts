// `dwgd doctor`: nothing is said of a healthy host, and each fault that is made there is found, by the kind that it is of and
// no other. Namespaces, firewalls, links, files and sockets are real; WireGuard is played where this kernel has none.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { UserError } from '../../src/base/errors.js';
import type { ExitStatus } from '../../src/control/answers.js';
import { ExitFiles } from '../../src/driver/router/exit-files.js';
import { openConnection } from '../../src/netlink/connection.js';
import { EXIT } from '../support/exit-world.js';
import { DATABASE, HealthyHost, type PlayedContainer } from '../support/healthy-host.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';

const endpoint = (n: number, more: object = {}): object => ({
  ...{ NetworkID: `${n}`.padStart(64, 'd'), EndpointID: `e${n}`, IPAddress: `10.99.${n}.2`, IPPrefixLen: 24 },
  ...{ Gateway: `10.99.${n}.1`, ...more },
});
const BOTH = { GlobalIPv6Address: 'fd99::2', GlobalIPv6PrefixLen: 64, IPv6Gateway: 'fd99::1' };
const NETWORK = {
  Name: 'vpn',
  Options: { 'dwgd.pubkey': `${'A'.repeat(42)}E=`, 'dwgd.endpoint': '192.0.2.1:51820' },
};
const ofNetwork = (options: object) => [{ ...NETWORK, Options: { ...NETWORK.Options, ...options } }];

/** Of files of which only the text counts. */
const NOBODY = {
  links: { mtu: async () => 1420, hasRoute: () => true },
  resolver: { addresses: async () => [] },
  failed: () => undefined,
};

const BRIDGES = ['other', 'main'].map(Name => ({ Name, Driver: 'bridge' }));

/** A labelled container in a namespace of its own. */
async function labelled(
  t: TestContext,
  labels: Record<string, string>,
  more: object = {},
): Promise<PlayedContainer> {
  const { name } = await Namespace.create(t);
  return { name: 'app', labels, networks: { main: endpoint(1, more) }, netns: `/run/netns/${name}` };
}

/** An exit network with a file that is right, and a daemon that says of it what is given; undefined: it does not know it. */
function playExit(
  host: HealthyHost,
  exit: Partial<ExitStatus> | undefined,
  containers: readonly PlayedContainer[] = [],
  subnets: readonly string[] = ['10.66.0.0/24'],
): string {
  const path = host.at('/mullvad.conf');
  const key = (n: number): string => Buffer.alloc(32, n).toString('base64');
  host.write(
    '/mullvad.conf',
    `[Interface]\nPrivateKey = ${key(2)}\nAddress = 10.64.0.2/32\n[Peer]\nPublicKey = ${key(9)}\nEndpoint = 192.0.2.1:51820\nAllowedIPs = 0.0.0.0/0\n`,
    0o600,
  );
  host.play(containers, [{ Name: 'mullvad', Options: { 'dwgd.conf': path } }]);
  const known = { gateways: ['10.99.1.1'], peers: [], files: [{ path, isInForce: true }], ...exit };
  host.options.askStatus = async () => ({
    driver: { state: 'working' },
    networks: exit
      ? [
          {
            id: '0'.padStart(64, 'd'),
            owner: 0,
            mode: 'exit',
            via: path,
            subnets,
            endpoints: [],
            exit: known,
          },
        ]
      : [],
  });
  return path;
}

/** One on that network, whose Docker asks the DNS from the host. */
function asking(host: HealthyHost): PlayedContainer {
  const path = `/containers/${'c'.repeat(64)}/resolv.conf`;
  host.write(path, 'nameserver 127.0.0.11\n# ExtServers: [host(127.0.0.53)]\n');
  return { name: 'torrent', networks: { mullvad: endpoint(1) }, resolvConf: host.at(path) };
}

/** What is done to a healthy host, and the kind of what is found: its heading as an anchor. */
type Fault = readonly [what: string, id: string, make: (host: HealthyHost, t: TestContext) => unknown];

const HOST_UNIT = '/etc/systemd/system/dwgd.service';
const FAULTS: readonly Fault[] = [
  [
    'a kernel that has no WireGuard',
    'wireguard-is-missing',
    host => {
      // This one has none, or its answer is played.
      host.parts = {
        ...host.parts,
        open: (protocol, options) => {
          const real = openConnection(protocol, options);
          const request: typeof real.request = (...asked) => {
            if (!asked[1].op.includes('generic netlink family')) return real.request(...asked);
            throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
          };
          return { request, batch: (...sent) => real.batch(...sent), close: () => real.close() };
        },
      };
    },
  ],
  [
    'libnftables that is not installed',
    'libnftables-is-missing',
    host => {
      const library = (): never => {
        throw new UserError(
          'libnftables.so.1 is missing, and container labels and exit networks need it: install it',
        );
      };
      host.parts = { ...host.parts, library };
    },
  ],
  [
    'a module of nf_tables that the kernel lacks',
    'a-module-of-nf_tables-is-missing',
    host => {
      // A context of libnftables whose kernel refuses masquerading.
      const context = () => {
        let said = '';
        return {
          run: (command: string) => {
            said = command.includes('masquerade')
              ? 'Error: Could not process rule: No such file or directory'
              : '';
            return said === '';
          },
          get error() {
            return said;
          },
          free() {},
        };
      };
      host.parts = { ...host.parts, library: () => ({ context }) };
    },
  ],
  ['a Docker that does not run', 'docker-does-not-answer', host => rmSync(host.at('/docker.sock'))],
  [
    'a socket proxy that refuses the networks',
    'docker-refuses-what-dwgd-asks',
    host => host.answers.set('/networks', 403),
  ],
  ['an old Docker', 'docker-is-too-old', host => host.answers.set('/version', { Version: '19.03.15' })],
  [
    'Docker 29.0.1 beside a network of dwgd',
    'docker-2901-crashes',
    host => {
      host.answers.set('/version', { Version: '29.0.1' });
      host.play([], ofNetwork({ 'dwgd.seed': 'sixteen bytes or more' }));
    },
  ],
  [
    'Docker 28.5 that ignores a priority',
    'docker-ignores-a-gateway-priority',
    host => {
      const networks = { a: endpoint(1, BOTH), b: endpoint(2, { GwPriority: 100 }) };
      host.play([{ name: 'app', networks }], []);
    },
  ],
  ['a daemon that has died', 'dwgd-does-not-run', host => host.remove('/proc/4711')],
  [
    'a lost link of the plugin',
    'docker-does-not-find-dwgd',
    host => host.remove('/run/docker/plugins/dwgd.sock'),
  ],
  [
    'a plugin socket of somebody else',
    'docker-does-not-find-dwgd',
    host => {
      host.remove('/run/docker/plugins/dwgd.sock');
      symlinkSync('/run/other.sock', host.at('/run/docker/plugins/dwgd.sock'));
    },
  ],
  [
    'a unit that is not enabled',
    'dwgd-is-not-started-at-boot',
    host => host.remove('/etc/systemd/system/multi-user.target.wants'),
  ],
  [
    'a unit that is masked',
    'dwgd-is-not-started-at-boot',
    host => {
      host.remove(HOST_UNIT);
      symlinkSync('/dev/null', host.at(HOST_UNIT));
    },
  ],
  [
    'a drop-in that takes the order away',
    'dwgd-comes-up-after-docker',
    host => host.write(`${HOST_UNIT}.d/order.conf`, '[Unit]\nBefore=\n'),
  ],
  [
    'a drop-in of Docker that turns the order around',
    'dwgd-comes-up-after-docker',
    host => host.write('/etc/systemd/system/docker.service.d/x.conf', '[Unit]\nBefore=dwgd.service\n'),
  ],
  [
    'a unit that does not tell when it answers',
    'dwgd-comes-up-after-docker',
    host => host.write(`${HOST_UNIT}.d/type.conf`, '[Service]\nType=simple\n'),
  ],
  [
    'networkd that matches every link',
    'networkd-takes-the-links-of-containers',
    host => host.write('/etc/systemd/network/99-all.network', '[Match]\nName=*\n[Network]\nDHCP=yes\n'),
  ],
  [
    'networkd that matches WireGuard by its kind',
    'networkd-takes-the-links-of-containers',
    host => host.write('/run/systemd/network/50-wg.network', '[Match]\nType=ether wireguard\n'),
  ],
  [
    'NetworkManager that leaves nothing alone',
    'networkmanager-takes-the-links-of-containers',
    host =>
      host.write(
        '/etc/NetworkManager/conf.d/dwgd.conf',
        '[keyfile]\nunmanaged-devices=interface-name:eth0\n',
      ),
  ],
  [
    'a database that others can read',
    'the-database-is-open-to-others',
    host => chmodSync(host.at(DATABASE), 0o644),
  ],
  [
    'a database of another user',
    'the-database-is-open-to-others',
    host => chownSync(host.at(DATABASE), 1000, 1000),
  ],
  [
    'a seed file that others can read',
    'a-file-of-secrets-cannot-be-used',
    host => {
      host.write('/seed', 'a secret', 0o644);
      host.play([], ofNetwork({ 'dwgd.seedfile': host.at('/seed') }));
    },
  ],
  [
    'a seed file that is a FIFO',
    'a-file-of-secrets-cannot-be-used',
    host => {
      run('mkfifo', host.at('/seed'));
      host.play([], ofNetwork({ 'dwgd.seedfile': host.at('/seed') }));
    },
  ],
  [
    "an exit network's file that others can read",
    'a-file-of-secrets-cannot-be-used',
    host => {
      host.write('/exit.conf', '[Interface]\n', 0o644);
      host.play([], [{ ...NETWORK, Options: { 'dwgd.conf': host.at('/exit.conf') } }]);
    },
  ],
  [
    "an exit network's file with a mistake",
    'a-file-of-secrets-cannot-be-used',
    host => {
      host.write('/exit.conf', '[Interface]\n', 0o600);
      host.play([], [{ ...NETWORK, Options: { 'dwgd.conf': host.at('/exit.conf') } }]);
    },
  ],
  [
    'a socket that others may use',
    'a-socket-of-dwgd-is-open-to-others',
    host => chmodSync(host.at('/run/dwgd/dwgd.sock'), 0o666),
  ],
  [
    'a folder that others may write',
    'a-socket-of-dwgd-is-open-to-others',
    host => chmodSync(host.at('/run/dwgd'), 0o777),
  ],
  [
    'an interface of a network that is missing',
    'a-networks-interface-is-missing',
    host =>
      host.play(
        [],
        [{ ...NETWORK, Options: { 'dwgd.ifname': 'dwgd-none', 'dwgd.seed': 'sixteen bytes or more' } }],
      ),
  ],
  [
    'an interface for rootless Dockers that is no WireGuard',
    'an-interface-for-rootless-dockers-is-missing',
    host => {
      host.options.rootlessIfnames = ['lo'];
    },
  ],
  [
    'DNS that Docker asks of the host',
    'dns-goes-past-a-labels-route',
    async (host, t) => {
      const id = 'c'.repeat(64);
      host.write(
        `/containers/${id}/resolv.conf`,
        'nameserver 127.0.0.11\n# ExtServers: [host(127.0.0.53)]\n',
      );
      const app = await labelled(t, { 'twine.route.0.0.0.0/0': '10.99.1.9' });
      host.play([{ ...app, resolvConf: host.at(`/containers/${id}/resolv.conf`) }], []);
    },
  ],
  [
    'an exit network whose router is not there',
    'an-exit-network-has-no-router',
    host => playExit(host, { problem: 'its router is not there yet' }),
  ],
  [
    'an exit network that the daemon does not know',
    'an-exit-network-has-no-router',
    host => playExit(host, undefined),
  ],
  [
    'an exit network without a router whose link somebody took away',
    'a-container-that-has-a-tunnel-itself-goes-out-nowhere',
    host => playExit(host, { gateways: [], problem: 'its tunnel is not in its container' }, [], []),
  ],
  [
    'an exit network whose far end is silent',
    'an-exit-networks-peer-does-not-answer',
    host =>
      playExit(host, { isSilent: true, problem: 'packets are sent, and no peer has answered for 15 s' }),
  ],
  [
    'an exit network whose provider assigns no port',
    'an-exit-network-gets-no-port',
    host => playExit(host, { assigned: { problem: 'the gateway 10.2.0.1: it refuses' } }),
  ],
  [
    'a file of an exit network that has changed since it was read',
    'an-exit-networks-file-is-not-in-force-as-it-is',
    async host => {
      const path = playExit(host, {});
      const files = new ExitFiles({ ...EXIT, files: [path] }, NOBODY);
      files.read(false);
      files.begin([]);
      assert.deepEqual(files.standings, [{ path, isInForce: true }]);
      writeFileSync(path, readFileSync(path, 'utf8').replace('192.0.2.1', '192.0.2.77'));
      const { askStatus } = host.options;
      host.options.askStatus = async () => {
        const { driver, networks } = await askStatus!();
        return {
          driver,
          networks: networks.map(one => ({
            ...one,
            exit: { ...one.exit!, files: files.standings as never },
          })),
        };
      };
    },
  ],
  [
    'a file of an exit network that others may read',
    'a-file-of-secrets-cannot-be-used',
    host => chmodSync(playExit(host, {}), 0o644),
  ],
  [
    'DNS that Docker asks of the host for a container on an exit network',
    'dns-of-an-exit-network-is-asked-from-the-host',
    host => playExit(host, {}, [asking(host)]),
  ],
  [
    'IPv6 beside a route for IPv4',
    'ipv6-goes-past-a-labels-route',
    async (host, t) => host.play([await labelled(t, { 'twine.route.0.0.0.0/0': '10.99.1.9' }, BOTH)], []),
  ],
  [
    'an interface of Docker beside a tunnel',
    'a-gateway-forwards-past-its-tunnel',
    async (host, t) => host.play([await labelled(t, { 'twine.nat.interfaces': 'wg+,eth+' })], []),
  ],
  [
    "a gateway whose own firewall's policy is to drop",
    'a-gateways-own-firewall-drops-what-it-is-to-forward',
    async (host, t) => {
      const app = await labelled(t, { 'twine.nat.interfaces': 'wg+' });
      run('nsenter', `--net=${app.netns}`, 'iptables', '-P', 'FORWARD', 'DROP');
      host.play([app], []);
    },
  ],
  [
    'a label with a mistake',
    'a-label-is-not-in-force',
    async (host, t) => host.play([await labelled(t, { 'twine.nat.interfaces': 'wg0,,' })], []),
  ],
  [
    'routes of the host that networkd removes',
    'networkd-removes-routes-of-labels',
    async (host, t) => host.play([await labelled(t, { 'twine.host.routes': '198.18.77.0/24' })], BRIDGES),
  ],
];

kernelTest('nothing is said of a healthy host', async t => {
  const host = await HealthyHost.start(t);
  assert.deepEqual(await host.examine(), []);
});

kernelTest('nothing is said of a healthy host with networks and labelled containers', async t => {
  const host = await HealthyHost.start(t);
  host.write('/seed', 'a secret', 0o600);
  const app = await labelled(t, { 'twine.route.0.0.0.0/0': '10.99.1.9', 'twine.route.::/0': 'unreachable' });
  host.play([app], ofNetwork({ 'dwgd.seedfile': host.at('/seed') }));
  assert.deepEqual(await host.examine(), []);
});

kernelTest('nothing is said of a healthy host with an exit network and a container on it', async t => {
  const host = await HealthyHost.start(t);
  playExit(host, {}, [{ name: 'torrent', networks: { mullvad: endpoint(1) } }]);
  assert.deepEqual(await host.examine(), []);
  // Nor where no daemon tells of it.
  delete host.options.askStatus;
  assert.deepEqual(await host.examine(), []);
});

for (const [what, id, make] of FAULTS) {
  kernelTest(`${what} is found`, async t => {
    const host = await HealthyHost.start(t);
    await make(host, t);
    const found = await host.examine();
    assert.deepEqual(
      found.map(one => one.id),
      [id],
      JSON.stringify(found),
    );
    for (const { what, remedy } of found) assert.ok(what.length > 20 && remedy.length > 10, what);
  });
}

kernelTest('files that hang, lead in a circle or are huge hold nothing up', async t => {
  const host = await HealthyHost.start(t);
  for (const name of ['a', 'b']) run('mkfifo', host.at(`/etc/systemd/network/${name}.network`));
  symlinkSync('c.network', host.at('/etc/systemd/network/c.network'));
  symlinkSync('/dev/zero', host.at('/etc/systemd/network/d.network'));
  mkdirSync(host.at('/etc/systemd/network/e.network'));
  host.write('/etc/systemd/network/f.network', '[Match]\n'.repeat(1_000_000));
  host.remove('/run/dwgd/labels.lock');
  run('mkfifo', host.at('/run/dwgd/labels.lock'));
  mkdirSync(join(host.root, 'run/user/1000'), { recursive: true });
  writeFileSync(host.at('/run/user/1000/docker.pid'), '1'.repeat(100_000));
  assert.deepEqual(await host.examine(), []);
});

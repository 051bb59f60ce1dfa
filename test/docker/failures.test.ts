// The daemon killed at any moment, Docker stopped and started, events lost, rules flushed by hand: the next pass brings
// the truth.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNetwork, remove, run, stop } from '../support/containers.js';
import { ask, bothHalves, daemon, daemonSocket, docker, dockerd, eventually, sh } from '../support/lab.js';
import { inside, serve } from '../support/talk.js';
import { follows, keeper, keeping, soon } from './keeper.js';
import { assertSame, snapshot } from './snapshot.js';

const LABELS = { 'twine.nat.interfaces': 'eth+', 'twine.route.10.9.0.0/16': 'gateway' };

const table = (where: string) => inside(where, 'nft list table inet dwgd');
const routes = (where: string) => inside(where, 'ip route show proto 229');

/** Waits until the container has its table and a route by way of the gateway. */
async function kept(name: string): Promise<void> {
  await follows(async () => {
    await table(name);
    assert.match(await routes(name), /10\.9\.0\.0\/16 via /);
  });
}

/** What is looked at of a container in the answer of /v1/status. */
interface SlipStatus {
  readonly name: string;
  readonly state: string;
  readonly labels: number;
  readonly inForce: number;
  readonly notInForce: readonly { readonly label: string }[];
  readonly routes?: readonly { readonly network: string; readonly container?: string }[];
}

/** How often the daemon has changed a namespace of that container. */
const changes = (name: string): number => daemon.logs().split(`containers=${name} did=`).length - 1;

keeping('failures', () => {
  test('killed and started again, the daemon takes over what it finds, without a change', async () => {
    await createNetwork('main', { driver: 'bridge' });
    await run('gateway', { networks: { main: {} } });
    await keeper.start();
    await run('user', { networks: { main: {} }, labels: LABELS });
    await kept('user');
    const before = await snapshot('user');
    await daemon.kill9();
    assertSame(await snapshot('user'), before);
    await keeper.start();
    await passed();
    assert.equal(changes('user'), 0, daemon.logs());
    assertSame(await snapshot('user'), before);
  });

  test('the status has a broken label within two seconds of the start of its container', async () => {
    await run('slip', { networks: { main: {} }, labels: { ...LABELS, 'twine.route.garbage': 'gateway' } });
    const started = performance.now();
    const wanted = { state: 'applied', labels: 3, inForce: 2, notInForce: ['twine.route.garbage'] };
    await follows(async () => {
      const { text } = await ask('/run/dwgd/control.sock', 'GET', '/v1/status');
      const { containers } = JSON.parse(text) as { containers: SlipStatus[] };
      const { state, labels, inForce, notInForce, routes } = containers.find(({ name }) => name === 'slip')!;
      assert.deepEqual({ state, labels, inForce, notInForce: notInForce.map(({ label }) => label) }, wanted);
      assert.deepEqual(
        routes?.map(({ network, container }) => [network, container]),
        [
          ['10.9.0.0/16', 'gateway'],
          ['0.0.0.0/0', undefined],
          ['::/0', undefined],
        ],
      );
    });
    const took = performance.now() - started;
    assert.ok(took < 2_000, `${took} ms`);
    await remove('slip');
  });

  test('what happened while it was dead is made good', async () => {
    await daemon.kill9();
    await remove('gateway');
    await run('squatter', { networks: { main: {} } });
    await run('gateway', { networks: { main: {} } });
    await run('late', { networks: { main: {} }, labels: LABELS });
    await inside('user', 'nft flush ruleset; ip route flush proto 229');
    await keeper.start();
    await kept('user');
    await kept('late');
  });

  test('killed in the middle of a storm of starts, everything is right after the next start', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `storm-${i}`);
    const starting = Promise.all(names.map(name => run(name, { networks: { main: {} }, labels: LABELS })));
    await eventually(() => assert.ok(changes('storm-0') + changes('storm-5') + changes('storm-9') > 0), {
      every: 0.005,
    });
    await daemon.kill9();
    await starting;
    await keeper.start();
    for (const name of names) await kept(name);
    await Promise.all(names.map(name => remove(name)));
  });

  const HEARD = [
    'nft delete table inet dwgd',
    'nft flush table inet dwgd',
    'nft flush chain inet dwgd stamp; nft add rule inet dwgd forward drop',
    'nft flush chain inet dwgd forward',
    "nft 'add table inet dwgd { flags dormant; }'",
    'ip route flush proto 229',
    'ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default',
  ];
  const whole = async () => (await snapshot('user')).filter(line => !line.includes('comment "before'));

  test('a table flushed by hand, whole or in part, a route deleted: it is heard, and they are brought back', async () => {
    await kept('user');
    const before = await whole();
    for (const damage of HEARD) {
      await inside('user', damage);
      await soon(async () => assertSame(await whole(), before));
    }
  });

  test('forwarding turned off by hand: it is heard, and brought back', async () => {
    await daemon.stop();
    await keeper.start({ flags: ['--look-interval', '80000'] });
    await kept('user');
    const before = await whole();
    await inside('user', 'sysctl -qw net.ipv4.ip_forward=0');
    await soon(async () => assertSame(await whole(), before));
  });

  test('Docker is restarted: its events are listened to again', async () => {
    await daemon.stop();
    await keeper.start();
    await dockerd.restart();
    await eventually(() => assert.equal(daemon.logs().split('listening for Docker events').length, 3));
    assert.equal(daemon.logs().split('cannot reach Docker').length, 2, 'said once');
    for (const name of ['gateway', 'user']) await docker.call('POST', `/containers/${name}/start`);
    await kept('user');
  });

  test('containers that Docker starts itself when it is restarted have their labels soon, though no event tells of them', async () => {
    const restart = { RestartPolicy: { Name: 'always' } };
    for (const name of ['gateway', 'user']) await docker.call('POST', `/containers/${name}/update`, restart);
    await dockerd.restart();
    await kept('user');
    const none = { RestartPolicy: { Name: 'no' } };
    for (const name of ['gateway', 'user']) await docker.call('POST', `/containers/${name}/update`, none);
  });

  test('Docker is killed, and containers come and go while nobody listens', async () => {
    await dockerd.kill9();
    await sleep(300);
    await dockerd.start();
    for (const name of ['gateway', 'user']) await docker.call('POST', `/containers/${name}/start`);
    await kept('user');
    await run('after', { networks: { main: {} }, labels: LABELS });
    await kept('after');
  });

  test('Docker is down at the start: the daemon stays up and waits for it', async () => {
    await daemon.stop();
    await dockerd.stop();
    await daemon.start({
      args: ['--no-driver', '-v'],
      ready: () => daemon.logs().includes('cannot reach Docker'),
    });
    await dockerd.start();
    for (const name of ['gateway', 'user']) await docker.call('POST', `/containers/${name}/start`);
    await kept('user');
  });

  test('events that are lost are made good by the clock', async () => {
    await daemon.stop();
    await keeper.start({ flags: ['--look-interval', '0.5'] });
    await kept('user');
    // A daemon that is stopped reads nothing, and Docker drops what it cannot write.
    process.kill(daemon.pid(), 'SIGSTOP');
    await remove('gateway');
    const noise = Array.from({ length: 4 }, (_, i) => `noise-${i}`);
    const label = { junk: 'x'.repeat(60_000) };
    for (const name of noise) {
      await run(name, { networks: { main: {} }, labels: label });
      await remove(name);
    }
    await run('squatter-2', { networks: { main: {} } });
    await run('gateway', { networks: { main: {} } });
    const { NetworkSettings } = await docker.get<{
      NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
    }>('/containers/gateway/json');
    process.kill(daemon.pid(), 'SIGCONT');
    const address = NetworkSettings.Networks.main!.IPAddress;
    await soon(async () => assert.ok((await routes('user')).includes(`via ${address} `)));
  });

  test('containers that vanish in mid-pass are no error', async () => {
    for (let round = 0; round < 2; round++) {
      const names = Array.from({ length: 5 }, (_, i) => `brief-${round}-${i}`);
      await Promise.all(
        names.map(async name => {
          await run(name, { networks: { main: {} }, labels: LABELS });
          await stop(name);
          await remove(name);
        }),
      );
    }
    assert.doesNotMatch(daemon.logs(), /^\S+ error /m);
  });

  test('SIGTERM ends it at once with status 0, and the rules stay', async () => {
    const before = await snapshot('user');
    assert.equal(await daemon.stop(), 0);
    assertSame(await snapshot('user'), before);
  });

  test('a name server that does not answer holds up neither a pass nor the end', async () => {
    await sh(`printf 'nameserver 127.0.0.99\\noptions timeout:30\\n' > /run/lab/resolv.conf`);
    await serve('host', 'silent', 'tcp', 53, '127.0.0.99');
    const silent = createSocket('udp4').bind(53, '127.0.0.99');
    await once(silent, 'listening');
    let asked = 0;
    silent.on('message', () => asked++);
    await keeper.start({
      under: [
        'unshare',
        '--mount',
        // Docker's mounts of namespaces come through, as they do to a service.
        '--propagation',
        'slave',
        'bash',
        '-c',
        'mount --bind /run/lab/resolv.conf /etc/resolv.conf; exec "$@"',
        'elsewhere',
      ],
    });
    await run('waits', {
      networks: { main: {} },
      labels: {
        ...LABELS,
        'twine.nat.forward.80': 'nas.example.org',
        'twine.route.10.8.0.0/16': 'b.example.org',
      },
    });
    await follows(() => assert.ok(asked > 0));
    await kept('waits');
    await run('next', { networks: { main: {} }, labels: LABELS });
    await kept('next');
    const ended = await Promise.race([daemon.stop(), sleep(60_000, 'too late')]);
    assert.equal(ended, 0);
    silent.close();
  });

  test("where Docker's paths to namespaces lead nowhere, a container with labels is told of", async () => {
    await keeper.start({ under: ['unshare', '--mount', '--propagation', 'private'] });
    await run('unseen', { networks: { main: {} }, labels: LABELS });
    await follows(() => assert.match(daemon.logs(), /its network namespace is not visible: Docker's path, /));
    await daemon.stop();
    await remove('unseen');
  });

  test('without libnftables it says which package is missing; the driver works all the same', async () => {
    const sentence =
      /libnftables\.so\.1 is missing, and container labels and exit networks need it: install the package libnftables1/;
    const library = await sh(`ldconfig -p | sed -n "s/.*libnftables.so.1 .*=> //p" | head -n 1`);
    const hidden = [
      'unshare',
      '--mount',
      'bash',
      '-c',
      `mount --bind /dev/null ${library}; exec "$@"`,
      'hidden',
    ];
    assert.match(await sh.fails(`${shellWords(hidden)} node dist/src/cli/main.js --no-driver`), sentence);
    await daemon.start({ args: bothHalves, under: hidden });
    await eventually(() => assert.match(daemon.logs(), sentence));
    const { text } = await ask(daemonSocket, 'POST', '/Plugin.Activate');
    assert.deepEqual(JSON.parse(text), { Implements: ['NetworkDriver'] });
    await daemon.stop();
  });
});

/** Words as a shell takes them. */
function shellWords(words: readonly string[]): string {
  return words.map(word => `'${word}'`).join(' ');
}

/** A pass has looked into every namespace. */
async function passed(): Promise<void> {
  await follows(() => assert.match(daemon.logs(), /full resync/));
}

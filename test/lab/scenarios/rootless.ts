// A rootless Docker: its user gets a socket of his own, and containers get their tunnels in his namespaces.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { daemon, database, eventually, isLong, scenario, sh, wg } from '../../support/lab.js';

const UID = 2000;
const RUNTIME = `/run/user/${UID}`;
const CLI = `docker -H unix://${RUNTIME}/docker.sock`;
const CREATE = `${CLI} network create --driver=dwgd -o dwgd.ifname=wg0 -o dwgd.seed=s --subnet=10.0.0.0/24 --gateway=10.0.0.1 net`;

const OPENED = ['-d', database, '-v', '-r=alice', '--rootless-ifname=wg0'];

/** Where that Docker's plugin folder is, seen from outside. */
const socket = (): string => {
  const pid = readFileSync(`${RUNTIME}/docker.pid`, 'utf8');
  return `/proc/${pid}/root/run/docker/plugins/dwgd.sock`;
};

async function startRootless(): Promise<void> {
  await sh(`
    id alice > /dev/null 2>&1 || useradd -m -u ${UID} alice
    grep -q alice /etc/subuid || { echo alice:100000:65536 >> /etc/subuid; echo alice:100000:65536 >> /etc/subgid; }
    modprobe -d "$LAB_CACHE/modules" tun && chmod 666 /dev/net/tun
    install -d -o alice -m 700 ${RUNTIME}
    install -d -o alice /srv/alice`);
  const script = await sh(
    'command -v dockerd-rootless.sh || echo /usr/share/docker.io/contrib/dockerd-rootless.sh',
  );
  // A process group of its own, so that it can be ended as a whole.
  await sh(`cd /srv/alice
    XDG_RUNTIME_DIR=${RUNTIME} HOME=/srv/alice setsid setpriv --reuid=${UID} --regid=${UID} --clear-groups \
    ${script} -s vfs --data-root /srv/alice/data > /run/lab/rootless.log 2>&1 < /dev/null &`);
  await eventually(() => sh(`curl -sf --unix-socket ${RUNTIME}/docker.sock http://x/version`), {
    within: 150,
  });
}

scenario(
  'rootless',
  () => {
    test('the daemon puts a socket into its mount namespace, for its user alone', async () => {
      await wg.add('wg0', { addresses: ['10.0.0.1/24'], port: 51820 });
      await daemon.start(isLong ? {} : { args: ['-d', database, '-v', '--rootless-ifname=wg0'] });
      await startRootless();
      await eventually(() => assert.ok(existsSync(socket())), { within: 120 });
      const { mode, uid } = statSync(socket());
      assert.deepEqual([mode & 0o777, uid], [0o600, UID]);
      assert.equal(existsSync('/run/user/2000/dwgd.sock'), false);
      if (!isLong) await sh(CREATE);
    });

    if (isLong) {
      test('its network joins no interface of the host until the administrator opens it', async () => {
        assert.match(
          await sh.fails(CREATE),
          /wg0 is not open to the Docker of user 2000.*--rootless-ifname=wg0/,
        );
        await daemon.restart({ args: OPENED });
        await eventually(() => assert.ok(existsSync(socket())), { within: 120 });
        await sh(CREATE);
      });
    }

    test('as a user types it: a container, a ping to the gateway', async () => {
      await sh(`${CLI} load -q < "$LAB_CACHE/image.tar"`);
      const output = await sh(
        `${CLI} run --rm --network=net --ip=10.0.0.2 busybox:local sh -c 'ip a; ping -c 3 -W 10 10.0.0.1'`,
      );
      assert.match(output, / 0% packet loss/);
      assert.match(output, /inet 10\.0\.0\.2\/24/);
    });

    if (isLong) {
      test('its link is never in the namespace of the host, but its UDP socket is', async () => {
        await sh('ip -o monitor link > /run/lab/links.log 2>&1 & echo $! > /run/lab/links.pid');
        await sh(
          `${CLI} run -d --name=one --label=twine.route.0.0.0.0/0=vpn --network=net --ip=10.0.0.3 busybox:local sleep 1000`,
        );
        const told =
          /labels have no effect in the rootless Docker of user 2000: .* user=2000 container=one label=twine/;
        await eventually(() => assert.match(daemon.logs(), told));
        const pid = await sh(`${CLI} inspect -f '{{.State.Pid}}' one`);
        const inside = `nsenter --net=/proc/${pid}/ns/net`;
        const port = await sh(`${inside} wg show wg0 listen-port`);
        assert.notEqual(await sh(`ss -Huln 'sport = :${port}'`), '');
        assert.equal(await sh(`${inside} ss -Huln 'sport = :${port}'`), '');
        await sh(`${inside} ping -c 1 -W 10 10.0.0.1`);
        await sh(`${CLI} rm -f one; ip link add last type wireguard; ip link del last`);
        const links = (): string => readFileSync('/run/lab/links.log', 'utf8');
        await eventually(() => assert.match(links(), /last/));
        await sh('kill $(cat /run/lab/links.pid)');
        assert.doesNotMatch(links(), /wg-/);
      });
    }

    test('nothing of it is left, there or here', async () => {
      await daemon.settled();
      assert.deepEqual((await wg.dump('wg0')).peers, []);
      assert.deepEqual(await wg.names(), ['wg0']);
      const pid = readFileSync(`${RUNTIME}/docker.pid`, 'utf8');
      assert.equal(await sh(`nsenter --net=/proc/${pid}/ns/net wg show interfaces`), '');
    });

    test('his network is not one of the other Docker', async () => {
      const [network] = JSON.parse(await sh(`${CLI} network inspect net`)) as { Id: string }[];
      const answer = await sh(
        `curl -s --unix-socket /run/dwgd/dwgd.sock -d '{"NetworkID":"${network!.Id}","EndpointID":"e","Interface":{"Address":"10.0.0.9/24"}}' http://x/NetworkDriver.CreateEndpoint`,
      );
      assert.match(answer, /is not known to dwgd/);
    });

    test('the daemon takes its socket along when it stops', async () => {
      const path = socket();
      await daemon.stop();
      assert.equal(existsSync(path), false);
      await sh(`pkill -u ${UID} || true`);
      await eventually(async () => assert.equal(await sh(`pgrep -u ${UID} || true`), ''), { within: 120 });
    });
  },
  { docker: false },
);

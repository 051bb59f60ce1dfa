// The service as `sudo make install` leaves it, under a real systemd: ready when it listens, able to do its work as
// hardened as it is, and gone without a trace after `sudo make uninstall`.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { eventually, scenario, sh, wg, withoutEngine } from '../lab.js';
import { Container, createNetwork, demand } from '../libnetwork.js';

const UNIT = '/etc/systemd/system/dwgd.service';
/** What the scenario needs of the unit: a watchdog that is quick, and no Docker. */
const DROP_IN = '/run/systemd/system/dwgd.service.d';
const host = { addresses: ['10.0.0.1/24'], port: 51820 };

let systemd: string;

/** Runs a bash line beside systemd, in its namespaces. */
const inside = (command: string): Promise<string> =>
  sh(`nsenter -t ${systemd} -p -m bash -c '${command.replaceAll("'", "'\\''")}'`, { within: 300 });

const property = (name: string): Promise<string> => inside(`systemctl show dwgd -P ${name}`);

/** systemd as process 1 of a process and mount namespace of its own; the network is the guest's. */
async function startSystemd(): Promise<void> {
  await sh(`
    mount --make-rshared /
    mkdir -p /run/systemd/system /run/docker/plugins
    for unit in systemd-tmpfiles-setup systemd-tmpfiles-setup-dev systemd-udevd systemd-udev-trigger systemd-update-utmp systemd-sysctl; do
      ln -sf /dev/null /run/systemd/system/$unit.service
    done
    mkdir -p ${DROP_IN}
    printf '[Service]\\nWatchdogSec=12s\\nEnvironment=DOCKER_HOST=${withoutEngine.DOCKER_HOST}\\n' > ${DROP_IN}/lab.conf
    container=lab unshare --pid --fork --kill-child --mount --propagation slave \
      bash -c 'mount -t proc proc /proc; exec /lib/systemd/systemd --system --unit=sysinit.target' > /run/lab/systemd.log 2>&1 < /dev/null &`);
  await eventually(
    async () => {
      systemd = await sh('pgrep -o -x systemd');
      assert.match(await inside('systemctl is-system-running || true'), /running|degraded/);
    },
    { within: 120 },
  );
}

scenario(
  'service',
  () => {
    before(startSystemd);

    test('make install copies it, enables it, and returns when its socket answers', async () => {
      await wg.add('wg0', host);
      assert.match(await inside('cd "$LAB_ROOT" && systemd/install "" /usr'), /^dwgd \d\S+ runs/m);
      assert.equal(await inside('systemctl is-enabled dwgd'), 'enabled');
      assert.deepEqual((await demand('Plugin.Activate')).Implements, ['NetworkDriver']);
      assert.equal(await property('ActiveState'), 'active');
      assert.match(await inside('journalctl -u dwgd -o cat --no-pager'), /^listening for Docker/m);
    });

    test('a container joins, and its tunnel follows an interface that was made anew', async () => {
      const network = await createNetwork(
        { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's' },
        { ipv4: ['10.0.0.0/24', '10.0.0.1/24'] },
      );
      const container = new Container(network, { ip: '10.0.0.2/24' });
      await container.start();
      await container.ping('10.0.0.1');
      await sh('ip link del wg0');
      await wg.add('wg0', { ...host, port: 51999 });
      await eventually(() => container.ping('10.0.0.1'), { within: 120 });
      await container.stop();
      await eventually(async () => assert.deepEqual(await wg.names(), ['wg0']), { within: 120 });
    });

    test('the watchdog hears from it', async () => {
      const restarts = await property('NRestarts');
      await sh('sleep 14');
      assert.equal(await property('NRestarts'), restarts);
      assert.equal(await property('ActiveState'), 'active');
    });

    test('killed, it is started again', async () => {
      const restarts = Number(await property('NRestarts'));
      await inside('systemctl kill -s KILL dwgd');
      await eventually(async () => assert.equal(Number(await property('NRestarts')), restarts + 1), {
        within: 120,
      });
      await eventually(() => demand('Plugin.Activate'), { within: 120 });
    });

    test('systemctl stop ends it well, and its sockets with it', async () => {
      await inside('systemctl stop dwgd');
      assert.equal(await property('Result'), 'success');
      assert.equal(existsSync('/run/dwgd/dwgd.sock'), false);
      assert.equal(existsSync('/run/docker/plugins/dwgd.sock'), false);
    });

    test('systemd-analyze verifies it, and finds no more exposure than its comment records', async () => {
      assert.equal(await inside(`systemd-analyze verify --man=no ${UNIT} 2>&1`), '');
      const recorded = /exposure of ([\d.]+)/.exec(readFileSync(UNIT, 'utf8'))![1]!;
      const told = await inside(`systemd-analyze security --offline=true --no-pager ${UNIT} | tail -n 1`);
      const exposure = Number(/: ([\d.]+) OK/.exec(told)?.[1]);
      // Another systemd weighs a little differently: 252 comes to 3.6, and 257 to 3.4.
      assert.ok(exposure <= Number(recorded) && exposure > Number(recorded) - 0.5, told);
    });

    test('make uninstall takes all of it away but the database', async () => {
      await inside('cd "$LAB_ROOT" && systemd/uninstall "" /usr');
      for (const path of ['/usr/lib/dwgd', '/usr/bin/dwgd', UNIT])
        assert.equal(existsSync(path), false, path);
      assert.equal(existsSync('/etc/systemd/system/multi-user.target.wants/dwgd.service'), false);
      assert.ok(existsSync('/var/lib/dwgd.db'));
    });

    after(() =>
      sh(`
        kill -9 ${systemd}
        while kill -0 ${systemd} 2> /dev/null; do sleep 0.1; done
        rm -rf /run/systemd /var/lib/dwgd.db*
        umount /proc/sys/fs/binfmt_misc 2> /dev/null || true
        [[ ! -e /run/systemd/system ]]`),
    );
  },
  // A dockerd that starts meanwhile would take the guest for a host of systemd.
  { docker: true },
);

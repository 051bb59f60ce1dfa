// The service as `sudo make install` leaves it, under a real systemd: ready when it listens, able to do its work as
// hardened as it is, and gone without a trace after `sudo make uninstall`. Its tests, for where they run: on this
// machine's kernel (test/service) and, with tunnels, in the laboratory.
import assert from 'node:assert/strict';
import { existsSync, lstatSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { eventually, keyPair, sh, wg, withoutEngine } from './lab.js';
import { Container, createNetwork, demand } from './libnetwork.js';
import { AS_ROOT, pageBlock } from './page-blocks.js';
import { withUnitCapabilities } from './unit-capabilities.js';

const UNIT = '/etc/systemd/system/dwgd.service';
/** What the scenario needs of the unit: a watchdog that is quick, and no Docker. */
const DROP_IN = '/run/systemd/system/dwgd.service.d';
const NO_ROOTLESS = '/usr/lib/dwgd/no-rootless.conf';
/** Whether links can be made here. */
const hasWireGuard = existsSync('/sys/module/wireguard');
const tunnels = { skip: !hasWireGuard && 'this kernel has no WireGuard' };
const host = { addresses: ['10.0.0.1/24'], port: 51820 };

let systemd: string;

/** Runs a bash line beside systemd, in its namespaces. */
const inside = (command: string): Promise<string> =>
  sh(`nsenter -t ${systemd} -p -m bash -c '${command.replaceAll("'", "'\\''")}'`, { within: 300 });

const property = (name: string): Promise<string> => inside(`systemctl show dwgd -P ${name}`);

/** Restarts it with one more drop-in. */
async function restartWith(name: string, lines: string): Promise<void> {
  writeFileSync(`${DROP_IN}/${name}`, lines);
  await inside('systemctl daemon-reload && systemctl restart dwgd');
}

/** What JavaScript that runs where the daemon sees the file system gives for each expression: its value or errno. */
async function asSeenByDaemon(...expressions: string[]): Promise<unknown[]> {
  const values = expressions.map(text => `() => ${text}`).join(', ');
  const program = `console.log(JSON.stringify([${values}].map(fn => { try { return fn() ?? "done" } catch (err) { return err.code } })))`;
  const node = await sh('readlink -f "$(command -v node)"');
  const line = `nsenter -t $(systemctl show dwgd -P MainPID) -m ${node} -e '${program.replaceAll("'", "'\\''")}'`;
  return JSON.parse(await inside(line)) as unknown[];
}

/** A container starts on a network in ifname mode, reaches the host by its tunnel, and goes. */
async function tryNetwork(id: string): Promise<void> {
  const network = await createNetwork(
    { 'dwgd.ifname': 'wg0', 'dwgd.seed': id },
    { ipv4: ['10.0.0.0/24', '10.0.0.1/24'] },
  );
  const container = new Container(network, { ip: '10.0.0.2/24' });
  await container.start();
  await container.ping('10.0.0.1');
  await container.stop();
  await eventually(async () => assert.deepEqual(await wg.names(), ['wg0']), { within: 120 });
}

const exposure = async (unit: string): Promise<number> => {
  const told = await inside(`systemd-analyze security --offline=true --no-pager ${unit} | tail -n 1`);
  return Number(/: ([\d.]+) OK/.exec(told)?.[1]);
};

/** systemd as process 1 of a process and mount namespace of its own; the network is the guest's. */
async function startSystemd(): Promise<void> {
  await sh(`
    mount --make-rshared /
    mkdir -p /run/systemd/system /run/docker/plugins
    for unit in systemd-tmpfiles-setup systemd-tmpfiles-setup-dev systemd-udevd systemd-udev-trigger systemd-update-utmp systemd-sysctl; do
      ln -sf /dev/null /run/systemd/system/$unit.service
    done
    mkdir -p ${DROP_IN}
    printf '[Service]\\nWatchdogSec=30s\\nEnvironment=DOCKER_HOST=${withoutEngine.DOCKER_HOST}\\n' > ${DROP_IN}/lab.conf
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

/** All of them, in order. */
export function serviceTests(): void {
  before(startSystemd);

  test('make install copies it, enables it, and returns when its socket answers', async () => {
    if (hasWireGuard) await wg.add('wg0', host);
    // As an earlier version left it: the database where it was, and not in a folder of its own.
    writeFileSync('/var/lib/dwgd.db', '', { mode: 0o600 });
    assert.match(await inside('cd "$LAB_ROOT" && systemd/install "" /usr'), /^dwgd \d\S+ runs/m);
    assert.equal(await inside('systemctl is-enabled dwgd'), 'enabled');
    assert.deepEqual((await demand('Plugin.Activate')).Implements, ['NetworkDriver']);
    assert.equal(await property('ActiveState'), 'active');
    assert.match(await inside('journalctl -u dwgd -o cat --no-pager'), /^listening for Docker/m);
  });

  test('the database has moved into a folder that is the service’s alone, and its path leads there', () => {
    assert.ok(lstatSync('/var/lib/dwgd.db').isSymbolicLink());
    assert.ok(statSync('/var/lib/dwgd/dwgd.db').size > 0);
    assert.equal(statSync('/var/lib/dwgd').mode & 0o777, 0o700);
    assert.equal(statSync('/var/lib/dwgd.db').ino, statSync('/var/lib/dwgd/dwgd.db').ino);
  });

  for (const [name, value] of [
    ['LimitCORE', '0'],
    ['StartLimitIntervalUSec', '0'],
    ['MemoryMax', String(2 ** 30)],
    ['CPUWeight', '1000'],
    ['TasksMax', '128'],
  ] as const) {
    test(`${name} of the unit is ${value}`, async () => assert.equal(await property(name), value));
  }

  const attempts = [
    ['it writes beside its database', 'fs.writeFileSync("/var/lib/dwgd/x", "")', 'done'],
    ['it writes where Docker looks for plugins', 'fs.writeFileSync("/run/docker/plugins/x", "")', 'done'],
    ['it writes nowhere else in /var/lib', 'fs.writeFileSync("/var/lib/x", "")', 'EROFS'],
    ['it writes nowhere else in /run', 'fs.writeFileSync("/run/x", "")', 'EROFS'],
    ['it writes nowhere in /etc', 'fs.writeFileSync("/etc/x", "")', 'EROFS'],
    ['it executes no shell', 'child_process.spawnSync("/bin/sh").error.code', 'EACCES'],
    [
      'it executes nothing that it has written',
      '(fs.copyFileSync("/bin/true", "/var/lib/dwgd/x"), fs.chmodSync("/var/lib/dwgd/x", 0o755), child_process.spawnSync("/var/lib/dwgd/x").error.code)',
      'EACCES',
    ],
  ] as const;
  // In one program, once the service runs: each that starts here costs more than all that they try.
  let outcomes: Promise<unknown[]> | undefined;
  for (const [n, [what, , expected]] of attempts.entries()) {
    test(`as the unit has it, ${what}`, async () => {
      outcomes ??= asSeenByDaemon(...attempts.map(([, expression]) => expression));
      assert.equal((await outcomes)[n], expected);
    });
  }

  test('with rootless Dockers it has six capabilities, and the root of the first process is shut', async () => {
    const status = 'cat /proc/$(systemctl show dwgd -P MainPID)/status';
    // CAP_SETGID (6), CAP_SETUID (7), CAP_NET_BIND_SERVICE (10), CAP_NET_BROADCAST (11), CAP_NET_ADMIN (12), CAP_SYS_ADMIN (21).
    assert.match(await inside(status), /^CapEff:\s+0*201cc0$/m);
    const set = withUnitCapabilities().join(' ');
    assert.match(await sh.fails(`${set} ls /proc/1/root/`), /Permission denied/);
  });

  test('a container joins, and its tunnel follows an interface that was made anew', tunnels, async () => {
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

  test("an exit network's router outlives the daemon: systemd holds its namespace", tunnels, async () => {
    const [own, far] = [keyPair(), keyPair()];
    const file = '/etc/dwgd-exit.conf';
    const text = `[Interface]
PrivateKey = ${own.privateKey}
Address = 10.64.0.2
[Peer]
PublicKey = ${far.publicKey}
AllowedIPs = 0.0.0.0/0
Endpoint = 192.0.2.2:51820
`;
    writeFileSync(file, text, { mode: 0o600 });
    const network = await createNetwork({ 'dwgd.conf': file }, { ipv4: ['10.79.0.0/24', '10.79.0.1/24'] });
    const container = new Container(network, { ip: '10.79.0.2/24' });
    await container.start();
    await container.ping('10.79.0.1');
    const link = await container.exec('ip -o link show wg0');
    for (const end of ['systemctl kill -s KILL dwgd', 'systemctl restart dwgd']) {
      assert.equal(await property('NFileDescriptorStore'), '1');
      await inside(end);
      await eventually(() => demand('Plugin.Activate'), { within: 120 });
      await container.ping('10.79.0.1');
      assert.equal(await container.exec('ip -o link show wg0'), link, end);
    }
    const taken = /took over the router of an exit network/;
    assert.match(await inside('journalctl -u dwgd -o cat -n 40 --no-pager'), taken);
    await container.stop();
    await demand('NetworkDriver.DeleteNetwork', { NetworkID: network });
    await eventually(async () => assert.equal(await property('NFileDescriptorStore'), '0'));
    await sh(`rm ${file}`);
  });

  test('the watchdog hears from it', async () => {
    const restarts = await property('NRestarts');
    await sh('sleep 32');
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

  test('aborted with its keys in memory, it leaves no core dump, even where the limit allows one', async () => {
    await sh('sysctl -w kernel.core_pattern=/var/lib/dwgd/core kernel.core_uses_pid=0');
    await restartWith('core.conf', '[Service]\nLimitCORE=infinity\n');
    await inside('systemctl kill -s ABRT dwgd');
    const ends = 'journalctl -u dwgd -o cat --no-pager | grep "Main process exited" | tail -n 1';
    await eventually(async () => assert.match(await inside(ends), /status=6\/ABRT/), { within: 120 });
    assert.match(await inside(ends), /code=killed/);
    assert.equal(existsSync('/var/lib/dwgd/core'), false);
    await sh(`rm ${DROP_IN}/core.conf`);
  });

  test('a seed in a file is read as README has it', async () => {
    await inside(AS_ROOT + pageBlock('README.md: Security'));
    assert.equal(statSync('/etc/dwgd').mode & 0o777, 0o700);
    assert.equal(statSync('/etc/dwgd/seed').mode & 0o777, 0o600);
    const seed = readFileSync('/etc/dwgd/seed', 'utf8').trimEnd();
    const key = await inside('dwgd pubkey --seedfile /etc/dwgd/seed -i 10.0.1.2');
    assert.equal(key, await inside(`dwgd pubkey -s ${seed} -i 10.0.1.2`));
    assert.match(key, /^\S{43}=$/);
    await sh('rm -r /etc/dwgd');
  });

  test('without rootless Dockers it has four capabilities', async () => {
    await inside(AS_ROOT + pageBlock('README.md: Rootless Docker (3)'));
    const status = 'cat /proc/$(systemctl show dwgd -P MainPID)/status';
    // CAP_NET_BIND_SERVICE (10), CAP_NET_BROADCAST (11), CAP_NET_ADMIN (12) and CAP_SYS_ADMIN (21).
    assert.match(await inside(status), /^CapEff:\s+0*201c00$/m);
    assert.equal(await property('ActiveState'), 'active');
  });

  test('with these, networks work', tunnels, () => tryNetwork('without'));

  test('systemctl stop ends it well, and its sockets with it', async () => {
    await sh('rm -r /etc/systemd/system/dwgd.service.d');
    await inside('systemctl stop dwgd');
    assert.equal(
      await property('Result'),
      'success',
      await inside('journalctl -u dwgd -o cat -n 20 --no-pager'),
    );
    assert.equal(existsSync('/run/dwgd/dwgd.sock'), false);
    assert.equal(existsSync('/run/docker/plugins/dwgd.sock'), false);
  });

  test('systemd-analyze verifies it, and finds no more exposure than its comment records', async () => {
    assert.equal(await inside(`systemd-analyze verify --man=no ${UNIT} 2>&1`), '');
    const unit = readFileSync(UNIT, 'utf8');
    const [, served, without] = /exposure of ([\d.]+) \(OK\), and ([\d.]+) with no-rootless/.exec(unit)!;
    const merged = '/run/lab/dwgd-without.service';
    writeFileSync(merged, `${unit}\n${readFileSync(NO_ROOTLESS, 'utf8')}`);
    // Another systemd weighs a little differently.
    for (const [file, recorded] of [
      [UNIT, Number(served)],
      [merged, Number(without)],
    ] as const) {
      const found = await exposure(file);
      assert.ok(found <= recorded && found > recorded - 0.5, `${file}: ${found}`);
    }
    assert.ok(Number(without) <= 2.5);
  });

  test('make uninstall takes all of it away but the database', async () => {
    await inside('cd "$LAB_ROOT" && systemd/uninstall "" /usr');
    for (const path of ['/usr/lib/dwgd', '/usr/bin/dwgd', UNIT]) assert.equal(existsSync(path), false, path);
    assert.equal(existsSync('/etc/systemd/system/multi-user.target.wants/dwgd.service'), false);
    assert.ok(existsSync('/var/lib/dwgd.db'));
  });

  after(() =>
    sh(`
      kill -9 ${systemd}
      while kill -0 ${systemd} 2> /dev/null; do sleep 0.1; done
      rm -rf /run/systemd /var/lib/dwgd.db* /var/lib/dwgd
      umount /proc/sys/fs/binfmt_misc 2> /dev/null || true
      [[ ! -e /run/systemd/system ]]`),
  );
}

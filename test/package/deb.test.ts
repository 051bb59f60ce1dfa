// The packages on a fresh Debian 12 and 13: installed, at work beside Docker, upgraded while containers run, removed,
// purged. Nothing of a package needs WireGuard, so it is this machine's kernel, without one. `make package-test`
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CHECKOUT, debOf, Machine, makeLater, RELEASES } from './machine.js';

const folder = mkdtempSync(join(tmpdir(), 'dwgd-deb-'));
after(() => rmSync(folder, { recursive: true }));

const version = execFileSync('dpkg-deb', ['-f', debOf('dwgd_'), 'Version'], { encoding: 'utf8' }).trim();
const laterDeb = join(folder, 'dwgd-later.deb');
/** How often systemd has started it since the boot. */
const STARTS = "journalctl -b -o cat -u dwgd | grep -c '^Started dwgd'";
const image = join(folder, 'image.tar');

before(() => {
  execFileSync(join(CHECKOUT, 'test/lab/image'), [image]);
  makeLater(laterDeb);
});

for (const { suite, debian, needsNode } of RELEASES) {
  describe(`on a fresh Debian ${debian}`, () => {
    let machine: Machine;
    let fresh: string;
    const deb = '/mnt/packages/dwgd_*_amd64.deb';
    const node = '/mnt/packages/dwgd-node_*_amd64.deb';
    const install = needsNode ? `${deb} ${node}` : deb;
    const tryRoute = 'docker exec app ip route | grep -E "^10.9.0.0/16 via"';

    before(async () => {
      machine = await Machine.boot(suite, [
        debOf('dwgd_'),
        debOf('dwgd-node_'),
        laterDeb,
        image,
        join(CHECKOUT, 'test/package/offered'),
      ]);
      await machine.until('docker version', 60);
      await machine.sh('docker load -i /mnt/packages/image.tar; docker network create app');
      fresh = await machine.files();
    });
    after(() => machine?.end());

    test('where the release has no Node.js that is new enough, apt says what is missing', {
      skip: !needsNode,
    }, async () => {
      assert.match(
        await machine.fails(`apt-get install -y ${deb}`),
        /Depends: nodejs \(>= 20\) .* or\s+dwgd-node/,
      );
    });

    test('apt installs it with all that it depends on', async () => {
      await machine.sh(`apt-get install -y --no-install-recommends ${install} libnftables1`);
      assert.equal(await machine.sh('dwgd --version'), version);
      assert.equal(
        await machine.sh('readlink /usr/lib/dwgd/node'),
        needsNode ? '/usr/lib/dwgd-node/node' : '/usr/bin/node',
      );
    });

    test('its service is enabled, runs, and comes before Docker', async () => {
      assert.equal(await machine.sh('systemctl is-enabled dwgd'), 'enabled');
      assert.equal(await machine.until('systemctl is-active dwgd'), 'active');
      assert.match(await machine.sh('systemctl show -P Before dwgd'), /docker\.service/);
      await machine.sh('curl --version > /dev/null 2>&1 || true; test -S /run/docker/plugins/dwgd.sock');
    });

    test('a label of a container is applied', async () => {
      await machine.sh('docker run -d --name gw --network app busybox:local sleep 1000');
      await machine.sh(
        'docker run -d --name app --network app -l twine.route.10.9.0.0/16=gw busybox:local sleep 1000',
      );
      await machine.until(tryRoute);
    });

    test('Docker has it as a network driver', async () => {
      const create =
        'docker network create -d dwgd -o dwgd.ifname=wg0 -o dwgd.seed=s --subnet 10.0.0.0/24 wg';
      assert.match(
        await machine.sh(`${create} || true; docker network rm wg || true`),
        /this kernel has no WireGuard|^[0-9a-f]{64}$/m,
      );
    });

    test('the page is served, with every file that it names', async () => {
      await machine.sh(
        'printf "metrics = \\"9586\\"\\npage = true\\n" >> /etc/dwgd/config.toml; systemctl restart dwgd',
      );
      const files = await machine.page('http://127.0.0.1:9586/');
      for (const name of ['main.js', 'dagre.js', 'style.css', 'icon.svg'])
        assert.match(files, new RegExp(`^200 \\S+ \\d+ /page/${name}$`, 'm'));
    });

    test('upgraded while containers run, it is another process, and what it keeps is kept', async () => {
      const before = await machine.sh('systemctl show -P MainPID dwgd');
      const started = await machine.sh("docker inspect -f '{{.State.StartedAt}}' gw app");
      const starts = await machine.sh(STARTS);
      await machine.sh('apt-get install -y /mnt/packages/dwgd-later.deb');
      assert.match(
        await machine.sh('cat /etc/dwgd/config.toml'),
        /^page = true$/m,
        'a changed conffile is kept',
      );
      assert.equal(await machine.until('systemctl is-active dwgd'), 'active');
      assert.notEqual(await machine.sh('systemctl show -P MainPID dwgd'), before);
      assert.equal(Number(await machine.sh(STARTS)), Number(starts) + 1, 'it is started once');
      assert.equal(await machine.sh('dwgd --version'), `${version}+later`);
      assert.equal(await machine.sh("docker inspect -f '{{.State.StartedAt}}' gw app"), started);
      await machine.sh(tryRoute);
      await machine.sh(
        'docker run -d --name later --network app -l twine.route.10.8.0.0/16=gw busybox:local sleep 1000',
      );
      await machine.until('docker exec later ip route | grep -E "^10.8.0.0/16 via"');
    });

    test('dwgd-node takes its place, and gives it back to nodejs', { skip: needsNode }, async () => {
      await machine.sh(`apt-get install -y ${node}`);
      assert.equal(await machine.sh('readlink /usr/lib/dwgd/node'), '/usr/lib/dwgd-node/node');
      assert.match(
        await machine.sh('readlink /proc/$(systemctl show -P MainPID dwgd)/exe'),
        /^\/usr\/lib\/dwgd-node\/node$/,
      );
      await machine.sh('apt-get remove -y dwgd-node');
      assert.equal(await machine.sh('readlink /usr/lib/dwgd/node'), '/usr/bin/node');
      assert.equal(await machine.until('systemctl is-active dwgd'), 'active');
    });

    test('removed, its service has ended and its database is still there', async () => {
      await machine.sh('apt-get remove -y dwgd');
      assert.match(await machine.fails('systemctl is-active dwgd'), /inactive|unknown/);
      await machine.sh('test -s /var/lib/dwgd/dwgd.db && ! test -e /usr/lib/dwgd && ! test -e /usr/bin/dwgd');
      assert.equal(await machine.sh('docker exec app true && echo runs'), 'runs');
    });

    test('purged, nothing of it is left', async () => {
      await machine.sh('apt-get purge -y --autoremove dwgd dwgd-node libnftables1');
      assert.deepEqual(
        (await machine.files()).split('\n').filter(line => !fresh.split('\n').includes(line)),
        [],
      );
    });

    test('installed again, bash, zsh and fish complete it and man shows it, of themselves', async () => {
      await machine.sh(
        `apt-get install -y --no-install-recommends ${install} libnftables1 bash-completion zsh fish man-db`,
      );
      assert.equal(await machine.sh('/mnt/packages/offered'), 'status');
      assert.equal(
        await machine.sh("zsh -fc 'autoload -Uz compinit; compinit -D; print $_comps[dwgd]'"),
        '_dwgd',
      );
      assert.match(await machine.sh(`fish -c 'complete -C "dwgd sta"'`), /^status\t/m);
      for (const page of ['dwgd', 'dwgd-explain']) {
        const shown = await machine.sh(`MANWIDTH=80 man --warnings ${page}`);
        assert.match(shown, /^NAME$/m);
        assert.doesNotMatch(shown, /warning|error: /);
      }
    });
  });
}

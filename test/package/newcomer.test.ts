// A newcomer's path, on a fresh Debian 12 and 13 with systemd and Docker: the package is installed, the blocks of README and
// docs/packages.md are pasted as they stand there, a container is behind its tunnel and a labelled pair behind another's,
// and all of it is removed: nothing is left. In the laboratory, whose kernel has WireGuard; where there is none, what needs
// no tunnel. `make package-test`
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pageBlock, typedIn } from '../support/page-blocks.js';
import { CHECKOUT, debOf, KERNEL_PACKAGE, Machine, makeLater, RELEASES } from './machine.js';

const folder = mkdtempSync(join(tmpdir(), 'dwgd-newcomer-'));
const laterDeb = join(folder, 'dwgd-later.deb');
before(() => makeLater(laterDeb));
after(() => rmSync(folder, { recursive: true }));
const hasWireGuard = existsSync('/sys/module/wireguard');
const tunnels = { skip: !hasWireGuard && 'this kernel has no WireGuard' };
const NO_LOSS = / 0% packet loss/;
/** Of a busybox that sleeps, for an image whose program would make a tunnel: the driver makes this one. */
const GATEWAY = 'lscr.io/linuxserver/wireguard';

/** A container on the network of README's ifname mode. */
const IN_IFNAME = 'README.md: ifname mode: the WireGuard interface is on this host (3)';

/** What an uninstalled package could have left on a host, a line each: files, links, routes, tables, sockets, processes. */
async function traces(machine: Machine): Promise<Set<string>> {
  const found = [
    await machine.files(),
    await machine.sh('ls /sys/class/net; ip route show table all; ip -6 route show table all; ip rule'),
    await machine.sh('cut -d" " -f8- /proc/net/unix | grep -i dwgd || true; pgrep -a dwgd || true'),
    await machine.sh('find /run -xdev -ipath "*dwgd*"; find /run -xdev -ipath "*wg0*"'),
    await machine.beside('nft', '-s', 'list', 'ruleset'),
  ];
  return new Set(found.join('\n').split('\n'));
}

for (const { suite, debian, needsNode } of RELEASES) {
  describe(`a newcomer on a fresh Debian ${debian}`, () => {
    let machine: Machine;
    let fresh: Set<string>;
    /** What a page shows, as somebody pastes it who stops at a mistake. */
    const paste = (block: string, folder = '/root'): Promise<string> =>
      machine.sh(`cd ${folder}; set -e\n${block}`);
    const compose = (words: string): Promise<string> =>
      machine.sh(`cd /root/pair; docker-compose -f compose.yml ${words}`);
    const container = (service: string): Promise<string> => compose(`ps -q ${service}`);

    before(async () => {
      machine = await Machine.boot(suite, [
        debOf('dwgd_'),
        debOf('dwgd-node_'),
        laterDeb,
        `${process.env.LAB_CACHE ?? `${CHECKOUT}.lab`}/image.tar`,
      ]);
      await machine.until('docker version', 60);
      await machine.sh(`docker load -i /mnt/packages/image.tar; docker tag busybox:local busybox
        docker commit -c 'CMD ["sleep","infinity"]' $(docker create busybox) ${GATEWAY}; docker rm $(docker ps -aq)
        ${KERNEL_PACKAGE}
        echo 'APT::Get::Assume-Yes "true";' > /etc/apt/apt.conf.d/yes`);
      fresh = await traces(machine);
    });
    after(() => machine?.end());

    test('docs/packages.md: the package is installed, and its service runs', async () => {
      const name = needsNode ? 'docs/packages.md: Debian (2)' : 'docs/packages.md: Debian';
      await paste(pageBlock(name), '/mnt/packages');
      assert.equal(await machine.until('systemctl is-active dwgd'), 'active');
    });

    test(
      'README: a wg0 of this host, a network, a container whose ping comes back by its tunnel',
      tunnels,
      async () => {
        await paste(pageBlock('README.md: ifname mode: the WireGuard interface is on this host'));
        assert.match(await paste(pageBlock('README.md: dwgd (2)')), NO_LOSS);
        await machine.sh('docker network rm dwgd-net');
        await paste(pageBlock('README.md: ifname mode: the WireGuard interface is on this host (2)'));
        const shown = await paste(pageBlock(IN_IFNAME));
        assert.match(shown, /: wg0: <.*\n.*\n? *inet 10\.0\.0\.\d+\/24/);
        assert.match(shown, NO_LOSS);
      },
    );

    test('README: a peer elsewhere, and a container whose ping comes back by it', tunnels, async () => {
      await machine.sh(`set -e
        ip netns add remote
        ip link add to-remote type veth peer name uplink netns remote
        ip addr add 192.0.2.1/24 dev to-remote; ip link set to-remote up
        ip -n remote addr add 192.0.2.2/24 dev uplink; ip -n remote link set uplink up
        ip -n remote link add wg0 type wireguard
        ip netns exec remote bash -c 'wg set wg0 listen-port 51820 private-key <(wg genkey)'
        ip -n remote addr add 10.0.1.1/24 dev wg0; ip -n remote link set wg0 up
        echo 192.0.2.2 vpn.example.com >> /etc/hosts`);
      const [{ command, shown }] = typedIn(
        pageBlock('README.md: pubkey mode: the WireGuard peer is elsewhere'),
      ) as [ReturnType<typeof typedIn>[number]];
      assert.equal(`${await paste(command)}\n`, shown);
      const remote = pageBlock('README.md: pubkey mode: the WireGuard peer is elsewhere (2)');
      const own = (await paste(`ip netns exec remote bash -e <<'PAGE'\n${remote}PAGE`)).split('\n').at(-1)!;
      assert.match(own, /^[\w+/]{43}=$/);
      const placeholder = 'the public key of the remote interface';
      const create = pageBlock('README.md: pubkey mode: the WireGuard peer is elsewhere (3)');
      assert.ok(create.includes(placeholder));
      await paste(create.replace(placeholder, own));
      assert.match(
        await paste(pageBlock('README.md: pubkey mode: the WireGuard peer is elsewhere (4)')),
        NO_LOSS,
      );
      await machine.sh('docker network rm dwgd-net-2; ip netns del remote');
    });

    /** Waits until a client's packets go by a gateway, or nowhere. */
    const leads = async (client: string, way: string): Promise<string> =>
      await machine.until(
        `{ docker exec ${client} ip route get 203.0.113.1 2>&1 || true; } | grep -E '${way}'`,
      );
    const NOWHERE = 'unreachable|No route';

    test('README: what a label sends by a gateway goes by that, and nowhere while it is stopped', async () => {
      const pair = pageBlock('README.md: dwgd (3)');
      assert.ok(pair.includes(`image: ${GATEWAY}\n`));
      await machine.sh(`mkdir /root/pair; cat > /root/pair/compose.yml << 'PAGE'\n${pair}PAGE`);
      assert.match(await machine.sh('dwgd plan /root/pair/compose.yml'), /default via|0\.0\.0\.0\/0/);
      await compose('up -d');
      const [vpn, app] = [await container('vpn'), await container('app')];
      const addresses = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
      const by = `via ${await machine.sh(`docker inspect -f '${addresses}' ${vpn}`)}`;
      await leads(app, by);
      await compose('stop vpn');
      await leads(app, NOWHERE);
      await compose('start vpn');
      await leads(app, by);
      assert.match(await paste('sudo dwgd status'), /app/);
    });

    test(
      'README: and by the tunnel that the gateway has as a container on a network of the driver',
      tunnels,
      async () => {
        const [vpn, app] = [await container('vpn'), await container('app')];
        await machine.sh(`docker network connect dwgd-net ${vpn}`);
        const received = (): Promise<string> => machine.sh('wg show wg0 transfer | cut -f2');
        await machine.until(`docker exec ${app} ping -c 3 -W 5 10.0.0.1`);
        assert.ok(Number(await received()) > 0);
        assert.match(
          await paste(`sudo dwgd explain ${app} 10.0.0.1`),
          /^goes by wg0 of \S*vpn\S*( \(unless|$)/m,
        );
        await compose('stop vpn');
        await machine.until(`! docker exec ${app} ping -c 1 -W 2 10.0.0.1`);
        await compose('start vpn');
        await machine.until(`docker exec ${app} ping -c 1 -W 5 10.0.0.1`);
      },
    );

    test(
      'upgraded while containers run, their tunnels go on, and its networks are kept',
      tunnels,
      async () => {
        const app = await container('app');
        await machine.sh(`docker exec -d ${app} sh -c 'ping 10.0.0.1 > /pings'`);
        await machine.sh('apt-get install /mnt/packages/dwgd-later.deb');
        assert.match(await machine.until('dwgd --version'), /\+later$/);
        assert.equal(await machine.until('systemctl is-active dwgd'), 'active');
        assert.match(
          await machine.sh(`docker exec ${app} sh -c 'killall -INT ping; sleep 1; cat /pings'`),
          NO_LOSS,
        );
        assert.match(await paste(pageBlock(IN_IFNAME)), NO_LOSS);
      },
    );

    test('docs/packages.md: purged after its containers and networks, nothing of it is left', async () => {
      await compose('down');
      await machine.sh('rm -r /root/pair');
      if (hasWireGuard) {
        await machine.sh('docker network rm dwgd-net; systemctl disable --now wg-quick@wg0');
        await machine.sh('rm /etc/wireguard/wg0.conf');
      }
      await paste(pageBlock('docs/packages.md: Debian (3)'));
      await machine.sh(
        'apt-get purge --autoremove wireguard-tools libnftables1; ip link del to-remote || true',
      );
      const left = [...(await traces(machine))].filter(line => !fresh.has(line));
      assert.deepEqual(left, []);
    });
  });
}

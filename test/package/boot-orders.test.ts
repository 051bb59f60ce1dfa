// dwgd, Docker and wg-quick in every order, under a real systemd: a container that Docker starts by itself (--restart=always)
// runs soon after the last of them, and its tunnel works. In the laboratory, whose kernel has WireGuard. `make boot-orders`
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { pageBlock } from '../support/page-blocks.js';
import { CHECKOUT, debOf, KERNEL_PACKAGE, Machine, RELEASES } from './machine.js';

const [DWGD, DOCKER, WG_QUICK] = ['dwgd', 'docker', 'wg-quick@wg0'];
const ORDERS = [
  [DWGD, WG_QUICK, DOCKER],
  [WG_QUICK, DWGD, DOCKER],
  [DWGD, DOCKER, WG_QUICK],
  [DOCKER, DWGD, WG_QUICK],
  [WG_QUICK, DOCKER, DWGD],
  [DOCKER, WG_QUICK, DWGD],
];
/** Within which the tunnel works after the last of them is up, in seconds. */
const SOON = 3;
for (const { suite, debian, needsNode } of RELEASES) {
  describe(`a container that Docker starts, on Debian ${debian}`, {
    skip: !existsSync('/sys/module/wireguard') && 'this kernel has no WireGuard',
  }, () => {
    let machine: Machine;
    before(async () => {
      const files = [
        debOf('dwgd_'),
        debOf('dwgd-node_'),
        `${process.env.LAB_CACHE ?? `${CHECKOUT}.lab`}/image.tar`,
      ];
      machine = await Machine.boot(suite, files);
      await machine.until('docker version', 60);
      await machine.sh(`docker load -i /mnt/packages/image.tar; docker tag busybox:local busybox
        ${KERNEL_PACKAGE}
        echo 'APT::Get::Assume-Yes "true";' > /etc/apt/apt.conf.d/yes`);
      const install = needsNode ? 'docs/packages.md: Debian (2)' : 'docs/packages.md: Debian';
      await machine.sh(`cd /mnt/packages; set -e\n${pageBlock(install)}`);
      for (const name of ['', ' (2)'])
        await machine.sh(
          `cd /root; set -e\n${pageBlock(`README.md: ifname mode: the WireGuard interface is on this host${name}`)}`,
        );
      await machine.sh('docker run -d --restart=always --name app --network=dwgd-net busybox sleep infinity');
    });
    after(() => machine?.end());

    for (const order of ORDERS) {
      test(`${order.join(', then ')}: it runs, and its ping comes back by the tunnel`, async t => {
        await machine.sh(`systemctl stop docker.socket docker containerd dwgd wg-quick@wg0`);
        await machine.fails('ip link show wg0; pgrep -x sleep');
        // Docker does not come up before it has tried to start the container.
        for (const unit of order.slice(0, -1))
          await machine.sh(`systemctl start --no-block ${unit}; sleep 1`);
        await machine.sh(`systemctl start --no-block ${order.at(-1)}`);
        // Docker takes its time: a container that it starts by itself waits for its API, or comes before it.
        await machine.until(
          `for unit in ${order.join(' ')}; do systemctl is-active -q $unit || exit 1; done`,
          60,
        );
        const before = performance.now();
        await machine.until('docker exec app ping -c 1 -W 1 10.0.0.1', SOON);
        t.diagnostic(`${Math.round(performance.now() - before)} ms after the last of them was up`);
      });
    }
  });
}

// The image, made without a registry, on a fresh Debian 13 with Docker: its own compose file has labels applied with no more
// rights than these, a read-only proxy does in place of Docker's socket, and it serves the page. Nothing needs WireGuard.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { blockWith } from '../support/page-blocks.js';
import { CHECKOUT, Machine } from './machine.js';

const GATEWAY = 'lscr.io/linuxserver/wireguard';
const PAIR = blockWith('README.md', 'yaml', `image: ${GATEWAY}\n`, 'twine.route.0.0.0.0/0=vpn');
/** As packaging/image/compose.yml has it. */
const RIGHTS =
  `--pid host --read-only --cap-drop ALL --cap-add NET_ADMIN --cap-add SYS_ADMIN --cap-add SYS_PTRACE
  --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined`.replaceAll(
    /\s+/g,
    ' ',
  );

describe('the image', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-image-'));
  let machine: Machine;
  const pair = (words: string): Promise<string> =>
    machine.sh(`docker-compose -p pair -f /mnt/packages/pair.yml ${words}`);
  /** The client's default route is by its gateway. */
  const follows = async (): Promise<void> => {
    const [vpn, app] = [await pair('ps -q vpn'), await pair('ps -q app')];
    const address = await machine.sh(
      `docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' ${vpn}`,
    );
    await machine.until(`docker exec ${app} ip route get 203.0.113.1 | grep -F 'via ${address} '`);
  };

  before(async () => {
    execFileSync(join(CHECKOUT, 'test/lab/image'), [join(folder, 'busybox.tar')]);
    machine = await Machine.boot('trixie', [
      join(folder, 'busybox.tar'),
      join(CHECKOUT, 'packaging/image/compose.yml'),
    ]);
    await machine.until('docker version', 60);
    await machine.sh(`set -e; docker load -i /mnt/packages/busybox.tar; docker tag busybox:local busybox
      docker commit -c 'CMD ["sleep","infinity"]' $(docker create busybox) ${GATEWAY}; docker rm $(docker ps -aq)
      cat > /mnt/packages/pair.yml << 'PAGE'\n${PAIR}PAGE`);
    execFileSync('packaging/image/import', ['dwgd'], {
      cwd: CHECKOUT,
      env: { ...process.env, DOCKER_HOST: `unix://${machine.path('/run/docker.sock')}` },
    });
  });
  after(async () => {
    await machine?.end();
    rmSync(folder, { recursive: true });
  });

  test('by its compose file it applies the labels of the README', async () => {
    await machine.sh('docker-compose -p dwgd -f /mnt/packages/compose.yml up -d');
    await pair('up -d');
    await follows();
  });

  test('there is no shell in it, and its root is not written to', async () => {
    const id = await machine.sh('docker-compose -p dwgd -f /mnt/packages/compose.yml ps -q dwgd');
    assert.match(await machine.fails(`docker exec ${id} sh`), /no such file|not found/);
    await machine.sh('docker-compose -p dwgd -f /mnt/packages/compose.yml down');
    await pair('down');
  });

  test('it serves the page, with every file that it names', async () => {
    const flags = '--no-driver --metrics 9586 --page';
    const socket = '-v /var/run/docker.sock:/var/run/docker.sock';
    await machine.sh(`docker run -d --name page --network host ${RIGHTS} ${socket} dwgd ${flags}`);
    assert.match(await machine.page('http://127.0.0.1:9586/'), /^200 \S+ \d+ \/page\/dagre\.js$/m);
    await machine.sh('docker rm -f page');
  });

  test('with a proxy that lets only GETs through, by TCP, it applies the same labels', async () => {
    const proxy = machine.start(
      process.execPath,
      join(CHECKOUT, 'dist/test/package/proxy.js'),
      '2375',
      machine.path('/run/docker.sock'),
    );
    try {
      const flags = '--no-driver --docker-host tcp://127.0.0.1:2375';
      await machine.until('exec 3<> /dev/tcp/127.0.0.1/2375');
      await machine.sh(`docker run -d --name proxied --network host ${RIGHTS} dwgd ${flags}`);
      await pair('up -d');
      await follows();
      assert.match(await machine.fails('docker -H tcp://127.0.0.1:2375 rm -f proxied'), /only GETs/);
    } finally {
      proxy.kill();
    }
  });
});

// The managed plugin, as Docker runs it: created from its folder, enabled, at work for a network and for labels, replaced
// by a later one, disabled. test/docker/inside gives the Docker; its kernel need not have WireGuard.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, sh } from '../support/lab.js';

const PLUGIN = 'dwgd:test';

describe('the managed plugin', () => {
  before(async () => {
    await sh(`packaging/plugin/build ${PLUGIN}`, { within: 300 });
    await sh('docker network create app');
  });
  after(() =>
    sh(
      `docker rm -f -t 0 gw app later 2> /dev/null || true; docker network rm app || true; docker plugin rm -f ${PLUGIN}`,
    ),
  );

  test('it is enabled, and is a network driver', async () => {
    await sh(`docker plugin set ${PLUGIN} args="--metrics 9586 --page"; docker plugin enable ${PLUGIN}`);
    assert.equal(
      await sh(`docker plugin inspect -f '{{.Enabled}} {{.Config.Interface.Types}}' ${PLUGIN}`),
      'true [docker.networkdriver/1.0]',
    );
  });

  test('it serves the page, with every file that it names', async () => {
    const fetched = 'node dist/test/package/page-files.js http://127.0.0.1:9586/';
    await eventually(async () => assert.match(await sh(fetched), /^200 \S+ \d+ \/page\/dagre\.js$/m));
  });

  test('a mistake in an option comes back from it as a sentence', async () => {
    assert.match(
      await sh.fails(`docker network create -d ${PLUGIN} -o dwgd.ifnam=wg0 --subnet 10.0.0.0/24 wg`),
      /dwgd\.ifname/,
    );
  });

  test('it is asked for a network, and makes it where the kernel has WireGuard', async () => {
    const create = `docker network create -d ${PLUGIN} -o dwgd.ifname=wg0 -o dwgd.seed=s --subnet 10.0.0.0/24 wg`;
    assert.match(await sh(`${create} 2>&1 || true`), /this kernel has no WireGuard|^[0-9a-f]{64}$/);
    await sh('docker network rm wg 2>&1 || true');
  });

  test('a label is applied', async () => {
    await sh('docker run -d --name gw --network app -l twine.nat.interfaces=eth0 busybox:local sleep 1000');
    await sh(
      'docker run -d --name app --network app -l twine.route.10.9.0.0/16=gw -l twine.nat.forward.80=gw:80 busybox:local sleep 1000',
    );
    await eventually(async () => assert.match(await sh('docker exec app ip route'), /^10\.9\.0\.0\/16 via/m));
    await eventually(async () =>
      assert.match(
        await sh(`nsenter --net=/proc/$(docker inspect -f '{{.State.Pid}}' app)/ns/net nft list ruleset`),
        /table inet dwgd/,
      ),
    );
  });

  test('a later one takes its place: labels are still there and are applied again', async () => {
    await sh(`docker plugin disable -f ${PLUGIN}`);
    await sh(
      `docker plugin rm -f ${PLUGIN}; docker plugin create ${PLUGIN} dist/plugin; docker plugin enable ${PLUGIN}`,
    );
    assert.match(await sh('docker exec app ip route'), /^10\.9\.0\.0\/16 via/m);
    await sh(
      'docker run -d --name later --network app -l twine.route.10.8.0.0/16=gw busybox:local sleep 1000',
    );
    await eventually(async () =>
      assert.match(await sh('docker exec later ip route'), /^10\.8\.0\.0\/16 via/m),
    );
  });

  test('disabled, its network driver is no more', async () => {
    await sh(`docker plugin disable -f ${PLUGIN}`);
    assert.match(
      await sh.fails(
        `docker network create -d ${PLUGIN} -o dwgd.ifname=wg0 -o dwgd.seed=s --subnet 10.0.0.0/24 wg2`,
      ),
      /not found|disabled|no such file/,
    );
  });
});

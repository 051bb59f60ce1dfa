// Swarm: services of a stack as gateways and as labelled containers, by the names that people give them, with packets.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { daemon, docker, sh } from '../support/lab.js';
import { ask, inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { connectVpn, disconnectVpn, FAR, FAR_PORT, leaked, leaks, makeVpn, makeWorld } from './world.js';

const STACK = `
services:
  vpn:
    image: busybox:local
    command: sleep 1000
    stop_grace_period: 0s
    networks: [shared]
    labels:
      twine.nat.interfaces: wg0
  app:
    image: busybox:local
    command: sleep 1000
    stop_grace_period: 0s
    networks: [shared]
    labels:
      twine.route.0.0.0.0/0: DESTINATION
  plain:
    image: busybox:local
    command: sleep 1000
    stop_grace_period: 0s
    networks: [shared]
    deploy:
      labels:
        twine.route.0.0.0.0/0: vpn
networks:
  shared:
    external: true
    name: swarmnet
version: "3.8"
`;

/** The one task of a service that runs, and not the one that is about to be replaced. */
async function task(service: string, not = ''): Promise<string> {
  return follows(async () => {
    const filters = JSON.stringify({
      label: [`com.docker.swarm.service.name=${service}`],
      status: ['running'],
    });
    const found = await docker.get<{ Id: string; Names: [string] }[]>(
      `/containers/json?filters=${encodeURIComponent(filters)}`,
    );
    const running = found.filter(({ Id }) => Id !== not);
    assert.equal(running.length, 1);
    return running[0]!.Id;
  });
}

const deploy = async (destination: string): Promise<void> => {
  writeFileSync('/run/lab/stack.yml', STACK.replace('DESTINATION', destination));
  await sh('docker stack deploy --resolve-image never -c /run/lab/stack.yml shop', { within: 60 });
};
/** What it sends before goes by Docker's route. */
const inForce = (container: string): Promise<void> =>
  follows(async () => assert.match(await inside(container, 'ip rule'), /lookup 229/));
const far = (container: string): Promise<string> => ask(container, 'udp', FAR, FAR_PORT, { within: 0.5 });

/** The running task of a service, once the tunnel is its gateway's and its packets go by it. */
async function tunnelled(service: string, gateway: string): Promise<string> {
  const client = await task(service);
  await disconnectVpn();
  await connectVpn(await task(gateway));
  await inForce(client);
  await follows(async () => assert.match(await far(client), /^vpn /));
  return client;
}

keeping('swarm', () => {
  before(async () => {
    await makeWorld();
    await makeVpn();
    await sh(`
      docker swarm init --advertise-addr 127.0.0.1
      docker network create --config-only --subnet 172.33.0.0/24 --gateway 172.33.0.1 swarmnet-here
      docker network create --scope swarm --config-from swarmnet-here --driver bridge --attachable swarmnet`);
    await keeper.start();
  });
  after(() => sh('docker swarm leave --force', { within: 60 }));

  let app = '';
  for (const destination of ['vpn', 'shop_vpn', 'shop_vpn.1', 'vpn.swarmnet', 'vpn, nobody']) {
    test(`a label of a stack’s service leads to ${destination}`, async () => {
      await deploy(destination);
      app = await task('shop_app', app);
      await connectVpn(await task('shop_vpn'));
      await inForce(app);
      await follows(async () => assert.match(await far(app), /^vpn /));
      assert.equal(await leaked(app), 0);
    });
  }

  test('on an overlay network, where Docker’s way is by another interface, packets go by the gateway, too', async () => {
    await sh('docker network create --driver overlay --attachable across', { within: 60 });
    await sh(
      `for service in way:nat.interfaces=wg0 client:route.0.0.0.0/0=over-way; do
        docker service create --detach --no-resolve-image --name over-\${service%%:*} --network across \\
          --container-label twine.\${service#*:} busybox:local sleep 1000
      done`,
      { within: 60 },
    );
    const client = await tunnelled('over-client', 'over-way');
    await sh(
      `docker service create --detach --no-resolve-image --name over-lan --network across --container-label twine.route.0.0.0.0/0=over-way \
        --container-label twine.route.${FAR}=host-gateway busybox:local sleep 1000`,
      { within: 60 },
    );
    const lan = await task('over-lan');
    await inForce(lan);
    await follows(async () => assert.match(await far(lan), /^world /));
    assert.match(await inside(lan, 'ip route get 203.0.113.2'), / via 10\./);
    await sh('docker service rm over-lan', { within: 60 });
    const before = await leaks();
    for (let n = 0; n < 5; n++) assert.match(await far(client), /^vpn /);
    await disconnectVpn();
    await assert.rejects(far(client));
    await sh('docker service rm over-way', { within: 60 });
    await follows(async () => assert.match(await inside(client, `ip route get ${FAR} || true`), /^$/));
    await assert.rejects(far(client));
    assert.deepEqual(await leaks(), before, 'by docker_gwbridge went none');
    await sh('docker service rm over-client', { within: 60 });
  });

  test('a task that Swarm makes in place of one that has gone is followed', async () => {
    const gone = await task('shop_vpn');
    await docker.call('POST', `/containers/${gone}/kill`);
    await connectVpn(await task('shop_vpn', gone));
    await follows(async () => assert.match(await far(app), /^vpn /));
    assert.equal(await leaked(app), 0);
  });

  test('a label below deploy: is the service’s, and has no effect on its containers', async () => {
    const plain = await task('shop_plain');
    assert.match(await far(plain), /^world /);
    assert.doesNotMatch(await inside(plain, 'ip rule'), /lookup 229/);
    const told =
      daemon.logs().match(/.*it is a label of Swarm's service, which its containers do not have.*/g) ?? [];
    assert.deepEqual(
      [told.length, /container=(\S+) label=(\S+)/.exec(told[0]!)?.slice(1)],
      [1, ['shop_plain', 'twine.route.0.0.0.0/0']],
    );
  });

  test('a service outside of stacks leads to another by its name', async () => {
    await sh(
      `docker service create --detach --no-resolve-image --name lone --network swarmnet --container-label twine.route.0.0.0.0/0=way busybox:local sleep 1000
      docker service create --detach --no-resolve-image --name way --network swarmnet --container-label twine.nat.interfaces=wg0 busybox:local sleep 1000`,
      { within: 60 },
    );
    const lone = await tunnelled('lone', 'way');
    assert.equal(await leaked(lone), 0);
  });
});

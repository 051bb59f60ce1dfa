// Whose lines of the log those about full tunnels are.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrefix } from '../../../../src/base/ip.js';
import { onBehalfOf } from '../../../../src/base/log.js';
import { FullTunnels } from '../../../../src/driver/lifecycle/full-tunnels.js';
import { World } from '../../../support/driver-world.js';

const USER = 1000;

/** A store in which root and a user have a full tunnel with one endpoint each. */
function storeOf(owners: readonly number[]) {
  const networks = owners.map(owner => ({
    id: `n${owner}`,
    owner,
    routes: [parsePrefix('0.0.0.0/0')!],
  }));
  const endpoints = owners.map(owner => ({
    id: `endpoint-of-${owner}`,
    networkId: `n${owner}`,
    state: 'joined',
    sandboxKey: '/run/docker/netns/none',
  }));
  return {
    networks: () => networks,
    endpoints: () => endpoints,
    network: (id: string) => networks.find(network => network.id === id),
    endpoint: (id: string) => endpoints.find(endpoint => endpoint.id === id),
  } as never;
}

test("a line about a user's full tunnel names the user; one about root's does not, though a user's call led to it", async () => {
  const world = new World();
  const broken = {
    openNetns: () => {
      throw new Error('cannot be opened');
    },
  } as never;
  const { queue, log } = world;
  const tunnels = new FullTunnels({ store: storeOf([0, USER]), namespaces: broken, queue, log });
  onBehalfOf(USER, () => tunnels.trigger());
  await tunnels.idle();
  tunnels.close();
  const told = world.lines.map(line => line.trim().split(' ').slice(5));
  assert.deepEqual(told, [['endpoint=endpoint-of-'], [`user=${USER}`, 'endpoint=endpoint-of-']]);
});

test('a database that fails while a full tunnel is waited for ends nothing: it is said once, and asked again', async () => {
  const world = new World();
  const { queue, log } = world;
  let questions = 0;
  const store = new Proxy(world.store, {
    get(all, name) {
      if (name === 'endpoint' && ++questions === 3) tunnels.close();
      const found = Reflect.get(all, name) as unknown;
      return typeof found === 'function' ? found.bind(all) : found;
    },
  });
  const tunnels = new FullTunnels({ store, namespaces: {} as never, queue, log });
  const network = { id: 'n1', owner: 0, routes: [parsePrefix('0.0.0.0/0')!] } as never;
  world.store.close();
  // The pauses keep no process alive.
  const alive = setInterval(() => undefined, 1_000);
  tunnels.follow(network, { id: 'endpoint-1' } as never);
  await tunnels.idle();
  clearInterval(alive);
  const told = world.lines.filter(line => line.includes('ERROR') || line.includes('rror'));
  assert.equal(questions, 3);
  assert.equal(told.length, 1, world.lines.join(''));
});

// The daemon killed between any two steps of a driver's call, or while it starts: what a run without that leaves is left.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, createNetwork, remove, removeNetwork, run, start } from '../../support/containers.js';
import {
  allPoints,
  descriptors,
  dyingAt,
  type Fault,
  inBoth,
  isOfExits,
  leavingTrail,
  passesIn,
  type Told,
} from '../../support/faults.js';
import {
  ask,
  cleanup,
  daemon,
  daemonSocket,
  docker,
  eventually,
  isLong,
  keyPair,
  scenario,
  sh,
  wg,
} from '../../support/lab.js';
import * as libnetwork from '../../support/libnetwork.js';
import { mortal } from '../../support/mortal.js';

const TRAIL = '/run/lab/trail';
const PORT = 51820;
const { privateKey } = keyPair();
const FOREIGN = { publicKey: keyPair().publicKey, allowedIps: ['10.0.0.9/32'] };
const OPTIONS = { 'dwgd.ifname': 'wg0', 'dwgd.seed': 'supersecretseed', 'dwgd.route': '0.0.0.0/0' };

const lines = async (command: string): Promise<string[]> => (await sh(command)).split('\n');
const addHost = () => wg.add('wg0', { addresses: ['10.0.0.1/24'], port: PORT, privateKey });
const peers = async (): Promise<string[]> =>
  (await wg.dump('wg0')).peers.map(({ publicKey, allowedIps }) => `${publicKey} ${allowedIps.join()}`).sort();

const hostState = async (): Promise<string[]> => [
  ...(await peers()),
  ...(await lines('ip -o link | grep -o "wg-[^:]*" || true')),
  ...(await lines('ip rule; ip route show table all; ip netns list')),
  `${await daemon.rows('network')} networks, ${await daemon.rows('client')} endpoints`,
];

const containerState = (name: string): Promise<string[]> =>
  docker
    .within(
      name,
      'wg show wg0 peers; wg show wg0 allowed-ips; wg show wg0 endpoints; ip -o addr show wg0; ip rule; ip route show table all; ip -6 rule',
    )
    .then(text =>
      text
        .replace(/^\d+: /gm, '')
        .split('\n')
        .filter(line => !/fe80|ff00/.test(line)),
    );

const { begin, insist, revive, reaches } = mortal(env => daemon.start({ env }), { within: 60, every: 0.2 });

/** What a call leaves that Docker has given up: a network that it does not know, and a joined endpoint. @returns how many died */
async function leaveStray(): Promise<number> {
  const options = { 'dwgd.ifname': 'wg0', 'dwgd.seed': 'x' };
  try {
    const id = await libnetwork.createNetwork(options, { ipv4: ['10.9.9.0/24'] });
    const container = new libnetwork.Container(id, { ip: '10.9.9.2/24' });
    await container.create();
    await container.join();
    // As Docker repeats a call that was cut short.
    await ask(daemonSocket, 'POST', '/NetworkDriver.DeleteEndpoint');
  } catch (err) {
    // Its end is seen some moments after that of the connection.
    await eventually(() => !daemon.running(), { within: 10 }).catch(() => {
      throw err;
    });
  }
  return revive();
}

/** The life of a network and a container, one that fails to start, and the host's interface made anew under it. */
async function tell(env: Record<string, string> = {}, expected?: Told): Promise<Told> {
  const states: Record<string, readonly string[]> = {};
  const one = async (): Promise<void> => assert.equal((await peers()).length, 1);
  await addHost();
  let deaths = await begin(env);
  deaths += await leaveStray();
  deaths += await reaches(async () =>
    assert.deepEqual([await peers(), await daemon.rows('network')], [[], 0]),
  );
  deaths += await insist(() =>
    createNetwork('tunnel', { options: OPTIONS, subnets: ['10.0.0.0/24 10.0.0.1'] }),
  );
  await create('one', { networks: { tunnel: { ip: '10.0.0.2' } } });
  deaths += await insist(() => start('one'));
  deaths += await reaches(one);
  await wg.setPeer('wg0', FOREIGN);
  deaths += await insist(() =>
    run('refused', { networks: { tunnel: { ip: '10.0.0.9' } } }).then(
      () => assert.fail('it has started'),
      async (err: Error) => {
        await remove('refused');
        assert.match(err.message, /10\.0\.0\.9\/32 belongs to the peer/);
      },
    ),
  );
  await sh('ip link del wg0');
  await addHost();
  deaths += await reaches(one);
  deaths += await reaches(async () => {
    states.container = await containerState('one');
    assert.match(states.container.join(), /51820/);
    if (expected) assert.deepEqual(states.container, expected.states.container);
  });
  states.joined = await hostState();
  await eventually(
    () => {
      states.open = descriptors(daemon.pid());
      if (expected) assert.deepEqual(states.open, expected.states.open);
    },
    { within: 20 },
  ).catch(() => undefined);
  deaths += await insist(() =>
    remove('one').catch((err: Error) => assert.match(err.message, /No such container/)),
  );
  deaths += await insist(() =>
    removeNetwork('tunnel').catch((err: Error) => assert.match(err.message, /not found/)),
  );
  deaths += await reaches(async () => {
    states.left = await hostState();
    assert.match(states.left.join(), /\b0 networks, 0 endpoints/);
    assert.doesNotMatch(states.left.join(), /wg-/);
    if (expected) assert.deepEqual(states.left, expected.states.left);
  });
  await daemon.stop();
  daemon.forget();
  await sh('ip link del wg0');
  return { states, deaths };
}

scenario(
  'faults',
  () => {
    let passes: readonly Fault[] = [];
    let expected: Told | undefined;

    test('without a fault: what is there, what is left, and which points are passed', async () => {
      const trails = [1, 2].map(n => `${TRAIL}-${n}`);
      for (const trail of trails) {
        const told = await tell(leavingTrail(trail), expected);
        expected ??= told;
      }
      const [one, other] = trails.map(passesIn);
      passes = inBoth(one!, other!);
    });

    test("every point of the source that is the driver's is passed", () => {
      const names = new Set(passes.map(({ name }) => name));
      const missing = allPoints().filter(
        ({ name, file }) => /^src\/(driver|netlink)\//.test(file) && !isOfExits(file) && !names.has(name!),
      );
      assert.deepEqual(missing, []);
    });

    test('killed at a point of its work: nothing is lost, nothing is left', async t => {
      const last = new Map(passes.map(({ name, nth }) => [name, nth]));
      const chosen = isLong
        ? passes
        : passes.filter(({ name, nth }) => nth === Math.ceil(last.get(name)! / 2));
      for (const fault of chosen)
        await t.test(`${fault.name} ${fault.nth}`, async () => {
          const told = await tell(dyingAt(fault), expected).catch(async (err: unknown) => {
            await cleanup();
            throw err;
          });
          assert.equal(told.deaths, 1, 'it has died there');
          assert.deepEqual(told.states, expected!.states);
        });
    });
  },
  { within: 7_200 },
);

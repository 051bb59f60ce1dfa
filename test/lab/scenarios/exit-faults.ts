// The daemon killed between any two steps of what it does for an exit network: what a run without that leaves is left, and meanwhile
// nothing of its containers leaves by any other way.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { create, createNetwork, ping, remove, removeNetwork, start } from '../../support/containers.js';
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
import { cleanup, daemon, eventually, isLong, scenario, sh } from '../../support/lab.js';
import { mortal } from '../../support/mortal.js';
import {
  FAR_AWAY,
  goesOutBy,
  inRouter,
  KEPT,
  makeProviders,
  nothingElse,
  PINGS,
  PROVIDERS,
  SUBNETS,
  startCounting,
} from '../../support/providers.js';

const TRAIL = '/run/lab/exit-trail';
const [{ file: FILE }] = PROVIDERS;

/** Without what is another in each run: names and addresses of ports, indexes, handles, counts, the order of elements. */
function plain(text: string): string[] {
  return text
    .replace(/(?:[\da-f]{2}:){5}[\da-f]{2}/g, 'M')
    .replace(/\b[\da-f]{6,}\b/g, 'N')
    .replace(/\b(handle|if|index|packets|bytes) ?\d+/g, '$1')
    .replace(/@if\d+/g, '')
    .replace(/^\d+: /gm, '')
    .split('\n')
    .map(line => line.replace(/elements =|[{},\s]+/g, ' ').trim())
    .filter(line => line !== '' && !/fe80|ff00|counter/.test(line));
}

async function routerState(): Promise<string[]> {
  return plain(
    await inRouter(
      `sh -c 'ip -o addr show; ip route show table all; ip -6 route show table all; ip rule; wg show wg0 peers; wg show wg0 allowed-ips; nft list ruleset'`,
    ),
  ).sort();
}

async function hostState(): Promise<string[]> {
  const kept = existsSync(KEPT) ? readdirSync(KEPT).length : 0;
  return [
    ...plain(await sh('ip -o link; ip rule; ip route show table all')).sort(),
    `${kept} routers, ${await daemon.rows('network')} networks, ${await daemon.rows('client')} endpoints`,
  ];
}

const { begin, insist, reaches } = mortal(env => daemon.start({ env }), { within: 90, every: 0.3 });

const gone = (err: Error): void => assert.match(err.message, /No such container|not found/);

/** The life of an exit network and its container. */
async function tell(env: Record<string, string> = {}, expected?: Told): Promise<Told> {
  const states: Record<string, readonly string[]> = {};
  let deaths = await begin(env);
  deaths += await insist(() => createNetwork('exit', { options: { 'dwgd.conf': FILE }, subnets: SUBNETS }));
  await startCounting();
  await create('one', { networks: { exit: { ip: '10.77.0.22' } }, command: ['sh', '-c', PINGS] });
  deaths += await insist(() => start('one'));
  deaths += await reaches(async () => {
    await ping('one', FAR_AWAY[0]);
    states.router = await routerState();
    if (expected) assert.deepEqual(states.router, expected.states.router);
  });
  await goesOutBy('wg0');
  states.joined = await hostState();
  await eventually(
    () => {
      states.open = descriptors(daemon.pid());
      if (expected) assert.deepEqual(states.open, expected.states.open);
    },
    { within: 20 },
  ).catch(() => undefined);
  deaths += await insist(() => remove('one').catch(gone));
  deaths += await insist(() => removeNetwork('exit').catch(gone));
  deaths += await reaches(async () => {
    states.left = await hostState();
    assert.match(states.left.join(), /\b0 routers, 0 networks, 0 endpoints/);
    if (expected) assert.deepEqual(states.left, expected.states.left);
  });
  await nothingElse();
  await daemon.stop();
  daemon.forget();
  return { states, deaths };
}

scenario(
  'exit-faults',
  () => {
    let passes: readonly Fault[] = [];
    let expected: Told | undefined;

    test('without a fault: what is there, what is left, and which points are passed', async () => {
      await makeProviders();
      const trails = [1, 2].map(n => `${TRAIL}-${n}`);
      for (const trail of trails) {
        const told = await tell(leavingTrail(trail), expected);
        expected ??= told;
      }
      const [one, other] = trails.map(passesIn);
      passes = inBoth(one!, other!);
    });

    test("every point of the source that is exit networks' is passed", () => {
      const names = new Set(passes.map(({ name }) => name));
      const missing = allPoints().filter(({ name, file }) => isOfExits(file) && !names.has(name!));
      assert.deepEqual(missing, []);
    });

    test('killed at a point of its work: nothing is lost, nothing is left, nothing leaves by any other way', async t => {
      const own = new Set(allPoints().flatMap(({ name, file }) => (isOfExits(file) ? [name] : [])));
      const last = new Map(passes.map(({ name, nth }) => [name, nth]));
      const chosen = passes
        .filter(({ name }) => own.has(name))
        .filter(({ name, nth }) => isLong || nth === Math.ceil(last.get(name)! / 2));
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

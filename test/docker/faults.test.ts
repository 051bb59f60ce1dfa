// The daemon killed between any two steps of what it does for labels, and at moments that a seed chooses: started again it
// brings what a run without that brings, and leaves what that leaves. FAULTS=300 for every pass of every point, and so many moments.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNetwork, remove, run } from '../support/containers.js';
import {
  allPoints,
  descriptors,
  dyingAt,
  type Fault,
  inBoth,
  leavingTrail,
  passesIn,
  type Told,
} from '../support/faults.js';
import { daemon, eventually, ShellError, sh } from '../support/lab.js';
import { mortal } from '../support/mortal.js';
import { Random } from '../support/random.js';
import { inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { assertSame, lasting, snapshot } from './snapshot.js';

const LABELS = {
  'twine.nat.interfaces': 'eth+',
  'twine.route.10.9.0.0/16': 'gateway',
  'twine.nat.forward.8080': 'gateway:80',
  // A range to other ports takes a second transaction.
  'twine.nat.forward.9000-9009': 'gateway:7000-7009',
};
const GATEWAY = { 'twine.host.routes': '10.66.0.0/16' };
const TRAIL = '/run/lab/trail';
/** The moments of the long form; 0: the short one. */
const FAULTS = Number(process.env.FAULTS ?? 0);
const SEED = Number(process.env.FAULT_SEED ?? 1);

/** Where the daemon is to die, if anywhere. */
interface Deaths {
  readonly daemon?: Record<string, string>;
  readonly cleanUp?: Record<string, string>;
}

/** Of whom the hold knows is left out; that nobody is held is seen apart. */
const hostState = async (): Promise<string[]> =>
  lasting(
    await sh('nft list ruleset inet; ip route; ip rule; ip -6 route | grep -v fe80; ip netns list'),
  ).split('\n');

// Less than the kernel would hold one whom a dead daemon held.
const { begin, revive, reaches } = mortal(env => keeper.start({ env }), { within: 20, every: 0.02 });

async function hasLabels(): Promise<void> {
  await inside('user', 'nft list chain inet dwgd stamp | grep -q comment');
  assert.match(await inside('user', 'ip route show proto 229'), /10\.9\.0\.0\/16 via 172\.31\.7\.10 /);
}

async function isProgrammed(): Promise<void> {
  await hasLabels();
  assert.match(await sh('ip route show proto 229'), /10\.66\.0\.0\/16 via 172\.31\.7\.10 /);
  assert.doesNotMatch(await sh('nft list set inet dwgd held'), /elements/);
}

/** A labelled container's life: started, seen, left to itself, cleaned up, removed. */
async function tell({ daemon: env = {}, cleanUp = {} }: Deaths = {}): Promise<Told> {
  const states: Record<string, readonly string[]> = {};
  let deaths = await begin(env);
  await run('user', { networks: { main: { ip: '172.31.7.20' } }, labels: LABELS });
  deaths += await reaches(isProgrammed);
  // The first look at the table is taken a quarter of a second after it was made.
  await sleep(400);
  deaths += await reaches(isProgrammed);
  states.programmed = await snapshot('user');
  states.host = await hostState();
  // It lets go of sockets of a namespace some moments after it has been there.
  await eventually(
    () => {
      states.open = descriptors(daemon.pid());
      if (expected) assertSame(states.open, expected.states.open!);
    },
    { within: 5 },
  ).catch(() => undefined);
  if ((await daemon.stop()) === null) deaths += await revive();
  if (deaths > 0 && daemon.running()) await daemon.stop();
  states.stopped = [...(await snapshot('user')), ...(await hostState())];
  const clean = (environment: Record<string, string>) =>
    sh(`${words(environment)} node dist/src/cli/main.js cleanup`);
  await clean(cleanUp).catch(async (err: unknown) => {
    if (!(err instanceof ShellError) || err.status !== 137) throw err;
    deaths++;
    await clean({});
  });
  states.cleaned = [...(await snapshot('user')), ...(await hostState())];
  await remove('user');
  states.removed = await hostState();
  return { states, deaths };
}

const words = (environment: Record<string, string>): string =>
  Object.entries(environment)
    .map(([name, value]) => `${name}='${value}'`)
    .join(' ');

let expected: Told | undefined;

/** Tells the story with deaths, and compares it with the one without. */
async function compare(deaths: Deaths): Promise<void> {
  const told = await tell(deaths);
  assert.equal(told.deaths, 1, 'it has died there');
  for (const [station, state] of Object.entries(expected!.states))
    try {
      assertSame(told.states[station]!, state);
    } catch (err) {
      throw new Error(`${station}: ${(err as Error).message}\n${daemon.logs()}`, { cause: err });
    }
}

/** Every pass of every point, or one of each point at which something is half done. */
function chosen(passes: readonly Fault[]): readonly Fault[] {
  if (FAULTS > 0) return passes;
  const last = new Map(passes.map(({ name, nth }) => [name, nth]));
  const isHalf = ({ name }: Fault): boolean => /^(nft|rtnetlink|sysctl|hold-e|hold-l)/.test(name);
  return passes.filter(fault => isHalf(fault) && fault.nth === Math.ceil(last.get(fault.name)! / 2));
}

keeping(
  'faults',
  () => {
    const passes: { daemon: readonly Fault[]; cleanUp: readonly Fault[] } = { daemon: [], cleanUp: [] };

    test('without a fault: what is there, what is left, and which points are passed', async () => {
      await createNetwork('main', { driver: 'bridge', subnets: ['172.31.7.0/24 172.31.7.1'] });
      const command = ['sleep', '100000'];
      await run('gateway', { networks: { main: { ip: '172.31.7.10' } }, labels: GATEWAY, command });
      const trails: Readonly<Record<'daemon' | 'cleanUp', string>>[] = ['1', '2'].map(n => ({
        daemon: `${TRAIL}-${n}`,
        cleanUp: `${TRAIL}-of-cleanup-${n}`,
      }));
      for (const { daemon, cleanUp } of trails) {
        const told = await tell({ daemon: leavingTrail(daemon), cleanUp: leavingTrail(cleanUp) });
        expected ??= told;
      }
      for (const part of ['daemon', 'cleanUp'] as const) {
        const [one, other] = trails.map(trail => passesIn(trail[part]));
        passes[part] = inBoth(one!, other!);
      }
      assert.doesNotMatch(expected!.states.cleaned!.join('\n'), /229|inet dwgd/);
    });

    test('every point of the source that is not the driver’s is passed', () => {
      const names = new Set([...passes.daemon, ...passes.cleanUp].map(({ name }) => name));
      const missing = allPoints().filter(
        ({ name, file }) => !/^src\/(driver|netlink\/wireguard)\//.test(file) && !names.has(name!),
      );
      assert.deepEqual(missing, []);
    });

    test('killed at a point of its work: nothing is lost, nothing is left', async t => {
      for (const [part, all] of Object.entries(passes))
        for (const fault of chosen(all))
          await t.test(`${part}: ${fault.name} ${fault.nth}`, () => compare({ [part]: dyingAt(fault) }));
    });

    if (FAULTS > 0)
      test(`killed at ${FAULTS} moments that seed ${SEED} chooses, while other containers come and go`, async t => {
        const random = new Random(SEED);
        await keeper.start();
        let isOver = false;
        const churn = async (name: string): Promise<void> => {
          while (!isOver) {
            await run(name, { networks: { main: {} }, labels: LABELS });
            await remove(name);
          }
        };
        const busy = ['busy-1', 'busy-2'].map(churn);
        try {
          for (let n = 1; n <= FAULTS; n++) {
            const ms = random.int(0, 900);
            const running = run('user', { networks: { main: { ip: '172.31.7.20' } }, labels: LABELS });
            await sleep(ms);
            await daemon.kill9();
            await keeper.start();
            await running;
            await follows(async () => {
              await hasLabels();
              assertSame(await snapshot('user'), expected!.states.programmed!);
            }).catch((err: Error) => {
              throw new Error(`moment ${n}, ${ms} ms: ${err.cause}\n${daemon.logs()}`);
            });
            await remove('user');
            if (n % 50 === 0) t.diagnostic(`${n} moments`);
          }
        } finally {
          isOver = true;
          await Promise.all(busy);
        }
        // It lets go of what has ended when Docker says so.
        await follows(async () => assert.doesNotMatch(await sh('nft list set inet dwgd held'), /elements/));
        await eventually(() => assertSame(descriptors(daemon.pid()), expected!.states.open!), { within: 60 });
        await daemon.stop();
        assertSame(await hostState(), expected!.states.removed!);
      });
  },
  7_200,
);

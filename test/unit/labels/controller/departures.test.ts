// A container that has ended counts as stopped, until a listing that began after its next start.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { Departures } from '../../../../src/labels/controller/departures.js';
import { Reconciler } from '../../../../src/labels/controller/reconciler.js';
import { Planner } from '../../../../src/labels/planner/planner.js';
import { container, showRoute } from '../../../support/label-world.js';

const vpn = container('vpn', { networks: { main: '10.9.0.3' } });
const app = container('app', { networks: { main: '10.9.0.2' } });

/** Who is listed as running: with a namespace, and with addresses. */
const running = (departures: Departures): string[] =>
  departures
    .apply([vpn, app])
    .filter(({ netns, attachments }) => netns && attachments.every(({ addresses }) => addresses.length > 0))
    .map(({ name }) => name);

type Step = 'die' | 'start' | 'list' | 'resync' | 'missed';

for (const { what, steps, left } of [
  { what: 'nothing has happened', steps: [], left: ['vpn', 'app'] },
  { what: 'it has ended', steps: ['die'], left: ['app'] },
  { what: 'it has ended, and is listed again', steps: ['die', 'list'], left: ['app'] },
  {
    what: 'it has started again while a listing is under way',
    steps: ['die', 'list', 'start'],
    left: ['app'],
  },
  { what: 'a listing began after it started', steps: ['die', 'start', 'list'], left: ['vpn', 'app'] },
  {
    what: 'it has ended once more after it started',
    steps: ['die', 'start', 'die', 'list'],
    left: ['app'],
  },
  { what: 'it has started for the first time', steps: ['start'], left: ['vpn', 'app'] },
  { what: 'events may have been missed', steps: ['die', 'missed'], left: ['app'] },
  {
    what: 'events may have been missed, and it is listed again',
    steps: ['die', 'missed', 'list'],
    left: ['vpn', 'app'],
  },
  { what: 'all is read anew, whatever events were lost', steps: ['die', 'resync'], left: ['vpn', 'app'] },
] as const satisfies readonly { what: string; steps: readonly Step[]; left: readonly string[] }[]) {
  test(`who is running after events of one of two: ${what}`, () => {
    const departures = new Departures();
    for (const step of steps)
      if (step === 'die' || step === 'start') departures.note({ id: vpn.id, action: step });
      else if (step === 'missed') departures.note(undefined);
      else departures.begin(step === 'resync');
    assert.deepEqual(running(departures), left);
  });
}

test('a view of one that has ended has the revision of no other, and no labels', () => {
  const departures = new Departures();
  departures.note({ id: vpn.id, action: 'die' });
  const [stopped] = departures.apply([vpn, app]);
  assert.equal(stopped!.labels.size, 0);
  assert.ok(![vpn, app].some(({ revision }) => revision === stopped!.revision));
});

test('one that is not listed any more is forgotten', () => {
  const departures = new Departures();
  departures.note({ id: vpn.id, action: 'die' });
  departures.apply([app]);
  assert.deepEqual(running(departures), ['vpn', 'app']);
});

for (const destination of ['vpn', '10.9.0.3'])
  test(`what leads to a container that has ended is closed at once, while Docker does not answer: ${destination}`, t =>
    closesAtOnce(t, destination));

async function closesAtOnce(t: TestContext, destination: string): Promise<void> {
  const user = container('app', {
    networks: { main: '10.9.0.2' },
    labels: { 'twine.route.0.0.0.0/0': destination },
  });
  const other = container('other', {
    networks: { main: '10.9.0.4' },
    labels: { 'twine.nat.interfaces': '+' },
  });
  const planner = new Planner([], false);
  const applied: string[] = [];
  const unanswered: (() => void)[] = [];
  let isSlow = false;
  const reconcile = new Reconciler({
    list: async () => {
      if (isSlow) await new Promise<void>(resolve => unanswered.push(resolve));
      return [user, vpn, other];
    },
    plan: containers =>
      planner.planning({
        ...{ containers, external: new Map(), externalRevision: 0, nextHops: [] },
        ...{ hostAddresses: [], hostInterfaceAddresses: [], bridgeFiltered: [] },
      }),
    reconcile: ({ containers: [name], routes }) => {
      applied.push(`${name}: ${routes.map(showRoute).join(', ')}`);
      return { changes: [], failures: [] };
    },
    reconcileHost: () => ({ changes: [], failures: [] }),
    log: pino({ level: 'silent' }),
    resyncInterval: 1e6,
  });
  t.after(() => reconcile.close());
  reconcile.trigger();
  await reconcile.idle();
  const [open, closed] = ['app: 0.0.0.0/0 via 10.9.0.3, unreachable 0.0.0.0/0', 'app: unreachable 0.0.0.0/0'];
  assert.deepEqual(
    applied.splice(0).filter(line => line.startsWith('app')),
    [open],
  );
  isSlow = true;
  reconcile.trigger();
  reconcile.lived({ id: other.id, action: 'die' });
  assert.deepEqual(applied.splice(0), [], 'nothing leads to it');
  reconcile.lived({ id: vpn.id, action: 'die' });
  assert.deepEqual(applied.splice(0), [closed]);
  // An answer of before it ended changes nothing.
  isSlow = false;
  unanswered.shift()!();
  await reconcile.idle();
  assert.deepEqual(applied.splice(0), []);
  reconcile.lived({ id: vpn.id, action: 'start' });
  reconcile.trigger();
  await reconcile.idle();
  assert.deepEqual(
    applied.splice(0).filter(line => line.startsWith('app')),
    [open],
  );
}

test('what ends while a plan is made in pieces is led to by none', async t => {
  const user = container('app', {
    networks: { main: '10.9.0.2' },
    labels: { 'twine.route.0.0.0.0/0': 'vpn' },
  });
  const planner = new Planner([], false);
  const applied: string[] = [];
  let listed = [user];
  let meanwhile: (() => void) | undefined;
  const reconcile: Reconciler = new Reconciler({
    list: async () => listed,
    *plan(containers) {
      if (meanwhile) {
        setImmediate(meanwhile);
        meanwhile = undefined;
        for (const began = performance.now(); performance.now() - began < 10; );
        yield;
      }
      return yield* planner.planning({
        ...{ containers, external: new Map(), externalRevision: 0, nextHops: [] },
        ...{ hostAddresses: [], hostInterfaceAddresses: [], bridgeFiltered: [] },
      });
    },
    reconcile: ({ routes }) => {
      applied.push(routes.map(showRoute).join(', '));
      return { changes: [], failures: [] };
    },
    reconcileHost: () => ({ changes: [], failures: [] }),
    log: pino({ level: 'silent' }),
    resyncInterval: 1e6,
  });
  t.after(() => reconcile.close());
  reconcile.trigger();
  await reconcile.idle();
  listed = [user, vpn];
  meanwhile = () => reconcile.lived({ id: vpn.id, action: 'die' });
  reconcile.trigger();
  await reconcile.idle();
  assert.deepEqual([...new Set(applied)], ['unreachable 0.0.0.0/0']);
  reconcile.lived({ id: vpn.id, action: 'start' });
  reconcile.trigger();
  await reconcile.idle();
  assert.equal(applied.at(-1), '0.0.0.0/0 via 10.9.0.3, unreachable 0.0.0.0/0');
});

test('a gateway that ends again and again keeps nobody else from being looked at', async t => {
  const labels = { 'twine.route.0.0.0.0/0': 'vpn' };
  const user = container('app', { networks: { main: '10.9.0.2' }, labels });
  const nat = { 'twine.nat.interfaces': '+' };
  const other = container('other', { networks: { main: '10.9.0.4' }, labels: nat });
  const planner = new Planner([], false);
  let [plans, looks] = [0, 0];
  let isRestless = false;
  const reconcile: Reconciler = new Reconciler({
    list: async () => [user, vpn, other],
    *plan(containers) {
      // Without end the test would have none.
      if (isRestless && ++plans < 100)
        setImmediate(() => {
          reconcile.lived({ id: vpn.id, action: 'die' });
          reconcile.lived({ id: vpn.id, action: 'start' });
        });
      for (const began = performance.now(); performance.now() - began < 3; );
      yield;
      return yield* planner.planning({
        ...{ containers, external: new Map(), externalRevision: 0, nextHops: [] },
        ...{ hostAddresses: [], hostInterfaceAddresses: [], bridgeFiltered: [] },
      });
    },
    reconcile: ({ containers: [name] }) => {
      if (name === other.name) looks++;
      return { changes: [], failures: [] };
    },
    reconcileHost: () => ({ changes: [], failures: [] }),
    log: pino({ level: 'silent' }),
    resyncInterval: 1e6,
  });
  t.after(() => reconcile.close());
  reconcile.trigger();
  await reconcile.idle();
  const before = looks;
  isRestless = true;
  reconcile.recheck(other.netns!.key);
  while (looks === before && plans < 100) await new Promise(resolve => setTimeout(resolve, 5));
  isRestless = false;
  await reconcile.idle();
  assert.ok(plans < 20, `${plans} plans`);
});

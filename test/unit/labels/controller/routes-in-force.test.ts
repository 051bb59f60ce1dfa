// What one namespace does because another has its routes: only once it has them, not any longer than it has, and at once after
// a restart of the daemon.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { Reconciler } from '../../../../src/labels/controller/reconciler.js';
import type { SandboxDesired } from '../../../../src/labels/diff/state.js';
import type { ApplyResult } from '../../../../src/labels/namespace/outcome.js';
import { container, plan } from '../../../support/label-world.js';

const PLACES = { subnets: { main: '10.0.0.0/24' }, gateways: { main: '10.0.0.1' } };
const DONE: ApplyResult = { changes: [], failures: [] };

/** A gateway `gw` that forwards to `app`, whose default route leads by it; what was done in the namespaces. */
function stage(t: TestContext, held?: boolean) {
  const clock = { now: 0 };
  const done: string[] = [];
  let outcome: () => ApplyResult | undefined = () => DONE;
  const app = () =>
    container('app', {
      networks: { main: '10.0.0.2' },
      labels: { 'twine.route.0.0.0.0/0': 'gw' },
      ...PLACES,
    });
  const gw = container('gw', {
    networks: { main: '10.0.0.3' },
    labels: { 'twine.nat.forward.80': 'app' },
    ...PLACES,
  });
  let containers = [app(), gw];
  const reconcile = new Reconciler({
    list: async () => containers,
    *plan(found, routesInForce) {
      yield;
      return plan(found, { routesInForce });
    },
    reconcile: ({ containers: [name], table }: SandboxDesired) => {
      const does = table?.chains.some(chain => chain.name === 'clients1') ? 'keeps' : 'masquerades';
      done.push(name === 'gw' ? `gw ${does}` : 'app');
      return name === 'app' ? outcome() : DONE;
    },
    reconcileHost: () => DONE,
    ...(held !== undefined && { holdsRoutes: () => held }),
    log: pino({ level: 'silent' }),
    resyncInterval: 1e6,
    now: () => clock.now,
  });
  t.after(() => reconcile.close());
  return {
    clock,
    /** A pass and those that follow from it. */
    async pass(of: () => ApplyResult | undefined = () => DONE): Promise<string[]> {
      outcome = of;
      reconcile.trigger();
      await reconcile.idle();
      return done.splice(0);
    },
    inspectedAgain: () => {
      containers = [app(), gw];
    },
  };
}

test("clients' addresses are kept after the destination has its routes, and once it has them nothing more is done", async t => {
  const { pass } = stage(t);
  assert.deepEqual(await pass(), ['gw masquerades', 'app', 'gw keeps']);
  assert.deepEqual(await pass(), []);
});

for (const [what, outcome] of [
  ['failed', () => ({ changes: [], failures: [new Error('refused')] })],
  ['were gone past', () => ({ ...DONE, warnings: ['policy rules come before'] })],
  ['went with the namespace', () => undefined],
] as const) {
  test(`they are not kept while the routes ${what}, and not any longer`, async t => {
    const { pass, inspectedAgain } = stage(t);
    assert.deepEqual(await pass(outcome), ['gw masquerades', 'app']);
    inspectedAgain();
    assert.deepEqual(await pass(), ['app', 'gw keeps']);
    inspectedAgain();
    assert.deepEqual((await pass(outcome)).slice(0, 2), ['app', 'gw masquerades']);
  });
}

test('a daemon that finds the routes in force keeps them from its first look on', async t => {
  assert.deepEqual(await stage(t, true).pass(), ['gw keeps', 'app']);
  assert.deepEqual(await stage(t, false).pass(), ['gw masquerades', 'app', 'gw keeps']);
});

test('a container that loses its routes again and again says less and less often what its gateway does', async t => {
  const { pass, inspectedAgain, clock } = stage(t);
  const broken = () => ({ ...DONE, warnings: ['policy rules come before'] });
  const flip = async (): Promise<boolean> => {
    inspectedAgain();
    const isKept = (await pass()).includes('gw keeps');
    inspectedAgain();
    await pass(broken);
    return isKept;
  };
  await pass();
  const kept: number[] = [];
  for (let n = 0; n < 100; n++) {
    clock.now += 100;
    if (await flip()) kept.push(clock.now);
  }
  // In ten seconds: at first it has never been otherwise; then at once, and after 2 and 4 seconds.
  assert.deepEqual(kept, [200, 2_200, 6_200]);
  clock.now += 700_000;
  assert.equal(await flip(), true);
});

test('neither a gateway that forwards to itself nor two that forward to each other go on for ever', async t => {
  for (const [one, other] of [
    ['gw', 'gw'],
    ['gw', 'app'],
  ]) {
    const labels = (to: string, by: string) => ({
      'twine.route.10.9.0.0/16': by,
      'twine.nat.forward.80': `${to},keep`,
    });
    const containers = [
      container('app', { networks: { main: '10.0.0.2' }, labels: labels(one!, '10.0.0.8'), ...PLACES }),
      container('gw', { networks: { main: '10.0.0.3' }, labels: labels(other!, '10.0.0.9'), ...PLACES }),
    ];
    let count = 0;
    const hasKept = ({ table }: SandboxDesired) => table?.chains.some(({ name }) => name === 'clients1');
    const reconcile = new Reconciler({
      list: async () => containers,
      *plan(found, routesInForce) {
        yield;
        return plan(found, { routesInForce });
      },
      // As a process that puts a policy rule before ours whenever it sees that addresses are kept.
      reconcile: desired => {
        if (++count > 200) return undefined;
        return hasKept(desired) ? { ...DONE, warnings: ['policy rules come before'] } : DONE;
      },
      reconcileHost: () => DONE,
      log: pino({ level: 'silent' }),
      resyncInterval: 1e6,
      now: () => 0,
    });
    t.after(() => reconcile.close());
    reconcile.trigger();
    await reconcile.idle();
    assert.ok(count < 20, `${count} namespaces were programmed`);
  }
});

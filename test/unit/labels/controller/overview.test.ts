// What is in force of all labels, what is not, why and since when.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Overview } from '../../../../src/labels/controller/overview.js';
import { WorkQueue } from '../../../../src/labels/controller/work-queue.js';
import type { ContainerView } from '../../../../src/labels/discovery/container.js';
import type { ApplyResult } from '../../../../src/labels/namespace/outcome.js';
import { diagnostic } from '../../../../src/labels/spec/diagnostics.js';
import { container, plan } from '../../../support/label-world.js';

const DONE: ApplyResult = { changes: [{ kind: 'deleteTable' }], failures: [] };
const networks = { lan: '10.9.0.2' };
const ROUTE = { 'twine.route.10.0.0.0/8': '10.9.0.3' };
const BROKEN = { 'twine.route.garbage': 'nowhere' };
const REFUSED = diagnostic('app', 'twine.iptables.rule.a', 'the kernel refuses it');

/** Passes over containers, at times that the test says. */
class Passes {
  now = 1_000;
  readonly queue = new WorkQueue();
  readonly overview = new Overview(this.queue, () => this.now);

  /** One pass; without an outcome nothing is applied. */
  pass(containers: readonly ContainerView[], outcome?: ApplyResult | 'gone'): void {
    const planned = plan(containers);
    const why = { fullResync: false, triggered: true, now: this.now };
    const { due, live } = this.queue.schedule(planned, containers, why);
    this.overview.retainOnly(live);
    this.overview.planned(planned, containers);
    for (const item of outcome === undefined ? [] : due) {
      const isInside = 'netns' in item.desired;
      const result = outcome === 'gone' ? undefined : isInside ? outcome : DONE;
      let told = item;
      if (!result) this.queue.gone(item);
      else if (result.failures.length === 0) this.queue.done(item);
      else told = this.queue.failed(item, result.failures[0]!.message, this.now);
      this.overview.applied(told, result);
    }
  }

  /** `state in force/labels`, then each problem with the second since when. */
  get shown(): string[] {
    return this.overview
      .containers()
      .map(({ name, state, labels, inForce, notInForce, warnings, isClosed }) => {
        const problems = [...notInForce, ...warnings].map(
          ({ label, reason, since }) => `${label} ${reason.slice(0, 20)} @${Date.parse(since)}`,
        );
        return [`${name} ${state}${isClosed ? ' closed' : ''} ${inForce}/${labels}`, ...problems].join('; ');
      });
  }
}

const app = (labels: Record<string, string>, more = {}) => container('app', { networks, labels, ...more });

for (const [what, view, outcome, shown] of [
  ['labels that were applied are in force', app(ROUTE), DONE, ['app applied 1/1']],
  [
    'labels that no pass has applied yet are pending',
    app(ROUTE),
    undefined,
    ['app pending 0/1; twine.* it is not applied ye @1000'],
  ],
  [
    'a label with a mistake is not in force beside one that is',
    app({ ...ROUTE, ...BROKEN }),
    DONE,
    ['app applied 1/2; twine.route.garbage "garbage" is not a n @1000'],
  ],
  [
    'none counts as in force where a change fails',
    app(ROUTE),
    { changes: [], failures: [new Error('EPERM')] },
    ['app failing 0/1; twine.* EPERM @1000'],
  ],
  [
    'a rule that the kernel refuses is not in force',
    app({ ...ROUTE, 'twine.iptables.rule.a': 'TWINE_INPUT -j DROP' }),
    { ...DONE, refused: [REFUSED] },
    ['app applied 1/2; twine.iptables.rule.a the kernel refuses i @1000'],
  ],
  [
    'a closed container is told to be',
    app({ ...ROUTE, 'twine.strict': 'true' }),
    { ...DONE, isClosed: true, warnings: ['a rule leads past'] },
    ['app applied closed 2/2; twine.* a rule leads past @1000'],
  ],
  ['a container that does not run is stopped', app(ROUTE, { netns: null }), DONE, ['app stopped 0/1']],
  [
    'labels that came with the image are not in force',
    container('app', { networks, imageLabels: ['twine.nat.interfaces'] }),
    DONE,
    ['app applied 0/1; twine.nat.interfaces the label came with  @1000'],
  ],
  [
    'labels of which it is not known whether they count are frozen',
    container('app', { networks, unverified: ROUTE }),
    DONE,
    ["app frozen 0/1; twine.* the container's imag @1000"],
  ],
  [
    "none is applied in the host's network",
    app(ROUTE, { hostNetwork: true }),
    DONE,
    ['app applied 0/1; twine.route.10.0.0.0/8 the container is in  @1000'],
  ],
  [
    'beside a container that Docker cannot inspect none is known to be in force',
    { ...app(ROUTE), isIndeterminate: true },
    DONE,
    ['app frozen 0/1; twine.* a container that Doc @1000'],
  ],
  [
    'the labels of a container that Docker cannot inspect are frozen',
    { ...container('app', { networks }), unverifiedLabelKeys: ['twine.strict'] },
    DONE,
    ['app frozen 0/0; twine.* Docker cannot inspec @1000'],
  ],
  ['a container without labels is not there', container('app', { networks }), DONE, []],
] as const satisfies readonly (readonly [
  string,
  ContainerView,
  ApplyResult | undefined,
  readonly string[],
])[]) {
  test(what, () => {
    const passes = new Passes();
    passes.pass([view], outcome);
    assert.deepEqual(passes.shown, shown);
  });
}

test('a mistake keeps the time when it was first seen while it lasts, and gets another when it comes back', () => {
  const passes = new Passes();
  const broken = app({ ...ROUTE, ...BROKEN });
  passes.pass([broken], DONE);
  passes.now = 5_000;
  passes.pass([broken, container('other')], DONE);
  assert.match(passes.shown[0]!, /@1000$/);
  passes.pass([app(ROUTE)], DONE);
  assert.deepEqual(passes.shown, ['app applied 1/1']);
  passes.now = 9_000;
  passes.pass([broken], DONE);
  assert.match(passes.shown[0]!, /@9000$/);
});

test('a failure keeps its time until it is over, whatever the reasons', () => {
  const passes = new Passes();
  const view = app(ROUTE);
  const fail = (text: string): ApplyResult => ({ changes: [], failures: [new Error(text)] });
  passes.pass([view], fail('EPERM'));
  passes.now = 5_000;
  passes.pass([view], fail('EBUSY'));
  assert.deepEqual(passes.shown, ['app failing 0/1; twine.* EBUSY @1000']);
  passes.pass([view], DONE);
  assert.deepEqual(passes.shown, ['app applied 1/1']);
  passes.now = 9_000;
  passes.pass([container('app', { networks, labels: { ...ROUTE, ...BROKEN } })], fail('EPERM'));
  assert.match(passes.shown[0]!, /^app failing 0\/2; twine\.\* EPERM @9000;/);
});

test('a rule that was refused is told while its table stays, and not when another one is installed', () => {
  const passes = new Passes();
  const view = app({ 'twine.iptables.rule.a': 'TWINE_INPUT -j DROP' });
  passes.pass([view], { ...DONE, refused: [REFUSED] });
  const quiet: ApplyResult = { changes: [], failures: [] };
  passes.now = 5_000;
  passes.pass([app({ 'twine.iptables.rule.a': 'TWINE_INPUT -j DROP' })], quiet);
  assert.deepEqual(passes.shown, ['app applied 0/1; twine.iptables.rule.a the kernel refuses i @1000']);
  passes.pass([app({ 'twine.iptables.rule.a': 'TWINE_INPUT -j ACCEPT' })], DONE);
  assert.deepEqual(passes.shown, ['app applied 1/1']);
});

test('why there is no listing keeps its time while the reason is the same, and is forgotten with the next one', () => {
  const { overview, ...passes } = new Passes();
  assert.equal(passes.now, 1_000);
  overview.listFailed('Docker is down');
  const first = overview.listing;
  overview.listFailed('Docker is down');
  assert.deepEqual(overview.listing, first);
  overview.planned(plan([]), []);
  assert.equal(overview.listing, undefined);
});

test('what is known of a namespace that is gone is forgotten', () => {
  const passes = new Passes();
  const view = app(ROUTE);
  passes.pass([view], { ...DONE, isClosed: true });
  passes.pass([app(ROUTE)], 'gone');
  assert.ok(!passes.overview.containers()[0]!.isClosed);
});

// Passes over the world: folded, repeated after a failure, cheap when nothing changed, and stopped by no single one.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import { Reconciler } from '../../../../src/labels/controller/reconciler.js';
import { WorkQueue } from '../../../../src/labels/controller/work-queue.js';
import { withDigest } from '../../../../src/labels/diff/digest.js';
import type { Change, DesiredRoute, SandboxDesired } from '../../../../src/labels/diff/state.js';
import type { ContainerView, NetnsRef } from '../../../../src/labels/discovery/container.js';
import type { Diagnostic } from '../../../../src/labels/spec/intent.js';
import { HOST_ROUTES } from '../../../../src/labels/spec/label-keys.js';

const FORWARDING = [{ name: 'ipv4/ip_forward', value: '1' }];
const CHANGE: Change = { kind: 'deleteTable' };

/** A world that a test changes, and what was done to it. */
class Stage {
  /** Labelled containers by name, each with what it wants; `''` is none. */
  readonly wants = new Map<string, string>();
  /** Revisions of containers that were inspected; one that is deleted is inspected anew. */
  readonly inspections = new Map<string, number>();
  #inspected = 0;
  /** Where each container is. */
  readonly places = new Map<string, NetnsRef>();
  diagnostics: Diagnostic[] = [];
  hostRoutes: DesiredRoute[] = [];
  readonly failing = new Set<string>();
  readonly broken = new Set<string>();
  readonly gone = new Set<string>();
  /** Containers that may share their namespace with one that Docker cannot inspect. */
  readonly indeterminate = new Set<string>();
  /** Keys of labels of containers that Docker cannot inspect, by name. */
  readonly unseen = new Map<string, string[]>();
  /** Whether routes of the host stayed that were not wanted, each time. */
  readonly pruned: boolean[] = [];
  dockerIsDown: Error | undefined;
  looks = 0;
  fullResync = 0;
  during: (() => void) | undefined;
  readonly converged: string[] = [];
  readonly lines: { level: number; msg: string; [key: string]: unknown }[] = [];
  readonly reconcile: Reconciler;

  constructor(t: TestContext, resyncInterval = 1e6) {
    this.reconcile = new Reconciler({
      list: async fullResync => {
        this.looks++;
        if (fullResync) this.fullResync++;
        if (this.dockerIsDown) throw this.dockerIsDown;
        return [...this.wants.keys(), ...this.unseen.keys()].map(name => this.#view(name));
      },
      plan: containers => this.#planning(containers),
      reconcile: ({ containers, sysctls }) => this.#converge(containers[0]!, sysctls.length > 0),
      reconcileHost: (routes, prune) => {
        this.pruned.push(prune);
        return this.#converge('host', routes.length > 0);
      },
      log: pino({ level: 'debug', base: null }, { write: line => this.lines.push(JSON.parse(line)) }),
      resyncInterval,
      now: () => Date.now(),
    });
    t.after(() => this.reconcile.close());
  }

  #view(name: string): ContainerView {
    const netns = this.places.get(name) ?? { key: `ns-${name}`, path: '/proc/self/ns/net' };
    const revision = this.inspections.get(name) ?? ++this.#inspected;
    this.inspections.set(name, revision);
    const rest = { hostNetwork: false, labels: new Map(), imageLabels: [], attachments: [] };
    const view = { revision, id: name, name, ...rest };
    const unverifiedLabelKeys = this.unseen.get(name);
    if (unverifiedLabelKeys) return { ...view, unverifiedLabelKeys: unverifiedLabelKeys };
    return { ...view, netns, ...(this.indeterminate.has(name) && { isIndeterminate: true }) };
  }

  #converge(name: string, wants: boolean) {
    this.converged.push(wants ? name : `${name} nothing`);
    this.during?.();
    if (this.gone.has(name)) return undefined;
    if (this.broken.has(name)) throw new Error(`${name} cannot be looked at`);
    const failures = this.failing.has(name) ? [new Error(`${name} cannot be done`)] : [];
    return { changes: [CHANGE], failures };
  }

  *#planning(containers: readonly ContainerView[]) {
    yield;
    const sandboxes = this.#plan(containers);
    return { sandboxes, hostRoutes: this.hostRoutes, diagnostics: this.diagnostics };
  }

  #plan(containers: readonly ContainerView[]): SandboxDesired[] {
    return containers.flatMap(({ name, netns }): SandboxDesired[] => {
      const value = this.wants.get(name);
      if (!value || !netns) return [];
      const sysctls = FORWARDING.map(sysctl => ({ ...sysctl, value }));
      return [withDigest({ netns, containers: [name], routes: [], sysctls })];
    });
  }

  /** A pass, and all that follows from it at once; the namespaces that were reconciled meanwhile. */
  async pass(): Promise<string[]> {
    this.reconcile.trigger();
    await this.reconcile.idle();
    return this.converged.splice(0);
  }

  said(level: number): string[] {
    return this.lines.filter(line => line.level === level).map(({ msg }) => msg);
  }
}

test('the first pass reads every namespace, and the next none', async t => {
  const stage = new Stage(t);
  stage.wants.set('a', '1').set('bare', '');
  assert.deepEqual((await stage.pass()).sort(), ['a', 'bare nothing', 'host nothing']);
  assert.deepEqual(await stage.pass(), []);
});

test('a new container without labels is not read', async t => {
  const stage = new Stage(t);
  await stage.pass();
  stage.wants.set('bare', '');
  assert.deepEqual(await stage.pass(), []);
});

test('what wants something else is brought there, and nobody else', async t => {
  const stage = new Stage(t);
  stage.wants.set('a', '1').set('b', '1');
  await stage.pass();
  stage.wants.set('b', '2').set('c', '1');
  assert.deepEqual((await stage.pass()).sort(), ['b', 'c']);
});

test('a namespace that lives on without labels is emptied once', async t => {
  const stage = new Stage(t);
  stage.wants.set('a', '1');
  await stage.pass();
  stage.wants.set('a', '');
  assert.deepEqual(await stage.pass(), ['a nothing']);
  assert.deepEqual(await stage.pass(), []);
});

test("a namespace that got a dead one's number is read", async t => {
  const stage = new Stage(t);
  stage.wants.set('a', '1');
  stage.places.set('a', { key: 'n', path: '/proc/1/ns/net' });
  await stage.pass();
  stage.places.set('a', { key: 'n', path: '/proc/2/ns/net' });
  assert.deepEqual(await stage.pass(), ['a']);
});

test('a namespace is read when Docker has touched its container, though it shall be as it was', async t => {
  const stage = new Stage(t);
  stage.wants.set('a', '1').set('b', '1');
  await stage.pass();
  stage.inspections.delete('a');
  assert.deepEqual(await stage.pass(), ['a']);
  assert.deepEqual(await stage.pass(), []);
});

test('triggers during a pass are folded into one more', async t => {
  const stage = new Stage(t);
  stage.wants.set('a', '1');
  stage.during = () => {
    for (let i = 0; i < 10; i++) stage.reconcile.trigger();
    stage.during = undefined;
  };
  await stage.pass();
  assert.equal(stage.looks, 2);
});

test('a failure stops no other namespace, is logged when it stays, once, and is tried again', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.wants.set('bad', '1').set('good', '1');
  stage.failing.add('bad');
  assert.deepEqual((await stage.pass()).sort(), ['bad', 'good', 'host nothing']);
  t.mock.timers.tick(100);
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged.splice(0), ['bad']);
  assert.deepEqual(stage.said(50), ['bad cannot be done'], 'at the second time');
  stage.failing.clear();
  t.mock.timers.tick(199);
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged.splice(0), [], 'the wait grows');
  t.mock.timers.tick(1);
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged.splice(0), ['bad']);
  t.mock.timers.tick(100_000);
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged, [], 'and ends with the failure');
});

test('one that has failed for long makes no other wait: each is tried again in its own time', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.wants.set('old', '1');
  stage.failing.add('old');
  await stage.pass();
  const after = async (ms: number): Promise<string[]> => {
    t.mock.timers.tick(ms);
    await stage.reconcile.idle();
    return stage.converged.splice(0);
  };
  for (const wait of [100, 200, 400, 800, 1600, 3200]) assert.deepEqual(await after(wait), ['old']);
  stage.wants.set('new', '1');
  stage.failing.add('new');
  assert.deepEqual(await stage.pass(), ['new', 'old'], 'an event may be what helps');
  assert.deepEqual(await after(100), ['new']);
  assert.deepEqual(await after(200), ['new']);
  assert.deepEqual(
    await after(6100),
    ['old', 'new'],
    'which waits no longer for having been tried meanwhile',
  );
  stage.failing.clear();
  assert.deepEqual((await after(30_000)).sort(), ['new', 'old']);
  assert.deepEqual(await after(100_000), []);
});

test('the wait of what fails grows to half a minute, and is short again after a success', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.wants.set('a', '1');
  stage.failing.add('a');
  await stage.pass();
  const isTriedAfter = async (ms: number): Promise<boolean> => {
    t.mock.timers.tick(ms - 1);
    await stage.reconcile.idle();
    const early = stage.converged.splice(0);
    t.mock.timers.tick(1);
    await stage.reconcile.idle();
    return early.length === 0 && stage.converged.splice(0).length === 1;
  };
  for (const wait of [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
    assert.ok(await isTriedAfter(wait), `${wait} ms`);
  stage.failing.clear();
  await stage.pass();
  stage.failing.add('a');
  stage.wants.set('a', '2');
  await stage.pass();
  assert.ok(await isTriedAfter(100));
});

for (const [what, want, expected] of [
  ['labelled', '1', 'a'],
  ['without labels', '', 'a nothing'],
] as const) {
  test(`a namespace that may contain a container that Docker cannot inspect keeps its state until it can: ${what}`, async t => {
    const stage = new Stage(t);
    stage.wants.set('a', want).set('b', '1');
    stage.indeterminate.add('a');
    assert.deepEqual((await stage.pass()).sort(), ['b', 'host nothing'], 'at the first pass');
    assert.deepEqual(await stage.pass(), [], 'and at the next');
    stage.indeterminate.clear();
    assert.deepEqual(await stage.pass(), [expected]);
    stage.indeterminate.add('a');
    stage.wants.set('a', want && '2');
    assert.deepEqual(await stage.pass(), [], 'also later');
    stage.indeterminate.clear();
    assert.deepEqual(await stage.pass(), [expected]);
  });
}

test('routes of the host stay while Docker cannot inspect a container that asks for some', async t => {
  const stage = new Stage(t);
  stage.unseen.set('a', ['twine.nat.interfaces', 'twine.host.routes']);
  assert.deepEqual(await stage.pass(), ['host nothing']);
  stage.hostRoutes = [{ network: parsePrefix('10.9.0.0/16')!, gateway: parseAddress('172.18.0.2')! }];
  assert.deepEqual(await stage.pass(), ['host'], 'and others come');
  stage.hostRoutes = [];
  assert.deepEqual(await stage.pass(), ['host nothing']);
  stage.unseen.set('a', ['twine.nat.interfaces']);
  assert.deepEqual(await stage.pass(), ['host nothing']);
  assert.deepEqual(stage.pruned, [false, false, false, true]);
  assert.deepEqual(await stage.pass(), []);
});

test('a namespace in which there may be another container is entered to be frozen, and for nothing else', () => {
  const netns = { key: '4:a', path: '/proc/1/ns/net' };
  const state = { netns, containers: ['a'], routes: [], sysctls: [] };
  const view = { revision: 1, id: 'a', name: 'a', netns, hostNetwork: false, isIndeterminate: true };
  const containers = [{ ...view, labels: new Map(), imageLabels: [], attachments: [] }];
  const entered = (sandboxes: SandboxDesired[]) =>
    new WorkQueue()
      .schedule({ sandboxes, hostRoutes: [] }, containers, { fullResync: true, triggered: true, now: 0 })
      .due.flatMap(({ desired }) => ('netns' in desired ? desired : []));
  const frozen = withDigest({ ...state, isFrozen: true });
  assert.deepEqual(entered([frozen]), [frozen]);
  assert.deepEqual(entered([withDigest(state)]), []);
  assert.deepEqual(entered([]), []);
});

test('a namespace whose labels are not known for sure is read, and emptied when they are none', () => {
  const dues = new WorkQueue();
  const netns = { key: '4:a', path: '/proc/1/ns/net' };
  const view = {
    revision: 1,
    id: 'a',
    name: 'a',
    netns,
    hostNetwork: false,
    labels: new Map(),
    imageLabels: [],
    attachments: [],
  };
  const unverified = { labels: new Map([[HOST_ROUTES, '10.0.0.0/8']]), why: 'gone' };
  const frozen = withDigest({ netns, containers: ['a'], routes: [], sysctls: [], isFrozen: true });
  const now = (sandboxes: SandboxDesired[], containers: ContainerView[]) => {
    const how = { fullResync: false, triggered: true, now: 0 };
    const { due } = dues.schedule({ sandboxes, hostRoutes: [] }, containers, how);
    for (const item of due) dues.done(item);
    return due.map(({ key, desired }) => [key, 'isFrozen' in desired, 'prune' in desired && desired.prune]);
  };
  assert.deepEqual(now([frozen], [{ ...view, unverified }]), [
    ['4:a', true, false],
    ['host', false, false],
  ]);
  assert.deepEqual(now([frozen], [{ ...view, unverified }]), []);
  assert.deepEqual(now([], [view]), [
    ['4:a', false, false],
    ['host', false, true],
  ]);
});

test('one that is gone is not tried again', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.wants.set('a', '1');
  stage.failing.add('a');
  await stage.pass();
  stage.wants.delete('a');
  await stage.pass();
  const { looks } = stage;
  t.mock.timers.tick(100_000);
  await stage.reconcile.idle();
  assert.equal(stage.looks, looks);
});

test('one that fails comes after all others', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.wants.set('a', '1').set('b', '1');
  stage.failing.add('a');
  await stage.pass();
  stage.wants.set('c', '1');
  assert.deepEqual(await stage.pass(), ['c', 'a']);
});

test('a namespace that cannot be read stops no other, and is tried again', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.wants.set('bad', '1').set('good', '1');
  stage.broken.add('bad');
  assert.deepEqual((await stage.pass()).sort(), ['bad', 'good', 'host nothing']);
  assert.deepEqual(stage.said(50), []);
  t.mock.timers.tick(100);
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged, ['bad']);
  assert.deepEqual(stage.said(50), ['bad cannot be looked at']);
});

test("the host's routes come, are read by the clock, and go", async t => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'] });
  const stage = new Stage(t, 30_000);
  stage.reconcile.start();
  await stage.pass();
  stage.hostRoutes = [{ network: parsePrefix('10.9.0.0/16')!, gateway: parseAddress('172.18.0.2')! }];
  assert.deepEqual(await stage.pass(), ['host']);
  assert.deepEqual(await stage.pass(), []);
  t.mock.timers.tick(30_000);
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged.splice(0), ['host']);
  stage.hostRoutes = [];
  assert.deepEqual(await stage.pass(), ['host nothing']);
  assert.deepEqual(await stage.pass(), []);
});

test('a namespace that vanishes in mid-pass is no error', async t => {
  const stage = new Stage(t);
  stage.wants.set('a', '1');
  stage.gone.add('a');
  await stage.pass();
  assert.deepEqual(stage.said(50), []);
  assert.deepEqual(await stage.pass(), ['a'], 'and it is entered again if it is still listed');
});

test('Docker being down is asked again, and the first pass stays the first', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.wants.set('bare', '');
  stage.dockerIsDown = new Error('connect ENOENT');
  assert.deepEqual(await stage.pass(), []);
  stage.dockerIsDown = undefined;
  t.mock.timers.tick(100);
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged.sort(), ['bare nothing', 'host nothing']);
  assert.equal(stage.fullResync, 2);
});

test('why the containers cannot be listed is logged when it stays, once, be it refused or broken, but not that Docker is down', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.dockerIsDown = new Error('stat /proc/1/ns/net: EACCES');
  for (let i = 0; i < 4; i++) await stage.pass();
  stage.dockerIsDown = Object.assign(new Error('connect ECONNREFUSED'), { syscall: 'connect' });
  for (let i = 0; i < 4; i++) await stage.pass();
  stage.dockerIsDown = Object.assign(new Error('the answer broke off'), { code: 'ECONNRESET' });
  for (let i = 0; i < 4; i++) await stage.pass();
  assert.deepEqual(stage.said(50), [
    'cannot list the containers: stat /proc/1/ns/net: EACCES; until Docker lists them what is in force stays, and no labels are applied to containers that start meanwhile',
    'cannot list the containers: the answer broke off; until Docker lists them what is in force stays, and no labels are applied to containers that start meanwhile',
  ]);
});

test('the clock lists all anew, and enters no namespace that has not changed', async t => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'] });
  const stage = new Stage(t, 300_000);
  stage.wants.set('a', '1').set('b', '1').set('bare', '');
  stage.reconcile.start();
  await stage.pass();
  stage.wants.set('new', '1');
  t.mock.timers.tick(30_000);
  await stage.reconcile.idle();
  assert.equal(stage.fullResync, 2);
  assert.deepEqual(stage.converged.splice(0), ['new']);
  assert.deepEqual(await stage.pass(), []);
});

test('what is to be read is read in the next pass, and what is not known is not', async t => {
  const stage = new Stage(t);
  for (const name of ['a', 'b', 'c']) stage.wants.set(name, '1');
  await stage.pass();
  stage.reconcile.recheck('ns-a', 'ns-c', 'ns-none');
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged.splice(0).sort(), ['a', 'c']);
  assert.deepEqual(await stage.pass(), []);
});

test('a mistake is logged when it is new, and again when it comes back', async t => {
  const stage = new Stage(t);
  const mistake = { container: 'a', key: 'twine.x', message: 'there is no such label' };
  stage.diagnostics = [mistake, mistake];
  await stage.pass();
  await stage.pass();
  assert.deepEqual(stage.said(40), ['there is no such label']);
  stage.diagnostics = [];
  await stage.pass();
  stage.diagnostics = [mistake];
  await stage.pass();
  assert.equal(stage.said(40).length, 2);
});

test('closed, it begins nothing more', async t => {
  const stage = new Stage(t);
  stage.wants.set('a', '1');
  stage.reconcile.close();
  assert.deepEqual(await stage.pass(), []);
  assert.equal(stage.looks, 0);
});

test('a container that comes while many others are read is not kept waiting for them', async t => {
  const stage = new Stage(t);
  for (let i = 0; i < 100; i++) stage.wants.set(`c${i}`, '1');
  await stage.pass();
  stage.during = () => {
    stage.wants.set('new', '1');
    stage.reconcile.trigger();
    // As long as it takes until it makes way.
    for (const end = performance.now() + 300; performance.now() < end; );
    stage.during = undefined;
  };
  stage.reconcile.recheck(...Array.from({ length: 100 }, (_, i) => `ns-c${i}`));
  await stage.reconcile.idle();
  const order = stage.converged.splice(0);
  assert.ok(order.indexOf('new') < 50, `it was number ${order.indexOf('new')}`);
  assert.equal(new Set(order).size, 101, 'and the others are looked into after it');
});

test('a namespace that took long rests for twenty times as long, unless its labels change; no other does', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.wants.set('slow', '1').set('quick', '1');
  await stage.pass();
  const after = async (ms: number): Promise<string[]> => {
    t.mock.timers.tick(ms);
    stage.reconcile.recheck('ns-slow', 'ns-quick');
    await stage.reconcile.idle();
    return stage.converged.splice(0).sort();
  };
  stage.during = () => {
    if (stage.converged.at(-1) === 'slow') t.mock.timers.setTime(Date.now() + 100);
  };
  assert.deepEqual(await after(1_000), ['quick', 'slow']);
  stage.during = undefined;
  assert.deepEqual(await after(1_000), ['quick'], 'it rests');
  stage.wants.set('slow', '2');
  assert.deepEqual(await stage.pass(), ['slow'], 'for other labels it does not');
  assert.deepEqual(await after(1_000), ['quick', 'slow'], 'and it is quick again');
});

test('one that took long and failed is tried at once with other labels, and rests half a minute at most', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.wants.set('slow', '1');
  stage.failing.add('slow');
  stage.during = () => {
    if (stage.converged.at(-1) === 'slow') t.mock.timers.setTime(Date.now() + 5_000);
  };
  await stage.pass();
  assert.deepEqual(await stage.pass(), [], 'it rests');
  stage.wants.set('slow', '2');
  assert.deepEqual(await stage.pass(), ['slow'], 'for other labels it does not');
  t.mock.timers.tick(30_000);
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged.splice(0), ['slow'], 'not for a hundred seconds');
});

test('one that took long and failed is tried again when it has rested, whatever happens meanwhile', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const stage = new Stage(t);
  stage.wants.set('slow', '1');
  stage.failing.add('slow');
  stage.during = () => {
    if (stage.converged.at(-1) === 'slow') t.mock.timers.setTime(Date.now() + 100);
  };
  await stage.pass();
  assert.deepEqual(await stage.pass(), [], 'an event does not count');
  t.mock.timers.tick(1_999);
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged.splice(0), []);
  t.mock.timers.tick(1);
  await stage.reconcile.idle();
  assert.deepEqual(stage.converged.splice(0), ['slow']);
});

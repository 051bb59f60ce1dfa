// Who is held, from Docker's event until labels are in force: whatever comes in whatever order.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turnsEnd } from 'node:timers/promises';
import { pino } from 'pino';
import type { ContainerView } from '../../../../src/labels/discovery/container.js';
import { Hold } from '../../../../src/labels/hold/hold.js';
import type { HeldEndpoint } from '../../../../src/labels/hold/hold-table.js';
import { bridgeNameOf } from '../../../../src/labels/hold/starting.js';

const ROUTE = { 'twine.route.0.0.0.0/0': 'gw' };
const WELL = { changes: [], failures: [] };
const at = (n: number): HeldEndpoint => ({ bridge: 'br-n1', mac: `02:42:0a:00:00:0${n}` });
const text = ({ bridge, mac }: HeldEndpoint): string => `${bridge} ${mac.slice(-2)}`;

/** Docker, the kernel's set and a clock, as a test has them. */
class Stage {
  /** Labels by container; its endpoint on n1 has its number. */
  readonly labels = new Map<string, Readonly<Record<string, string>>>();
  readonly state = new Map<string, string>();
  /** Paths that are not answered until they are let go. */
  readonly stuck = new Map<string, () => void>();
  readonly held = new Set<string>();
  /** How often the kernel's table was made sure of. */
  mended = 0;
  readonly guarded = new Set<string>();
  /** Who was told to pass guarded bridges. */
  readonly known = new Set<string>();
  /** Paths that Docker was asked for. */
  readonly asked: string[] = [];
  readonly lines: string[] = [];
  /** Those that are on no network any more. */
  readonly gone = new Set<string>();
  /** Those that a network lists by their own ids, and not those of their endpoints. */
  readonly byId = new Set<string>();
  /** Who is heard on a bridge; and links of the host that are none. */
  readonly heard = new Map<string, string[]>();
  readonly noBridges = new Set<string>();
  /** By its bridge the network that has it, where that is not n1. */
  id = 'n1';
  version: unknown = { Version: '28.5.2' };
  refused: Error | undefined;
  forbidden: string | undefined;
  now = 1_000;
  /** What waits for packets under way; undefined: there are none. */
  drains: (() => void)[] | undefined;
  readonly hold: Hold;

  constructor(t: TestContext, strict = false) {
    t.mock.timers.enable({ apis: ['setInterval'] });
    this.hold = new Hold({
      api: {
        isClosed: false,
        get: async <T>(path: string, _: number, query = {}) => (await this.#answer(path, query)) as T,
      },
      set: {
        open: () => this.#change([], () => undefined),
        mend: () => void this.mended++,
        add: all => this.#change(all, one => this.held.add(text(one))),
        delete: all => {
          // As the kernel has it: the second of two that are the same is not there any more.
          if (new Set(all.map(text)).size < all.length) throw new Error('ENOENT');
          this.#change(all, one => this.held.delete(text(one)));
        },
        retainOnly: all => {
          this.held.clear();
          for (const one of all) this.held.add(text(one));
        },
        guard: (bridge, known) => {
          this.guarded.add(bridge);
          for (const one of known) this.known.add(text(one));
        },
        unguard: bridge => this.guarded.delete(bridge),
        know: all => {
          for (const one of all) this.known.add(text(one));
        },
        forget: all => {
          for (const one of all) this.known.delete(text(one));
        },
        remove: () => {
          this.held.clear();
          return true;
        },
      },
      bridges: {
        of: network => {
          const name = bridgeNameOf(network);
          return name === undefined || this.noBridges.has(name) ? undefined : name;
        },
        heardOn: bridge => this.heard.get(bridge) ?? [],
      },
      log: pino({ level: 'info', base: null }, { write: line => this.lines.push(JSON.parse(line).msg) }),
      strict,
      now: () => this.now,
      drained: work => void (this.drains ? this.drains.push(work) : work()),
    });
    this.hold.open();
    t.after(() => this.hold.close());
  }

  #change(all: readonly HeldEndpoint[], work: (one: HeldEndpoint) => void): void {
    if (this.refused) throw this.refused;
    for (const one of all) work(one);
  }

  async #answer(path: string, query: { filters?: { id: string[] } }): Promise<unknown> {
    this.asked.push(path);
    if (path === this.forbidden) throw new Error('Docker answered 403');
    if (this.stuck.has(path)) await new Promise<void>(go => this.stuck.set(path, go));
    if (path === '/version') return this.version;
    const ids = [...this.labels.keys()];
    if (path === '/containers/json')
      return ids
        .filter(id => query.filters?.id.includes(id) ?? true)
        .map(id => ({
          ...{
            Id: id,
            Names: [`/${id}`],
            Labels: this.labels.get(id),
            State: this.state.get(id) ?? 'created',
          },
          NetworkSettings: { Networks: { n1: { NetworkID: this.id } } },
        }));
    if (path === '/networks/n2') return { Id: 'n2', Driver: 'macvlan', Containers: {} };
    const there = ids.filter(id => !this.gone.has(id));
    const ends = there.map((id, n) => [
      this.byId.has(id) ? id : `ep-${id}`,
      { Name: id, MacAddress: at(n + 1).mac },
    ]);
    const Options = { 'com.docker.network.bridge.name': 'br-n1' };
    return { Id: this.id, Driver: 'bridge', Options, Containers: Object.fromEntries(ends) };
  }

  async connect(container: string, network = 'n1'): Promise<void> {
    this.hold.connected({ container, network });
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let n = 0; n < 10; n++) await turnsEnd();
  }

  /** A pass lists and plans: containers that run, each in a namespace of its name, and those whose labels ask for something. */
  async pass(
    running: readonly string[],
    wanted: readonly string[] = running,
    more: Partial<ContainerView> = {},
  ): Promise<void> {
    this.now += 10;
    await this.hold.listing(async () => undefined);
    this.hold.planned(
      [...this.labels.keys()].map(id => view(id, running.includes(id), more)),
      wanted.map(id => ({ netns: { key: id, path: '' } })),
    );
  }
}

function view(id: string, isRunning: boolean, more: Partial<ContainerView>): ContainerView {
  return {
    ...{ revision: 1, id, name: id, hostNetwork: false, labels: new Map(), imageLabels: [], attachments: [] },
    ...(isRunning && { netns: { key: id, path: '' } }),
    ...more,
  };
}

test('one whose label asks for a route is held until that is in force', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  await stage.connect('app');
  assert.deepEqual([...stage.held], ['br-n1 01']);
  await stage.pass([]);
  await stage.pass(['app']);
  assert.deepEqual([...stage.held], ['br-n1 01']);
  stage.hold.programmed('app', WELL);
  assert.deepEqual([...stage.held], []);
});

test('it is let go once what it has sent before that has passed, unless it has started again', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  stage.drains = [];
  for (const startsAgain of [false, true]) {
    await stage.connect('app');
    await stage.pass(['app']);
    stage.hold.programmed('app', WELL);
    assert.deepEqual([...stage.held], ['br-n1 01']);
    stage.now += 10;
    if (startsAgain) {
      stage.hold.ended('app');
      await stage.connect('app');
    }
    for (const drained of stage.drains.splice(0)) drained();
    assert.deepEqual([...stage.held], startsAgain ? ['br-n1 01'] : []);
  }
  await stage.pass(['app']);
  stage.hold.programmed('app', WELL);
  stage.hold.close();
  stage.held.add('somebody else');
  for (const drained of stage.drains) drained();
  assert.deepEqual([...stage.held], ['somebody else'], 'nothing is touched that is closed');
});

test('one that is told of twice is let go when its labels are in force', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  await stage.connect('app');
  stage.hold.connected();
  await stage.connect('app');
  await stage.pass(['app']);
  stage.hold.programmed('app', WELL);
  assert.deepEqual([[...stage.held], stage.lines], [[], []]);
});

test('one whose end was missed is let go when Docker is listened to again', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  await stage.connect('app');
  stage.state.set('app', 'exited');
  stage.gone.add('app');
  stage.hold.connected();
  await stage.settle();
  assert.deepEqual([...stage.held], []);
});

test('one that has the link-layer address of another stays held when that ends', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  await stage.connect('app');
  stage.gone.add('app');
  stage.labels.set('next', ROUTE);
  await stage.connect('next');
  stage.hold.ended('app');
  assert.deepEqual([...stage.held], ['br-n1 01']);
  stage.hold.ended('next');
  assert.deepEqual([...stage.held], []);
});

test('one that is disconnected from a network stays held on the others', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  await stage.connect('app');
  stage.hold.disconnected({ container: 'app', network: 'n2' });
  assert.deepEqual([...stage.held], ['br-n1 01']);
  stage.hold.disconnected({ container: 'app', network: 'n1' });
  assert.deepEqual([...stage.held], []);
});

test('a plan by the listing before says nothing of one that has started since', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('other', ROUTE);
  await stage.connect('app');
  stage.stuck.set('/networks/n1', () => undefined);
  await stage.connect('other');
  stage.now += 10;
  const listing = stage.hold.listing(async () => undefined);
  await stage.settle();
  stage.hold.planned([], []);
  assert.deepEqual([...stage.held], ['br-n1 01']);
  stage.stuck.get('/networks/n1')!();
  await listing;
});

test('one that runs is held on a further network until a plan knows of that', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  await stage.connect('app');
  await stage.pass(['app']);
  stage.now += 10;
  await stage.connect('app');
  stage.hold.programmed('app', WELL);
  assert.deepEqual([...stage.held], ['br-n1 01']);
});

test('one without labels is not held', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', {});
  await stage.connect('app');
  assert.deepEqual([...stage.held], []);
});

test('a pass waits until those who start are held', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  stage.stuck.set('/networks/n1', () => undefined);
  await stage.connect('app');
  let isListed = false;
  const listing = stage.hold.listing(async () => undefined).then(() => (isListed = true));
  await stage.settle();
  assert.equal(isListed, false);
  stage.stuck.get('/networks/n1')!();
  await listing;
  assert.deepEqual([...stage.held], ['br-n1 01']);
});

test('a listing that was begun before tells nothing of one that starts', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  let listed = (): void => undefined;
  const listing = stage.hold.listing(() => new Promise<void>(resolve => (listed = resolve)));
  stage.now += 1;
  await stage.connect('app');
  listed();
  await listing;
  stage.hold.planned([view('app', true, {})], []);
  stage.hold.programmed('app', WELL);
  assert.deepEqual([...stage.held], ['br-n1 01']);
});

test('what fails so that packets may leave keeps it held, and what is closed inside does not', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('closed', ROUTE);
  await stage.connect('app');
  await stage.connect('closed');
  await stage.pass(['app', 'closed']);
  const failures = [new Error('refused')];
  const changes = [{ kind: 'deleteTable' }] as const;
  stage.hold.programmed('app', { changes: [], failures });
  stage.hold.programmed('app', { changes, failures, mayLeak: true });
  stage.hold.programmed('app', undefined);
  stage.hold.programmed('closed', { changes, failures });
  assert.deepEqual([...stage.held], ['br-n1 01']);
});

for (const { what, wanted, more, isHeld } of [
  { what: 'nothing is to be in force', wanted: [], more: {}, isHeld: false },
  { what: 'it is in the network of the host', wanted: ['app'], more: { hostNetwork: true }, isHeld: false },
  {
    what: 'Docker cannot inspect one that may be there',
    wanted: [],
    more: { isIndeterminate: true },
    isHeld: true,
  },
] as const) {
  test(`where ${what} it is ${isHeld ? 'held on' : 'let go'}`, async t => {
    const stage = new Stage(t);
    stage.labels.set('app', ROUTE);
    await stage.connect('app');
    await stage.pass(['app'], wanted, more);
    assert.equal(stage.held.size, isHeld ? 1 : 0);
  });
}

test('one that starts slowly stays held, and so does one that runs and cannot be inspected, which is told', async t => {
  const stage = new Stage(t);
  stage.labels.set('slow', ROUTE).set('app', ROUTE);
  await stage.connect('slow');
  await stage.connect('app');
  await stage.pass([]);
  stage.hold.planned([view('slow', false, {}), view('app', false, { unverifiedLabelKeys: [] })], []);
  const tick = (seconds: number): string[] => {
    // The kernel lets go by itself.
    stage.held.clear();
    stage.now += seconds * 1000;
    t.mock.timers.tick(10_000);
    return [...stage.held];
  };
  for (const _ of '12345') assert.deepEqual(tick(10), ['br-n1 01', 'br-n1 02']);
  const told = 'what it sends is dropped at the host until its labels can be applied';
  assert.deepEqual([...new Set(stage.lines)], [told]);
  assert.deepEqual(tick(600), ['br-n1 02'], 'it will not start any more');
});

test('one that ends is let go, and an answer that comes after that holds nobody', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  await stage.connect('app');
  stage.hold.ended('app');
  assert.deepEqual([...stage.held], []);
  stage.stuck.set('/networks/n1', () => undefined);
  await stage.connect('app');
  stage.hold.ended('app');
  stage.stuck.get('/networks/n1')!();
  await stage.settle();
  assert.deepEqual([...stage.held], []);
});

test('on several networks it is held on those by which it can be, in whatever order Docker answers', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  stage.stuck.set('/networks/n1', () => undefined);
  stage.hold.connected({ container: 'app', network: 'n1' });
  await stage.connect('app', 'n2');
  stage.stuck.get('/networks/n1')!();
  await stage.settle();
  assert.deepEqual([...stage.held], ['br-n1 01']);
});

test('those that start while nobody listens are held once somebody does', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('plain', {}).set('up', ROUTE);
  stage.state.set('up', 'running');
  stage.hold.connected();
  await stage.settle();
  assert.deepEqual([...stage.held], ['br-n1 01']);
});

test('whom an earlier daemon held is let go when the first plan is in force, but for those that start', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('up', ROUTE);
  stage.state.set('up', 'running');
  for (const one of ['br-n1 01', 'br-n1 02', 'br-gone 01']) stage.held.add(one);
  stage.hold.connected();
  await stage.settle();
  await stage.pass(['up'], ['up']);
  assert.equal(stage.held.size, 3);
  stage.hold.programmed('up', WELL);
  await stage.settle();
  assert.deepEqual([...stage.held], ['br-n1 01']);
  stage.held.add('br-n1 09');
  await stage.pass(['up'], ['up']);
  stage.hold.programmed('up', WELL);
  await stage.settle();
  assert.equal(stage.held.size, 2, 'once');
});

test('what Docker or the kernel refuses is said once', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  stage.forbidden = '/networks/n1';
  await stage.connect('app');
  await stage.connect('app');
  stage.forbidden = undefined;
  stage.refused = new Error('programming nftables of the host: refused');
  await stage.connect('app');
  assert.deepEqual(stage.lines, [
    "app: not held until labels are in force, so first packets may go by Docker's routes: Docker answered 403",
    'app is not held while it starts: programming nftables of the host: refused',
  ]);
});

test('many that start at once make a few questions about their network, and all are held', async t => {
  const stage = new Stage(t);
  const many = Array.from({ length: 9 }, (_, n) => `app${n}`);
  for (const one of many) stage.labels.set(one, ROUTE);
  stage.stuck.set('/networks/n1', () => undefined);
  for (const container of many) stage.hold.connected({ container, network: 'n1' });
  await stage.settle();
  const answer = stage.stuck.get('/networks/n1')!;
  stage.stuck.clear();
  answer();
  await stage.settle();
  assert.equal(stage.asked.filter(path => path === '/networks/n1').length, 2);
  assert.equal(stage.held.size, many.length);
});

test('from its making until it is held nobody passes its bridge but those who were there', async t => {
  const stage = new Stage(t);
  stage.labels.set('there', {}).set('app', ROUTE);
  stage.state.set('there', 'running');
  stage.gone.add('app');
  stage.hold.created({ id: 'app', name: 'app', labels: ROUTE });
  await stage.settle();
  assert.deepEqual([[...stage.guarded], [...stage.held]], [['br-n1'], []]);
  stage.gone.delete('app');
  stage.hold.created({ id: 'plain', name: 'plain', labels: {} });
  stage.labels.set('plain', {});
  await stage.connect('plain');
  assert.deepEqual([...stage.guarded], ['br-n1']);
  await stage.connect('app');
  assert.deepEqual([[...stage.guarded], [...stage.held]], [[], ['br-n1 02']]);
  assert.equal(stage.known.has('br-n1 02'), false);
  assert.equal(stage.known.has('br-n1 03'), true);
});

test('one that Docker has made is not known to a bridge while it is still asked about, though another asks who is there', async t => {
  const stage = new Stage(t);
  stage.labels.set('first', ROUTE);
  await stage.connect('first');
  stage.labels.set('app', ROUTE).set('plain', {});
  stage.byId.add('app');
  stage.stuck.set('/containers/json', () => undefined);
  stage.hold.created({ id: 'app', name: 'app', labels: ROUTE });
  stage.hold.created({ id: 'plain', name: 'plain', labels: {} });
  stage.hold.portAdded('br-n1');
  await stage.connect('plain');
  assert.deepEqual([stage.known.has('br-n1 02'), stage.known.has('br-n1 03')], [false, true]);
  stage.stuck.get('/containers/json')!();
});

test('one that starts again passes no guarded bridge by the address that it had, and one whose labels are in force does', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('other', ROUTE);
  stage.byId.add('app');
  await stage.connect('app');
  assert.deepEqual([[...stage.held], stage.known.has('br-n1 01')], [['br-n1 01'], false]);
  stage.hold.portAdded('br-n1');
  await stage.pass(['app']);
  stage.hold.programmed('app', WELL);
  assert.deepEqual([[...stage.held], stage.known.has('br-n1 01')], [[], true], 'whoever else is waited for');
  stage.hold.ended('app');
  assert.deepEqual([[...stage.guarded], stage.known.has('br-n1 01')], [['br-n1'], false]);
  // Another asks who is there, before Docker's event of its connection has come.
  await stage.connect('other');
  assert.deepEqual([stage.known.has('br-n1 01'), [...stage.held]], [false, ['br-n1 02']]);
  assert.deepEqual([...stage.guarded], ['br-n1'], 'it may start again');
  await stage.connect('app');
  stage.hold.ended('app');
  stage.hold.removed({ what: 'container', id: 'app' });
  assert.deepEqual([...stage.guarded], ['br-n1'], 'another may take its place');
});

test('one that could not be held passes guarded bridges once its labels are in force', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('nothing', ROUTE).set('other', ROUTE);
  for (const one of ['app', 'nothing']) {
    stage.byId.add(one);
    stage.forbidden = '/containers/json';
    await stage.connect(one);
  }
  stage.forbidden = undefined;
  await stage.connect('other');
  const isKnown = () => ['01', '02'].map(end => stage.known.has(`br-n1 ${end}`));
  stage.hold.portAdded('br-n1');
  assert.deepEqual([[...stage.held], isKnown()], [['br-n1 03'], [false, false]]);
  await stage.pass(['app', 'nothing'], ['app']);
  assert.deepEqual(isKnown(), [false, true]);
  stage.hold.programmed('app', WELL);
  assert.deepEqual(isKnown(), [true, true]);
});

test('a bridge stays guarded for one that is made until it starts, however long others take, and not for ever', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('late', ROUTE);
  stage.gone.add('late');
  for (const one of ['app', 'late']) stage.hold.created({ id: one, name: one, labels: ROUTE });
  await stage.settle();
  await stage.connect('app');
  for (let n = 0; n < 120; n++) {
    stage.guarded.clear();
    stage.now += 1_000;
    t.mock.timers.tick(1_000);
    assert.deepEqual([...stage.guarded], ['br-n1'], `after ${n} s`);
  }
  stage.now += 600_000;
  t.mock.timers.tick(1_000);
  stage.guarded.clear();
  t.mock.timers.tick(10_000);
  assert.deepEqual([...stage.guarded], []);
});

test('whoever has a port and is no container passes as soon as Docker is asked: a step of docker build, an end of Swarm', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  await stage.connect('app');
  stage.labels.set('buildkitstep', ROUTE);
  stage.byId.add('buildkitstep');
  stage.hold.portAdded('br-n1');
  await sleep(250);
  assert.deepEqual([[...stage.guarded], stage.known.has('br-n1 02')], [['br-n1'], true]);
  const id = 'a1'.repeat(32);
  stage.labels.set(id, ROUTE);
  stage.byId.add(id);
  stage.hold.portAdded('br-n1');
  await sleep(500);
  assert.equal(stage.known.has('br-n1 03'), false, 'one of which no event has come');
});

test('who may pass is seen when a bridge is guarded, and not when Docker told who is there', async t => {
  const stage = new Stage(t);
  const id = 'a1'.repeat(32);
  stage.labels.set('app', ROUTE).set(id, {});
  stage.byId.add(id);
  await stage.connect('app');
  stage.hold.created({ id, name: 'plain', labels: {} });
  stage.hold.portAdded('br-n1');
  assert.equal(stage.known.has('br-n1 02'), true);
});

test('where Docker does not answer about one that starts its bridge stays guarded', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('late', ROUTE);
  await stage.connect('app');
  stage.forbidden = '/containers/json';
  await stage.connect('late');
  assert.deepEqual([...stage.guarded], ['br-n1']);
});

test('when one is made that is to be held, the table is made sure of before Docker is asked, and for others it is not', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  stage.hold.created({ id: 'app', name: 'app', labels: ROUTE });
  assert.equal(stage.mended, 1);
  stage.hold.created({ id: 'plain', name: 'plain', labels: {} });
  assert.equal(stage.mended, 1);
});

test('a port of which the bridge cannot be told is said', t => {
  const stage = new Stage(t);
  stage.hold.portMissed(new Error('ENOBUFS'));
  assert.deepEqual(stage.lines, ['who starts on a bridge may not be held in time: ENOBUFS']);
});

test('a bridge that is known is guarded as soon as one starts of which nothing is known, and not for one without labels', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('late', ROUTE).set('plain', {});
  await stage.connect('app');
  stage.stuck.set('/networks/n1', () => undefined);
  stage.hold.connected({ container: 'late', network: 'n1' });
  assert.deepEqual([...stage.guarded], ['br-n1']);
  stage.hold.ended('late');
  assert.deepEqual([...stage.guarded], []);
  stage.hold.created({ id: 'plain', name: 'plain', labels: {} });
  stage.hold.connected({ container: 'plain', network: 'n1' });
  assert.deepEqual([...stage.guarded], []);
  stage.stuck.get('/networks/n1')!();
});

test('where a bridge gets two ports it stays guarded until both are told of', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('late', ROUTE);
  await stage.connect('app');
  for (const _ of '12') stage.hold.portAdded('br-n1');
  await stage.connect('app');
  assert.deepEqual([...stage.guarded], ['br-n1']);
  await stage.connect('late');
  assert.deepEqual([...stage.guarded], []);
});

test('a bridge that is known is guarded when it gets a port, until Docker tells for whom', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE).set('plain', {});
  stage.hold.portAdded('br-n1');
  assert.deepEqual([...stage.guarded], []);
  await stage.connect('app');
  stage.hold.created({ id: 'plain', name: 'plain', labels: {} });
  for (const one of ['plain', 'app']) {
    stage.hold.portAdded('br-other');
    assert.deepEqual([...stage.guarded], []);
    stage.hold.portAdded('br-n1');
    assert.deepEqual([...stage.guarded], ['br-n1']);
    await stage.connect(one);
    assert.deepEqual([...stage.guarded], []);
  }
});

test('whoever was heard on a bridge before it is guarded passes, though Docker does not know of him', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  stage.gone.add('app');
  // The latter is its own, as the network lists it.
  stage.heard.set('br-n1', [at(8).mac, at(1).mac]);
  stage.gone.delete('app');
  stage.hold.created({ id: 'app', name: 'app', labels: ROUTE });
  await stage.settle();
  assert.deepEqual([[...stage.guarded], [...stage.known]], [['br-n1'], ['br-n1 08']]);
  stage.heard.set('br-n1', [at(9).mac]);
  stage.hold.portAdded('br-n1');
  assert.equal(stage.known.has('br-n1 09'), false, 'asked once a second');
  stage.now += 1_000;
  stage.hold.portAdded('br-n1');
  assert.equal(stage.known.has('br-n1 09'), true);
});

test('where Docker tells in time no bridge is guarded, and one that is guarded is so no more', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  stage.hold.created({ id: 'app', name: 'app', labels: ROUTE });
  await stage.settle();
  assert.deepEqual([...stage.guarded], ['br-n1']);
  stage.version = { Version: '27.5.1' };
  stage.hold.connected();
  await stage.settle();
  assert.deepEqual([...stage.guarded], []);
  const asked = stage.asked.length;
  stage.hold.created({ id: 'app', name: 'app', labels: ROUTE });
  stage.hold.portAdded('br-n1');
  await stage.settle();
  assert.deepEqual([[...stage.guarded], stage.asked.length], [[], asked]);
  await stage.connect('app');
  assert.deepEqual([[...stage.guarded], [...stage.held]], [[], ['br-n1 01']]);
  // Docker was upgraded, or does not say what it is.
  for (const version of [{ Version: '28.0.0' }, {}, { Version: 'dev' }]) {
    stage.version = { Version: '20.10.24+dfsg1' };
    stage.hold.connected();
    await stage.settle();
    assert.deepEqual([...stage.guarded], []);
    stage.version = version;
    stage.hold.connected();
    await stage.settle();
    stage.hold.portAdded('br-n1');
    assert.deepEqual([...stage.guarded], ['br-n1'], JSON.stringify(version));
  }
  stage.hold.close();
  stage.hold.connected();
  stage.hold.portAdded('br-n1');
  await stage.settle();
  assert.deepEqual([...stage.guarded], []);
});

test('one that is made and taken away again is expected no more', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  stage.hold.created({ id: 'app', name: 'app', labels: ROUTE });
  await stage.settle();
  stage.hold.ended('app');
  assert.deepEqual([...stage.guarded], []);
});

test('a network that is made anew on its bridge has the one before it forgotten', async t => {
  const stage = new Stage(t);
  stage.labels.set('old', {}).set('app', ROUTE);
  await stage.connect('app');
  stage.id = 'n9';
  stage.gone.add('old');
  await stage.connect('app', 'n9');
  stage.known.clear();
  stage.hold.portAdded('br-n1');
  assert.deepEqual([...stage.known], [], 'who was on the one before is not known');
  stage.hold.removed({ what: 'network', id: 'n9' });
  assert.deepEqual([...stage.guarded], []);
  stage.hold.portAdded('br-n1');
  assert.deepEqual([...stage.guarded], []);
});

test('a link of the host that is no bridge is neither guarded nor has anybody held', async t => {
  const stage = new Stage(t);
  stage.labels.set('app', ROUTE);
  stage.noBridges.add('br-n1');
  stage.hold.created({ id: 'app', name: 'app', labels: ROUTE });
  await stage.settle();
  await stage.connect('app');
  assert.deepEqual([[...stage.guarded], [...stage.held]], [[], []]);
});

test('one that has the name of another that was not to be held does not pass for it', async t => {
  const stage = new Stage(t);
  stage.hold.created({ id: 'before', name: 'app', labels: {} });
  stage.labels.set('app', ROUTE).set('other', ROUTE);
  stage.stuck.set('/containers/json', () => undefined);
  stage.hold.created({ id: 'app', name: 'app', labels: ROUTE });
  await stage.settle();
  stage.stuck.get('/containers/json')!();
  stage.stuck.clear();
  await stage.settle();
  assert.deepEqual([[...stage.guarded], [...stage.known]], [['br-n1'], []]);
});

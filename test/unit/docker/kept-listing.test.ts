// Which containers Docker is asked to list, and what is taken from its answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptListing } from '../../../src/docker/kept-listing.js';

interface Listed {
  readonly Id: string;
  readonly state: string;
}

/** A Docker whose containers are as the test says. */
class Stage {
  /** States by ids. */
  readonly containers = new Map<string, string>();
  /** The ids of each question; "all" for all. */
  readonly asked: (readonly string[] | 'all')[] = [];
  failure: Error | undefined;
  /** Is done before an answer comes. */
  meanwhile = (): void => undefined;
  readonly listing = new KeptListing<Listed>(
    {
      listing: async <T>(_read: unknown, ids?: readonly string[]): Promise<readonly T[]> => {
        this.asked.push(ids ?? 'all');
        this.meanwhile();
        if (this.failure) throw this.failure;
        const found = [...this.containers].map(([Id, state]) => ({ Id, state }));
        return found.filter(({ Id }) => !ids || ids.includes(Id)) as T[];
      },
    },
    () => [],
  );

  constructor(...ids: string[]) {
    for (const id of ids) this.containers.set(id, 'running');
    this.listing.hears(true);
  }

  /** The states of all, as they are told now. */
  async states(anew = false): Promise<Record<string, string>> {
    return Object.fromEntries((await this.listing.all(anew)).map(({ Id, state }) => [Id, state]));
  }
}

/** Lists all, and forgets that it was asked for. */
async function listed(...ids: string[]): Promise<Stage> {
  const stage = new Stage(...ids);
  await stage.states();
  stage.asked.length = 0;
  return stage;
}

test('all are listed the first time, and nobody is asked for again without an event', async () => {
  const stage = new Stage('a', 'b');
  assert.deepEqual(await stage.states(), { a: 'running', b: 'running' });
  assert.deepEqual(await stage.states(), { a: 'running', b: 'running' });
  assert.deepEqual(stage.asked, ['all']);
});

test('those that an event has named are asked for: one has changed, one has come, one is gone', async () => {
  const stage = await listed('a', 'b', 'c');
  stage.containers.set('b', 'exited');
  stage.containers.set('d', 'created');
  stage.containers.delete('c');
  for (const id of ['b', 'c', 'd']) stage.listing.name(id);
  assert.deepEqual(await stage.states(), { a: 'running', b: 'exited', d: 'created' });
  assert.deepEqual(stage.asked, [['b', 'c', 'd']]);
});

test('one that was named a moment ago is asked for again: Docker may have answered as before', async () => {
  const stage = await listed('a', 'b');
  stage.listing.name('b');
  assert.deepEqual(await stage.states(), { a: 'running', b: 'running' });
  stage.containers.set('b', 'exited');
  assert.deepEqual(await stage.states(), { a: 'running', b: 'exited' });
});

test('one that was named long ago is asked for once, and not again', async t => {
  const clock = { now: 1_000 };
  t.mock.method(performance, 'now', () => clock.now);
  const stage = await listed('a', 'b');
  stage.listing.name('b');
  clock.now += 20_000;
  await stage.states();
  await stage.states();
  assert.deepEqual(stage.asked, [['b']]);
});

test('all are listed once in half a minute, if anybody asks: Docker loses events, too', async t => {
  const clock = { now: 1_000 };
  t.mock.method(performance, 'now', () => clock.now);
  const stage = await listed('a');
  stage.containers.set('b', 'running');
  clock.now += 29_000;
  assert.deepEqual(await stage.states(), { a: 'running' });
  clock.now += 2_000;
  assert.deepEqual(await stage.states(), { a: 'running', b: 'running' });
});

test('one that is not asked for is the same object as before', async () => {
  const stage = await listed('a', 'b');
  const before = await stage.listing.all(false);
  stage.listing.name('b');
  const after = await stage.listing.all(false);
  assert.deepEqual(
    after.map((one, n) => one === before[n]),
    [true, false],
  );
});

for (const [what, happen] of [
  ['where that is wanted', () => undefined],
  ['after events were not heard for a while', ({ listing }: Stage) => listing.hears(true)],
  [
    'where events have named more than can be asked for',
    ({ listing }: Stage) => {
      for (let n = 0; n < 65; n++) listing.name(`x${n}`);
    },
  ],
] as const)
  test(`all are listed anew ${what}`, async () => {
    const stage = await listed('a');
    stage.containers.set('b', 'running');
    happen(stage);
    assert.deepEqual(await stage.states(what === 'where that is wanted'), { a: 'running', b: 'running' });
    assert.deepEqual(stage.asked, ['all']);
  });

test('while no events are heard all are listed each time', async () => {
  const stage = await listed('a');
  stage.listing.hears(false);
  for (const state of ['exited', 'running']) {
    stage.containers.set('a', state);
    assert.deepEqual(await stage.states(), { a: state });
  }
  assert.deepEqual(stage.asked, ['all', 'all']);
});

test('after a question without an answer all are listed', async () => {
  const stage = await listed('a');
  stage.listing.name('a');
  stage.failure = new Error('no answer');
  await assert.rejects(stage.states(), /no answer/);
  stage.failure = undefined;
  stage.containers.set('a', 'exited');
  assert.deepEqual(await stage.states(), { a: 'exited' });
  assert.deepEqual(stage.asked, [['a'], 'all']);
});

test('what Docker answered while events ended and came again is not believed the next time', async () => {
  const stage = await listed('a');
  stage.listing.name('a');
  stage.meanwhile = () => stage.listing.hears(true);
  await stage.states();
  stage.meanwhile = () => undefined;
  stage.containers.set('b', 'running');
  assert.deepEqual(await stage.states(), { a: 'running', b: 'running' });
});

test('one that an event names while Docker is asked is asked for the next time', async () => {
  const stage = await listed('a', 'b');
  stage.listing.name('a');
  stage.meanwhile = () => stage.listing.name('b');
  await stage.states();
  stage.meanwhile = () => undefined;
  stage.containers.set('b', 'exited');
  assert.deepEqual(await stage.states(), { a: 'running', b: 'exited' });
});

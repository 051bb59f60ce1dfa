// Who is heard, when all are looked at, and what becomes of one that changes without end; by an ear that a test speaks to.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turnsEnd } from 'node:timers/promises';
import { pino } from 'pino';
import type { NetnsRef } from '../../../../src/labels/discovery/container.js';
import { DriftWatch } from '../../../../src/labels/drift/drift-watch.js';
import type { DriftEvent, Ear } from '../../../../src/labels/drift/hearing.js';

const ref = (key: string, path = `/proc/${key}/ns/net`): NetnsRef => ({ key, path });
const OTHERS = 1;
/** As many come at a time where not all are asked for. */
const SOME = 512;
/** No look but what events bring. */
const NEVER = 1e9;

/** What happens in namespaces, heard by as many ears as are opened. */
class Stage {
  readonly ears: { readonly ids: Map<string, number>; isClosed: boolean }[] = [];
  readonly mended: string[] = [];
  readonly lines: string[] = [];
  readonly watch: DriftWatch;
  refusal: Error | undefined;
  gone = new Set<string>();
  isLost = false;
  #events: DriftEvent[] = [];
  #ring: () => void = () => undefined;

  constructor(t: TestContext, period = NEVER) {
    this.watch = new DriftWatch({
      open: ring => this.#open(ring),
      mend: key => this.mended.push(key),
      log: pino({ level: 'info' }, { write: line => this.lines.push(JSON.parse(line).msg) }),
      period,
    });
    t.after(() => this.watch.close());
  }

  #open(ring: () => void): Ear {
    if (this.refusal) throw this.refusal;
    const ear = { ids: new Map<string, number>(), isClosed: false };
    this.ears.push(ear);
    this.#ring = ring;
    return {
      hear: ({ key }) => {
        if (this.gone.has(key)) return undefined;
        if (ear.ids.has(key)) throw Object.assign(new Error('it has one'), { code: 'EEXIST' });
        ear.ids.set(key, ear.ids.size + 1);
        return ear.ids.size;
      },
      numberOf: ({ key }) => ear.ids.get(key),
      read: (take, all) => {
        for (const event of this.#events.splice(0, all ? Number.POSITIVE_INFINITY : SOME)) take(event);
        const wasLost = this.isLost;
        this.isLost = false;
        return wasLost;
      },
      close: () => {
        ear.isClosed = true;
      },
    };
  }

  /** Has these heard, as the reconcile loop does. */
  keep(...refs: readonly NetnsRef[]): void {
    this.watch.want(refs);
    for (const { key } of refs) this.watch.begin(key);
  }

  hears(key: string): boolean {
    return this.watch.stateOf(key) === 'heard';
  }

  happen(key: string, times = 1, cause = OTHERS): void {
    const nsid = this.ears.at(-1)!.ids.get(key);
    if (nsid === undefined) return;
    for (let n = 0; n < times; n++) this.#events.push({ nsid, cause, what: 'ruleset' });
  }

  ring(): void {
    do this.#ring();
    while (this.#events.length > 0);
  }

  async looks(): Promise<string[]> {
    await sleep(40);
    return this.mended.splice(0);
  }
}

test('a namespace is mended once for events that come together, and no other is', async t => {
  const stage = new Stage(t);
  stage.keep(ref('a'), ref('b'));
  stage.happen('b', 3);
  stage.ring();
  assert.deepEqual(await stage.looks(), ['b']);
});

test('what we change ourselves is passed over; what others change meanwhile is not', async t => {
  const stage = new Stage(t);
  stage.keep(ref('a'), ref('b'));
  stage.happen('a', 2, process.pid);
  stage.happen('b', 1);
  stage.watch.passOver('a');
  assert.deepEqual(await stage.looks(), ['b']);
  stage.happen('a', 1, process.pid);
  stage.happen('a', 1);
  stage.watch.passOver('a');
  assert.deepEqual(await stage.looks(), ['a']);
  // Whoever passes for us at another time is heard.
  stage.happen('a', 1, process.pid);
  stage.ring();
  assert.deepEqual(await stage.looks(), ['a']);
});

test('one that is read meanwhile for another reason is not looked at for what came before, and is for what comes after', async t => {
  const stage = new Stage(t);
  stage.keep(ref('a'), ref('b'));
  for (const key of ['a', 'b']) stage.happen(key);
  stage.ring();
  stage.watch.begin('a');
  assert.deepEqual(await stage.looks(), ['b']);
  stage.happen('a');
  stage.ring();
  assert.deepEqual(await stage.looks(), ['a']);
});

test('what we change ourselves is not counted, however much it is', async t => {
  const stage = new Stage(t);
  stage.keep(ref('a'));
  stage.happen('a', 20_000, process.pid);
  stage.watch.passOver('a');
  stage.ring();
  await turnsEnd();
  assert.equal(stage.ears.length, 1);
  assert.equal(stage.hears('a'), true);
  assert.deepEqual(await stage.looks(), []);
});

test('one that is not wanted any more is forgotten, and one that is gone is not heard', async t => {
  const stage = new Stage(t);
  stage.gone.add('c');
  stage.keep(ref('a'), ref('b'), ref('c'));
  assert.deepEqual(
    ['a', 'b', 'c'].map(key => stage.hears(key)),
    [true, true, false],
  );
  stage.keep(ref('b'));
  assert.equal(stage.hears('a'), false);
  stage.happen('a');
  stage.ring();
  assert.deepEqual(await stage.looks(), []);
});

test('the same by another path keeps its number; another of the same key gets one', async t => {
  const stage = new Stage(t);
  stage.keep(ref('a'));
  stage.keep(ref('a', '/run/docker/netns/a'));
  assert.equal(stage.hears('a'), true);
  stage.happen('a');
  stage.ring();
  assert.deepEqual(await stage.looks(), ['a']);
  // The kernel forgets a namespace that ends.
  stage.ears[0]!.ids.delete('a');
  stage.ears[0]!.ids.set('filler', 1);
  stage.keep(ref('a', '/proc/7/ns/net'));
  stage.happen('a');
  stage.ring();
  assert.deepEqual(await stage.looks(), ['a']);
});

test('one that is not wanted for a while is heard again afterwards', async t => {
  const stage = new Stage(t);
  stage.keep(ref('a'), ref('b'));
  stage.keep(ref('b'));
  stage.keep(ref('a'), ref('b'));
  assert.equal(stage.hears('a'), true);
  stage.happen('a');
  stage.ring();
  assert.deepEqual(await stage.looks(), ['a']);
});

test('where events were lost all are looked at, and not again at once', async t => {
  const stage = new Stage(t);
  stage.keep(ref('a'), ref('b'));
  stage.isLost = true;
  stage.ring();
  assert.deepEqual(await stage.looks(), ['a', 'b']);
  stage.isLost = true;
  stage.ring();
  assert.deepEqual(await stage.looks(), []);
});

test('one that changes without end is not known to the next ear, and not looked at; the others are', async t => {
  const stage = new Stage(t);
  stage.keep(ref('a'), ref('b'));
  stage.happen('a', 2_500);
  stage.ring();
  assert.equal(stage.ears.length, 1, 'an ear is not closed while it is read');
  await turnsEnd();
  assert.deepEqual(
    stage.ears.map(({ isClosed }) => isClosed),
    [true, false],
  );
  assert.deepEqual([...stage.ears[1]!.ids.keys()], ['b']);
  assert.deepEqual([stage.hears('a'), stage.hears('b')], [false, true]);
  assert.deepEqual(stage.watch.status, { heard: 1, muted: 1, unheard: 0 });
  stage.happen('b');
  stage.ring();
  assert.deepEqual(await stage.looks(), ['b']);
  stage.keep(ref('a'), ref('b'));
  assert.equal(stage.hears('a'), false);
});

test('that one is not heard is told each time, and of ever so many some', t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  const clock = { now: 0 };
  t.mock.method(performance, 'now', () => clock.now);
  const stage = new Stage(t);
  const many = Array.from({ length: 30 }, (_, n) => ref(`many ${n}`));
  stage.keep(ref('a'), ...many);
  stage.happen('a', 2_500);
  stage.ring();
  const told =
    'more than 2000 changes within a second: changes by others are not heard for 30 s, but found every half minute';
  assert.deepEqual(stage.lines, [told]);
  clock.now += 2_000;
  t.mock.timers.tick(2_000);
  for (const { key } of many) stage.happen(key, 2_500);
  stage.ring();
  assert.deepEqual([stage.watch.status.muted, stage.lines.length], [31, 16]);
});

test('where nothing can be heard it says why, and nothing is thrown', t => {
  const log: string[] = [];
  const watch = new DriftWatch({
    open: () => {
      throw new Error('operation not permitted');
    },
    mend: () => undefined,
    log: pino({ level: 'info' }, { write: line => log.push(JSON.parse(line).msg) }),
    period: NEVER,
  });
  t.after(() => watch.close());
  watch.want([ref('a')]);
  watch.begin('a');
  watch.passOver('a');
  assert.equal(watch.stateOf('a'), 'unheard');
  assert.deepEqual(watch.status, { heard: 0, muted: 0, unheard: 1, reason: 'operation not permitted' });
  assert.deepEqual(log, [
    'changes by others are not heard, but found every half minute: operation not permitted',
  ]);
});

test('all are looked at once in a period, and who is not heard every half minute', t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  const clock = { now: 0 };
  t.mock.method(performance, 'now', () => clock.now);
  const stage = new Stage(t, 300_000);
  stage.gone.add('c');
  stage.keep(ref('a'), ref('b'), ref('c'));
  const looksWithin = (seconds: number): Record<string, number> => {
    for (let n = 0; n < seconds; n++) {
      clock.now += 1_000;
      t.mock.timers.tick(1_000);
    }
    return Object.fromEntries(
      ['a', 'b', 'c'].map(key => [key, stage.mended.filter(one => one === key).length]),
    );
  };
  assert.deepEqual(looksWithin(310), { a: 1, b: 0, c: 10 });
  assert.deepEqual(looksWithin(300), { a: 2, b: 1, c: 21 });
});

test('one that goes on whenever it is heard again is not heard for longer each time', t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  const clock = { now: 0 };
  t.mock.method(performance, 'now', () => clock.now);
  const stage = new Stage(t);
  stage.keep(ref('a'), ref('b'));
  const wait = (seconds: number): void => {
    clock.now += seconds * 1_000;
    t.mock.timers.tick(seconds * 1_000);
  };
  const mutedFor = (key = 'a'): number => {
    stage.happen(key, 2_500);
    stage.ring();
    wait(1);
    assert.equal(stage.watch.stateOf(key), 'muted');
    for (let seconds = 1; seconds < 2_000; seconds++) {
      if (stage.hears(key)) return seconds;
      wait(1);
    }
    return 2_000;
  };
  const rounded = (seconds: number): number => Math.round(seconds / 10) * 10;
  assert.deepEqual(
    Array.from({ length: 7 }, () => rounded(mutedFor())),
    [30, 60, 120, 240, 480, 600, 600],
  );
  stage.happen('a', 2_500);
  stage.ring();
  wait(1);
  assert.equal(rounded(mutedFor('b')), 30, 'beside one that is not heard for longer');
  wait(660);
  assert.equal(rounded(mutedFor()), 30, 'and it begins anew after a rest');
});

test('closed, it hears nothing and mends nothing', async t => {
  const stage = new Stage(t);
  stage.keep(ref('a'));
  stage.happen('a');
  stage.ring();
  stage.watch.close();
  stage.watch.begin('a');
  stage.ring();
  assert.deepEqual(await stage.looks(), []);
  assert.ok(stage.ears.every(({ isClosed }) => isClosed));
});

// Namespaces are asked again and again who has sent something there, and one is looked at when somebody new has.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RouterWatch } from '../../../../src/labels/controller/router-watch.js';
import type { Sender } from '../../../../src/labels/diff/state.js';

const of = (key: string) => ({ key, path: `/of/${key}` });
const sender = (n: number): Sender => ({ index: 2, mac: `02:00:00:00:00:0${n}` });

/** A watch of namespaces that have what they are told to have, and which were looked at. */
function watch(t: TestContext, before: (netns: { readonly key: string }) => void = () => {}) {
  const senders = new Map<string, readonly Sender[] | Error>();
  const [asked, found]: [string[], string[]] = [[], []];
  const watch = new RouterWatch(
    ({ key }) => {
      asked.push(key);
      before({ key });
      const known = senders.get(key);
      if (known instanceof Error) throw known;
      return known;
    },
    key => found.push(key),
    1,
  );
  t.after(() => watch.close());
  /** Until it has been asked twice from now on. */
  const rounds = async (key = 'app'): Promise<void> => {
    const from = asked.length;
    while (asked.slice(from).filter(one => one === key).length < 2) await sleep(1);
  };
  return { watch, senders, asked, found, rounds };
}

test('a namespace is looked at once for each that is new there', async t => {
  const { watch: routers, senders, found, rounds } = watch(t);
  routers.want([of('app'), of('other')]);
  senders.set('app', []);
  await rounds();
  assert.deepEqual(found, []);
  senders.set('app', [sender(4)]);
  await rounds();
  assert.deepEqual(found, ['app']);
  senders.set('app', [sender(4), sender(5)]);
  await rounds();
  assert.deepEqual(found, ['app', 'app']);
  senders.set('app', [sender(5)]);
  await rounds();
  assert.deepEqual(found, ['app', 'app']);
});

test('one that is gone or cannot be asked says nothing, and is asked again', async t => {
  const { watch: routers, senders, found, rounds } = watch(t);
  routers.want([of('app')]);
  senders.set('app', new Error('EPERM'));
  await rounds();
  senders.set('app', [sender(4)]);
  await rounds();
  assert.deepEqual(found, ['app']);
});

test('one that is not wanted any more is not asked, and is new when it is wanted again', async t => {
  const { watch: routers, senders, asked, found, rounds } = watch(t);
  senders.set('app', [sender(4)]);
  routers.want([of('app')]);
  await rounds();
  routers.want([]);
  await sleep(10);
  const before = asked.length;
  await sleep(10);
  assert.equal(asked.length, before);
  routers.want([of('app')]);
  await rounds();
  assert.deepEqual(found, ['app', 'app']);
});

test('a namespace in which the question takes long is asked less often, and the others are not', async t => {
  const {
    watch: routers,
    asked,
    rounds,
    senders,
  } = watch(t, ({ key }) => {
    if (key === 'filled') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
  });
  senders.set('app', []);
  routers.want([of('filled'), of('app')]);
  await rounds();
  assert.equal(asked.filter(key => key === 'filled').length, 1);
});

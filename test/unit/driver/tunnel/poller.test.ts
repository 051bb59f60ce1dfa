// What is asked again and again: how often, until when, and whose questions leave time for others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Poller, type Progress, pauseMs } from '../../../../src/driver/tunnel/poller.js';

for (const [what, steps, took, sharing, expected] of [
  ['at first', 1, 0, undefined, 5],
  ['after three seconds', 601, 0, undefined, 50],
  ['of a question that takes 10 ms', 1, 10, undefined, 190],
  ["of a user's only one", 1, 0, 1, 25],
  ["of one of a user's forty", 1, 0, 40, 1000],
  ["of one of a user's forty that takes 10 ms", 1, 10, 40, 7600],
  ["of a user's only one after three seconds", 601, 0, 1, 50],
] as const) {
  test(`the pause after a question ${what} is ${expected} ms`, () => {
    assert.equal(pauseMs({ steps, took }, sharing), expected);
  });
}

/** A poller whose subjects are done after so many questions. */
function poller(questions: number): { poller: Poller; asked: string[]; gaveUp: string[] } {
  const [asked, gaveUp]: string[][] = [[], []];
  const ask = async (id: string): Promise<Progress> => {
    asked!.push(id);
    return asked!.filter(other => other === id).length >= questions ? 'done' : 'waiting';
  };
  return { poller: new Poller(ask, id => gaveUp!.push(id)), asked: asked!, gaveUp: gaveUp! };
}

test('a subject is asked about until it is done, and no more', async t => {
  const { poller: subject, asked, gaveUp } = poller(3);
  // The pauses keep no process alive.
  const alive = setInterval(() => undefined, 1_000);
  t.after(() => clearInterval(alive));
  subject.follow('a', 0);
  assert.ok(subject.has('a'));
  await subject.idle();
  assert.deepEqual([asked, gaveUp, subject.has('a')], [['a', 'a', 'a'], [], false]);
});

test('a subject that is to be followed twice is asked about by one', async t => {
  const { poller: subject, asked } = poller(3);
  const alive = setInterval(() => undefined, 1_000);
  t.after(() => clearInterval(alive));
  subject.follow('a', 0);
  subject.follow('a', 0);
  await new Promise(resolve => setImmediate(resolve));
  subject.follow('a', 0);
  await subject.idle();
  assert.deepEqual(asked, ['a', 'a', 'a']);
});

test('a poller that is closed asks no more and has given nothing up', async () => {
  const { poller: subject, asked, gaveUp } = poller(Number.POSITIVE_INFINITY);
  subject.follow('a', 0);
  subject.follow('b', 1000);
  await new Promise(resolve => setImmediate(resolve));
  subject.close();
  const { length } = asked;
  await subject.idle();
  assert.deepEqual([asked.length, gaveUp], [length, []]);
});

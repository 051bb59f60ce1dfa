// Views have a new revision when something may have changed, and only then: revisions of snapshots tell, not objects.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerSnapshot } from '../../../../src/labels/discovery/snapshot.js';
import { Views } from '../../../../src/labels/discovery/views.js';
import { container } from '../../../support/label-world.js';

const { revision: _, hostNetwork: __, ...view } = container('app', {});
const SNAPSHOT: ContainerSnapshot = { revision: 7, running: true, fingerprint: 'x', mode: 'bridge', view };

for (const [what, change, isSame] of [
  ['a copy of the snapshot', () => structuredClone(SNAPSHOT), true],
  ['another snapshot that shows the same', () => ({ ...SNAPSHOT, revision: 8 }), false],
  ['the same snapshot with another revision', () => Object.assign(SNAPSHOT, { revision: 9 }), false],
] as const) {
  test(`${what}: the view has ${isSame ? 'the same' : 'another'} revision`, () => {
    const views = new Views();
    const before = views.get(SNAPSHOT, false, false);
    const after = views.get(change(), false, false);
    assert.equal(after.revision === before.revision, isSame);
    assert.deepEqual({ ...after, revision: 0 }, { ...before, revision: 0 });
  });
}

test('what other containers tell of one changes its revision, too', () => {
  const views = new Views();
  const revisions = [
    [false, false],
    [false, false],
    [true, false],
    [true, false],
    [true, true],
    [false, true],
    [false, false],
  ].map(([isOfHost, isIndeterminate]) => views.get(SNAPSHOT, isOfHost!, isIndeterminate!).revision);
  assert.deepEqual(revisions, [1, 1, 2, 2, 3, 4, 5]);
});

test('one that was forgotten gets a revision that it never had', () => {
  const views = new Views();
  const before = views.get(SNAPSHOT, false, false);
  views.retainOnly(new Set([SNAPSHOT.view.id]));
  assert.equal(views.get(SNAPSHOT, false, false).revision, before.revision);
  views.retainOnly(new Set());
  assert.notEqual(views.get(SNAPSHOT, false, false).revision, before.revision);
});

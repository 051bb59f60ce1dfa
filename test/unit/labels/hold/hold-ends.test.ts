// Who needs not be held any more, by a plan and by what came of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeldContainers } from '../../../../src/labels/hold/held-containers.js';
import { HoldEnds } from '../../../../src/labels/hold/hold-ends.js';
import { container } from '../../../support/label-world.js';

/** Nobody is held. */
function ends(): { readonly it: HoldEnds; readonly passing: string[] } {
  const passing: string[] = [];
  const nobody = Object.assign(new Map(), { release: () => undefined }) as unknown as HeldContainers;
  const it = new HoldEnds(
    nobody,
    { mayPass: () => false, inForce: id => void passing.push(id), drained: work => work() },
    () => undefined,
  );
  return { it, passing };
}

const running = (name: string, options = {}) => container(name, { netns: `4:${name}`, ...options });

test('one that asks for nothing may pass', () => {
  const { it, passing } = ends();
  const plain = running('plain');
  it.planned([plain], []);
  assert.deepEqual(passing, [plain.id]);
});

test('one may not of which it is not known which labels count', () => {
  const { it, passing } = ends();
  it.planned([{ ...running('unknown'), isIndeterminate: true }], []);
  assert.deepEqual(passing, []);
});

test('one that asks for something may pass when that is in force, and not before', () => {
  const { it, passing } = ends();
  const labelled = running('labelled');
  it.planned([labelled], [{ netns: labelled.netns! }]);
  assert.deepEqual(passing, []);
  it.programmed(labelled.netns!.key, { changes: [], failures: [new Error('EPERM')] });
  assert.deepEqual(passing, []);
  it.programmed(labelled.netns!.key, { changes: [], failures: [] });
  assert.deepEqual(passing, [labelled.id]);
});

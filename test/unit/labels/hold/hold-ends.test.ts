// Who needs not be held any more, by a plan and by what came of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeldContainers } from '../../../../src/labels/hold/held-containers.js';
import { HoldEnds } from '../../../../src/labels/hold/hold-ends.js';
import { container } from '../../../support/label-world.js';

/** Nobody is held. */
function ends(when: 'at once' | 'later' = 'at once') {
  const passing: string[] = [];
  const waiting: (() => void)[] = [];
  const nobody = Object.assign(new Map(), { release: () => undefined }) as unknown as HeldContainers;
  const it = new HoldEnds(
    nobody,
    {
      mayPass: () => false,
      inForce: id => void passing.push(id),
      drained: work => void (when === 'later' ? waiting.push(work) : work()),
    },
    () => undefined,
  );
  const drain = (): void => {
    for (const work of waiting.splice(0)) work();
  };
  return { it, passing, drain };
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

for (const [what, between, expected] of [
  ['may not until what it sent before is through', () => undefined, true],
  ['may not where it has ended meanwhile', (it: HoldEnds, id: string) => it.begins(id), false],
] as const)
  test(`one whose labels are in force ${what}`, () => {
    const { it, passing, drain } = ends('later');
    const labelled = running('labelled');
    it.planned([labelled], [{ netns: labelled.netns! }]);
    it.programmed(labelled.netns!.key, { changes: [], failures: [] });
    assert.deepEqual(passing, []);
    between(it, labelled.id);
    drain();
    assert.equal(passing.length === 1, expected);
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

// Who is in whose namespace: the host's, and one that may contain a container that Docker cannot inspect.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  hostNetworks,
  indeterminate,
  type NetworkModeInfo,
} from '../../../../src/labels/discovery/namespace-sharing.js';

const ref = (key: string) => ({ key, path: `/proc/${key}/ns/net` });
/** A container by its id: `at` is its namespace. */
const at = (id: string, at: string | undefined, mode = 'main'): NetworkModeInfo => ({
  view: { id, ...(at !== undefined && { netns: ref(at) }) },
  mode,
});
/** One that Docker cannot inspect. */
const unseen = (id: string, mode = 'main', ...unverifiedLabelKeys: string[]): NetworkModeInfo => ({
  view: { id, unverifiedLabelKeys: unverifiedLabelKeys },
  mode,
});
const LABEL = 'twine.nat.interfaces';
const which = (all: readonly NetworkModeInfo[], is: (one: NetworkModeInfo) => boolean): string =>
  all
    .filter(is)
    .map(({ view }) => view.id)
    .join(' ');

for (const [what, all, expected] of [
  ['nobody, where all can be told of', [at('a', '1'), at('b', '1', 'container:a')], ''],
  ['nobody, for one that is alone', [at('a', '1'), unseen('x', 'main', LABEL)], ''],
  ['the one that it joined', [at('a', '1'), at('b', '2'), unseen('x', 'container:a', LABEL)], 'a'],
  ['those that joined it', [at('a', '1', 'container:x'), unseen('x', 'main', LABEL), at('b', '2')], 'a'],
  ['those that joined it for its networks, without a label', [at('a', '1', 'container:x'), unseen('x')], 'a'],
  ['nobody, for one without labels that joined another', [at('a', '1'), unseen('x', 'container:a')], ''],
  [
    'those that joined the same',
    [at('b', '1', 'container:a'), unseen('a'), unseen('x', 'container:a', LABEL), at('c', '2')],
    'b',
  ],
  ['all on the way', [at('a', '1'), at('b', '1', 'container:a'), unseen('x', 'container:b', LABEL)], 'a b'],
  [
    'whoever is in that namespace, whatever its mode',
    [at('a', '1'), at('odd', '1', undefined), unseen('x', 'container:a', LABEL)],
    'a odd',
  ],
  [
    'nobody, where they joined in a circle and are elsewhere',
    [at('a', '1'), unseen('x', 'container:y', LABEL), unseen('y', 'container:x')],
    '',
  ],
] as const) {
  test(`it is in doubt what the namespace holds of ${what}`, () => {
    assert.equal(which(all, indeterminate(all)), expected);
  });
}

for (const [what, all, expected] of [
  ['by mode', [at('a', '7', 'host'), at('b', '1')], 'a'],
  [
    'by joining such a one, in two steps',
    [at('a', '7', 'host'), at('b', '7', 'container:a'), at('c', '7', 'container:b')],
    'a b c',
  ],
  ['by joining one that is not running', [at('a', undefined, 'host'), at('b', '7', 'container:a')], 'a b'],
  ['by the namespace itself', [at('a', 'host'), at('b', '1')], 'a'],
  ['by being where such a one is', [at('a', '7', 'host'), at('b', '7')], 'a b'],
  ['not by joining in a circle', [at('a', '1', 'container:b'), at('b', '1', 'container:a')], ''],
] as const) {
  test(`who is in the host's namespace: ${what}`, () => {
    assert.equal(which(all, hostNetworks(all, ref('host'))), expected);
  });
}

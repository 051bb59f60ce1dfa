// The points at which tests have the daemon die: each has a name of its own that is found in the source, and nothing happens
// there in a program that no test has prepared.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { allPoints, dyingAt, pointsIn } from '../../support/faults.js';

const MODULE = new URL('../../../src/fault/fault-point.js', import.meta.url).href;
const PROGRAM = `import { faultPoint } from '${MODULE}'; faultPoint('here'); faultPoint('there'); console.log('alive')`;

/** How a program ends that passes two points. */
function end(env: Record<string, string>): string {
  const { signal, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return `${stdout.trim()} ${signal}`;
}

test('every point has a name of its own', () => {
  const names = allPoints().map(({ name, file }) => name ?? `computed in ${file}`);
  assert.ok(names.length > 25, `${names.length}`);
  assert.deepEqual(
    names.filter((name, n) => !/^[a-z]+(-[a-z]+)*$/.test(name) || names.indexOf(name) !== n),
    [],
  );
});

test('a point whose name is computed is found as one without a name', () => {
  assert.deepEqual(
    pointsIn('a.ts', "faultPoint('one');\nfaultPoint(name);").map(({ name }) => name),
    ['one', undefined],
  );
});

test('variables alone switch nothing on; a test that loads its hook first does', () => {
  const { NODE_OPTIONS, ...alone } = dyingAt({ name: 'there', nth: 1 });
  assert.equal(end({ ...alone, NODE_OPTIONS: '' }), 'alive null');
  assert.equal(end({ ...alone, NODE_OPTIONS: NODE_OPTIONS! }), ' SIGKILL');
  assert.equal(end(dyingAt({ name: 'there', nth: 2 })), 'alive null');
});

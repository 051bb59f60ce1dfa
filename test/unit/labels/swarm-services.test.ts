// Labels of Swarm's services are told once, by questions that no pass waits for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SwarmServices } from '../../../src/labels/swarm-services.js';
import { container, showMistake } from '../../support/label-world.js';

const PLAN = { diagnostics: [], warnings: new Set<never>() };
const ROUTE = 'twine.route.0.0.0.0/0';
const LABELS: Record<string, Record<string, string>> = {
  a: { [ROUTE]: 'vpn', other: '1' },
  b: { its: 'own' },
};

/** Whose answers are those of a manager, unless they are refused. */
function swarm(refused?: number) {
  const asked: string[] = [];
  const clock = { now: 0, found: 0 };
  const get = async (path: string) => {
    asked.push(path);
    const id = path.slice('/services/'.length);
    if (refused) throw Object.assign(new Error('refused'), { statusCode: refused });
    return { ID: id, Spec: { Name: `shop_${id}`, Labels: LABELS[id] ?? null } };
  };
  const services = new SwarmServices(
    { get: get as never },
    () => clock.found++,
    () => clock.now,
  );
  const told = async (...tasks: [name: string, service: string][]): Promise<string[]> => {
    const containers = tasks.map(([name, swarmService]) => ({ ...container(name), swarmService }));
    services.withTold(PLAN, containers);
    for (let n = 0; n < 10; n++) await turn();
    const { diagnostics, warnings } = services.withTold(PLAN, containers);
    assert.equal(warnings.size, diagnostics.length, 'none of them closes a container');
    return diagnostics.map(showMistake);
  };
  return { told, asked, clock };
}

const WHY = `shop_a ${ROUTE}: it has no effect: it is a label of Swarm's service, which its containers do not have: put twine.* below labels: of the service itself`;

test('a label of a service is told, and others are not', async () => {
  const { told, asked, clock } = swarm();
  assert.deepEqual(await told(['a.1', 'a'], ['b.1', 'b'], ['a.2', 'a']), [WHY]);
  assert.deepEqual(asked, ['/services/a', '/services/b']);
  assert.equal(clock.found, 1);
});

test('a service is asked for again when a task of it comes, and is forgotten with its last', async () => {
  const { told, asked } = swarm();
  await told(['a.1', 'a']);
  await told(['a.1', 'a']);
  assert.equal(asked.length, 1);
  delete LABELS.a![ROUTE];
  assert.deepEqual(await told(['a.1', 'a'], ['a.2', 'a']), []);
  LABELS.a![ROUTE] = 'vpn';
  assert.deepEqual(await told(['a.3', 'a']), [WHY]);
  assert.deepEqual(await told(), []);
  assert.equal(asked.length, 3);
});

for (const [status, again] of [
  [503, 0],
  [403, 0],
  [404, 2],
] as const) {
  test(`a refusal (${status}) is no mistake, and ${again} more are asked for at once`, async () => {
    const { told, asked, clock } = swarm(status);
    assert.deepEqual(await told(['a.1', 'a']), []);
    assert.deepEqual(await told(['a.1', 'a'], ['a.2', 'a'], ['b.1', 'b']), []);
    assert.equal(asked.length, 1 + again);
    clock.now = 600_000;
    await told(['b.2', 'b']);
    assert.equal(asked.length, 2 + again);
  });
}

test('what is no id of a service is not asked for', async () => {
  const { told, asked } = swarm();
  assert.deepEqual(await told(['a.1', '../containers'], ['b.1', '']), []);
  assert.deepEqual(asked, []);
});

// What the guard of bridges remembers, and what it forgets: nothing grows with what comes and goes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { ConnectedNetwork } from '../../../../src/labels/discovery/docker-answers.js';
import { BridgeGuard } from '../../../../src/labels/hold/bridge-guard.js';
import { Refusals } from '../../../../src/labels/hold/refusals.js';
import { bridgeNameOf } from '../../../../src/labels/hold/starting.js';

/** A guard of bridges that all are, each named by its network. */
function guarding() {
  const kernel = { failure: undefined as Error | undefined };
  const guarded = new Set<string>();
  const guard = new BridgeGuard({
    set: {
      guard: bridge => void guarded.add(bridge),
      unguard: bridge => void guarded.delete(bridge),
      know: () => undefined,
      forget: () => undefined,
    },
    bridges: {
      of: network => {
        if (kernel.failure) throw kernel.failure;
        return bridgeNameOf(network);
      },
      heardOn: () => [],
    },
    refusals: new Refusals(pino({ level: 'silent' })),
    mayPass: () => true,
    now: () => 1_000,
  });
  return { guard, guarded, kernel };
}

const network = (n: number): ConnectedNetwork => ({ Id: `${n}`.padStart(12, '0'), Driver: 'bridge' });

test('of ever so many networks the last told are known', () => {
  const { guard, guarded } = guarding();
  guard.told(network(0));
  for (let n = 0; n < 2_000; n++) {
    guard.told(network(n));
    guard.expect('app', network(n).Id);
  }
  assert.deepEqual([guard.concerns(network(0).Id), guard.concerns(network(1_999).Id)], [false, true]);
  assert.ok(guarded.size <= 1_024, `${guarded.size} are guarded`);
  for (let n = 0; n < 2_000; n++) guard.gone(network(n).Id);
  assert.equal(guarded.size, 0);
});

test('closed, it is for good', () => {
  const { guard, guarded } = guarding();
  guard.told(network(1));
  guard.expect('app', network(1).Id);
  guard.close();
  guard.turn(true);
  guard.told(network(1));
  guard.expect('app', network(1).Id);
  assert.deepEqual([guard.isOn, guarded.size], [false, 0]);
});

test('where the kernel does not say which bridge a network has, one that is guarded stays so', () => {
  const { guard, guarded, kernel } = guarding();
  guard.told(network(1));
  guard.expect('app', network(1).Id);
  kernel.failure = new Error('ENOBUFS');
  guard.told(network(1));
  assert.deepEqual([guard.concerns(network(1).Id), guarded.size], [true, 1]);
});

// The rounds of a pass, and what is kept between passes. On a namespace that is not there; no test needs root.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PROBE_TABLE } from '../../../../src/base/ownership.js';
import { routeLocalnet } from '../../../../src/labels/diff/sysctls.js';
import {
  DESIRED,
  ERRNOS,
  failing,
  failuresOf,
  GATEWAY,
  held,
  REF,
  WHOLE,
  without,
  world,
} from '../../../support/fake-sandbox.js';
import { address } from '../../../support/label-world.js';

const LISTING = 'listing routes';
const localnet = (link: string): string => `ipv4/conf/${link}/route_localnet`;

/** A namespace whose packets leave by wg0 once the label's route is there, and by eth0 before. */
function rerouted(t: Parameters<typeof world>[0]) {
  const it = world(t);
  it.ns.links.set(3, 'wg0');
  it.ns.wayOut = () => (it.ns.routeWords.includes(GATEWAY) ? 3 : 2);
  for (const link of ['eth0', 'wg0']) it.ns.sysctls.set(localnet(link), '0');
  const rounds = (): number => it.ns.requests.filter(what => what === LISTING).length;
  const localnets = (): (string | undefined)[] =>
    ['eth0', 'wg0'].map(link => it.ns.sysctls.get(localnet(link)));
  return { ...it, rounds, localnets };
}

describe('the second round', () => {
  const sysctls = [...DESIRED.sysctls, routeLocalnet(address('10.1.1.1'))];
  const loopbackTowards = [address('fd01::1')];

  test('a sysctl for the interface towards an address moves with the route that the same pass adds', t => {
    const it = rerouted(t);
    const desired = { ...DESIRED, digest: 'sysctl', sysctls };
    assert.deepEqual(failuresOf(it.sandboxes.reconcile(desired)), []);
    assert.deepEqual([it.rounds(), it.localnets()], [2, ['0', '1']]);
    assert.deepEqual(it.sandboxes.reconcile(desired)!.changes, []);
    assert.deepEqual(failuresOf(it.sandboxes.clear(REF)), []);
    assert.deepEqual([held(it), it.localnets()], [[], ['0', '0']]);
  });

  test('::1 is local on the interface towards an address as the route of the same pass has it', t => {
    const it = rerouted(t);
    const desired = { ...DESIRED, digest: 'loopback', loopbackTowards };
    assert.deepEqual(failuresOf(it.sandboxes.reconcile(desired)), []);
    assert.equal(it.rounds(), 2);
    assert.deepEqual(held(it), ['::1/128 dev 3 metric 0 table 254', ...WHOLE].sort());
    assert.deepEqual(it.sandboxes.reconcile(desired)!.changes, []);
    assert.deepEqual(failuresOf(it.sandboxes.clear(REF)), []);
    assert.deepEqual(held(it), []);
  });

  test('an error of the second round is reported with the changes of both', t => {
    const it = rerouted(t);
    let asked = 0;
    it.ns.fault = what => (what === 'adding route ::1/128' && asked++ === 1 ? ERRNOS.ENOBUFS : undefined);
    const result = it.sandboxes.reconcile({ ...DESIRED, loopbackTowards })!;
    assert.match(failuresOf(result).join(), /^adding route ::1\/128: ENOBUFS [^,]*$/);
    assert.equal(result.changes.filter(({ kind }) => kind === 'createTable').length, 1);
    assert.equal(result.changes.filter(({ kind }) => kind === 'deleteRoute').length, 1);
  });

  test('there is none after a failure', t => {
    const it = rerouted(t);
    failing(it.ns, 'adding route 10.0.0.0/8 via 10.9.0.3', ERRNOS.ENETUNREACH);
    it.sandboxes.reconcile({ ...DESIRED, sysctls, loopbackTowards });
    assert.deepEqual([it.rounds(), it.localnets()], [1, ['1', '0']]);
    assert.deepEqual(held(it), ['::1/128 dev 2 metric 0 table 254', ...without(GATEWAY)].sort());
  });

  test('there is none where nothing depends on routes, nor where no route has changed', t => {
    const it = rerouted(t);
    it.sandboxes.reconcile(DESIRED);
    assert.equal(it.rounds(), 1);
    it.sandboxes.reconcile({ ...DESIRED, digest: 'sysctl', sysctls });
    assert.deepEqual([it.rounds(), it.localnets()], [2, ['0', '1']]);
  });
});

describe('what is known of a namespace that is gone', () => {
  const SEARCHING = 'listing nftables tables of inet';
  const READING = 'reading nftables table dwgd';

  test('is forgotten: one with the same number is searched for leftovers and its table is read', t => {
    const it = world(t);
    it.sandboxes.reconcile(DESIRED);
    it.sandboxes.recordBaselines();
    it.ns.tables.set(PROBE_TABLE.name, []);
    it.ns.generation++;
    for (const [kept, asked] of [
      [[REF.key], [READING]],
      [[], [SEARCHING, READING]],
    ] as const) {
      it.sandboxes.retainOnly(new Set(kept));
      it.ns.requests.length = 0;
      it.sandboxes.reconcile(DESIRED);
      assert.deepEqual(
        it.ns.requests.filter(what => what === SEARCHING || what === READING),
        asked,
      );
    }
    assert.ok(!it.ns.tables.has(PROBE_TABLE.name));
  });
});

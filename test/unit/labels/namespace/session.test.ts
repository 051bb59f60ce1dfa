// What a session takes away: a table, a sysctl's value, what an earlier daemon left, flows that lead elsewhere by now;
// and what becomes of the rest where the kernel refuses. On a namespace that is not there; no test needs root.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OpError } from '../../../../src/base/errors.js';
import { PROBE_TABLE } from '../../../../src/base/ownership.js';
import type { NftTransaction } from '../../../../src/nft/table.js';
import {
  DESIRED,
  ERRNOS,
  failing,
  failuresOf,
  held,
  REF,
  WHOLE,
  without,
  world,
} from '../../../support/fake-sandbox.js';
import { flowBytes } from '../../../support/flow-bytes.js';
import { address } from '../../../support/label-world.js';

const REASON = 'Could not process rule: Device or resource busy';
const REFUSED = `programming nftables of ${REF.path}: ${REASON}`;
/** Refuses to delete a table for good. */
const refusingToDelete =
  (table: string) =>
  ({ nftables }: NftTransaction): string | undefined => {
    const [add, remove] = nftables as { add?: object; delete?: { table?: { name: string } } }[];
    return nftables.length === 2 && add?.add && remove?.delete?.table?.name === table ? REASON : undefined;
  };

describe('what is taken away', () => {
  test('a table that the kernel does not let go is named, all else goes, and it goes the next time', t => {
    const it = world(t);
    it.sandboxes.reconcile(DESIRED);
    it.ns.refuse = refusingToDelete('dwgd');
    assert.deepEqual(failuresOf(it.sandboxes.clear(REF)), [REFUSED]);
    assert.deepEqual(held(it), ['table']);
    it.ns.refuse = () => undefined;
    assert.deepEqual(failuresOf(it.sandboxes.clear(REF)), []);
    assert.deepEqual(held(it), []);
  });

  test('a sysctl that cannot be restored is named, and the table stays, which knows its former value', t => {
    const it = world(t);
    it.sandboxes.reconcile(DESIRED);
    it.ns.sysctlErrors.set('ipv4/ip_forward', new OpError('setting sysctl', 'ipv4/ip_forward', 30));
    assert.match(
      failuresOf(it.sandboxes.clear(REF)).join(),
      /^setting sysctl ipv4\/ip_forward: EROFS [^,]*$/,
    );
    assert.deepEqual(held(it), ['ipv4/ip_forward=1', 'table']);
    it.ns.sysctlErrors.clear();
    assert.deepEqual(failuresOf(it.sandboxes.clear(REF)), []);
    assert.deepEqual([held(it), it.ns.sysctls.get('ipv4/ip_forward')], [[], '0']);
  });

  test('a sysctl whose link is gone needs no restoring', t => {
    const it = world(t);
    it.sandboxes.reconcile(DESIRED);
    it.ns.sysctls.delete('ipv4/ip_forward');
    assert.deepEqual(failuresOf(it.sandboxes.clear(REF)), []);
    assert.deepEqual(held(it), []);
  });

  test("a killed daemon's probe table goes at the first pass", t => {
    const it = world(t);
    it.ns.tables.set(PROBE_TABLE.name, []);
    assert.deepEqual(failuresOf(it.sandboxes.reconcile(DESIRED)), []);
    assert.deepEqual([...it.ns.tables.keys()], ['dwgd']);
    assert.deepEqual(held(it), WHOLE);
  });

  test("a killed daemon's probe table that the kernel does not let go is named, and goes the next time", t => {
    const it = world(t);
    it.ns.tables.set(PROBE_TABLE.name, []);
    it.ns.refuse = refusingToDelete(PROBE_TABLE.name);
    assert.deepEqual(failuresOf(it.sandboxes.reconcile(DESIRED)), [REFUSED]);
    assert.deepEqual([held(it), it.ns.tables.has(PROBE_TABLE.name)], [WHOLE, true]);
    it.ns.refuse = () => undefined;
    assert.deepEqual(failuresOf(it.sandboxes.reconcile(DESIRED)), []);
    assert.deepEqual([...it.ns.tables.keys()], ['dwgd']);
  });
});

describe('flows of a forward', () => {
  const [IPS_SRC_NAT, IPS_DST_NAT] = [1 << 4, 1 << 5];
  const FORWARDED = IPS_SRC_NAT! | IPS_DST_NAT!;
  const udpForwards = [
    { ports: { first: 53, last: 53 }, destinations: [{ address: address('10.9.0.3'), port: 53 }] },
  ];
  const to = '10.8.0.2/53';
  const OLD = flowBytes({ from: '10.8.0.1/4000', to, answering: '10.9.0.9/53', status: FORWARDED });
  const OLD_TOO = flowBytes({ from: '10.8.0.1/4001', to, answering: '10.9.0.9/53', status: FORWARDED });
  const OLD_IN_ZONE = flowBytes({ from: '10.8.0.1/4000', to, answering: '10.9.0.9/53', zone: 7 });
  const OLD_V6 = flowBytes({ from: 'fd08::1/4000', to: 'fd08::2/53', answering: 'fd09::9/53' });
  const CURRENT = flowBytes({ from: '10.8.0.1/4002', to, answering: '10.9.0.3/53', status: FORWARDED });
  const MASQUERADED = flowBytes({ from: '10.9.0.2/4000', to: '192.0.2.1/53', status: IPS_SRC_NAT! });
  const OTHER_PORT = flowBytes({ from: '10.8.0.1/4000', to: '10.8.0.2/54', answering: '10.9.0.9/53' });
  const TCP = flowBytes({ from: '10.8.0.1/4000', to, answering: '10.9.0.9/53', protocol: 6 });
  const KEPT = [CURRENT, MASQUERADED, OTHER_PORT, TCP];
  const DELETING = 'letting go of a flow to 10.8.0.2 port 53';

  test('those that lead elsewhere go when the table changes, and no others', t => {
    const it = world(t);
    it.ns.sysctls.set('netfilter/nf_conntrack_count', '8');
    it.ns.flows = [OLD, ...KEPT, OLD_TOO, OLD_IN_ZONE, OLD_V6];
    assert.deepEqual(failuresOf(it.sandboxes.reconcile({ ...DESIRED, udpForwards })), []);
    assert.deepEqual(it.ns.flows, KEPT);
    assert.equal(it.said.filter(one => one.includes('conntrack -D -p udp -d 10.8.0.2 --dport 53')).length, 3);
    assert.equal(it.said.filter(one => one.includes('conntrack -D -p udp -d fd08::2 --dport 53')).length, 1);
  });

  test('they are not listed where nothing is tracked', t => {
    const it = world(t);
    it.ns.sysctls.set('netfilter/nf_conntrack_count', '0');
    it.sandboxes.reconcile({ ...DESIRED, udpForwards });
    assert.deepEqual(
      it.ns.requests.filter(one => one.includes('flows')),
      [],
    );
  });

  test('one that has ended by itself (ENOENT) is no error, and those after it go', t => {
    const it = world(t);
    it.ns.flows = [OLD, OLD_TOO, CURRENT];
    let asked = 0;
    it.ns.fault = what => (what === DELETING && asked++ === 0 ? ERRNOS.ENOENT : undefined);
    assert.deepEqual(failuresOf(it.sandboxes.reconcile({ ...DESIRED, udpForwards })), []);
    assert.deepEqual(it.ns.flows, [OLD, CURRENT]);
    assert.ok(!it.said.some(one => one.includes('# ')), it.said.join('\n'));
  });

  test('one that may not be deleted (EPERM) is traced, and nothing else suffers', t => {
    const it = world(t);
    it.ns.flows = [OLD, CURRENT];
    failing(it.ns, DELETING, ERRNOS.EPERM);
    assert.deepEqual(failuresOf(it.sandboxes.reconcile({ ...DESIRED, udpForwards })), []);
    assert.deepEqual([held(it), it.ns.flows.length], [WHOLE, 2]);
    assert.match(it.said.at(-1)!, new RegExp(`# ${DELETING}: EPERM `));
  });

  test('they stay while a change is refused, as the table may still be the old one', t => {
    const it = world(t);
    it.ns.flows = [OLD];
    failing(it.ns, 'adding route 10.0.0.0/8 via 10.9.0.3', ERRNOS.ENOBUFS);
    it.sandboxes.reconcile({ ...DESIRED, udpForwards });
    assert.deepEqual([held(it), it.ns.flows], [without('10.0.0.0/8 via 10.9.0.3 metric 0 table 254'), [OLD]]);
  });
});

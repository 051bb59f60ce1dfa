// Ranges that are forwarded to other ports: the numbers for the kernel's sum, and what is in the table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stampedTable } from '../../../../src/labels/diff/stamp.js';
import { PortShifts, planShifts } from '../../../../src/labels/table/port-shifts.js';
import { replaceTable } from '../../../../src/nft/table.js';
import { chain, container, plan } from '../../../support/label-world.js';

/** nf_nat_l4proto_unique_tuple() with NF_NAT_RANGE_PROTO_OFFSET and a base of 0. */
const kernelPort = (port: number, { min, max }: { min: number; max: number }): number =>
  min + (port % (max - min + 1));

test('each port becomes the one that is as far from the first, upwards and downwards', () => {
  const port = fc.integer({ min: 1, max: 65535 });
  fc.assert(
    fc.property(port, port, fc.nat(65534), (first, to, more) => {
      fc.pre(first !== to);
      const last = Math.min(first + more, 65535, 65535 - to + first);
      const shifts = planShifts({ first, last }, to);
      let next = first;
      for (const shift of shifts) {
        assert.ok(shift.min >= 1 && shift.max <= 65535 && shift.min < shift.max, JSON.stringify(shift));
        assert.equal(shift.ports.first, next);
        for (let port = next; port <= shift.ports.last; port++)
          assert.equal(kernelPort(port, shift), port - first + to);
        next = shift.ports.last + 1;
      }
      assert.equal(next, last + 1);
    }),
    { numRuns: 200 },
  );
});

for (const [first, last, to, parts] of [
  [6881, 6889, 7881, 1],
  [7881, 7889, 6881, 1],
  [40000, 50000, 10000, 1],
  [10000, 20000, 40000, 1],
  [1, 65534, 2, 1],
  [20000, 65535, 1, 2],
  [2, 65535, 1, 15],
] as const) {
  test(`${first}-${last} to ${to} takes ${parts} of the kernel's sums`, () => {
    assert.equal(planShifts({ first, last }, to).length, parts);
  });
}

/** The table for labels of a container beside `web`. */
function tableOf(labels: Record<string, string>) {
  const { sandboxes, diagnostics } = plan([
    container('c', { networks: { main: '10.0.0.2' }, labels }),
    container('web', { networks: { main: '10.0.0.3' } }),
  ]);
  assert.deepEqual(diagnostics, []);
  return sandboxes[0]!.table!;
}

for (const [what, value] of [
  ['the same ports', 'web'],
  ['ports above them', 'web:30000-39999'],
  ['ports below them', 'web:10000-19999'],
] as const) {
  test(`ten thousand ports to ${what} are as many rules as ten, and no set has more elements`, () => {
    const text = (ports: string, value: string) =>
      JSON.stringify(tableOf({ [`twine.nat.forward.${ports}/tcp,udp`]: value })).replace(/\d+/g, 'N');
    const ten = value.replace('39999', '30009').replace('19999', '10009');
    assert.equal(text('20000-29999', value), text('20000-20009', ten));
  });
}

test('a shifted range is dropped, not passed, until the rule is there that libnftables cannot say', () => {
  const table = tableOf({ 'twine.nat.forward.6881-6889': 'web:7881-7889' });
  assert.deepEqual(chain(table, 'shift1')!.rules, [
    { expr: [], late: { dnat: { family: 4, addr: '10.0.0.3', min: 1000, max: 65535 } } },
    { expr: [{ drop: null }] },
  ]);
  assert.match(
    JSON.stringify(chain(table, 'prerouting')),
    /"range":\[6881,6889\].*"jump":\{"target":"shift1"\}/,
  );
});

test('the stamp of a table with such rules comes with them, and that of any other with the table', () => {
  const labels = { 'twine.nat.forward.6881-6889': 'web:7881-7889' };
  const { nftables, late } = replaceTable(
    stampedTable(tableOf(labels), [{ name: 'ipv4/ip_forward', value: '0' }]),
  );
  assert.deepEqual(
    late?.rules.map(({ chain, comment }) => `${chain} ${comment?.slice(0, 7) ?? ''}`),
    ['shift1 ', 'stamp sha256 '],
  );
  assert.doesNotMatch(JSON.stringify(nftables), /sha256|"late"/);
  assert.match(JSON.stringify(nftables), /before ipv4\/ip_forward=0/);
  const other = replaceTable(stampedTable(tableOf({ 'twine.nat.forward.6881-6889': 'web' }), []));
  assert.equal(other.late, undefined);
  assert.match(JSON.stringify(other.nftables), /sha256/);
});

test('one chain serves all that shift alike', () => {
  const shifts = new PortShifts();
  const shift = { family: 4, addr: '10.0.0.3', min: 1, max: 9 } as const;
  assert.deepEqual(
    [shifts.chainFor(shift), shifts.chainFor({ ...shift }), shifts.chainFor({ ...shift, min: 2 })],
    ['shift1', 'shift1', 'shift2'],
  );
  assert.equal(shifts.chains.length, 2);
});

/** The ports of the rules of a chain in order, singles of a map too, with where each leads. */
function order(labels: Record<string, string>, name: string): string[] {
  return (chain(tableOf(labels), name)?.rules ?? []).map(rule => {
    const text = JSON.stringify(rule);
    const ports = /"range":\[(\d+,\d+)\]/.exec(text)?.[1] ?? /\["(?:tcp|udp)",(\d+)\]/.exec(text)?.[1];
    return `${ports} ${/"iifname"\}\},"right":"(eth\d)"/.exec(text)?.[1] ?? 'any'}`;
  });
}

for (const [what, labels, name, expected] of [
  [
    'one port counts before a range, and the shorter range before the longer',
    { 'twine.nat.forward.80-90': 'web', 'twine.nat.forward.85': 'web', 'twine.nat.forward.1-1000': 'web' },
    'prerouting',
    ['85 any', '80,90 any', '1,1000 any'],
  ],
  [
    'the narrower interface counts before the fewer ports',
    { 'twine.nat.forward.eth0.80-90': 'web', 'twine.nat.forward.85': 'web' },
    'prerouting',
    ['80,90 eth0', '85 any'],
  ],
  [
    'with nat.interfaces, too, where both are by the same interface',
    {
      'twine.nat.interfaces': 'eth0',
      'twine.nat.forward.eth0.80-90': 'web',
      'twine.nat.forward.85': 'web',
      'twine.nat.forward.95': 'web',
    },
    'prerouting',
    ['95 eth0', '80,90 eth0'],
  ],
  [
    'of the container to itself the widest interface counts',
    { 'twine.nat.forward.eth0.85': 'web', 'twine.nat.forward.80-90': 'web' },
    'nat-output',
    ['80,90 any'],
  ],
] as const) {
  test(what, () => assert.deepEqual(order(labels, name), expected));
}

test('overlapping ranges to one destination are masqueraded by a set of disjoint ones', () => {
  const table = tableOf({
    'twine.nat.forward.eth0.80-90': 'web:1080-1090',
    'twine.nat.forward.eth1.85-95': 'web:1080-1090',
    'twine.nat.forward.eth2.100-110': 'web:1080-1090',
  });
  const text = JSON.stringify(chain(table, 'forwarded'));
  assert.match(text, /"set":\[\{"range":\[80,95\]\},\{"range":\[100,110\]\}\]/);
});

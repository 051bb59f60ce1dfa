// Which connections are masqueraded: the rules of chain `forwarded`, their sets and chains.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResolvedForward } from '../../../../src/labels/table/forward-rules.js';
import { masquerades } from '../../../../src/labels/table/masquerades.js';
import { printTable } from '../../../../src/nft/text/listing.js';
import { address, prefix } from '../../../support/label-world.js';

const forward = (port: number, to: string, rest: Partial<ResolvedForward> = {}): ResolvedForward => ({
  ...{ key: `twine.nat.forward.${port}`, pattern: { name: '', prefix: true }, ingress: [] },
  ...{ protocol: 'tcp', ports: { first: port, last: port }, addresses: [address(to)], destinationPort: 80 },
  ...rest,
});
const KEPT = { 4: { networks: [{ network: prefix('10.8.0.0/16'), isKept: true }] } };
const range = { ports: { first: 90, last: 95 }, destinationPort: 90 };

/** The chain, and elements of sets, as nft(8) lists them. */
function listed(forwards: readonly ResolvedForward[]): string[] {
  const { rules, sets } = masquerades(forwards);
  const text = printTable({ family: 'inet', name: 't', sets, chains: [{ name: 'forwarded', rules }] });
  return text.split('\n').flatMap(line => /^\t\t(?!type)(?:elements = )?\s*(.*)$/.exec(line)?.[1] ?? []);
}

for (const [what, forwards, expected] of [
  ['without forwards there is nothing', [], []],
  [
    'forwards of one port each are one rule, however many',
    [forward(8080, '10.0.0.3'), forward(8081, '10.0.0.4'), forward(8082, '10.0.0.4')],
    [
      '{ 10.0.0.3 . 80 . 8080,',
      '10.0.0.4 . 80 . 8081,',
      '10.0.0.4 . 80 . 8082 }',
      'ip daddr . tcp dport . ct original proto-dst @forwards1 masquerade',
    ],
  ],
  [
    'each protocol and each family has a rule',
    [
      forward(53, '10.0.0.3', { addresses: [address('10.0.0.3'), address('fd00::3')] }),
      forward(53, '10.0.0.3', { protocol: 'udp' }),
    ],
    [
      '{ 10.0.0.3 . 80 . 53 }',
      '{ 10.0.0.3 . 80 . 53 }',
      '{ fd00::3 . 80 . 53 }',
      'ip daddr . tcp dport . ct original proto-dst @forwards1 masquerade',
      'ip daddr . udp dport . ct original proto-dst @forwards2 masquerade',
      'ip6 daddr . tcp dport . ct original proto-dst @forwards3 masquerade',
    ],
  ],
  [
    'a range is a rule of its own, behind those of one port',
    [forward(90, '10.0.0.3', range), forward(8080, '10.0.0.3')],
    [
      '{ 10.0.0.3 . 80 . 8080 }',
      'ip daddr . tcp dport . ct original proto-dst @forwards1 masquerade',
      'ip daddr 10.0.0.3 tcp dport 90-95 ct original proto-dst 90-95 masquerade',
    ],
  ],
  [
    'who sees its clients comes behind all that do not, and its clients have a chain',
    [forward(8080, '10.0.0.3', { kept: KEPT }), forward(8081, '10.0.0.4')],
    [
      '{ 10.0.0.4 . 80 . 8081 }',
      '{ 10.0.0.3 . 80 . 8080 }',
      'ip daddr . tcp dport . ct original proto-dst @forwards1 masquerade',
      'ip daddr . tcp dport . ct original proto-dst @forwards2 jump clients1',
    ],
  ],
] satisfies [string, ResolvedForward[], string[]][])
  test(what, () => assert.deepEqual(listed(forwards), expected));

test('two destinations whose clients are the same have one chain', () => {
  const both = [forward(8080, '10.0.0.3', { kept: KEPT }), forward(90, '10.0.0.4', { ...range, kept: KEPT })];
  assert.deepEqual(
    masquerades(both).chains.map(({ name }) => name),
    ['clients1'],
  );
});

// What `dwgd explain` takes for a destination.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../../../src/base/ip.js';
import { addressOnNetworks, readDestination } from '../../../src/explain/question.js';
import { container } from '../../support/label-world.js';

const FORMS: readonly (readonly [text: string, read: string | undefined])[] = [
  ['10.1.2.3', '10.1.2.3 icmp'],
  ['10.1.2.3:443', '10.1.2.3 tcp 443'],
  ['10.1.2.3:53/udp', '10.1.2.3 udp 53'],
  ['10.1.2.3/udp', '10.1.2.3 udp'],
  ['10.1.2.3/icmp', '10.1.2.3 icmp'],
  ['fd00::2', 'fd00::2 icmp'],
  ['fd00::2/tcp', 'fd00::2 tcp'],
  ['[fd00::2]:80', 'fd00::2 tcp 80'],
  ['[fd00::2]/udp', 'fd00::2 udp'],
  ['vpn', 'vpn icmp'],
  ['vpn:8080/tcp', 'vpn tcp 8080'],
  ['', undefined],
  [':80', undefined],
  ['10.1.2.3:0', undefined],
  ['10.1.2.3:65536', undefined],
  ['10.1.2.3:443/icmp', undefined],
  ['10.1.2.3/sctp', undefined],
  ['10.1.2.3/24', undefined],
  ['[10.1.2.3]:80', undefined],
  ['fd00::zz', undefined],
  ['a b', undefined],
  [`${'a'.repeat(300)}:80`, undefined],
];
for (const [text, read] of FORMS)
  test(`${JSON.stringify(text.slice(0, 30))}: ${read ?? 'none'}`, () => {
    const typed = readDestination(text);
    assert.equal(typed && [typed.host, typed.protocol, ...(typed.port ? [typed.port] : [])].join(' '), read);
  });

test('a name is that of a container on a network of both, and no other', () => {
  const from = container('app', { networks: { a: '10.0.0.2' } });
  const all = [
    from,
    container('vpn', { networks: { a: '10.0.0.3 fd00::3 tunnel', b: '10.1.0.3' } }),
    container('far', { networks: { b: '10.1.0.4' } }),
  ];
  const shown = (name: string): string | undefined => {
    const found = addressOnNetworks(name, from, all);
    return found && formatAddress(found);
  };
  assert.deepEqual(['vpn', 'tunnel', 'far', 'example.org'].map(shown), [
    '10.0.0.3',
    '10.0.0.3',
    undefined,
    undefined,
  ]);
});

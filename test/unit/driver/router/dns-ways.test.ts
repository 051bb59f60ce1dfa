// Where questions to the DNS go on an exit network: to the first server of each family that is behind the tunnel, or nowhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../../../../src/base/ip.js';
import type { TunnelFile } from '../../../../src/driver/exit/tunnel-file.js';
import { planRouter, routedFamilies } from '../../../../src/driver/router/desired-router.js';
import { planDns, remarkDns } from '../../../../src/driver/router/dns-ways.js';
import type { ExitNetwork } from '../../../../src/driver/spec/model.js';
import { EXIT, exitTunnel, tunnelFile } from '../../../support/exit-world.js';

const given = (...texts: string[]) => ({ ...EXIT, dns: texts.map(text => parseAddress(text)!) });
const saying = (dns: string, allowedIPs = '0.0.0.0/0, ::/0'): TunnelFile =>
  tunnelFile('far', { allowedIPs, more: dns && `DNS = ${dns}` });

/** `4 to 10.64.0.1`, `6 reject`. */
function ways(network: ExitNetwork, file: TunnelFile | undefined): string[] {
  const families = file ? routedFamilies(network, { file }) : new Set([4, 6] as const);
  return planDns(network, families, file).map(
    ({ family, to, verdict }) => `${family} ${to ? `to ${formatAddress(to)}` : verdict}`,
  );
}

for (const [what, network, file, expected] of [
  ['both families have a server', EXIT, saying('10.64.0.1, fd64::1'), ['4 to 10.64.0.1', '6 to fd64::1']],
  [
    'there are several',
    EXIT,
    saying('10.64.0.1, 10.64.0.3, fd64::1, fd64::3'),
    ['4 to 10.64.0.1', '6 to fd64::1'],
  ],
  ['one family has none', EXIT, saying('10.64.0.1'), ['4 to 10.64.0.1', '6 reject']],
  ['the file has none', EXIT, saying(''), []],
  ['it is off', given(), saying('10.64.0.1'), []],
  [
    'the network has its own',
    given('10.64.0.9', 'fd64::9'),
    saying('10.64.0.1'),
    ['4 to 10.64.0.9', '6 to fd64::9'],
  ],
  [
    'the first is not behind the tunnel',
    EXIT,
    saying('192.0.2.1, 10.1.0.1', '10.0.0.0/8'),
    ['4 to 10.1.0.1'],
  ],
  ['none is behind the tunnel', EXIT, saying('192.0.2.1', '10.0.0.0/8'), ['4 reject']],
  ['it is in the network itself', given('10.66.0.53', 'fd64::1'), saying(''), ['4 reject', '6 to fd64::1']],
  ['the file is not known', EXIT, undefined, ['4 drop', '6 drop']],
  ['the file is not known, and it is off', given(), undefined, []],
  [
    'the file is not known, and the network has its own',
    given('10.64.0.9'),
    undefined,
    ['4 to 10.64.0.9', '6 reject'],
  ],
] as const) {
  test(`where ${what}: ${expected.join(', ') || 'questions stay as they are'}`, () => {
    assert.deepEqual(ways(network, file), expected);
  });
}

const told = (network: ExitNetwork, file: TunnelFile): string[] =>
  remarkDns(network, routedFamilies(network, { file }), { path: network.files[0]!, file }).map(
    ({ level, text }) => `${level}: ${text}`,
  );

test('a server that is not behind the tunnel is told, and what becomes of questions', () => {
  const remedy = 'give dwgd.dns=<address> of one behind the tunnel, or dwgd.dns=off';
  const conf = 'dwgd.conf=/etc/dwgd/provider.conf';
  assert.deepEqual(told(EXIT, saying('192.0.2.1', '10.0.0.0/8')), [
    `warn: the DNS server 192.0.2.1 of ${conf} is not behind the tunnel (AllowedIPs), and is not asked: ${remedy}`,
    `warn: no DNS server of ${conf} is asked over IPv4, and questions over it are refused: ${remedy}`,
  ]);
  assert.deepEqual(told(EXIT, saying('192.0.2.1, 10.1.0.1', '10.0.0.0/8')), [
    `warn: the DNS server 192.0.2.1 of ${conf} is not behind the tunnel (AllowedIPs), and is not asked: ${remedy}`,
  ]);
  assert.deepEqual(told(given('10.64.0.1'), saying('')), [
    `info: no DNS server of dwgd.dns is asked over IPv6, and questions over it are refused: ${remedy}`,
  ]);
  for (const network of [EXIT, given()]) assert.deepEqual(told(network, saying('')), []);
  assert.deepEqual(told(EXIT, saying('10.64.0.1, fd64::1')), []);
});

/** The rules of a chain of the table that forwards. */
function rulesOf(network: ExitNetwork, file: TunnelFile, chain: string): readonly unknown[] {
  const { tables } = planRouter(network, exitTunnel(file), []);
  const found = tables.find(({ family }) => family === 'inet')?.chains.find(({ name }) => name === chain);
  return found!.rules.map(({ expr }) => expr);
}

const TO_DNS = [
  { match: { op: '==', left: { meta: { key: 'l4proto' } }, right: { set: ['tcp', 'udp'] } } },
  { match: { op: '==', left: { payload: { protocol: 'th', field: 'dport' } }, right: 53 } },
];
const comes = { match: { op: '==', left: { meta: { key: 'iifname' } }, right: 'br0' } };
const goes = { match: { op: '==', left: { meta: { key: 'oifname' } }, right: 'wg0' } };
const beyond = (protocol: string, addr: string, len: number) => ({
  match: { op: '!=', left: { payload: { protocol, field: 'daddr' } }, right: { prefix: { addr, len } } },
});

test('the rules: what containers ask beyond their network, over UDP and TCP, is sent to the server', () => {
  assert.deepEqual(rulesOf(EXIT, saying('10.64.0.1, fd64::1'), 'asking'), [
    [comes, beyond('ip', '10.66.0.0', 24), ...TO_DNS, { dnat: { family: 'ip', addr: '10.64.0.1' } }],
    [comes, beyond('ip6', 'fd66::', 64), ...TO_DNS, { dnat: { family: 'ip6', addr: 'fd64::1' } }],
  ]);
});

test('the rules: a family without a server is closed before what goes out is accepted', () => {
  const file = saying('10.64.0.1');
  const isIPv6 = { match: { op: '==', left: { meta: { key: 'nfproto' } }, right: 'ipv6' } };
  const forward = rulesOf(EXIT, file, 'forward');
  const at = forward.findIndex(expr => JSON.stringify(expr).includes('"reject":null'));
  assert.deepEqual(forward[at], [comes, goes, isIPv6, ...TO_DNS, { reject: null }]);
  assert.deepEqual(forward[at + 1], [comes, goes, { accept: null }]);
  assert.equal(rulesOf(EXIT, file, 'asking').length, 1);
});

test('the rules: none where it is off', () => {
  const file = saying('10.64.0.1');
  assert.deepEqual(rulesOf(given(), file, 'asking'), []);
  assert.doesNotMatch(JSON.stringify(rulesOf(given(), file, 'forward')), /53/);
});

// The options of an exit network: which stand beside dwgd.conf, and the sentence for each that does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { formatAddress, parseAddress } from '../../../../src/base/ip.js';
import { isExit, parseExitOptions } from '../../../../src/driver/spec/exit-options.js';
import { OPTIONS } from '../../../../src/driver/spec/option-table.js';

const parse = (options: Record<string, string>) => parseExitOptions(new Map(Object.entries(options)));
const conf = { 'dwgd.conf': '/etc/dwgd/mullvad.conf' };

test('files are kept in their order, with the defaults of the manual', () => {
  assert.deepEqual(parse(conf), { files: ['/etc/dwgd/mullvad.conf'], prefix: 'wg' });
  assert.deepEqual(
    parse({
      ...{ 'dwgd.conf': '/b.conf, /a.conf', 'dwgd.mtu': '1380', 'dwgd.prefix': 'vpn', 'com.example': '' },
      'dwgd.failback': '600',
    }),
    { files: ['/b.conf', '/a.conf'], failback: 600, mtu: 1380, prefix: 'vpn' },
  );
  const dns = (text: string) => parse({ ...conf, 'dwgd.dns': text }).dns?.map(formatAddress);
  assert.deepEqual(dns('10.64.0.1, fd64::1,10.64.0.1'), ['10.64.0.1', 'fd64::1']);
  assert.deepEqual(dns('off'), []);
  assert.equal(isExit(new Map(Object.entries(conf))), true);
  assert.equal(isExit(new Map([['dwgd.ifname', 'wg0']])), false);
});

const PATH = 'dwgd.conf is not valid: give the absolute path of a file';
const SAYS = 'cannot stand beside dwgd.conf: leave it out, the file itself says that';
const many = (n: number): string => Array.from({ length: n }, (_, i) => `/${i}.conf`).join(',');

for (const [name, options, message] of [
  ['no path', { 'dwgd.conf': '' }, PATH],
  ['a relative path', { 'dwgd.conf': 'mullvad.conf' }, PATH],
  ['the content of a file', { 'dwgd.conf': '[Interface]\nPrivateKey = hunter2' }, PATH],
  ['a comma too many', { 'dwgd.conf': '/a.conf,' }, PATH],
  [
    'a path that is too long',
    { 'dwgd.conf': `/${'a'.repeat(4095)}` },
    `dwgd.conf=/${'a'.repeat(79)}… is not valid: give the absolute path of a file`,
  ],
  ['nine files', { 'dwgd.conf': many(9) }, 'dwgd.conf has 9 files: give at most 8'],
  [
    'a file twice',
    { 'dwgd.conf': '/a.conf,/b.conf,/a.conf' },
    'dwgd.conf has /a.conf twice: give each file once',
  ],
  [
    'an MTU that is none',
    { ...conf, 'dwgd.mtu': '70000' },
    'dwgd.mtu=70000 is not valid: give a whole number from 576 to 65535',
  ],
  [
    'a failback of a second',
    { 'dwgd.conf': '/a.conf,/b.conf', 'dwgd.failback': '1' },
    'dwgd.failback=1 is not valid: give a whole number from 60 to 604800',
  ],
  [
    'a failback to the only file',
    { ...conf, 'dwgd.failback': '600' },
    'dwgd.failback is for several files: leave it out, or give dwgd.conf more than one (dwgd.conf=<path>,<path>)',
  ],
  [
    'no address for a DNS server',
    { ...conf, 'dwgd.dns': '10.64.0.1,dns.example' },
    'dwgd.dns=10.64.0.1,dns.example is not valid: give addresses such as 10.64.0.1, separated by commas, or off',
  ],
  [
    'nothing for a DNS server',
    { ...conf, 'dwgd.dns': '' },
    'dwgd.dns= is not valid: give addresses such as 10.64.0.1, separated by commas, or off',
  ],
  [
    'a DNS server on loopback',
    { ...conf, 'dwgd.dns': '127.0.0.53' },
    'dwgd.dns has 127.0.0.53, a loopback address: give the address of a server behind the tunnel',
  ],
  [
    'nine DNS servers',
    { ...conf, 'dwgd.dns': Array.from({ length: 9 }, (_, n) => `10.64.0.${n}`).join(',') },
    'dwgd.dns has 9 addresses: give at most 8',
  ],
  [
    'a gateway that is no address',
    { ...conf, 'dwgd.natpmp': 'yes' },
    "dwgd.natpmp=yes is not valid: give on, off, or the gateway's IPv4 address such as 10.2.0.1",
  ],
  [
    'a gateway of IPv6',
    { ...conf, 'dwgd.natpmp': 'fd64::1' },
    "dwgd.natpmp=fd64::1 is not valid: give on, off, or the gateway's IPv4 address such as 10.2.0.1",
  ],
  [
    'a gateway on loopback',
    { ...conf, 'dwgd.natpmp': '127.0.0.1' },
    "dwgd.natpmp has 127.0.0.1, a loopback address: give the address of the provider's gateway in the tunnel",
  ],
  ['an unknown option', { ...conf, 'dwgd.confs': 'x' }, 'unknown option dwgd.confs: did you mean dwgd.conf?'],
  ...(['ifname', 'pubkey'] as const).map(
    mode =>
      [
        mode,
        { ...conf, [`dwgd.${mode}`]: 'x' },
        `dwgd.conf and dwgd.${mode} are both given: give dwgd.conf for one tunnel that all containers share, or dwgd.${mode} for one tunnel for each container`,
      ] as const,
  ),
  ['an endpoint', { ...conf, 'dwgd.endpoint': 'h:1' }, `dwgd.endpoint ${SAYS} (Endpoint)`],
  ['a seed', { ...conf, 'dwgd.seed': 'hunter2' }, `dwgd.seed ${SAYS} (PrivateKey)`],
  ["a seed's file", { ...conf, 'dwgd.seedfile': '/s' }, `dwgd.seedfile ${SAYS} (PrivateKey)`],
  ['a preshared key', { ...conf, 'dwgd.psk': 'hunter2' }, `dwgd.psk ${SAYS} (PresharedKey)`],
  ["a preshared key's file", { ...conf, 'dwgd.pskfile': '/s' }, `dwgd.pskfile ${SAYS} (PresharedKey)`],
  ['a route', { ...conf, 'dwgd.route': '::/0' }, `dwgd.route ${SAYS} (AllowedIPs)`],
  ['allowed IPs', { ...conf, 'dwgd.allowedips': '::/0' }, `dwgd.allowedips ${SAYS} (AllowedIPs)`],
  ['a keepalive', { ...conf, 'dwgd.keepalive': '25' }, `dwgd.keepalive ${SAYS} (PersistentKeepalive)`],
] as const) {
  test(`beside dwgd.conf: ${name}`, () => {
    assert.throws(() => parse(options), new UserError(message));
  });
}

test('every option stands beside dwgd.conf or is refused by name', () => {
  for (const { name } of OPTIONS) {
    if (['dwgd.conf', 'dwgd.dns', 'dwgd.failback', 'dwgd.mtu', 'dwgd.natpmp', 'dwgd.prefix'].includes(name))
      continue;
    assert.throws(
      () => parse({ ...conf, [name]: 'x' }),
      new RegExp(`${name} .*(both given|beside dwgd.conf)`),
    );
  }
});

test('a port is asked for where that is on, at a gateway that is given or follows', () => {
  for (const [text, expected] of [
    ['on', 'on'],
    ['off', undefined],
    ['10.2.0.1', parseAddress('10.2.0.1')],
  ] as const)
    assert.deepEqual(parse({ ...conf, 'dwgd.natpmp': text }).natpmp, expected);
  assert.equal(parse(conf).natpmp, undefined);
});

// The options of `docker network create -o`: what each may be, and the sentence for each mistake.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../../../src/base/errors.js';
import { formatPrefix } from '../../../../src/base/ip.js';
import { parseOptions } from '../../../../src/driver/spec/options.js';
import { anyText } from '../../../support/arbitrary.js';

const KEY = '15+OM5qfSI79iNi3JgSGNkYwRNgLDtlpNeqMuly501M=';
const ifname = { 'dwgd.ifname': 'wg0', 'dwgd.seed': 'hunter2' };
const pubkey = { 'dwgd.pubkey': KEY, 'dwgd.endpoint': 'vpn.example.com:51820', 'dwgd.seed': 'hunter2' };

const parse = (options: Record<string, string>) => parseOptions(new Map(Object.entries(options)));

test('ifname mode has the defaults of the manual', () => {
  const { mode, routes, keepalive, allowedIPs, prefix, mtu, presharedKey } = parse(ifname);
  assert.deepEqual(mode, { kind: 'ifname', ifname: 'wg0' });
  assert.deepEqual([routes, keepalive, prefix, mtu, presharedKey], [[], 25, 'wg', undefined, undefined]);
  assert.deepEqual(allowedIPs.map(formatPrefix), ['0.0.0.0/0', '::/0']);
});

test('pubkey mode keeps the endpoint as a name', () => {
  const { mode } = parse(pubkey);
  assert.equal(mode.kind, 'pubkey');
  assert.deepEqual(mode.endpoint, { host: 'vpn.example.com', port: 51820 });
});

test('every option is read', () => {
  const options = parse({
    ...ifname,
    'dwgd.endpoint': '[2001:db8::1]:1',
    'dwgd.psk': KEY,
    'dwgd.route': '10.1.2.3/16, fd00::/8,10.1.0.0/16',
    'dwgd.mtu': '1380',
    'dwgd.keepalive': '0',
    'dwgd.allowedips': '10.0.0.0/8',
    'dwgd.prefix': 'tun',
  });
  assert.deepEqual(options.mode.endpoint, { host: '2001:db8::1', port: 1 });
  assert.deepEqual(options.routes.map(formatPrefix), ['10.1.0.0/16', 'fd00::/8']);
  assert.deepEqual([options.mtu, options.keepalive, options.prefix], [1380, 0, 'tun']);
  assert.ok(options.presharedKey && 'value' in options.presharedKey);
});

test('a secret can be named by its file', () => {
  const { seed, presharedKey } = parse({
    'dwgd.ifname': 'wg0',
    'dwgd.seedfile': '/etc/dwgd/seed',
    'dwgd.pskfile': '/etc/dwgd/psk',
  });
  assert.deepEqual(seed, { file: '/etc/dwgd/seed' });
  assert.deepEqual(presharedKey, { file: '/etc/dwgd/psk' });
});

test('options outside dwgd. are not ours', () => {
  assert.ok(parse({ ...ifname, 'com.docker.network.driver.mtu': '9000' }));
});

const NEITHER =
  'none of dwgd.conf, dwgd.ifname and dwgd.pubkey is given: give -o dwgd.conf=<file of wg-quick(8)>, -o dwgd.ifname=<WireGuard interface of this host>, or -o dwgd.pubkey=<key of the peer> with -o dwgd.endpoint=<host:port>';
const ENDPOINT = 'give host:port, 192.0.2.1:51820 or [2001:db8::1]:51820, with a port from 1 to 65535';

for (const [name, options, message] of [
  ['no option at all', {}, NEITHER],
  ['neither mode', { 'dwgd.seed': 'hunter2' }, NEITHER],
  [
    'both modes',
    { ...ifname, ...pubkey },
    'dwgd.ifname and dwgd.pubkey are both given: give dwgd.ifname for a WireGuard interface of this host, or dwgd.pubkey with dwgd.endpoint for a peer elsewhere',
  ],
  [
    'an unknown option near a known one',
    { ...ifname, 'dwgd.rout': '10.0.0.0/8' },
    'unknown option dwgd.rout: did you mean dwgd.route?',
  ],
  [
    'an unknown option near none',
    { ...ifname, 'dwgd.firewall': 'x' },
    'unknown option dwgd.firewall: the options are dwgd.ifname, dwgd.pubkey, dwgd.conf, dwgd.failback, dwgd.endpoint, dwgd.seed, dwgd.seedfile, dwgd.psk, dwgd.pskfile, dwgd.route, dwgd.mtu, dwgd.dns, dwgd.natpmp, dwgd.keepalive, dwgd.allowedips, dwgd.prefix',
  ],
  [
    'a DNS server without dwgd.conf',
    { ...ifname, 'dwgd.dns': '10.64.0.1' },
    'dwgd.dns goes with dwgd.conf alone: give containers the server by --dns (dns: in Compose)',
  ],
  [
    'a misspelt seed, whose value stays unsaid',
    { 'dwgd.ifname': 'wg0', 'dwgd.seeed': 'hunter2' },
    'unknown option dwgd.seeed: did you mean dwgd.seed?',
  ],
  [
    'an interface name that is too long',
    { ...ifname, 'dwgd.ifname': 'averylongwgname0' },
    'dwgd.ifname=averylongwgname0 is not valid: give the name of a WireGuard interface of this host, 1 to 15 bytes',
  ],
  [
    'an interface name with a slash',
    { ...ifname, 'dwgd.ifname': '../wg0' },
    'dwgd.ifname=../wg0 is not valid: give the name of a WireGuard interface of this host, 1 to 15 bytes',
  ],
  [
    'an empty interface name',
    { ...ifname, 'dwgd.ifname': '' },
    'dwgd.ifname= is not valid: give the name of a WireGuard interface of this host, 1 to 15 bytes',
  ],
  [
    'a key that is too short',
    { ...pubkey, 'dwgd.pubkey': 'AAAA' },
    'dwgd.pubkey=AAAA is not valid: give a public key as "wg pubkey" prints it, 44 characters of base64, not all zero',
  ],
  [
    'the all-zero key',
    { ...pubkey, 'dwgd.pubkey': Buffer.alloc(32).toString('base64') },
    'dwgd.pubkey=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= is not valid: give a public key as "wg pubkey" prints it, 44 characters of base64, not all zero',
  ],
  [
    'a public key without an endpoint',
    { 'dwgd.pubkey': KEY, 'dwgd.seed': 'hunter2' },
    'dwgd.endpoint is missing: dwgd.pubkey needs -o dwgd.endpoint=<host:port> of that peer',
  ],
  [
    'an endpoint without a port',
    { ...pubkey, 'dwgd.endpoint': 'vpn.example.com' },
    `dwgd.endpoint=vpn.example.com is not valid: ${ENDPOINT}`,
  ],
  [
    'an endpoint with port 0',
    { ...pubkey, 'dwgd.endpoint': '192.0.2.1:0' },
    `dwgd.endpoint=192.0.2.1:0 is not valid: ${ENDPOINT}`,
  ],
  [
    'an endpoint with port 65536',
    { ...pubkey, 'dwgd.endpoint': '192.0.2.1:65536' },
    `dwgd.endpoint=192.0.2.1:65536 is not valid: ${ENDPOINT}`,
  ],
  [
    'an IPv6 endpoint without brackets',
    { ...pubkey, 'dwgd.endpoint': '2001:db8::1:51820' },
    `dwgd.endpoint=2001:db8::1:51820 is not valid: ${ENDPOINT}`,
  ],
  [
    'an IPv4 endpoint that is none',
    { ...pubkey, 'dwgd.endpoint': '192.0.2.999:51820' },
    `dwgd.endpoint=192.0.2.999:51820 is not valid: ${ENDPOINT}`,
  ],
  [
    'no seed',
    { 'dwgd.ifname': 'wg0' },
    'dwgd.seed is missing: give -o dwgd.seed=<secret>, or -o dwgd.seedfile=<path of a file that holds it>',
  ],
  [
    'an empty seed',
    { ...ifname, 'dwgd.seed': '' },
    'dwgd.seed is empty: give a secret that nobody can guess',
  ],
  [
    'a seed and a seed file',
    { ...ifname, 'dwgd.seedfile': '/etc/seed' },
    'dwgd.seed and dwgd.seedfile are both given: give one of them',
  ],
  [
    'a seed file that is not an absolute path',
    { 'dwgd.ifname': 'wg0', 'dwgd.seedfile': 'seed' },
    'dwgd.seedfile is not valid: give the absolute path of a file',
  ],
  [
    'a bad preshared key, which stays unsaid',
    { ...ifname, 'dwgd.psk': 'letmein' },
    'dwgd.psk is not a preshared key: give what "wg genpsk" prints, 44 characters of base64',
  ],
  [
    'a preshared key and its file',
    { ...ifname, 'dwgd.psk': KEY, 'dwgd.pskfile': '/etc/psk' },
    'dwgd.psk and dwgd.pskfile are both given: give one of them',
  ],
  [
    'a route that is not a network',
    { ...ifname, 'dwgd.route': '10.0.0.0/8,everything' },
    'dwgd.route=everything is not valid: give networks such as 10.1.0.0/16 or fd00::/8, separated by commas',
  ],
  [
    'a route with an empty part',
    { ...ifname, 'dwgd.route': '10.0.0.0/8,' },
    'dwgd.route= is not valid: give networks such as 10.1.0.0/16 or fd00::/8, separated by commas',
  ],
  [
    'an MTU below the least',
    { ...ifname, 'dwgd.mtu': '575' },
    'dwgd.mtu=575 is not valid: give a whole number from 576 to 65535',
  ],
  [
    'an MTU with a unit',
    { ...ifname, 'dwgd.mtu': '1380B' },
    'dwgd.mtu=1380B is not valid: give a whole number from 576 to 65535',
  ],
  [
    'a keepalive beyond 16 bits',
    { ...ifname, 'dwgd.keepalive': '65536' },
    'dwgd.keepalive=65536 is not valid: give a whole number from 0 to 65535',
  ],
  [
    'allowed IPs that are none',
    { ...ifname, 'dwgd.allowedips': '' },
    'dwgd.allowedips= is not valid: give networks such as 10.1.0.0/16 or fd00::/8, separated by commas',
  ],
  [
    'a prefix that leaves no room for a number',
    { ...ifname, 'dwgd.prefix': 'wireguardlink' },
    'dwgd.prefix=wireguardlink is not valid: give the beginning of an interface name, 1 to 12 bytes',
  ],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => parse(options as Record<string, string>),
      (err: unknown) => {
        assert.ok(err instanceof UserError);
        assert.equal(err.message, message);
        assert.doesNotMatch(err.message, /hunter2|letmein/);
        return true;
      },
    );
  });
}

test('a long value is cut in the message', () => {
  assert.throws(
    () => parse({ ...ifname, 'dwgd.mtu': '9'.repeat(1e6) }),
    /^UserError: dwgd\.mtu=9{80}… is not valid/,
  );
});

test('whatever is given, it is either options or one sentence of a UserError without the secrets', () => {
  const names = fc.constantFrom(
    'dwgd.ifname',
    'dwgd.pubkey',
    'dwgd.endpoint',
    'dwgd.route',
    'dwgd.mtu',
    'dwgd.psk',
    'dwgd.x',
    'y',
  );
  const values = fc.oneof(anyText(), fc.constantFrom(KEY, 'wg0', '10.0.0.0/8', '1400', 'h:1'));
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values), { maxLength: 6 }), entries => {
      try {
        parseOptions(new Map([...entries, ['dwgd.seed', 'unguessable-seed']]));
      } catch (err) {
        assert.ok(err instanceof UserError);
        assert.ok(!err.message.includes('unguessable-seed') && !err.message.includes('\n'));
      }
    }),
    { numRuns: 3000 },
  );
});

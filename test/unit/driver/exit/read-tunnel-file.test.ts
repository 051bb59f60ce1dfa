// Files of wg-quick(8) and wg(8) that are taken: as providers hand them out, and in each spelling that those programs take.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, formatPrefix } from '../../../../src/base/ip.js';
import { readTunnelFile } from '../../../../src/driver/exit/read-tunnel-file.js';
import {
  MAX_ALLOWED_IPS,
  MAX_PEERS,
  MAX_REMARKS,
  type TunnelFile,
} from '../../../../src/driver/exit/tunnel-file.js';
import { formatHostPort } from '../../../../src/driver/spec/host-port.js';
import { anyText } from '../../../support/arbitrary.js';

const OWN = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
const PEER = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
const OTHER = 'TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=';
const PSK = 'FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=';

/** The file, which has to have no mistakes. */
function taken(text: string): TunnelFile {
  const file = readTunnelFile(text);
  if ('mistakes' in file) assert.fail(JSON.stringify(file.mistakes));
  return file;
}

/** What a file says, as text. */
function shown(text: string): Record<string, unknown> {
  const { privateKey, addresses, dns, peers, passedOver, ...rest } = taken(text);
  return {
    privateKey: privateKey.reveal().toString('base64'),
    addresses: addresses.map(formatPrefix).join(),
    dns: dns.map(formatAddress).join(),
    ...rest,
    peers: peers.map(({ publicKey, presharedKey, allowedIPs, endpoint, keepalive }) => ({
      publicKey: `${publicKey}`,
      ...(presharedKey && { presharedKey: presharedKey.reveal().toString('base64') }),
      allowedIPs: allowedIPs.map(formatPrefix).join(),
      ...(endpoint && { endpoint: formatHostPort(endpoint) }),
      keepalive,
    })),
    passedOver: passedOver.map(({ line, sentence }) => `${line}: ${sentence.split(': ')[0]}`),
  };
}

const PLAIN = {
  privateKey: OWN,
  addresses: '10.64.0.2/32',
  dns: '',
  searchDomains: [],
  table: 'auto',
  peers: [{ publicKey: PEER, allowedIPs: '0.0.0.0/0', endpoint: '192.0.2.1:51820', keepalive: 0 }],
  passedOver: [],
};

test('one peer, full tunnel, dual stack, preshared key', () => {
  assert.deepEqual(
    shown(`# Device: Happy Fox
[Interface]
PrivateKey = ${OWN}
Address = 10.64.0.2/32,fc00:bbbb:bbbb:bb01::1/128
DNS = 10.64.0.1

[Peer]
PublicKey = ${PEER}
PresharedKey = ${PSK}
AllowedIPs = 0.0.0.0/0,::0/0
Endpoint = 192.0.2.1:51820
PersistentKeepalive = 25
`),
    {
      ...PLAIN,
      addresses: '10.64.0.2/32,fc00:bbbb:bbbb:bb01::1/128',
      dns: '10.64.0.1',
      peers: [
        {
          ...{ publicKey: PEER, presharedKey: PSK, allowedIPs: '0.0.0.0/0,::/0' },
          ...{ endpoint: '192.0.2.1:51820', keepalive: 25 },
        },
      ],
    },
  );
});

test('two peers, split', () => {
  assert.deepEqual(
    shown(`[Interface]
PrivateKey = ${OWN}
Address = 10.7.0.2/24
ListenPort = 51820
FwMark = 0xca6c
MTU = 1380
Table = 200

[Peer]
PublicKey = ${PEER}
AllowedIPs = 10.7.0.1/24
AllowedIPs = 10.8.0.0/16, 10.8.0.0/16
Endpoint = [2001:db8::1]:51820

[Peer]
PublicKey = ${OTHER}
AllowedIPs = 192.168.5.0/24
`),
    {
      ...PLAIN,
      ...{ addresses: '10.7.0.2/24', listenPort: 51820, fwmark: 0xca6c, mtu: 1380, table: 200 },
      passedOver: ['7: Table=200 is passed over'],
      peers: [
        {
          publicKey: PEER,
          allowedIPs: '10.7.0.0/24,10.8.0.0/16',
          ...{ endpoint: '[2001:db8::1]:51820', keepalive: 0 },
        },
        { publicKey: OTHER, allowedIPs: '192.168.5.0/24', keepalive: 0 },
      ],
    },
  );
});

/** A whole file with other lines in place of some. */
function file({
  own = '',
  address = 'Address = 10.64.0.2/32',
  peer = '',
  allowed = 'AllowedIPs = 0.0.0.0/0',
  endpoint = 'Endpoint = 192.0.2.1:51820',
  more = '',
}): string {
  return `[Interface]
PrivateKey = ${OWN}
${address}
${own}
[Peer]
PublicKey = ${PEER}
${allowed}
${endpoint}
${peer}
${more}`;
}

const WITH_PEER = (fields: object): object => ({ ...PLAIN, peers: [{ ...PLAIN.peers[0], ...fields }] });

for (const [what, text, expected] of [
  ['the plain file', file({}), PLAIN],
  ['CR LF at the end of lines', file({}).replaceAll('\n', '\r\n'), PLAIN],
  ['a mark of the order of bytes', `\ufeff${file({})}`, PLAIN],
  ['no newline at the end', file({}).trimEnd(), PLAIN],
  [
    'keys and sections in small letters',
    file({}).replace(/^\[?[A-Z]\w+(?=\]| =)/gim, w => w.toLowerCase()),
    PLAIN,
  ],
  [
    'keys and sections in capitals',
    file({}).replace(/^\[?[A-Z]\w+(?=\]| =)/gim, w => w.toUpperCase()),
    PLAIN,
  ],
  ['no blanks around =', file({}).replaceAll(' = ', '='), PLAIN],
  ['tabs and many blanks', file({}).replaceAll(' = ', '\t  =\t ').replaceAll('\n', '  \n\t'), PLAIN],
  ['blanks within titles', file({}).replace('[Peer]', '[ Peer ]'), PLAIN],
  ['blanks within a value of wg', file({ endpoint: 'Endpoint = 192.0.2.1 : 51820' }), PLAIN],
  ['comments behind values', file({}).replaceAll('\n', ' # = [x] , #\n'), PLAIN],
  ['comments that are no UTF-8', file({ own: Buffer.from('# caf\xe9', 'latin1').toString('utf8') }), PLAIN],
  ['a section in two parts', file({ more: '[interface]\nMTU = 1380' }), { ...PLAIN, mtu: 1380 }],
  ['a value twice, the same', file({ peer: 'endpoint=192.0.2.1:51820' }), PLAIN],
  [
    'addresses on several lines, and between blanks',
    file({ own: 'Address = 10.64.0.3 fd00::2/64\naddress = 10.64.0.2/32' }),
    { ...PLAIN, addresses: '10.64.0.2/32,10.64.0.3/32,fd00::2/64' },
  ],
  ['an empty Address beside another', file({ own: 'Address =' }), PLAIN],
  [
    'servers and domains under DNS',
    file({ own: 'DNS = 10.64.0.1, fd00::1 Example.ORG.\nDNS=10.64.0.1\nDNS =' }),
    {
      ...PLAIN,
      dns: '10.64.0.1,fd00::1',
      searchDomains: ['example.org'],
      passedOver: ['4: DNS=Example.ORG. is passed over'],
    },
  ],
  [
    'a server of the DNS on loopback',
    file({ own: 'DNS = 127.0.0.53' }),
    { ...PLAIN, passedOver: ['4: DNS=127.0.0.53 is passed over'] },
  ],
  [
    'a link-local address',
    file({ own: 'Address = fe80::1/64' }),
    { ...PLAIN, passedOver: ['4: Address=fe80::1/64 is passed over'] },
  ],
  ['an empty MTU', file({ own: 'MTU =' }), PLAIN],
  ['zeros before an MTU', file({ own: 'MTU = 01380' }), { ...PLAIN, mtu: 1380 }],
  [
    'Table = off',
    file({ own: 'Table = Off' }),
    { ...PLAIN, table: 'off', passedOver: ['4: Table=off is passed over'] },
  ],
  ['Table = auto', file({ own: 'Table = auto' }), PLAIN],
  ['an empty Table', file({ own: 'Table =' }), PLAIN],
  [
    'a table of ip(8) by name',
    file({ own: 'Table = main' }),
    { ...PLAIN, table: 254, passedOver: ['4: Table=254 is passed over'] },
  ],
  [
    'a table in hex',
    file({ own: 'Table = 0x1f' }),
    { ...PLAIN, table: 31, passedOver: ['4: Table=31 is passed over'] },
  ],
  ['FwMark = off', file({ own: 'FwMark = OFF' }), { ...PLAIN, fwmark: 0 }],
  ['FwMark in decimal', file({ own: 'FwMark = 51820' }), { ...PLAIN, fwmark: 51820 }],
  ['the greatest FwMark', file({ own: 'FwMark = 0xffffffff' }), { ...PLAIN, fwmark: 0xffff_ffff }],
  ['ListenPort = 0', file({ own: 'ListenPort = 0' }), { ...PLAIN, listenPort: 0 }],
  ['SaveConfig = false', file({ own: 'SaveConfig = false' }), PLAIN],
  [
    'what a network cannot honour',
    file({
      own: `SaveConfig = true\nPreUp = x\nPostUp = echo ${OWN} #\npostdown=\nPreDown = [y]\nJc = 4`,
      peer: 'I1 = <b>',
    }),
    {
      ...PLAIN,
      passedOver: [
        '4: SaveConfig is passed over',
        '5: PreUp is not run',
        '6: PostUp is not run',
        '7: PostDown is not run',
        '8: PreDown is not run',
        '9: Jc is of AmneziaWG, which the kernel does not have',
        '14: I1 is of AmneziaWG, which the kernel does not have',
      ],
    },
  ],
  ['PersistentKeepalive = off', file({ peer: 'PersistentKeepalive = off' }), PLAIN],
  ['PersistentKeepalive = 0', file({ peer: 'PersistentKeepalive = 0' }), PLAIN],
  ['the longest keepalive', file({ peer: 'PersistentKeepalive = 65535' }), WITH_PEER({ keepalive: 65535 })],
  ['a preshared key of zeros', file({ peer: `PresharedKey = ${'A'.repeat(43)}=` }), PLAIN],
  [
    'an endpoint by name',
    file({ endpoint: 'Endpoint = se1.vpn.example:443' }),
    WITH_PEER({ endpoint: 'se1.vpn.example:443' }),
  ],
  [
    'a name with a dot at its end',
    file({ endpoint: 'Endpoint = vpn.example.:1' }),
    WITH_PEER({ endpoint: 'vpn.example.:1' }),
  ],
  [
    'IPv6 without brackets',
    file({ endpoint: 'Endpoint = 2001:db8::1:443' }),
    WITH_PEER({ endpoint: '[2001:db8::1]:443' }),
  ],
  ['IPv4 within brackets', file({ endpoint: 'Endpoint = [192.0.2.1]:51820' }), PLAIN],
  ['zeros before a port', file({ endpoint: 'Endpoint = 192.0.2.1:0051820' }), PLAIN],
  [
    'allowed IPs without a length',
    file({ allowed: 'AllowedIPs = 10.0.0.1, ::1' }),
    WITH_PEER({ allowedIPs: '10.0.0.1/32,::1/128' }),
  ],
  ['host bits', file({ allowed: 'AllowedIPs = 10.1.2.3/8' }), WITH_PEER({ allowedIPs: '10.0.0.0/8' })],
  ['an empty AllowedIPs beside others', file({ peer: 'AllowedIPs =' }), PLAIN],
  [
    "wg's signs",
    file({ allowed: 'AllowedIPs = +10.0.0.0/8, 11.0.0.0/8, -11.0.0.0/8, -12.0.0.0/8' }),
    WITH_PEER({ allowedIPs: '10.0.0.0/8' }),
  ],
  [
    'a peer without allowed IPs',
    file({ own: 'ListenPort = 1', more: `[Peer]\nPublicKey = ${OTHER}` }),
    { ...PLAIN, listenPort: 1, peers: [...PLAIN.peers, { publicKey: OTHER, allowedIPs: '', keepalive: 0 }] },
  ],
  [
    'an allowed IP of two peers: the last one has it',
    file({
      allowed: 'AllowedIPs = 0.0.0.0/0, 10.0.0.0/8',
      more: `[Peer]\nPublicKey = ${OTHER}\nEndpoint = 192.0.2.2:1\nAllowedIPs = 10.1.2.3/8`,
    }),
    {
      ...PLAIN,
      peers: [
        ...PLAIN.peers,
        { publicKey: OTHER, allowedIPs: '10.0.0.0/8', endpoint: '192.0.2.2:1', keepalive: 0 },
      ],
      passedOver: ['5: this [Peer] does not get 10.0.0.0/8'],
    },
  ],
] as const) {
  test(`taken: ${what}`, () => {
    assert.deepEqual(shown(text), expected);
  });
}

test('secrets do not print', () => {
  const found = taken(file({ peer: `PresharedKey = ${PSK}` }));
  const printed = JSON.stringify(found);
  for (const secret of [OWN, PSK]) assert.ok(!printed.includes(secret.slice(0, 16)));
  assert.ok(printed.includes(PEER));
});

/** Lines of which files are made, whole and broken. */
const line = fc.oneof(
  fc.constantFrom(
    ...file({ own: 'DNS = 10.64.0.1\nMTU=1380', peer: 'PersistentKeepalive = off' }).split('\n'),
    ...[
      '[Interface]',
      '[Peer]',
      `PublicKey=${OTHER}`,
      `PresharedKey = ${PSK}`,
      'PostUp = x',
      'AllowedIPs = ::/0',
    ],
  ),
  fc
    .tuple(fc.constantFrom('Address', 'DNS', 'Endpoint', 'AllowedIPs', 'PrivateKey', 'x'), anyText())
    .map(([key, value]) => `${key} = ${value}`),
  fc
    .tuple(fc.nat(50), fc.constantFrom(OWN, PSK, `PrivateKey = ${OWN}`))
    .map(([at, text]) => `${text.slice(0, at)}\n${text.slice(at)}`),
  anyText(),
);

test('any text is a configuration, or a list of mistakes with their lines; no secret is in either', () => {
  let takenOnes = 0;
  const lines = fc.array(line, { maxLength: 12 });
  const whole = fc.tuple(lines, lines).map(([before, after]) => [...before, file({}), ...after]);
  const comment = anyText().map(text => `# ${text.replace(/[\n\0]/g, ' ')}`);
  const harmless = fc
    .tuple(fc.constantFrom('MTU=1380', `PostUp = ${OWN}`, 'DNS = a.example'), comment)
    .map(([own, peer]) => [file({ own, peer })]);
  fc.assert(
    fc.property(fc.oneof(lines, whole, harmless), parts => {
      const text = parts.join('\n');
      const found = readTunnelFile(text);
      const count = text.split('\n').length;
      const remarks = 'mistakes' in found ? found.mistakes : found.passedOver;
      assert.ok(remarks.length <= MAX_REMARKS + 1);
      for (const [n, { line, sentence }] of remarks.entries()) {
        assert.ok(Number.isInteger(line) && line >= (remarks[n - 1]?.line ?? 1) && line <= count);
        assert.ok(sentence.length > 10 && sentence.length < 400 && !/[\n\0]/.test(sentence), sentence);
        for (const secret of [OWN, PSK])
          for (let at = 0; at + 16 <= secret.length; at++)
            assert.ok(!sentence.includes(secret.slice(at, at + 16)), sentence);
      }
      if ('mistakes' in found) {
        assert.ok(found.mistakes.length > 0);
        return;
      }
      takenOnes++;
      assert.ok(found.addresses.length > 0 && found.peers.length > 0);
    }),
    { numRuns: 2000 },
  );
  assert.ok(takenOnes > 50, `${takenOnes}`);
});

test('as many peers and allowed IPs as there may be', () => {
  const key = (n: number): string => {
    const bytes = Buffer.alloc(32, 9);
    bytes.writeUInt16BE(n);
    return bytes.toString('base64');
  };
  const peers = (count: number): string =>
    file({ own: 'ListenPort = 1' }) +
    Array.from({ length: count - 1 }, (_, n) => `\n[Peer]\nPublicKey=${key(n)}`).join('');
  assert.equal(taken(peers(MAX_PEERS)).peers.length, MAX_PEERS);
  const tooMany = readTunnelFile(peers(MAX_PEERS + 1));
  assert.ok('mistakes' in tooMany && /more than 128 sections/.test(tooMany.mistakes[0]!.sentence));
  const ips = (count: number): string =>
    file({
      allowed: `AllowedIPs = ${Array.from({ length: count }, (_, n) => `1.2.${n >> 8}.${n & 255}`).join()}`,
    });
  assert.equal(taken(ips(MAX_ALLOWED_IPS)).peers[0]!.allowedIPs.length, MAX_ALLOWED_IPS);
  const more = readTunnelFile(ips(MAX_ALLOWED_IPS + 1));
  assert.ok('mistakes' in more && /more than 2048 AllowedIPs/.test(more.mistakes[0]!.sentence));
});

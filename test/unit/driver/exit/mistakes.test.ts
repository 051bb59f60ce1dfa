// Files that are refused: each mistake with its line and its sentence, whole. No sentence has what may be a secret.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTunnelFile } from '../../../../src/driver/exit/read-tunnel-file.js';
import { MAX_FILE_BYTES, MAX_REMARKS } from '../../../../src/driver/exit/tunnel-file.js';

const OWN = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
const OWN_PUBLIC = 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=';
const PEER = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
const ZEROS = `${'A'.repeat(43)}=`;

const PLAIN: readonly string[] = [
  '[Interface]',
  `PrivateKey = ${OWN}`,
  'Address = 10.64.0.2/32',
  '[Peer]',
  `PublicKey = ${PEER}`,
  'AllowedIPs = 0.0.0.0/0',
  'Endpoint = 192.0.2.1:51820',
];

/** The plain file with another line in place of one, counted from 1. */
function at(line: number, ...texts: string[]): string {
  return PLAIN.toSpliced(line - 1, 1, ...texts).join('\n');
}

/** With one more line in [Interface]; it is line 4. */
const own = (text: string): string => at(3, PLAIN[2]!, text);
/** With one more line in [Peer]; it is line 8. */
const peer = (...texts: string[]): string => at(7, PLAIN[6]!, ...texts);

const PRIVATE = 'PrivateKey is not a key: give what "wg genkey" prints, 44 characters of base64';
const PUBLIC = 'PublicKey is not a key: give what the peer has for "wg pubkey", 44 characters of base64';
const PRESHARED = 'PresharedKey is not a key: give what "wg genpsk" prints, 44 characters of base64';
const ADDRESS = 'is not valid: give addresses such as 10.64.0.2/32, separated by commas';
const ALLOWED = 'is not valid: give networks such as 10.1.0.0/16 or ::/0, separated by commas';
const DNS = 'is not valid: give addresses such as 10.64.0.1, or domains to search';
const ENDPOINT =
  'is not valid: give host:port, 192.0.2.1:51820 or [2001:db8::1]:51820, with a port from 1 to 65535';
const UNKNOWN_SECTION = 'the section is unknown: the sections are [Interface] and [Peer]';
const NO_INTERFACE = 'the file has no [Interface]: give a file of wg-quick(8), as the provider hands it out';
const NEITHER = 'the line is neither a section nor KEY = VALUE: put a # before what is a comment';
const LARGE = 'the file is larger than 64 KiB: give one of wg-quick(8)';
const NUL = 'the line has a NUL: save the file as plain text in UTF-8';
const TABLE = 'is not valid: give auto, off, or the number of a table, 1 to 4294967295';
const FWMARK = 'is not valid: give a number from 0 to 0xffffffff, or off';
const KEEPALIVE = 'is not valid: give a whole number from 0 to 65535, or off';
const twice = (name: string, line: number): string =>
  `${name} stands in line ${line} of the same section already, with another value: leave one of them`;

for (const [what, text, line, sentence] of [
  ['nothing', '', 1, NO_INTERFACE],
  ['blanks and comments', '\n \n# [Interface]\n', 1, NO_INTERFACE],
  ['a peer alone', PLAIN.slice(3).join('\n'), 1, NO_INTERFACE],
  ['10 MiB', 'x'.repeat(10 * 1024 * 1024), 1, LARGE],
  ['one byte more than may be', `${PLAIN.join('\n')}\n#`.padEnd(MAX_FILE_BYTES + 1), 1, LARGE],
  ['as many letters, more bytes', 'ä'.repeat(MAX_FILE_BYTES / 2 + 1), 1, LARGE],
  ['a NUL', at(3, 'Address = 10.64.0.2/32\0'), 3, NUL],
  [
    'a mark of the order of bytes further down',
    own('\ufeffMTU = 1380'),
    4,
    'the key is unknown: did you mean MTU?',
  ],
  ['a NUL in a comment', own('# \0'), 4, NUL],
  ['UTF-16', Buffer.from(`\ufeff${PLAIN.join('\n')}`, 'utf16le').toString('utf8'), 1, NUL],
  ['a text that is no such file', 'hello', 1, NEITHER],
  [
    'invalid UTF-8 for a line',
    at(3, PLAIN[2]!, Buffer.from([0xff, 0xfe, 0x80]).toString('utf8')),
    4,
    NEITHER,
  ],
  [
    'invalid UTF-8 in an address',
    at(3, `Address = 10.0.0.${Buffer.from([0xff]).toString('utf8')}`),
    3,
    `Address=10.0.0.\ufffd ${ADDRESS}`,
  ],
  ['a comment with ;', at(1, '; mullvad', PLAIN[0]!), 1, NEITHER],
  ['a key behind ;', own(`; PrivateKey = ${OWN}`), 4, 'the key is unknown: put a # before what is a comment'],
  ['a key without =', own(`PrivateKey ${OWN.slice(0, -1)}`), 4, NEITHER],
  [
    'a key before any section',
    at(1, 'MTU = 1380', PLAIN[0]!),
    1,
    'MTU stands before any section: put [Interface] above it',
  ],
  [
    "a peer's key before any section",
    at(1, `PublicKey = ${PEER}`, PLAIN[0]!),
    1,
    'PublicKey stands before any section: put [Peer] above it',
  ],
  ['an unknown section', peer('[Socks5]', 'BindAddress = 127.0.0.1:1080'), 8, UNKNOWN_SECTION],
  ['a section of systemd-networkd', at(4, '[WireGuardPeer]'), 4, UNKNOWN_SECTION],
  ['a title that does not end', at(4, '[Peer'), 4, UNKNOWN_SECTION],
  ['a title with more behind it', at(4, '[Peer] = x'), 4, UNKNOWN_SECTION],
  ['an unknown key', own('Colour = red'), 4, 'the key is unknown: take the line out'],
  ['a misspelt key', own('Adress = 10.0.0.2'), 4, 'the key is unknown: did you mean Address?'],
  ['no key', own('= 10.0.0.2'), 4, 'the key is unknown: take the line out'],
  ['a name of JavaScript for a key', own('__proto__ = 1'), 4, 'the key is unknown: take the line out'],
  [
    'half of a private key on a line of its own',
    at(2, `PrivateKey = ${OWN}`, OWN.slice(20)),
    3,
    'the key is unknown: take the line out',
  ],
  [
    'Address under [Peer]',
    peer('Address = 10.64.0.3'),
    8,
    'Address stands in the wrong section: it belongs under [Interface]',
  ],
  [
    'AllowedIPs under [Interface]',
    own('AllowedIPs = ::/0'),
    4,
    'AllowedIPs stands in the wrong section: it belongs under [Peer]',
  ],
  ['no private key', at(2), 1, 'PrivateKey is missing: put the one of this end under [Interface]'],
  ['an empty private key', at(2, 'PrivateKey ='), 2, PRIVATE],
  ['a private key of 43 characters', at(2, `PrivateKey = ${OWN.slice(1)}`), 2, PRIVATE],
  ['a private key of 45 characters', at(2, `PrivateKey = A${OWN}`), 2, PRIVATE],
  ['a private key in hex', at(2, `PrivateKey = ${Buffer.from(OWN, 'base64').toString('hex')}`), 2, PRIVATE],
  ['a private key in the base64 of URLs', at(2, `PrivateKey = ${OWN.replaceAll('+', '-')}`), 2, PRIVATE],
  ['a private key of 31 bytes', at(2, `PrivateKey = ${Buffer.alloc(31, 7).toString('base64')}`), 2, PRIVATE],
  ['a private key with bits too many', at(2, `PrivateKey = ${OWN.replace('k=', 'l=')}`), 2, PRIVATE],
  ['a private key in quotes', at(2, `PrivateKey = "${OWN}"`), 2, PRIVATE],
  [
    'a private key of zeros',
    at(2, `PrivateKey = ${ZEROS}`),
    2,
    'PrivateKey is all zero, which is none: give what "wg genkey" prints',
  ],
  ['two private keys', own(`PrivateKey = ${PEER}`), 4, twice('PrivateKey', 2)],
  [
    'two private keys in a section of two parts',
    peer('[Interface]', `privatekey = ${PEER}`),
    9,
    twice('PrivateKey', 2),
  ],
  ['no address', at(3), 1, 'Address is missing: put what the provider gave you under [Interface]'],
  [
    'an empty address',
    at(3, 'Address ='),
    1,
    'Address is missing: put what the provider gave you under [Interface]',
  ],
  ['an address out of range', at(3, 'Address = 10.64.0.256/32'), 3, `Address=10.64.0.256/32 ${ADDRESS}`],
  ['an IPv4 prefix out of range', at(3, 'Address = 10.64.0.2/33'), 3, `Address=10.64.0.2/33 ${ADDRESS}`],
  ['an IPv6 prefix out of range', at(3, 'Address = fd00::2/129'), 3, `Address=fd00::2/129 ${ADDRESS}`],
  ['a prefix without digits', at(3, 'Address = 10.64.0.2/'), 3, `Address=10.64.0.2/ ${ADDRESS}`],
  ['two prefixes', at(3, 'Address = 10.64.0.2/32/24'), 3, `Address=10.64.0.2/32/24 ${ADDRESS}`],
  ['an octal address', at(3, 'Address = 010.64.0.2'), 3, `Address=010.64.0.2 ${ADDRESS}`],
  ['a name for an address', at(3, 'Address = home.example'), 3, `Address=home.example ${ADDRESS}`],
  ['an address with a zone', at(3, 'Address = fe80::1%eth0/64'), 3, `Address=fe80::1%eth0/64 ${ADDRESS}`],
  [
    'an address on loopback',
    at(3, 'Address = 127.0.0.2/8'),
    3,
    'Address=127.0.0.2/8 is not valid: give what the provider gave you: this is a loopback address',
  ],
  ['a private key for an address', at(3, `Address = ${OWN}`), 3, `Address ${ADDRESS}`],
  [
    '33 addresses',
    at(3, `Address = ${Array.from({ length: 33 }, (_, n) => `10.0.0.${n}`).join()}`),
    3,
    'Address lists more than 32: leave those out that are not needed',
  ],
  [
    '33 servers of the DNS',
    own(`DNS = ${Array.from({ length: 33 }, (_, n) => `10.0.0.${n}`).join()}`),
    4,
    'DNS lists more than 32: leave those out that are not needed',
  ],
  ['a server of the DNS out of range', own('DNS = 10.64.0.300'), 4, `DNS=10.64.0.300 ${DNS}`],
  ['a server of the DNS with a port', own('DNS = 10.64.0.1:53'), 4, `DNS=10.64.0.1:53 ${DNS}`],
  ['a domain with a slash', own('DNS = https/dns.example'), 4, `DNS=https/dns.example ${DNS}`],
  ["a terminal's escape in a domain", own('DNS = a\x1b[2Jb'), 4, `DNS=a\\u{1b}[2Jb ${DNS}`],
  [
    'an MTU that is too small',
    own('MTU = 68'),
    4,
    'MTU=68 is not valid: give a whole number from 576 to 65535',
  ],
  [
    'an MTU that is too large',
    own('MTU = 65536'),
    4,
    'MTU=65536 is not valid: give a whole number from 576 to 65535',
  ],
  [
    'an MTU that is no number',
    own('MTU = auto'),
    4,
    'MTU=auto is not valid: give a whole number from 576 to 65535',
  ],
  [
    'an MTU too small for IPv6',
    at(3, 'Address = fd00::2/64', 'MTU = 1200'),
    4,
    'MTU=1200 is too small for the IPv6 address: give at least 1280, or take that Address out',
  ],
  ['two MTUs', own('MTU = 1380\nMTU = 1400'), 5, twice('MTU', 4)],
  ['a table that only this host may know', own('Table = vpn'), 4, `Table=vpn ${TABLE}`],
  ['table 0', own('Table = 0'), 4, `Table=0 ${TABLE}`],
  ['a table out of range', own('Table = 4294967296'), 4, `Table=4294967296 ${TABLE}`],
  ['a mark out of range', own('FwMark = 0x100000000'), 4, `FwMark=0x100000000 ${FWMARK}`],
  ['a mark in hex with a capital X', own('FwMark = 0X10'), 4, `FwMark=0X10 ${FWMARK}`],
  ['a negative mark', own('FwMark = -1'), 4, `FwMark=-1 ${FWMARK}`],
  ['an empty mark', own('FwMark ='), 4, `FwMark ${FWMARK}`],
  [
    'a port out of range to listen on',
    own('ListenPort = 65536'),
    4,
    'ListenPort=65536 is not valid: give a whole number from 0 to 65535',
  ],
  [
    'a service to listen on',
    own('ListenPort = domain'),
    4,
    'ListenPort=domain is not valid: give a whole number from 0 to 65535',
  ],
  ['SaveConfig = yes', own('SaveConfig = yes'), 4, 'SaveConfig=yes is not valid: give true or false'],
  ['no peer', PLAIN.slice(0, 3).join('\n'), 1, 'the file has no [Peer]: add the section of the other end'],
  ['a peer without a key', at(5), 4, 'PublicKey is missing: put the one of the other end under this [Peer]'],
  ['a public key that is too short', at(5, 'PublicKey = AAAA'), 5, PUBLIC],
  [
    'a public key of zeros',
    at(5, `PublicKey = ${ZEROS}`),
    5,
    'PublicKey is all zero, which is no key: give that of the peer',
  ],
  [
    'the public key of this end',
    at(5, `PublicKey = ${OWN_PUBLIC}`),
    4,
    'this [Peer] has the PublicKey of this end itself: put the one of the other end there',
  ],
  ['two public keys', peer(`PublicKey = ${OWN_PUBLIC}`), 8, twice('PublicKey', 5)],
  [
    'a peer twice',
    peer(...PLAIN.slice(3)),
    8,
    'this [Peer] has the PublicKey of the one in line 4: make one section of both',
  ],
  ['a preshared key that is empty', peer('PresharedKey ='), 8, PRESHARED],
  ['a preshared key that is no base64', peer(`PresharedKey = ${'!'.repeat(44)}`), 8, PRESHARED],
  ['no endpoint', at(7), 4, 'Endpoint is missing: put where the other end listens under this [Peer]'],
  ['an empty endpoint', at(7, 'Endpoint ='), 7, `Endpoint ${ENDPOINT}`],
  ['an endpoint without a port', at(7, 'Endpoint = vpn.example'), 7, `Endpoint=vpn.example ${ENDPOINT}`],
  [
    'an endpoint with an empty port',
    at(7, 'Endpoint = vpn.example:'),
    7,
    `Endpoint=vpn.example: ${ENDPOINT}`,
  ],
  ['an endpoint with port 0', at(7, 'Endpoint = vpn.example:0'), 7, `Endpoint=vpn.example:0 ${ENDPOINT}`],
  [
    'an endpoint with a port out of range',
    at(7, 'Endpoint = vpn.example:65536'),
    7,
    `Endpoint=vpn.example:65536 ${ENDPOINT}`,
  ],
  [
    'an endpoint with a service',
    at(7, 'Endpoint = vpn.example:domain'),
    7,
    `Endpoint=vpn.example:domain ${ENDPOINT}`,
  ],
  [
    'an endpoint that is a URL',
    at(7, 'Endpoint = https://vpn.example:443'),
    7,
    `Endpoint=https://vpn.example:443 ${ENDPOINT}`,
  ],
  [
    'a bracket that does not close',
    at(7, 'Endpoint = [2001:db8::1:51820'),
    7,
    `Endpoint=[2001:db8::1:51820 ${ENDPOINT}`,
  ],
  [
    'an endpoint with a zone',
    at(7, 'Endpoint = [fe80::1%eth0]:51820'),
    7,
    'Endpoint=[fe80::1%eth0]:51820 is not valid: give an address without a zone: the tunnel leaves by any link',
  ],
  [
    'an endpoint out of range',
    at(7, 'Endpoint = 192.0.2.256:51820'),
    7,
    `Endpoint=192.0.2.256:51820 ${ENDPOINT}`,
  ],
  ['two endpoints', peer('Endpoint = 192.0.2.2:51820'), 8, twice('Endpoint', 7)],
  [
    'no allowed IPs',
    at(6),
    4,
    'no [Peer] has AllowedIPs, so nothing could go out: put "AllowedIPs = 0.0.0.0/0, ::/0" there',
  ],
  [
    'empty allowed IPs',
    at(6, 'AllowedIPs ='),
    4,
    'no [Peer] has AllowedIPs, so nothing could go out: put "AllowedIPs = 0.0.0.0/0, ::/0" there',
  ],
  ['an allowed IP out of range', at(6, 'AllowedIPs = 10.0.0.0/33'), 6, `AllowedIPs=10.0.0.0/33 ${ALLOWED}`],
  ['a name among allowed IPs', at(6, 'AllowedIPs = 0.0.0.0/0, any'), 6, `AllowedIPs=any ${ALLOWED}`],
  ['a comma too many', at(6, 'AllowedIPs = 0.0.0.0/0,'), 6, `AllowedIPs ${ALLOWED}`],
  [
    'allowed IPs without commas',
    at(6, 'AllowedIPs = 10.0.0.0/8 11.0.0.0/8'),
    6,
    `AllowedIPs=10.0.0.0/811.0.0.0/8 ${ALLOWED}`,
  ],
  [
    'a netmask among allowed IPs',
    at(6, 'AllowedIPs = 10.0.0.0/255.0.0.0'),
    6,
    `AllowedIPs=10.0.0.0/255.0.0.0 ${ALLOWED}`,
  ],
  [
    'a keepalive out of range',
    peer('PersistentKeepalive = 65536'),
    8,
    `PersistentKeepalive=65536 ${KEEPALIVE}`,
  ],
  ['a keepalive with a unit', peer('PersistentKeepalive = 25s'), 8, `PersistentKeepalive=25s ${KEEPALIVE}`],
  ['an empty keepalive', peer('PersistentKeepalive ='), 8, `PersistentKeepalive ${KEEPALIVE}`],
] as const) {
  test(`refused: ${what}`, () => {
    assert.deepEqual(readTunnelFile(text), { mistakes: [{ line, sentence }] });
  });
}

test('all mistakes of a file are told at once, by line', () => {
  assert.deepEqual(
    readTunnelFile(at(5, 'PublicKey = x', 'Endpoint = y', '[z]', 'Endpoint = z', '[Peer]', 'MTU = 1')),
    {
      mistakes: [
        { line: 5, sentence: PUBLIC },
        { line: 6, sentence: `Endpoint=y ${ENDPOINT}` },
        { line: 7, sentence: UNKNOWN_SECTION },
        { line: 10, sentence: 'MTU stands in the wrong section: it belongs under [Interface]' },
      ],
    },
  );
});

test('of many mistakes the first ones are told, and that there are more', () => {
  const found = readTunnelFile('x\n'.repeat(1000));
  assert.ok('mistakes' in found);
  assert.equal(found.mistakes.length, MAX_REMARKS + 1);
  assert.deepEqual(found.mistakes.at(-1), {
    line: MAX_REMARKS + 1,
    sentence: 'there is more of this kind from here on',
  });
});

// What the far end has to know, ready to paste.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peersAsTable, peersAsWg } from '../../../../src/cli/output/far-end.js';
import type { FarPeers } from '../../../../src/control/answers.js';

const [A, B] = [1, 2].map(n => Buffer.alloc(32, n).toString('base64')) as [string, string];
const PEERS: FarPeers = {
  name: 'vpn',
  id: 'n2',
  hasPresharedKey: false,
  peers: [
    { publicKey: A, allowedIPs: ['10.0.0.2/32', 'fd00::2/128'], container: 'app' },
    { publicKey: B, allowedIPs: ['10.0.0.3/32'] },
  ],
};

test('sections of a file of wg(8)', () => {
  assert.equal(
    peersAsWg(PEERS),
    `[Peer]
# app
PublicKey = ${A}
AllowedIPs = 10.0.0.2/32, fd00::2/128

[Peer]
PublicKey = ${B}
AllowedIPs = 10.0.0.3/32
`,
  );
  assert.equal(peersAsWg({ ...PEERS, peers: [] }), '');
});

test('a preshared key is to be filled in', () => {
  assert.match(
    peersAsWg({ ...PEERS, hasPresharedKey: true }),
    /\nPublicKey = \S+\n# PresharedKey = the network's \(dwgd\.psk, dwgd\.pskfile\)\nAllowedIPs/,
  );
});

test('a table', () => {
  assert.equal(
    peersAsTable(PEERS, false),
    `ALLOWED IPS               PUBLIC KEY                                    CONTAINER
10.0.0.2/32, fd00::2/128  ${A}  app
10.0.0.3/32               ${B}  -
`,
  );
});

// What the far end of a network's tunnels has to know of its containers, as text: sections of a file of wg(8), or a table. Not
// here: which containers there are, and their keys (driver/far-peers.ts).

import { blankUnseen } from '../../base/text.js';
import type { FarPeers } from '../../control/answers.js';
import { table } from './text-table.js';

/** Sections [Peer] to paste into a file of the far end; a preshared key is there to be filled in. */
export function peersAsWg({ peers, hasPresharedKey }: FarPeers): string {
  return peers
    .map(({ publicKey, allowedIPs, container }) =>
      [
        '[Peer]',
        ...(container === undefined ? [] : [`# ${blankUnseen(container)}`]),
        `PublicKey = ${publicKey}`,
        ...(hasPresharedKey ? ["# PresharedKey = the network's (dwgd.psk, dwgd.pskfile)"] : []),
        `AllowedIPs = ${allowedIPs.join(', ')}`,
        '',
      ].join('\n'),
    )
    .join('\n');
}

/** For people. */
export function peersAsTable({ peers }: FarPeers, hasColours: boolean): string {
  const rows = peers.map(({ publicKey, allowedIPs, container = '' }) => [
    allowedIPs.join(', '),
    publicKey,
    container,
  ]);
  return `${table(['ALLOWED IPS', 'PUBLIC KEY', 'CONTAINER'], rows, hasColours).join('\n')}\n`;
}

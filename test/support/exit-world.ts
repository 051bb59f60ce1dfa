// An exit network and what its file says, for tests of routers.
import { createHash } from 'node:crypto';
import { parseAddress, parsePrefix } from '../../src/base/ip.js';
import { readTunnelFile } from '../../src/driver/exit/read-tunnel-file.js';
import type { TunnelFile } from '../../src/driver/exit/tunnel-file.js';
import type { ExitTunnel } from '../../src/driver/router/exit-tunnel.js';
import type { ExitNetwork } from '../../src/driver/spec/model.js';

export const EXIT: ExitNetwork = {
  id: 'e'.repeat(64),
  files: ['/etc/dwgd/provider.conf'],
  prefix: 'wg',
  owner: 0,
  ipv4: { subnet: parsePrefix('10.66.0.0/24')!, gateway: parseAddress('10.66.0.1')! },
  ipv6: { subnet: parsePrefix('fd66::/64')!, gateway: parseAddress('fd66::1')! },
};

export const FAR_END = { address: parseAddress('192.0.2.2')!, port: 51820 };

/** A key as text, of a word. */
const key = (word: string): string => createHash('sha256').update(word).digest('base64');

/**
 * A provider's file, as text.
 * @param farEnd a word for its key
 */
export function providerText(
  farEnd = 'far',
  { addresses = '10.64.0.2/32, fd64::2/128', allowedIPs = '0.0.0.0/0, ::/0', more = '' } = {},
): string {
  return `[Interface]
PrivateKey = ${key('own')}
Address = ${addresses}
${more}
[Peer]
PublicKey = ${key(farEnd)}
AllowedIPs = ${allowedIPs}
Endpoint = 192.0.2.2:51820
`;
}

/** The same, read. */
export function tunnelFile(...given: Parameters<typeof providerText>): TunnelFile {
  const found = readTunnelFile(providerText(...given));
  if ('mistakes' in found) throw new Error(JSON.stringify(found.mistakes));
  return found;
}

/** The tunnel of such a file. */
export function exitTunnel(file = tunnelFile()): ExitTunnel {
  return {
    file,
    endpoints: new Map(file.peers.map(({ publicKey }) => [`${publicKey}`, FAR_END])),
    mtu: 1420,
  };
}

/** What the verbs of exit networks have beside routers, where it is not looked at. */
export const NOTHING_ELSE = {
  dnsFromHost: { networkCreated: () => undefined, joined: () => undefined },
  published: { publish: async () => undefined, withdraw: () => undefined },
  labels: { joined: () => undefined },
  assigned: { release: async () => undefined, stays: () => undefined, compared: () => undefined },
};

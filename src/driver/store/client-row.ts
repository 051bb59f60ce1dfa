// Rows of the table `client` to endpoints, and back. The original's own columns keep its meaning. Pure. Not here: queries
// (store.ts), the table's shape (migrations.ts).

import { DecodeError } from '../../base/errors.js';
import { type Address, formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../base/ip.js';
import { Key, SecretKey } from '../../netlink/wireguard/key.js';
import type { Endpoint, EndpointState, PriorPeer } from '../spec/model.js';
import { checkTypes, readKey } from './columns.js';
import { readPublished, writePublished } from './published-column.js';

export interface ClientRow {
  readonly id: string;
  readonly network_id: string | null;
  readonly ip: string | null;
  readonly ipv6: string | null;
  readonly ifname: string;
  readonly state: EndpointState;
  readonly sandbox_key: string | null;
  readonly pubkey: Buffer | null;
  readonly prior_peer: string | null;
  readonly pending: number;
  readonly forward: string | null;
  readonly published: string | null;
}

export const CLIENT_COLUMNS = [
  'id',
  'network_id',
  'ip',
  'ipv6',
  'ifname',
  'state',
  'sandbox_key',
  'pubkey',
  'prior_peer',
  'pending',
  'forward',
  'published',
] satisfies (keyof ClientRow)[];

const CLIENT_TYPES: Partial<Record<keyof ClientRow, 'string' | 'number'>> = {
  ...{ id: 'string', network_id: 'string', ip: 'string', ipv6: 'string', ifname: 'string' },
  ...{ state: 'string', sandbox_key: 'string', prior_peer: 'string', pending: 'number' },
  ...{ forward: 'string', published: 'string' },
};
const STATES: readonly EndpointState[] = ['created', 'joining', 'joined', 'left', 'deleting'];

export function clientRow(endpoint: Endpoint): ClientRow {
  return {
    id: endpoint.id,
    network_id: endpoint.networkId,
    ip: formatOptional(endpoint.ipv4 ?? endpoint.ipv6),
    ipv6: formatOptional(endpoint.ipv6),
    ifname: endpoint.ifname,
    state: endpoint.state,
    sandbox_key: endpoint.sandboxKey ?? null,
    pubkey: endpoint.publicKey?.bytes ?? null,
    prior_peer: endpoint.priorPeer ? writePriorPeer(endpoint.priorPeer) : null,
    pending: endpoint.pending ? 1 : 0,
    forward: endpoint.forward ?? null,
    published: endpoint.published ? writePublished(endpoint.published) : null,
  };
}

function formatOptional(address: Address | undefined): string | null {
  return address ? formatAddress(address) : null;
}

/**
 * The original kept one address of either family in `ip`.
 * @throws DecodeError when the row is not as we write it
 */
export function readClientRow(row: ClientRow): Endpoint {
  checkTypes(row, CLIENT_TYPES);
  if (!STATES.includes(row.state)) throw new DecodeError('no such state');
  const ip = row.ip === null ? undefined : parseAddress(row.ip);
  const ipv6 = row.ipv6 === null ? undefined : parseAddress(row.ipv6);
  const ipv4 = ip?.family === 4 ? ip : undefined;
  const onlyIPv6 = ip?.family === 6 ? ip : undefined;
  return {
    id: row.id,
    networkId: row.network_id ?? '',
    ...(ipv4 && { ipv4 }),
    ...((ipv6 ?? onlyIPv6) && { ipv6: ipv6 ?? onlyIPv6! }),
    ifname: row.ifname,
    state: row.state,
    ...(row.sandbox_key !== null && { sandboxKey: row.sandbox_key }),
    ...(row.pubkey !== null && { publicKey: new Key(readKey(row.pubkey, 'pubkey')) }),
    ...(row.prior_peer !== null && { priorPeer: readPriorPeer(row.prior_peer) }),
    ...(row.pending !== 0 && { pending: true as const }),
    ...(row.forward !== null && { forward: row.forward }),
    ...(row.published !== null && { published: readPublished(row.published) }),
  };
}

function writePriorPeer(peer: PriorPeer): string {
  return JSON.stringify({
    allowedIPs: peer.allowedIPs.map(formatPrefix),
    keepalive: peer.keepalive,
    psk: peer.presharedKey?.reveal().toString('base64'),
  });
}

function readPriorPeer(json: string): PriorPeer {
  const { allowedIPs, keepalive, psk } = parsePriorPeer(json);
  const isText = (value: unknown): value is string => typeof value === 'string';
  if (!Array.isArray(allowedIPs) || !allowedIPs.every(isText) || typeof keepalive !== 'number')
    throw new DecodeError('prior_peer is no peer');
  if (psk !== undefined && !isText(psk)) throw new DecodeError("prior_peer's psk is not a string");
  return {
    allowedIPs: allowedIPs.flatMap(text => parsePrefix(text) ?? []),
    keepalive,
    ...(psk !== undefined && {
      presharedKey: new SecretKey(readKey(Buffer.from(psk, 'base64'), "prior_peer's psk")),
    }),
  };
}

function parsePriorPeer(json: string): { readonly [K in 'allowedIPs' | 'keepalive' | 'psk']?: unknown } {
  try {
    return JSON.parse(json) ?? {};
  } catch {
    // What V8 says of it quotes it, and with it a key.
    throw new DecodeError('prior_peer is not JSON');
  }
}

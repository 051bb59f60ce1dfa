// The column `published` of an endpoint: ports of the host, as JSON, and back. Pure. Not here: the rest of the row (client-row.ts).

import { DecodeError } from '../../base/errors.js';
import { formatAddress, parseAddress } from '../../base/ip.js';
import type { PublishedPort } from '../spec/port-map.js';

export function writePublished(ports: readonly PublishedPort[]): string {
  return JSON.stringify(
    ports.map(({ address, ...port }) => ({ ...port, ...(address && { address: formatAddress(address) }) })),
  );
}

/** @throws DecodeError when it is not as we write it */
export function readPublished(json: string): PublishedPort[] {
  const list = parse(json);
  if (!Array.isArray(list)) throw new DecodeError('published is no list');
  return list.map(entry => {
    const { protocol, address, port, containerPort } = Object(entry) as Record<string, unknown>;
    const on = typeof address === 'string' ? parseAddress(address) : undefined;
    const isRead = (protocol === 'tcp' || protocol === 'udp') && isPort(port) && isPort(containerPort);
    if (!isRead || (address !== undefined && !on)) throw new DecodeError('published has an entry of no port');
    return { protocol, port, containerPort, ...(on && { address: on }) };
  });
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new DecodeError('published is not JSON');
  }
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535;
}

// Docker's port map (`docker run -p`): what it asks to be published, and what was. Not here: the sockets for it
// (driver/ports/published-ports.ts).

import { UserError } from '../../base/errors.js';
import { type Address, parseAddress } from '../../base/ip.js';
import { excerpt } from '../../base/text.js';

/** A port of a container that is to be open on the host. */
export interface PortRequest {
  readonly protocol: 'tcp' | 'udp';
  /** Of the host; absent: all of them. */
  readonly address?: Address;
  /** Of the host, any one from the first to the last; 0: whichever is free. */
  readonly first: number;
  readonly last: number;
  /** Of the container. */
  readonly containerPort: number;
}

/** One that is. */
export interface PublishedPort extends Omit<PortRequest, 'first' | 'last'> {
  readonly port: number;
}

/** Of <netinet/in.h>. */
const PROTOCOLS: Readonly<Record<number, PortRequest['protocol']>> = { 6: 'tcp', 17: 'udp' };
/** Docker lists each port of a range by itself. */
const MAX_PUBLISHED = 1_000;

/** @throws UserError for what is no port map, or for a protocol that cannot be relayed */
export function readPortMap(value: unknown): PortRequest[] {
  if (value == null) return [];
  if (!Array.isArray(value)) throw new UserError('the port map is not a list');
  if (value.length > MAX_PUBLISHED)
    throw new UserError(`${value.length} ports are published: publish at most ${MAX_PUBLISHED}`);
  return value.map(readBinding);
}

function readBinding(entry: unknown): PortRequest {
  if (typeof entry !== 'object' || entry === null)
    throw new UserError('the port map has an entry of no port');
  const { Proto, Port, HostIP, HostPort = 0, HostPortEnd = 0 } = entry as Record<string, unknown>;
  const protocol = PROTOCOLS[Number(Proto)];
  if (!protocol)
    throw new UserError(
      `a port of protocol ${excerpt(String(Proto))} cannot be published on an exit network: publish tcp and udp alone`,
    );
  if (!isPort(Port) || Port === 0 || !isPort(HostPort) || !isPort(HostPortEnd))
    throw new UserError('the port map has a number that is no port');
  const text = typeof HostIP === 'string' ? HostIP : '';
  const address = text === '' ? undefined : parseAddress(text);
  if (text !== '' && !address)
    throw new UserError(`the port map has the address ${excerpt(text)}, which is none`);
  return {
    protocol,
    ...(address && { address }),
    first: HostPort,
    last: Math.max(HostPort, HostPortEnd),
    containerPort: Port,
  };
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535;
}

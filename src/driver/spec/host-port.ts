// Where a peer listens, as dwgd.endpoint has it: `host:port`. Not here: what a name resolves to.

import { parseAddress } from '../../base/ip.js';

/** Where a peer listens, as the user wrote it: a name is kept as a name. */
export interface HostPort {
  /** An IP address without brackets, or a host name. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `1.2.3.4:port` or `[v6]:port`. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port < 1 || port > 65535) return undefined;
  if (bracketed !== undefined)
    return parseAddress(bracketed)?.family === 6 ? { host: bracketed, port } : undefined;
  return plain !== undefined && isHost(plain) ? { host: plain, port } : undefined;
}

/** An IPv4 address, or a host name of letters, digits, hyphens and underscores that is no mistyped address. */
function isHost(text: string): boolean {
  if (parseAddress(text)) return true;
  if (text.length > 253 || /^[\d.]*$/.test(text)) return false;
  const labels = text.replace(/\.$/, '').split('.');
  return labels.every(label => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label));
}

/** Whether it is a host name, which may resolve to another address later. */
export function isNamed({ host }: HostPort): boolean {
  return parseAddress(host) === undefined;
}

/** The text that parseHostPort() reads. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

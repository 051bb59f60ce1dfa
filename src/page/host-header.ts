// Whether a browser was led here by an address, and not by a name that somebody else chooses: against DNS rebinding. Pure.

import { parseAddress } from '../base/ip.js';

/** The host of a Host header, without its port. */
const HOST = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/i;

/** An address, or `localhost`: no name that a DNS server of others answers for. */
export function isOwnHost(header: string | undefined): boolean {
  const [, host = ''] = HOST.exec(header ?? '') ?? [];
  if (/^(?:[a-z0-9-]+\.)*localhost$/i.test(host)) return true;
  const address = parseAddress(host.replace(/^\[|\]$/g, ''));
  return address !== undefined && (address.family === 6) === host.startsWith('[');
}

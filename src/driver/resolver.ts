// Host names to addresses, as the host itself resolves them (getaddrinfo(3): /etc/hosts, DNS, nsswitch).
// Not here: when a name is looked up again (upkeep.ts).

import { lookup } from 'node:dns/promises';
import { errorCode, UserError } from '../errors.js';
import { type Address, parseAddress } from '../ip.js';
import type { SocketAddress } from '../netlink/wireguard.js';
import type { HostPort } from './network.js';

/** Docker waits for the answer, and its user with it. */
const TIMEOUT_MS = 3_000;

/**
 * The first address of a name, or the address itself.
 * @throws UserError when the name does not resolve within three seconds
 */
export async function resolveEndpoint({ host, port }: HostPort): Promise<SocketAddress> {
  return { address: parseAddress(host) ?? (await resolveName(host)), port };
}

async function resolveName(host: string): Promise<Address> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('timed out'), { code: 'ETIMEOUT' })), TIMEOUT_MS);
  });
  try {
    const { address } = await Promise.race([lookup(host, { verbatim: true }), timeout]);
    const parsed = parseAddress(address);
    // A link-local answer with a zone cannot be given to WireGuard as it is.
    if (!parsed) throw Object.assign(new Error('unusable address'), { code: 'EADDRNOTAVAIL' });
    return parsed;
  } catch (err) {
    throw new UserError(
      `the name ${host} of dwgd.endpoint does not resolve (${errorCode(err) ?? 'error'}): check the name, and this host's DNS`,
      { cause: err },
    );
  } finally {
    clearTimeout(timer);
  }
}

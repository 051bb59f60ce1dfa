// Where dwgd.endpoint leads: its name resolved while Docker waits. Not here: how (src/resolver.ts), when a name is
// looked up again (upkeep.ts).

import { errorCode, UserError } from '../errors.js';
import { parseAddress } from '../ip.js';
import type { SocketAddress } from '../netlink/wireguard.js';
import { resolveName } from '../resolver.js';
import type { HostPort } from './network.js';

/**
 * The first address of a name, or the address itself.
 * @throws UserError when the name does not resolve within three seconds
 */
export async function resolveEndpoint({ host, port }: HostPort): Promise<SocketAddress> {
  const address = parseAddress(host);
  if (address) return { address, port };
  try {
    const [first] = await resolveName(host);
    return { address: first!, port };
  } catch (err) {
    throw new UserError(
      `the name ${host} of dwgd.endpoint does not resolve (${errorCode(err) ?? 'error'}): check the name, and this host's DNS`,
      { cause: err },
    );
  }
}

// Host names to addresses, as the host itself resolves them (getaddrinfo(3): /etc/hosts, DNS, nsswitch).
// Not here: when a name is looked up again, what is said of one that does not resolve.

import { lookup } from 'node:dns/promises';
import { type Address, parseAddress } from './ip.js';

const TIMEOUT_MS = 3_000;

/**
 * Every address of a name, in the resolver's order; at least one.
 * @throws Error with a code: ENOTFOUND, EAI_AGAIN, …; ETIMEOUT after three seconds
 */
export async function resolveName(name: string): Promise<Address[]> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(coded('timed out', 'ETIMEOUT')), TIMEOUT_MS);
  });
  try {
    const answers = await Promise.race([lookup(name, { all: true, verbatim: true }), timeout]);
    // A link-local answer has a zone, which is of no use to whom it would be given.
    const addresses = answers.flatMap(({ address }) => parseAddress(address) ?? []);
    if (addresses.length === 0) throw coded('unusable address', 'EADDRNOTAVAIL');
    return addresses;
  } finally {
    clearTimeout(timer);
  }
}

function coded(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

// Host names to addresses, as the host itself resolves them (getaddrinfo(3): /etc/hosts, DNS, nsswitch).
// Not here: when a name is looked up again, what is said of one that does not resolve.

import { lookup } from 'node:dns/promises';
import { withDeadline } from './deadline.js';
import { type Address, parseAddress } from './ip.js';

const TIMEOUT_MS = 3_000;

/** Every address of a name, in the resolver's order; at least one. */
export type LookUp = (name: string) => Promise<Address[]>;

/**
 * Looks a name up, however long that takes: getaddrinfo(3) cannot be called off, and keeps one of libuv's few threads.
 * @throws Error with a code: ENOTFOUND, EAI_AGAIN, …
 */
export const lookUp: LookUp = async name => {
  const answers = await lookup(name, { all: true, verbatim: true });
  // A link-local answer carries a zone, which means nothing in the container's namespace.
  const addresses = answers.flatMap(({ address }) => parseAddress(address) ?? []);
  if (addresses.length === 0) throw coded('unusable address', 'EADDRNOTAVAIL');
  return addresses;
};

/**
 * Every address of a name, in the resolver's order; at least one.
 * @throws Error with a code: ENOTFOUND, EAI_AGAIN, …; ETIMEOUT after three seconds
 */
export function resolveName(name: string, look = lookUp): Promise<Address[]> {
  return withDeadline(look(name), TIMEOUT_MS, timedOut);
}

/** A look-up took too long: its code is ETIMEOUT. */
export function timedOut(): Error {
  return coded('timed out', 'ETIMEOUT');
}

function coded(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

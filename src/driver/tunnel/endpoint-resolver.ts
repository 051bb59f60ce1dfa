// Resolves the name in dwgd.endpoint while Docker waits. Users other than root take turns, so that names which do not
// resolve never delay root's. Not here: how (base/host-resolver.ts), when a name is
// looked up again (driver/lifecycle/tunnel-monitor.ts).

import { withDeadline } from '../../base/deadline.js';
import { errorCode, UserError } from '../../base/errors.js';
import { type LookUp, lookUp, resolveName, timedOut } from '../../base/host-resolver.js';
import { type Address, parseAddress } from '../../base/ip.js';
import type { SocketAddress } from '../../netlink/wireguard/device.js';
import type { HostPort } from '../spec/host-port.js';
import { RoundRobin } from '../users/round-robin.js';
import { poolThreads } from '../users/thread-pool.js';

/** The time limit that includes waiting for the user's turn, in milliseconds. Docker's call has 25 seconds in all. */
const USER_TIMEOUT_MS = 20_000;

export class EndpointResolver {
  readonly #lookUp: LookUp;
  readonly #turns: RoundRobin;

  /**
   * @param look looks a name up, which may take as long as the name servers' time-outs
   * @param atOnce look-ups of users other than root at once, of which each user has one
   */
  constructor(look = lookUp, atOnce = userLookUps(process.env.UV_THREADPOOL_SIZE)) {
    this.#lookUp = look;
    this.#turns = new RoundRobin(atOnce);
  }

  /**
   * The first address of a name, or the address itself.
   * @param owner the user on whose behalf
   * @throws UserError when the name does not resolve within three seconds; for a user other than root twenty, with the wait
   */
  async resolve({ host, port }: HostPort, owner: number): Promise<SocketAddress> {
    const [first] = await this.addresses(host, owner, 'dwgd.endpoint');
    return { address: first!, port };
  }

  /**
   * All addresses of a name, in the order of the answer, at least one; or the address itself. As resolve() otherwise.
   * @param named what has the name
   */
  async addresses(host: string, owner: number, named: string): Promise<Address[]> {
    const address = parseAddress(host);
    if (address) return [address];
    try {
      return await (owner === 0 ? resolveName(host, this.#lookUp) : this.#inTurn(host, owner));
    } catch (err) {
      throw new UserError(
        `the name ${host} of ${named} does not resolve (${errorCode(err) ?? 'error'}): check the name, and this host's DNS`,
        { cause: err },
      );
    }
  }

  async #inTurn(host: string, owner: number): Promise<Address[]> {
    let isAwaited = true;
    // A look-up that could only finish too late is skipped, so that it delays no other.
    const look = async (): Promise<Address[]> => (isAwaited ? this.#lookUp(host) : []);
    try {
      return await withDeadline(this.#turns.run(owner, look), USER_TIMEOUT_MS, timedOut);
    } finally {
      isAwaited = false;
    }
  }
}

/**
 * How many look-ups users other than root may have at once: half of those that libuv runs, which are half of its threads
 * (a look-up keeps its thread until the name servers have timed out, and cannot be called off); the rest is root's.
 * @param threads UV_THREADPOOL_SIZE
 */
export function userLookUps(threads: string | undefined): number {
  return Math.max(1, Math.floor(poolThreads(threads) / 4));
}

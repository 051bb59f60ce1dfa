// Where dwgd.endpoint leads: its name resolved while Docker waits. Those of users other than root take turns, so that
// names which nobody answers for keep none of root's waiting. Not here: how (base/host-resolver.ts), when a name is
// looked up again (driver/lifecycle/tunnel-monitor.ts).

import { errorCode, UserError } from '../../base/errors.js';
import { inTime, type LookUp, lookUp, resolveName } from '../../base/host-resolver.js';
import { type Address, parseAddress } from '../../base/ip.js';
import { RoundRobin } from '../../base/round-robin.js';
import type { SocketAddress } from '../../netlink/wireguard/device.js';
import type { HostPort } from '../spec/model.js';

/** With the time until it is the user's turn, in milliseconds. Docker's call has 25 seconds in all. */
const USER_TIMEOUT_MS = 10_000;

export class EndpointResolver {
  readonly #lookUp: LookUp;
  /**
   * libuv lets two look-ups run at a time, and each runs until the name servers have been given up: all users together
   * have one of them.
   */
  readonly #turns = new RoundRobin();

  constructor(look = lookUp) {
    this.#lookUp = look;
  }

  /**
   * The first address of a name, or the address itself.
   * @param owner the user on whose behalf
   * @throws UserError when the name does not resolve within three seconds; for a user other than root ten, with the wait
   */
  async resolve({ host, port }: HostPort, owner: number): Promise<SocketAddress> {
    const address = parseAddress(host);
    if (address) return { address, port };
    try {
      const [first] = await (owner === 0 ? resolveName(host, this.#lookUp) : this.#inTurn(host, owner));
      return { address: first!, port };
    } catch (err) {
      throw new UserError(
        `the name ${host} of dwgd.endpoint does not resolve (${errorCode(err) ?? 'error'}): check the name, and this host's DNS`,
        { cause: err },
      );
    }
  }

  async #inTurn(host: string, owner: number): Promise<Address[]> {
    let isAwaited = true;
    // Nobody is in want of an answer that comes too late, and it would keep those waiting who are.
    const look = async (): Promise<Address[]> => (isAwaited ? this.#lookUp(host) : []);
    try {
      return await inTime(this.#turns.run(owner, look), USER_TIMEOUT_MS);
    } finally {
      isAwaited = false;
    }
  }
}

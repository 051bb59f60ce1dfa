// Where the peers of one file are: endpoints by name are resolved on the host, and the next address of a name is tried where one
// does not answer. Not here: when each thing is due (driver/exit/endpoint-name.ts), how a name is resolved.

import { messageOf } from '../../base/errors.js';
import type { SocketAddress } from '../../netlink/wireguard/device.js';
import { dueForName, type NameState, namedAgain, nextAddress } from '../exit/endpoint-name.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import type { EndpointResolver } from '../tunnel/endpoint-resolver.js';

interface PeerNamesParts {
  readonly resolver: Pick<EndpointResolver, 'addresses'>;
  /** Is told of a name that does not resolve. */
  readonly failed: (text: string) => void;
  /** In milliseconds of a clock that is not set. */
  readonly now: () => number;
}

export class PeerNames {
  readonly #parts: PeerNamesParts;
  /** By `host:port`, so that they last where the file is read again. */
  readonly #names = new Map<string, NameState>();
  /** What was said of those that did not resolve the last time. */
  readonly #problems = new Map<string, string>();

  constructor(parts: PeerNamesParts) {
    this.#parts = parts;
  }

  /** Why a name did not resolve the last time; undefined where all did. */
  get problem(): string | undefined {
    return [...this.#problems.values()][0];
  }

  /** Where peers are, by public key, as far as that is known. */
  endpoints({ peers }: TunnelFile): Map<string, SocketAddress> {
    return new Map(
      peers.flatMap(({ publicKey, endpoint }): [string, SocketAddress][] => {
        const state = endpoint && this.#names.get(keyOf(endpoint));
        return state
          ? [[`${publicKey}`, { address: state.addresses[state.used]!, port: endpoint.port }]]
          : [];
      }),
    );
  }

  /**
   * Does what is due for each name.
   * @param silent peers that do not answer, by public key
   * @returns whether a peer may be elsewhere now
   */
  async refresh({ peers }: TunnelFile, silent: ReadonlySet<string>, owner: number): Promise<boolean> {
    const done = await Promise.all(
      peers.map(({ publicKey, endpoint }) =>
        endpoint ? this.#refreshOne(endpoint, silent.has(`${publicKey}`), owner) : false,
      ),
    );
    return done.includes(true);
  }

  /** Peers that did not answer are tried at the next addresses of their names, the next time. */
  moveOn({ peers }: TunnelFile, silent: ReadonlySet<string>): void {
    const now = this.#parts.now();
    for (const { publicKey, endpoint } of peers) {
      const state = endpoint && silent.has(`${publicKey}`) && this.#names.get(keyOf(endpoint));
      if (state) this.#names.set(keyOf(endpoint), nextAddress(state, now));
    }
  }

  async #refreshOne(
    endpoint: { readonly host: string; readonly port: number },
    isStale: boolean,
    owner: number,
  ): Promise<boolean> {
    const { resolver, failed, now } = this.#parts;
    const key = keyOf(endpoint);
    const state = this.#names.get(key);
    const due = dueForName(state, isStale, now());
    if (due === 'nothing') return false;
    if (due === 'next') {
      this.#names.set(key, nextAddress(state!, now()));
      return true;
    }
    const found = await resolver.addresses(endpoint.host, owner, 'an Endpoint').catch((err: unknown) => {
      this.#problems.set(key, messageOf(err));
      failed(messageOf(err));
      return [];
    });
    if (found.length > 0) this.#problems.delete(key);
    const after = namedAgain(this.#names.get(key), found, { isStale, now: now() });
    if (after) this.#names.set(key, after);
    return after !== undefined;
  }
}

function keyOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host} ${port}`;
}

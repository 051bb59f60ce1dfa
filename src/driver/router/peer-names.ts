// Where the peers of one file are: endpoints by name are resolved on the host, and the next address of a name is tried where one
// does not answer. Not here: when each thing is due (driver/exit/endpoint-name.ts), how a name is resolved.

import { messageOf } from '../../base/errors.js';
import { formatAddress } from '../../base/ip.js';
import type { SocketAddress } from '../../netlink/wireguard/device.js';
import { dueForName, type NameState, namedAgain, nextAddress } from '../exit/endpoint-name.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import type { ContainerLinks } from '../tunnel/container-links.js';
import type { EndpointResolver } from '../tunnel/endpoint-resolver.js';

interface PeerNamesParts {
  readonly resolver: Pick<EndpointResolver, 'addresses'>;
  readonly links: Pick<ContainerLinks, 'hasRoute'>;
  /** Is told of a name that does not resolve, and of an address without a route. */
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
  /** What was said of those to whose address the host has no route: nothing is sent there, so nobody is silent. */
  readonly #cutOff = new Map<string, string>();

  constructor(parts: PeerNamesParts) {
    this.#parts = parts;
  }

  /** Why a name did not resolve the last time; undefined where all did. */
  get problem(): string | undefined {
    return [...this.#problems.values()][0];
  }

  /** Why nothing is sent to a peer; undefined where something is. */
  get hindrance(): string | undefined {
    return [...this.#cutOff.values()][0];
  }

  /** Whether the host has a way to a peer, or all begin themselves. */
  isReached({ peers }: TunnelFile): boolean {
    const ends = peers.flatMap(({ endpoint }) => (endpoint ? keyOf(endpoint) : []));
    return ends.length === 0 || ends.some(key => this.#names.has(key) && !this.#cutOff.has(key));
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
  async refresh({ peers, fwmark }: TunnelFile, silent: ReadonlySet<string>, owner: number): Promise<boolean> {
    const done = await Promise.all(
      peers.map(async ({ publicKey, endpoint }) => {
        if (!endpoint) return false;
        const isStale = silent.has(`${publicKey}`) || this.#cutOff.has(keyOf(endpoint));
        const isMoved = await this.#refreshOne(endpoint, isStale, owner);
        // Rules of the host may lead what has a mark elsewhere.
        if (!fwmark) this.#lookForRoute(keyOf(endpoint));
        return isMoved;
      }),
    );
    return done.includes(true);
  }

  #lookForRoute(key: string): void {
    const { links, failed } = this.#parts;
    const state = this.#names.get(key);
    if (!state) return;
    const address = state.addresses[state.used]!;
    if (links.hasRoute(address)) {
      this.#cutOff.delete(key);
      return;
    }
    const problem = `the host has no route to ${formatAddress(address)}`;
    if (this.#cutOff.get(key) !== problem) failed(problem);
    this.#cutOff.set(key, problem);
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

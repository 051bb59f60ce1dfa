// What Docker asks the DNS from the host for containers on exit networks, past the tunnel: told, with the remedy, since it cannot
// be changed from here. Not here: how that is found out (docker/resolv-conf.ts), what containers ask (driver/router).

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { findHostDns, readHostDns, readResolvConf } from '../docker/resolv-conf.js';
import type { DockerClient } from './lifecycle/docker-networks.js';
import { shortId } from './spec/protocol.js';

interface DnsFromHostParts {
  readonly docker: Pick<DockerClient, 'dnsOf'>;
  readonly log: Log;
  /** Whether questions that a container of a network asks are led to a server, whichever it asks; absent: of all are. */
  readonly hasRouter?: (networkId: string) => boolean;
  /** What the host's files say of containers without servers of their own. */
  readonly hostDns?: () => string | undefined;
  /** Between Join and the looks at a container, in milliseconds: Docker does not tell of one that is being attached. */
  readonly delays?: readonly number[];
}

const DELAYS_MS = [1_000, 4_000, 15_000];

/** @param whom whose questions; @param hasRouter whether any server will do */
function sentence(server: string, whom: string, hasRouter: boolean): string {
  const one = hasRouter ? 'any address' : 'the address of one behind the tunnel';
  return (
    `Docker asks the DNS server ${server} from the host for ${whom}, past the tunnel: give --dns with ${one} ` +
    '(dns: in Compose), or "dns" in /etc/docker/daemon.json for all containers'
  );
}

export class DnsFromHost {
  readonly #docker: DnsFromHostParts['docker'];
  readonly #log: Log;
  readonly #hasRouter: (networkId: string) => boolean;
  readonly #hostDns: () => string | undefined;
  readonly #delays: readonly number[];
  readonly #closing = new AbortController();

  constructor({
    docker,
    log,
    hasRouter = () => true,
    hostDns = readHostDns,
    delays = DELAYS_MS,
  }: DnsFromHostParts) {
    this.#hasRouter = hasRouter;
    this.#docker = docker;
    this.#log = log;
    this.#hostDns = hostDns;
    this.#delays = delays;
  }

  close(): void {
    this.#closing.abort();
  }

  /** Tells at once where containers without servers of their own would be concerned. */
  networkCreated(networkId: string): void {
    const server = this.#hostDns();
    if (server !== undefined)
      this.#log.warn(
        { network: shortId(networkId) },
        sentence(server, 'containers on this network', this.#hasRouter(networkId)),
      );
  }

  /** Tells, once and some time after its Join, where a container is concerned. */
  joined(networkId: string, endpointId: string): void {
    this.#follow(networkId, endpointId).catch(err => {
      if (!this.#closing.signal.aborted)
        this.#log.error(`cannot tell how Docker asks the DNS: ${messageOf(err)}`);
    });
  }

  async #follow(networkId: string, endpointId: string): Promise<void> {
    const { signal } = this.#closing;
    let isUnknown = false;
    for (const delay of this.#delays) {
      await sleep(delay, undefined, { signal, ref: false });
      try {
        const found = await this.#docker.dnsOf(networkId, endpointId);
        isUnknown = false;
        if (!found) continue;
        const server = findHostDns(readResolvConf(found.resolvConfPath, found.hasOwnDns));
        if (server !== undefined) this.#tell(networkId, endpointId, server, found.name);
        return;
      } catch {
        isUnknown = true;
      }
      signal.throwIfAborted();
    }
    const server = isUnknown ? this.#hostDns() : undefined;
    if (server !== undefined)
      this.#tell(networkId, endpointId, server, 'this container, unless it has a dns: of its own');
  }

  #tell(networkId: string, endpointId: string, server: string, whom: string): void {
    const hasRouter = this.#hasRouter(networkId);
    this.#log.warn({ endpoint: shortId(endpointId) }, sentence(server, whom, hasRouter));
  }
}

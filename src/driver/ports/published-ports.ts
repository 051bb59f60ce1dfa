// Ports of the host that containers on exit networks publish (`-p`): opened when Docker says so and after a start of the daemon,
// let go with the container. Not here: what goes through them (tcp-relay.ts, udp-relay.ts), Docker's call (driver/lifecycle/exits.ts).

import { ClosedError, errorCode, messageOf, UserError } from '../../base/errors.js';
import { formatAddress } from '../../base/ip.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import type { ExitRouter } from '../router/router.js';
import { type Endpoint, mayHavePeer } from '../spec/model.js';
import type { PortRequest, PublishedPort } from '../spec/port-map.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import { type Inward, type ListenAt, type PortSessions, type Relay, Sessions } from './relay.js';
import { listenTcp } from './tcp-relay.js';
import { listenUdp } from './udp-relay.js';

interface PublishedPortsParts {
  readonly store: Pick<Store, 'exits' | 'networkEndpoints' | 'endpoint'>;
  /** A network's, whose namespace leads to the containers; undefined where there is none now. */
  readonly router: (networkId: string) => Pick<ExitRouter, 'within'> | undefined;
  readonly queue: KeyedQueue;
  readonly log: Log;
}

/** The ports of an endpoint. */
interface Opened {
  readonly ports: readonly PublishedPort[];
  readonly relays: readonly Relay[];
}

/** What nobody told is found out after this time, in milliseconds; so are ports that have become free. */
const LOOK_MS = 1_000;
/** Tries for a port that is free for all addresses. */
const TRIES = 16;
const ANY = ['0.0.0.0', '::'];
/** A host without IPv6. */
const NO_FAMILY = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

export class PublishedPorts {
  readonly #parts: PublishedPortsParts;
  readonly #opened = new Map<string, Opened>();
  readonly #problems = new Map<string, string>();
  readonly #sessions = new Sessions();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: PublishedPortsParts) {
    this.#parts = parts;
  }

  /** Opens what is on record, and goes on to look at it. */
  start(): void {
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const id of this.#opened.keys()) this.withdraw(id);
  }

  /** Why ports of an endpoint are not open. */
  problem(endpointId: string): string | undefined {
    return this.#problems.get(endpointId);
  }

  /**
   * Opens ports in place of those that the endpoint had: all, or none. One call at a time for an endpoint.
   * @param record puts on record what was opened, each with the host's port that it got
   * @throws UserError in Docker's words, with address and port
   */
  async publish(
    endpoint: Endpoint,
    requests: readonly PortRequest[],
    record: (ports: readonly PublishedPort[]) => void,
  ): Promise<void> {
    for (const id of this.#opened.keys()) if (!this.#isOnRecord(id)) this.withdraw(id);
    this.withdraw(endpoint.id);
    const relays: Relay[] = [];
    const ports: PublishedPort[] = [];
    try {
      for (const request of requests) {
        const opened = await this.#open(endpoint, request);
        relays.push(...opened);
        const { first: _first, last: _last, ...rest } = request;
        ports.push({ ...rest, port: opened[0]!.port });
      }
    } catch (err) {
      for (const relay of relays) relay.close();
      throw err;
    }
    if (ports.length > 0) this.#opened.set(endpoint.id, { ports, relays });
    record(ports);
  }

  /** Lets go of an endpoint's ports. */
  withdraw(endpointId: string): void {
    this.#problems.delete(endpointId);
    for (const relay of this.#opened.get(endpointId)?.relays ?? []) relay.close();
    this.#opened.delete(endpointId);
  }

  /** @throws UserError */
  async #open(endpoint: Endpoint, request: PortRequest): Promise<Relay[]> {
    const { first, last } = request;
    const isFree = first === 0;
    for (let n = 0; n < (isFree ? TRIES : last - first + 1); n++) {
      try {
        return await this.#openAt(endpoint, request, isFree ? 0 : first + n);
      } catch (err) {
        if (errorCode(err) !== 'EADDRINUSE') throw refusal(request, err);
      }
    }
    throw refusal(request);
  }

  /** At all addresses that are asked for, or none. */
  async #openAt(endpoint: Endpoint, request: PortRequest, port: number): Promise<Relay[]> {
    const addresses = request.address ? [formatAddress(request.address)] : ANY;
    const relays: Relay[] = [];
    try {
      for (const address of addresses) {
        try {
          relays.push(await this.#listen(endpoint, request, { address, port: relays[0]?.port ?? port }));
        } catch (err) {
          if (relays.length === 0 || !NO_FAMILY.has(errorCode(err) ?? '')) throw err;
        }
      }
      return relays;
    } catch (err) {
      for (const relay of relays) relay.close();
      throw err;
    }
  }

  #listen({ networkId, ipv4, ipv6 }: Endpoint, request: PortRequest, at: ListenAt): Promise<Relay> {
    const inward: Inward = {
      addresses: [ipv4, ipv6].filter(address => address !== undefined),
      port: request.containerPort,
      within: fn => {
        const router = this.#parts.router(networkId);
        if (!router) throw new ClosedError('there is no router');
        return router.within(fn);
      },
    };
    const sessions: PortSessions = this.#sessions.ofPort();
    return request.protocol === 'tcp' ? listenTcp(at, inward, sessions) : listenUdp(at, inward, sessions);
  }

  #isOnRecord(id: string): boolean {
    const endpoint = this.#parts.store.endpoint(id);
    const ports = endpoint && mayHavePeer(endpoint) ? endpoint.published : undefined;
    return ports !== undefined && samePorts(ports, this.#opened.get(id)?.ports ?? []);
  }

  #look(): void {
    const { store, queue, log } = this.#parts;
    // In turn with Docker's calls, which record what they have opened.
    const inTurn = (id: string, work: () => Promise<void>): void => {
      queue.run(id, work).catch(err => log.error({ endpoint: shortId(id) }, messageOf(err)));
    };
    try {
      for (const id of this.#opened.keys())
        if (!this.#isOnRecord(id))
          inTurn(id, async () => {
            if (!this.#isOnRecord(id)) this.withdraw(id);
          });
      const recorded = store.exits().flatMap(({ id }) => store.networkEndpoints(id));
      for (const { id } of recorded.filter(isPublishing))
        if (!this.#opened.has(id)) inTurn(id, () => this.#reopen(id));
    } catch (err) {
      log.error(`cannot look at published ports: ${messageOf(err)}`);
    }
  }

  async #reopen(id: string): Promise<void> {
    const endpoint = this.#parts.store.endpoint(id);
    if (!endpoint || !isPublishing(endpoint) || this.#opened.has(id)) return;
    const requests = (endpoint.published ?? []).map(({ port, ...rest }) => ({
      ...rest,
      first: port,
      last: port,
    }));
    try {
      await this.publish(endpoint, requests, () => undefined);
    } catch (err) {
      const problem = `published ports are closed: ${messageOf(err)}`;
      if (this.#problems.get(id) !== problem) this.#parts.log.warn({ endpoint: shortId(id) }, problem);
      this.#problems.set(id, problem);
    }
  }
}

function isPublishing(endpoint: Endpoint): boolean {
  return mayHavePeer(endpoint) && endpoint.published !== undefined && endpoint.published.length > 0;
}

function samePorts(a: readonly PublishedPort[], b: readonly PublishedPort[]): boolean {
  const textOf = (ports: readonly PublishedPort[]): string =>
    ports
      .map(({ protocol, address, port, containerPort }) =>
        [protocol, address ? formatAddress(address) : '', port, containerPort].join(' '),
      )
      .join();
  return textOf(a) === textOf(b);
}

/** @param err absent: the ports are taken */
function refusal({ address, first, last, protocol }: PortRequest, err?: unknown): UserError {
  const host = address ? formatAddress(address) : '0.0.0.0';
  const at = `${host.includes(':') ? `[${host}]` : host}:${first === last ? first : `${first}-${last}`}`;
  if (err === undefined) return new UserError(`Bind for ${at} failed: port is already allocated`);
  const why: Partial<Record<string, string>> = {
    EADDRNOTAVAIL: 'the host does not have that address',
    EACCES:
      'ports below net.ipv4.ip_unprivileged_port_start take CAP_NET_BIND_SERVICE, which dwgd does not have',
  };
  return new UserError(`listen ${protocol} ${at} failed: ${why[errorCode(err) ?? ''] ?? messageOf(err)}`, {
    cause: err,
  });
}

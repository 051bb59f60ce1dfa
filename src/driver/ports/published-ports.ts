// Ports of the host that containers on exit networks publish (`-p`): opened when Docker says so and after a start of the daemon,
// let go with the container. Not here: a single port (open-port.ts), Docker's call (driver/lifecycle/exits.ts).

import { ClosedError, messageOf, UserError } from '../../base/errors.js';
import { formatAddress } from '../../base/ip.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import type { ExitRouter } from '../router/router.js';
import { type Endpoint, mayHavePeer } from '../spec/model.js';
import type { PortRequest, PublishedPort } from '../spec/port-map.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import { openPort } from './open-port.js';
import type { Inward, Relay } from './relay.js';
import { Sessions } from './sessions.js';

interface PublishedPortsParts {
  readonly store: Pick<Store, 'exits' | 'networkEndpoints' | 'endpoint'>;
  /** A network's, whose namespace leads to the containers; undefined where there is none now. */
  readonly router: (networkId: string) => Pick<ExitRouter, 'within'> | undefined;
  readonly queue: KeyedQueue;
  readonly log: Log;
}

/** Of an endpoint: relays by ports, as textOf says. */
type Opened = ReadonlyMap<string, readonly Relay[]>;

/** Ports at once, each at two addresses at most. */
const MOST = 4_000;
/** What nobody told is found out after this time, in milliseconds; so are ports that have become free. */
const LOOK_MS = 1_000;

export class PublishedPorts {
  readonly #parts: PublishedPortsParts;
  readonly #opened = new Map<string, Opened>();
  /** Sentences by endpoints and their ports. */
  readonly #problems = new Map<string, ReadonlyMap<string, string>>();
  readonly #sessions = new Sessions();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: PublishedPortsParts) {
    this.#parts = parts;
  }

  /** Opens what is on record, and goes on to look at it. */
  start(): void {
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const id of this.#opened.keys()) this.withdraw(id);
  }

  /** Why ports of an endpoint are not open. */
  problem(endpointId: string): string | undefined {
    const problems = [...(this.#problems.get(endpointId)?.values() ?? [])];
    return problems.length > 0 ? sentence(problems) : undefined;
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
    const opened = new Map<string, readonly Relay[]>();
    const ports: PublishedPort[] = [];
    try {
      for (const request of requests) {
        const relays = await this.#open(endpoint, request, opened.size);
        const { first: _first, last: _last, ...rest } = request;
        const port = { ...rest, port: relays[0]!.port };
        ports.push(port);
        opened.set(textOf(port), relays);
      }
    } catch (err) {
      closeAll(opened);
      throw err;
    }
    if (ports.length > 0) this.#opened.set(endpoint.id, opened);
    record(ports);
  }

  /** Lets go of an endpoint's ports. */
  withdraw(endpointId: string): void {
    this.#problems.delete(endpointId);
    closeAll(this.#opened.get(endpointId) ?? new Map());
    this.#opened.delete(endpointId);
  }

  /** @param more ports that are open beside those of #opened @throws UserError */
  #open({ networkId, ipv4, ipv6 }: Endpoint, request: PortRequest, more: number): Promise<Relay[]> {
    const count = [...this.#opened.values()].reduce((sum, { size }) => sum + size, more);
    if (count >= MOST)
      throw new UserError(`${MOST} ports are published on exit networks already, which is the most`);
    const inward: Inward = {
      addresses: [ipv4, ipv6].filter(address => address !== undefined),
      port: request.containerPort,
      within: fn => {
        const router = this.#parts.router(networkId);
        if (!router) throw new ClosedError('there is no router');
        return router.within(fn);
      },
    };
    return openPort(request, inward, this.#sessions);
  }

  /** Whether all that is open is on record; what is on record need not be open. */
  #isOnRecord(id: string): boolean {
    const recorded = new Set(this.#recorded(id).map(textOf));
    return [...(this.#opened.get(id)?.keys() ?? [])].every(port => recorded.has(port));
  }

  #recorded(id: string): readonly PublishedPort[] {
    const endpoint = this.#parts.store.endpoint(id);
    return endpoint && mayHavePeer(endpoint) ? (endpoint.published ?? []) : [];
  }

  #isWhole(id: string): boolean {
    const opened = this.#opened.get(id);
    return this.#recorded(id).every(port => opened?.has(textOf(port)));
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
      for (const id of this.#problems.keys()) if (this.#recorded(id).length === 0) this.#problems.delete(id);
      for (const { id } of store.exits().flatMap(network => store.networkEndpoints(network.id)))
        if (!this.#isWhole(id)) inTurn(id, () => this.#reopen(id));
    } catch (err) {
      log.error(`cannot look at published ports: ${messageOf(err)}`);
    }
  }

  /** Opens what is on record and not open, each port by itself. */
  async #reopen(id: string): Promise<void> {
    const endpoint = this.#parts.store.endpoint(id);
    if (!endpoint) return;
    let opened = this.#opened.get(id) ?? new Map<string, readonly Relay[]>();
    const problems = new Map<string, string>();
    for (const port of this.#recorded(id).filter(one => !opened.has(textOf(one)))) {
      const { port: number, ...rest } = port;
      const before = this.#opened.get(id);
      try {
        const relays = await this.#open(endpoint, { ...rest, first: number, last: number }, 0);
        const isWithdrawn = this.#isClosed || this.#opened.get(id) !== before;
        if (isWithdrawn) return closeAll(new Map([['', relays]]));
        opened = new Map([...opened, [textOf(port), relays]]);
        this.#opened.set(id, opened);
      } catch (err) {
        problems.set(textOf(port), messageOf(err));
      }
    }
    if (this.#isClosed) return;
    const before = this.#problems.get(id);
    const fresh = [...problems].filter(([key, problem]) => before?.get(key) !== problem);
    if (fresh.length > 0)
      this.#parts.log.warn({ endpoint: shortId(id) }, sentence(fresh.map(([, problem]) => problem)));
    if (problems.size > 0) this.#problems.set(id, problems);
    else this.#problems.delete(id);
  }
}

function closeAll(opened: Opened): void {
  for (const relay of [...opened.values()].flat()) relay.close();
}

function textOf({ protocol, address, port, containerPort }: PublishedPort): string {
  return [protocol, address ? formatAddress(address) : '', port, containerPort].join(' ');
}

function sentence([first, ...others]: readonly string[]): string {
  return `published ports are closed: ${first}${others.length > 0 ? `, and ${others.length} others` : ''}`;
}

// What is wrong with the ways in to exit networks: mistakes of `dwgd.forward`, and ports that two containers ask for. Told once in
// the log, and to whoever asks. Not here: what follows from them (driver/router/ways-in.ts).

import type { Log } from '../../base/log.js';
import { INTERNAL_PORT } from '../natpmp/assigned-port.js';
import { type AssignedPort, type PlannedWays, planWaysIn } from '../router/ways-in.js';
import { AUTO, MAX_WEIGHT } from '../spec/forwarded-ports.js';
import type { Endpoint, ExitNetwork } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';

interface ToldWaysParts {
  /** What the container of an endpoint is called; undefined where that is not known. */
  readonly nameOf: (endpointId: string) => string | undefined;
  /** The port that the provider of a network has assigned to it; undefined where there is none now. */
  readonly assigned: (networkId: string) => number | undefined;
  readonly log: Log;
}

export class ToldWays {
  readonly #parts: ToldWaysParts;
  /** Of networks: sentences by endpoints. */
  readonly #problems = new Map<string, ReadonlyMap<string, string>>();
  /** Of networks: what was planned last, and of which endpoints. */
  readonly #planned = new Map<string, { readonly of: string; readonly ways: PlannedWays }>();

  constructor(parts: ToldWaysParts) {
    this.#parts = parts;
  }

  /** The ways in to the endpoints of a network, in the order in which they came. Routers ask twice a second. */
  plan(network: Pick<ExitNetwork, 'id' | 'natpmp'>, endpoints: readonly Endpoint[]): PlannedWays {
    const { id: networkId } = network;
    const assigned = this.#assignedTo(network);
    const of = JSON.stringify([
      assigned,
      ...endpoints.map(({ id, state, forward, published, ipv4, ipv6 }) => [
        ...[id, state, forward, published, ipv4?.bytes, ipv6?.bytes],
      ]),
    ]);
    const last = this.#planned.get(networkId);
    const planned = last?.of === of ? last.ways : planWaysIn(endpoints, assigned);
    this.#planned.set(networkId, { of, ways: planned });
    const problems = this.#problemsOf(planned);
    const before = this.#problems.get(networkId);
    for (const [id, problem] of problems)
      if (before?.get(id) !== problem) this.#parts.log.warn({ endpoint: shortId(id) }, problem);
    if (problems.size > 0) this.#problems.set(networkId, problems);
    else this.#problems.delete(networkId);
    return planned;
  }

  /** The endpoint that gets the port which the provider assigns; undefined where none asks for it. */
  taker(networkId: string): string | undefined {
    return this.#planned.get(networkId)?.ways.taker;
  }

  #assignedTo({ id, natpmp }: Pick<ExitNetwork, 'id' | 'natpmp'>): AssignedPort | 'pending' | undefined {
    if (!natpmp) return undefined;
    const port = this.#parts.assigned(id);
    return port === undefined ? 'pending' : { port, at: INTERNAL_PORT };
  }

  forget(networkId: string): void {
    this.#problems.delete(networkId);
    this.#planned.delete(networkId);
  }

  problem({ id, networkId }: Endpoint): string | undefined {
    return this.#problems.get(networkId)?.get(id);
  }

  #problemsOf({ clashes, mistakes }: PlannedWays): ReadonlyMap<string, string> {
    const problems = new Map([...mistakes].map(([id, text]) => [id, `no port is forwarded: ${text}`]));
    for (const { endpoint, holder, forward } of clashes) {
      const sentence = `${forward} is not forwarded: ${this.#whyNot(holder, forward === AUTO)}`;
      const before = problems.get(endpoint);
      problems.set(endpoint, before === undefined ? sentence : `${before}; ${sentence}`);
    }
    return problems;
  }

  #whyNot(holder: string | undefined, isAuto: boolean): string {
    if (holder === undefined) return `the network forwards ${MAX_WEIGHT} ports already, which is the most`;
    const whose = this.#parts.nameOf(holder) ?? `endpoint ${shortId(holder)}`;
    return isAuto
      ? `${whose} has the port that the provider assigns already`
      : `${whose} has the port at the tunnel's address already`;
  }
}

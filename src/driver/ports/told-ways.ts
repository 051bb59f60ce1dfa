// What is wrong with the ways in to exit networks: mistakes of `dwgd.forward`, and ports that two containers ask for. Told once in
// the log, and to whoever asks. Not here: what follows from them (driver/router/ways-in.ts).

import type { Log } from '../../base/log.js';
import { type PlannedWays, planWaysIn } from '../router/ways-in.js';
import { MAX_WEIGHT } from '../spec/forwarded-ports.js';
import type { Endpoint } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';

interface ToldWaysParts {
  /** What the container of an endpoint is called; undefined where that is not known. */
  readonly nameOf: (endpointId: string) => string | undefined;
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
  plan(networkId: string, endpoints: readonly Endpoint[]): PlannedWays {
    const of = JSON.stringify(
      endpoints.map(({ id, state, forward, published, ipv4, ipv6 }) => [
        ...[id, state, forward, published, ipv4?.bytes, ipv6?.bytes],
      ]),
    );
    const last = this.#planned.get(networkId);
    const planned = last?.of === of ? last.ways : planWaysIn(endpoints);
    this.#planned.set(networkId, { of, ways: planned });
    const problems = this.#problemsOf(planned);
    const before = this.#problems.get(networkId);
    for (const [id, problem] of problems)
      if (before?.get(id) !== problem) this.#parts.log.warn({ endpoint: shortId(id) }, problem);
    if (problems.size > 0) this.#problems.set(networkId, problems);
    else this.#problems.delete(networkId);
    return planned;
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
      const sentence = `${forward} is not forwarded: ${this.#whyNot(holder)}`;
      const before = problems.get(endpoint);
      problems.set(endpoint, before === undefined ? sentence : `${before}; ${sentence}`);
    }
    return problems;
  }

  #whyNot(holder: string | undefined): string {
    if (holder === undefined) return `the network forwards ${MAX_WEIGHT} ports already, which is the most`;
    const whose = this.#parts.nameOf(holder) ?? `endpoint ${shortId(holder)}`;
    return `${whose} has the port at the tunnel's address already`;
  }
}

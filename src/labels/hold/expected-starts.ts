// Who is expected to start on which network, and until when. Not here: what is done meanwhile (bridge-guard.ts).

/** In place of a container, with a number: whoever the new port of a bridge is for. */
const PORT = 'port ';
/** Those who are expected on a network; the oldest are forgotten. */
const MAX_EXPECTED = 1_024;

export class ExpectedStarts {
  readonly #now: () => number;
  /** By network the containers, each with the time until which it is waited for. */
  readonly #expected = new Map<string, Map<string, number>>();
  #ports = 0;

  /** @param now a clock, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether a container is expected on any network. */
  has(container: string): boolean {
    return [...this.#expected.values()].some(all => all.has(container));
  }

  /** Whether anybody is expected on a network. */
  isExpecting(network: string): boolean {
    const now = this.#now();
    return [...(this.#expected.get(network)?.values() ?? [])].some(until => until > now);
  }

  /** Networks on which somebody is expected. */
  networks(): string[] {
    this.#purge();
    return [...this.#expected.keys()];
  }

  /** Expects a container on a network, for a time in milliseconds. */
  expect(network: string, container: string, ms: number): void {
    this.#purge();
    const all = this.#expected.get(network) ?? new Map<string, number>();
    all.delete(container);
    all.set(container, this.#now() + ms);
    if (all.size > MAX_EXPECTED) all.delete(all.keys().next().value!);
    this.#expected.set(network, all);
  }

  /** Expects whoever a new port of a network's bridge is for. */
  expectPort(network: string, ms: number): void {
    this.expect(network, PORT + this.#ports++, ms);
  }

  /**
   * Expects a container no more: what is to be known of it is.
   * @param on absent: on all networks
   * @returns the networks on which it was expected, and nobody is any more
   */
  settled(container: string, on?: string): string[] {
    const free = (on === undefined ? [...this.#expected.keys()] : [on]).filter(network => {
      const all = this.#expected.get(network);
      const wasExpected = all?.delete(container) ?? false;
      // Each has had a port of its own made, in that order.
      const port = on === undefined ? undefined : [...(all?.keys() ?? [])].find(key => key.startsWith(PORT));
      if (port !== undefined) all!.delete(port);
      return (wasExpected || port !== undefined) && !this.isExpecting(network);
    });
    this.#purge();
    return free;
  }

  /** A network is there no more. */
  gone(network: string): void {
    this.#expected.delete(network);
  }

  #purge(): void {
    const now = this.#now();
    for (const [network, all] of this.#expected) {
      for (const [container, until] of all) if (until <= now) all.delete(container);
      if (all.size === 0) this.#expected.delete(network);
    }
  }
}

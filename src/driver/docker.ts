// What Docker itself says of its networks, over its API: read only, and never while Docker waits for us.
// Not here: what is made of it (recovery.ts).

import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import type { IPAMData } from './api.js';

/** The name by which Docker knows this driver. */
export const DRIVER_NAME = 'dwgd';

/** A network of ours as Docker describes it. */
export interface DockerNetwork {
  readonly id: string;
  /** What the user gave by `-o`. */
  readonly options: ReadonlyMap<string, string>;
  readonly ipv4: readonly IPAMData[];
  readonly ipv6: readonly IPAMData[];
  /** Of the containers that are attached now. */
  readonly endpointIds: ReadonlySet<string>;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

export class DockerClient {
  readonly #socketPath: string;
  readonly #closing = new AbortController();
  #api: Promise<Dockerode> | undefined;

  /** @param socketPath of Docker's API, such as /var/run/docker.sock */
  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  close(): void {
    this.#closing.abort();
  }

  /** Calls back whenever Docker's API has come up, for ever, until closed. */
  async watch(up: () => void): Promise<void> {
    let wait = FIRST_WAIT_MS;
    while (!this.#closing.signal.aborted) {
      try {
        const events = await this.#events();
        wait = FIRST_WAIT_MS;
        up();
        await ended(events);
      } catch {
        // Docker is down: it is asked again.
      }
      await sleep(wait, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  /** The networks of this driver. */
  async networks(): Promise<DockerNetwork[]> {
    const api = await this.#client();
    const list = await api.listNetworks({ filters: { driver: [DRIVER_NAME] } });
    return Promise.all(list.map(async ({ Id }) => readNetwork(await api.getNetwork(Id).inspect())));
  }

  /** A stream that stays silent and ends when Docker does. */
  async #events(): Promise<Readable> {
    const api = await this.#client();
    const filters = { type: ['daemon' as const] };
    return (await api.getEvents({ filters, abortSignal: this.#closing.signal })) as Readable;
  }

  #client(): Promise<Dockerode> {
    // Loaded at the first use: it is half of all that the daemon loads, and nothing waits for it.
    this.#api ??= import('dockerode').then(
      ({ default: Docker }) => new Docker({ socketPath: this.#socketPath }),
    );
    return this.#api;
  }
}

async function ended(stream: Readable): Promise<void> {
  await new Promise<void>(resolve => {
    stream.on('close', resolve).on('end', resolve).on('error', resolve);
    stream.resume();
  });
}

function readNetwork(info: Dockerode.NetworkInspectInfo): DockerNetwork {
  const pools = (info.IPAM?.Config ?? []).flatMap(({ Subnet, Gateway }): IPAMData[] =>
    Subnet ? [{ Pool: Subnet, ...(Gateway && { Gateway }) }] : [],
  );
  return {
    id: info.Id,
    options: new Map(Object.entries(info.Options ?? {})),
    ipv4: pools.filter(({ Pool }) => !Pool.includes(':')),
    ipv6: pools.filter(({ Pool }) => Pool.includes(':')),
    endpointIds: new Set(Object.values(info.Containers ?? {}).map(({ EndpointID }) => EndpointID)),
  };
}

// What Docker itself says of its networks, over its API: read only, and never while Docker waits for us.
// Not here: what is made of it (recovery.ts).

import type { NetworkInspectInfo } from 'dockerode';
import { DockerApi } from '../docker-api.js';
import type { IPAMData } from './api.js';

/** The name by which Docker knows this driver. */
export const DRIVER_NAME = 'dwgd';
/** How long Docker may take for an answer, in milliseconds: it can be stuck. */
const ANSWERED_WITHIN = 30_000;

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

export class DockerClient {
  readonly #api: DockerApi;

  /** @param socketPath of Docker's API, such as /var/run/docker.sock */
  constructor(socketPath: string) {
    this.#api = new DockerApi(socketPath);
  }

  close(): void {
    this.#api.close();
  }

  /** Calls back whenever Docker's API has come up, for ever, until closed. */
  async watch(up: () => void): Promise<void> {
    // A stream that stays silent and ends when Docker does.
    await this.#api.listen({ type: ['daemon'] }, { up });
  }

  /** The networks of this driver. */
  async networks(): Promise<DockerNetwork[]> {
    const list = await this.#get<{ Id: string }[]>('/networks', { filters: { driver: [DRIVER_NAME] } });
    return Promise.all(
      list.map(async ({ Id }) => readNetwork(await this.#get<NetworkInspectInfo>(`/networks/${Id}`))),
    );
  }

  #get<T>(path: string, query: Readonly<Record<string, object>> = {}): Promise<T> {
    return this.#api.get(path, ANSWERED_WITHIN, query);
  }
}

function readNetwork(info: NetworkInspectInfo): DockerNetwork {
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

// What Docker itself says of its networks, over its API: read only, and never while Docker waits for us.
// Not here: what follows from it (recovery.ts).

import type { NetworkInspectInfo } from 'dockerode';
import { DecodeError } from '../../base/errors.js';
import { DRIVER_NAME } from '../../base/ownership.js';
import { DockerApi, type UserDocker } from '../../docker/api-client.js';
import { type IPAMData, isId } from '../spec/protocol.js';

/** How long Docker may take for an answer, in milliseconds: it can be stuck. */
const TIMEOUT_MS = 30_000;
/** How long all answers about the networks may take together, in milliseconds. */
const TOTAL_TIMEOUT_MS = 120_000;
/** How many networks are inspected concurrently. */
const MAX_CONCURRENCY = 4;
/** The most networks of one Docker. Its default address pools last for a few dozen. */
const MAX_LISTED_NETWORKS = 4096;

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

  /**
   * @param socketPath of Docker's API, such as /var/run/docker.sock
   * @param user where it is a user's
   */
  constructor(socketPath: string, user?: UserDocker) {
    this.#api = new DockerApi(socketPath, user);
  }

  close(): void {
    this.#api.close();
  }

  /** Calls back whenever Docker's API has come up, for ever, until closed. */
  async watch(up: () => void): Promise<void> {
    // A stream that stays silent and ends when Docker does.
    await this.#api.listen({ type: ['daemon'] }, { up });
  }

  /** The networks of this driver. @throws Error when one of them cannot be had, or read, or there are too many */
  async networks(): Promise<DockerNetwork[]> {
    const until = performance.now() + TOTAL_TIMEOUT_MS;
    const list = await this.#get('/networks', TIMEOUT_MS, { filters: { driver: [DRIVER_NAME] } });
    const ids = readNetworkIds(list);
    const networks: DockerNetwork[] = [];
    let isOver = false;
    const ask = async (): Promise<void> => {
      for (let id = ids.pop(); id !== undefined && !isOver; id = ids.pop()) {
        const within = Math.min(TIMEOUT_MS, until - performance.now());
        networks.push(readDockerNetwork(id, await this.#get(`/networks/${id}`, Math.max(within, 0))));
      }
    };
    try {
      await Promise.all(Array.from({ length: MAX_CONCURRENCY }, ask));
    } finally {
      isOver = true;
    }
    return networks;
  }

  #get(path: string, within: number, query: Readonly<Record<string, object>> = {}): Promise<unknown> {
    return this.#api.get(path, within, query);
  }
}

/** The ids that a listing names, each once. @throws DecodeError for one that is no listing of Docker's */
export function readNetworkIds(list: unknown): string[] {
  if (!Array.isArray(list)) throw new DecodeError('Docker lists no networks');
  if (list.length > MAX_LISTED_NETWORKS)
    throw new DecodeError(`Docker lists more than ${MAX_LISTED_NETWORKS} networks`);
  return [
    ...new Set(
      list.map((entry: { Id?: unknown } | null) => {
        const id = entry?.Id;
        // It becomes a part of a path.
        if (typeof id !== 'string' || !isId(id))
          throw new DecodeError('Docker lists a network without an id');
        return id;
      }),
    ),
  ];
}

/** @throws DecodeError for what is no description of Docker's */
export function readDockerNetwork(id: string, info: unknown): DockerNetwork {
  const { IPAM, Options, Containers } = objectOf(info) as Partial<NetworkInspectInfo>;
  const { Config } = objectOf(IPAM ?? {});
  const pools = (Array.isArray(Config) ? Config : []).flatMap((config): IPAMData[] => {
    const { Subnet, Gateway } = objectOf(config);
    if (typeof Subnet !== 'string' || Subnet === '') return [];
    return [{ Pool: Subnet, ...(typeof Gateway === 'string' && Gateway !== '' && { Gateway }) }];
  });
  const options = Object.entries(objectOf(Options ?? {})).map(([name, value]) => {
    if (typeof value !== 'string') throw new DecodeError('Docker describes an option that is no text');
    return [name, value] as const;
  });
  const endpoints = Object.values(objectOf(Containers ?? {})).map(entry => objectOf(entry).EndpointID);
  return {
    id,
    options: new Map(options),
    ipv4: pools.filter(({ Pool }) => !Pool.includes(':')),
    ipv6: pools.filter(({ Pool }) => Pool.includes(':')),
    endpointIds: new Set(endpoints.filter(endpoint => typeof endpoint === 'string')),
  };
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null)
    throw new DecodeError('Docker describes a network in a way that cannot be read');
  return value as Record<string, unknown>;
}

// What Docker itself says of its networks, over its API, and whether a container has labels: read only, and never while
// Docker waits for us.
// Not here: what follows from it (recovery.ts).

import type { NetworkInspectInfo } from 'dockerode';
import { DecodeError } from '../../base/errors.js';
import { DRIVER_NAME, LABEL_PREFIX } from '../../base/ownership.js';
import { plain } from '../../base/plain-text.js';
import { DockerApi, isForbidden, type UserDocker } from '../../docker/api-client.js';
import type { DockerHost } from '../../docker/docker-host.js';
import { type LabelledEndpoint, readImageForward, readLabelListing } from '../ports/label-listing.js';
import { PATH_MAX } from '../spec/model.js';
import { type IPAMData, isId } from '../spec/protocol.js';
import { NAME_MAX, type Names, readNames } from './docker-names.js';

/** How long Docker may take for an answer, in milliseconds: it can be stuck. */
const TIMEOUT_MS = 30_000;
/** How long it may take to describe one container. */
const SANDBOX_TIMEOUT_MS = 5_000;
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
  /** Of the containers that are attached now, by the endpoints' ids. */
  readonly endpoints: ReadonlyMap<string, AttachedContainer>;
}

/** A container on a network as Docker describes it: nothing of it is checked but that it is text. */
export interface AttachedContainer {
  /** Not the container's while it is being attached. */
  readonly id: string;
  /** Absent: Docker did not tell. */
  readonly name?: string;
  /** CIDR texts. */
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** What a watcher of Docker is told. */
interface DockerWatcher {
  /** Docker's API has come up. */
  up(): void;
  /** It will not be known when it comes up, and why. */
  forbidden?(err: unknown): void;
  /** A container with labels of ours has started, or so it seems. */
  started?(): void;
}

/** A container, and one of its labels. */
interface LabelledContainer {
  readonly name: string;
  readonly label: string;
}

/** What decides on where a container's questions go. */
interface ContainerDns {
  readonly name: string;
  readonly hasOwnDns: boolean;
  /** As Docker gives it. */
  readonly resolvConfPath: string;
}

export class DockerClient {
  readonly #api: DockerApi;

  /**
   * @param at where Docker's API is
   * @param user where it is a user's
   */
  constructor(at: DockerHost, user?: UserDocker) {
    this.#api = new DockerApi(at, user);
  }

  close(): void {
    this.#api.close();
  }

  /** Calls back whenever Docker's API has come up, for ever, until closed. */
  async watch({ up, forbidden, started }: DockerWatcher): Promise<void> {
    const down = (err: unknown): void => {
      if (isForbidden(err)) forbidden?.(err);
    };
    // A stream that stays silent and ends when Docker does.
    if (!started) return this.#api.listen({ type: ['daemon'] }, { up, down });
    const line = (text: string): void => {
      if (text.includes(`"${LABEL_PREFIX}`)) started();
    };
    return this.#api.listen({ type: ['container'], event: ['start'] }, { up, down, line });
  }

  /** A running container with labels of ours; undefined where there is none. @throws Error */
  async labelledContainer(): Promise<LabelledContainer | undefined> {
    return findLabelled(await this.#get('/containers/json', TIMEOUT_MS));
  }

  /** What networks of this driver are called, and the running containers on them. @param ids of the networks @throws Error */
  async names(ids: readonly string[]): Promise<Names> {
    const [networks, containers] = await Promise.all([
      this.#get('/networks', TIMEOUT_MS, { filters: { driver: [DRIVER_NAME] } }),
      this.#get('/containers/json', TIMEOUT_MS, { filters: { network: ids } }),
    ]);
    return readNames(networks, containers);
  }

  /** Labels of the running containers on networks, by endpoints. @param ids of the networks @throws Error */
  async labels(ids: readonly string[]): Promise<ReadonlyMap<string, LabelledEndpoint>> {
    const query = { filters: { network: ids } };
    return readLabelListing(await this.#get('/containers/json', TIMEOUT_MS, query));
  }

  /** The label `dwgd.forward` of an image. @throws Error when Docker does not answer, or has the image no more */
  async imageForward(image: string): Promise<string | undefined> {
    const path = `/images/${encodeURIComponent(image).replaceAll('%3A', ':')}/json`;
    return readImageForward(await this.#get(path, SANDBOX_TIMEOUT_MS));
  }

  /**
   * The path of a container's network namespace; undefined where it has none.
   * @throws Error when Docker does not answer, as while it starts or stops that container
   */
  async sandboxKey(containerId: string): Promise<string | undefined> {
    if (!isId(containerId)) return undefined;
    const container = objectOf(await this.#get(`/containers/${containerId}/json`, SANDBOX_TIMEOUT_MS));
    const { SandboxKey } = objectOf(container.NetworkSettings ?? {});
    return typeof SandboxKey === 'string' && SandboxKey.startsWith('/') && SandboxKey.length < PATH_MAX
      ? SandboxKey
      : undefined;
  }

  /**
   * The DNS of the container of an endpoint; undefined where Docker does not know of it yet, or no longer.
   * @throws Error when Docker does not answer
   */
  async dnsOf(networkId: string, endpointId: string): Promise<ContainerDns | undefined> {
    const info = await this.#get(`/networks/${networkId}`, TIMEOUT_MS);
    const { id = '' } = readDockerNetwork(networkId, info).endpoints.get(endpointId) ?? {};
    return isId(id) ? readDns(await this.#get(`/containers/${id}/json`, SANDBOX_TIMEOUT_MS)) : undefined;
  }

  /** The containers on a network, by endpoints, those that are being attached too. @throws Error when Docker does not answer */
  async attached(networkId: string): Promise<ReadonlyMap<string, AttachedContainer>> {
    return readDockerNetwork(networkId, await this.#get(`/networks/${networkId}`, TIMEOUT_MS)).endpoints;
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

function readDns(info: unknown): ContainerDns {
  const { Name, ResolvConfPath, HostConfig } = objectOf(info);
  const { Dns } = objectOf(HostConfig ?? {});
  return {
    name: typeof Name === 'string' ? plain(Name.replace(/^\//, ''), NAME_MAX) : '',
    hasOwnDns: Array.isArray(Dns) && Dns.length > 0,
    resolvConfPath: typeof ResolvConfPath === 'string' ? ResolvConfPath : '',
  };
}

/** The first container of a listing that has a label of ours. @throws DecodeError for one that is no listing of Docker's */
export function findLabelled(list: unknown): LabelledContainer | undefined {
  if (!Array.isArray(list)) throw new DecodeError('Docker lists no containers');
  for (const entry of list) {
    const { Names, Labels } = objectOf(entry);
    const label = Object.keys(objectOf(Labels ?? {})).find(key => key.startsWith(LABEL_PREFIX));
    const name = Array.isArray(Names) && typeof Names[0] === 'string' ? Names[0].replace(/^\//, '') : '';
    if (label !== undefined) return { name, label };
  }
  return undefined;
}

/** On one network; a user's Docker may list what it likes. */
const MOST_CONTAINERS = 4_096;

/** @throws DecodeError for what is no description of Docker's */
export function readDockerNetwork(id: string, info: unknown): DockerNetwork {
  const { IPAM, Options, Containers } = objectOf(info) as Partial<NetworkInspectInfo>;
  const { Driver, Config } = objectOf(IPAM ?? {});
  const given: readonly unknown[] = Array.isArray(Config) ? Config : [];
  // Of a driver that gives no addresses Docker may tell nothing more.
  const configs = Driver === 'null' && given.length === 0 ? [{ Subnet: '0.0.0.0/0' }] : given;
  const pools = configs.flatMap((config): IPAMData[] => {
    const { Subnet, Gateway } = objectOf(config);
    if (typeof Subnet !== 'string' || Subnet === '') return [];
    return [{ Pool: Subnet, ...(typeof Gateway === 'string' && Gateway !== '' && { Gateway }) }];
  });
  const options = Object.entries(objectOf(Options ?? {})).map(([name, value]) => {
    if (typeof value !== 'string') throw new DecodeError('Docker describes an option that is no text');
    return [name, value] as const;
  });
  const containers = Object.entries(objectOf(Containers ?? {}));
  if (containers.length > MOST_CONTAINERS)
    throw new DecodeError(`Docker lists more than ${MOST_CONTAINERS} containers on a network`);
  const endpoints = containers.flatMap(([container, entry]): [string, AttachedContainer][] => {
    const { EndpointID, Name, IPv4Address, IPv6Address } = objectOf(entry);
    if (typeof EndpointID !== 'string') return [];
    const ipv4 = typeof IPv4Address === 'string' && IPv4Address !== '' && { ipv4: IPv4Address };
    const ipv6 = typeof IPv6Address === 'string' && IPv6Address !== '' && { ipv6: IPv6Address };
    const name = typeof Name === 'string' && Name !== '' && { name: plain(Name, NAME_MAX) };
    return [[EndpointID, { id: container, ...name, ...ipv4, ...ipv6 }]];
  });
  return {
    id,
    options: new Map(options),
    ipv4: pools.filter(({ Pool }) => !Pool.includes(':')),
    ipv6: pools.filter(({ Pool }) => Pool.includes(':')),
    endpoints: new Map(endpoints),
  };
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null)
    throw new DecodeError('Docker describes a network or container in a way that cannot be read');
  return value as Record<string, unknown>;
}

// What Docker answers: its version, networks of dwgd, gateways of containers. What it refuses is told and no fault of the
// rest. Not here: what follows (doctor/checks/docker.ts), labels (labels/survey.ts).

import { messageOf } from '../../base/errors.js';
import { DRIVER_NAME, ownKey } from '../../base/ownership.js';
import { type DockerApi, isForbidden, TimeoutError } from '../../docker/api-client.js';
import { isUnreachable } from '../../docker/docker-host.js';
import { readVersion } from '../../docker/engine-version.js';
import { mapConcurrently } from '../../docker/map-concurrently.js';
import { brokenAlike } from '../../docker/request.js';
import { isExit } from '../../driver/spec/exit-options.js';
import {
  inspectPath,
  readContainerListing,
  readInspection,
  readNetworkListing,
} from '../../labels/discovery/docker-answers.js';
import { isRunning, type ListedContainer, nameOf } from '../../labels/discovery/docker-view.js';
import { dnsOf } from '../../labels/discovery/host-dns.js';
import type { DockerFacts, GatewayEndpoint, HostDns } from '../checks/facts.js';

/** How long Docker may take for an answer, in milliseconds. */
const WITHIN_MS = 3_000;
/** Containers of which gateways are asked for one by one, and how many at a time. */
const [MOST_ASKED, AT_ONCE] = [64, 16] as const;

/** A network of driver dwgd, with what was given by `-o`. */
export interface OwnNetwork {
  readonly id: string;
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
}

export interface DockerProbe {
  readonly facts: Omit<DockerFacts, 'networks'>;
  readonly networks: readonly OwnNetwork[];
  /** Containers on exit networks for which Docker asks the DNS from the host, and which server. */
  readonly hostDns: readonly HostDns[];
  /** Whether a container has labels of ours, running or not. */
  readonly hasLabels: boolean;
}

export async function probeDocker(api: DockerApi): Promise<DockerProbe> {
  const refused = new Set<string>();
  const gateways = new Map<string, readonly GatewayEndpoint[]>();
  /** Undefined where it is refused. @throws Error where nobody answers */
  const ask = async <T>(
    path: string,
    read: (answer: unknown) => T,
    query?: Parameters<DockerApi['get']>[2],
  ) => {
    try {
      return read(await api.get(path, WITHIN_MS, query));
    } catch (err) {
      if (isUnreachable(err) || err instanceof TimeoutError) throw err;
      // The version is no answer that dwgd needs.
      if (path !== '/version' || !isForbidden(err)) refused.add(messageOf(brokenAlike(err)));
      return undefined;
    }
  };
  try {
    const [version, listed = [], networks = []] = await Promise.all([
      ask('/version', readVersion),
      ask('/containers/json', readContainerListing, { all: true }),
      ask('/networks', readOwnNetworks),
    ]);
    const running = listed.filter(isRunning);
    await mapConcurrently(running.filter(isMixed).slice(0, MOST_ASKED), AT_ONCE, async container => {
      // A listing lacks the priorities.
      const inspected = await ask(inspectPath(container.Id), readInspection);
      const endpoints = inspected?.NetworkSettings?.Networks;
      if (endpoints) gateways.set(nameOf(container), endpointsOf(endpoints));
    });
    const exits = networks.filter(({ options }) => isExit(options));
    const hostDns: HostDns[] = [];
    for (const { name: network } of exits) {
      const on = running.filter(({ NetworkSettings }) => NetworkSettings?.Networks?.[network]);
      await mapConcurrently(on.slice(0, MOST_ASKED), AT_ONCE, async container => {
        const inspected = await ask(inspectPath(container.Id), readInspection);
        const server = inspected && dnsOf(inspected).hostDns;
        if (server !== undefined) hostDns.push({ network, container: nameOf(container), server });
      });
    }
    return {
      hostDns,
      facts: { host: api.name, refused: [...refused], gateways, ...(version !== undefined && { version }) },
      networks,
      hasLabels: listed.some(({ Labels }) =>
        Object.keys(Labels ?? {}).some(key => ownKey(key) !== undefined),
      ),
    };
  } catch (err) {
    return {
      facts: { host: api.name, silent: messageOf(err), refused: [], gateways },
      networks: [],
      hostDns: [],
      hasLabels: false,
    };
  }
}

function readOwnNetworks(answer: unknown): OwnNetwork[] {
  return readNetworkListing(answer)
    .filter(({ Driver }) => Driver === DRIVER_NAME)
    .map(network => {
      const { Name } = network as { Name?: unknown };
      const name = typeof Name === 'string' ? Name : network.Id.slice(0, 12);
      return { id: network.Id, name, options: new Map(Object.entries(network.Options ?? {})) };
    });
}

type Endpoints = NonNullable<NonNullable<ListedContainer['NetworkSettings']>['Networks']>;

/** Whether it has an endpoint of both families, and one of a single one. */
function isMixed({ NetworkSettings }: ListedContainer): boolean {
  const endpoints = endpointsOf(NetworkSettings?.Networks ?? {});
  return (
    endpoints.some(({ hasIPv4, hasIPv6 }) => hasIPv4 && hasIPv6) &&
    endpoints.some(({ hasIPv4, hasIPv6 }) => hasIPv4 !== hasIPv6)
  );
}

function endpointsOf(endpoints: Endpoints): GatewayEndpoint[] {
  return Object.entries(endpoints).map(([network, { Gateway, IPv6Gateway, GwPriority }]) => ({
    network,
    priority: GwPriority ?? 0,
    hasIPv4: Boolean(Gateway),
    hasIPv6: Boolean(IPv6Gateway),
  }));
}

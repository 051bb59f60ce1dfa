// Exit networks as ways of packets lead by them: where each router is, by which file it goes, and who answers questions to the DNS.
// Not here: the ways (explain), what is told of these networks (exit-status.ts).

import { formatAddress } from '../base/ip.js';
import type { ExitPlace } from '../control/halves.js';
import { inForce, type KnownExit } from './exit-status.js';
import type { DockerNames } from './lifecycle/docker-names.js';
import type { ExitRouters } from './lifecycle/exit-routers.js';
import { routedFamilies } from './router/desired-router.js';
import { planDns } from './router/dns-ways.js';
import type { ExitTunnel } from './router/exit-tunnel.js';
import { type ExitNetwork, isDirect } from './spec/model.js';
import { shortId } from './spec/protocol.js';
import type { Store } from './store/store.js';

interface ExitPlacesParts {
  readonly store: Pick<Store, 'exits'>;
  readonly routers: Pick<ExitRouters, 'reading'>;
  readonly names: Pick<DockerNames, 'find'>;
}

/** All that there are; a container that has a tunnel itself leads to none. @throws Error when the database cannot be read */
export async function exitPlaces({ store, routers, names }: ExitPlacesParts): Promise<readonly ExitPlace[]> {
  const exits = store.exits().filter(network => !isDirect(network));
  const ofRoot = exits.filter(({ owner }) => owner === 0).map(({ id }) => id);
  const { networks } = ofRoot.length > 0 ? await names.find(ofRoot, []) : { networks: new Map() };
  return exits.map(network =>
    exitPlace({ network, name: networks.get(network.id), reading: routers.reading(network) }),
  );
}

function exitPlace({ network, name, reading }: Omit<KnownExit, 'endpoints'>): ExitPlace {
  const { tunnel, netns, problem } = reading;
  const pools = [network.ipv4, network.ipv6].filter(pool => pool !== undefined);
  return {
    networkId: network.id,
    name: name ?? shortId(network.id),
    file: inForce(reading)?.path ?? '',
    gateways: pools.flatMap(({ gateway }) => gateway ?? []),
    ...(netns && { netns }),
    ...(problem !== undefined && { problem }),
    dns: tunnel ? dnsClauses(network, tunnel) : [],
  };
}

function dnsClauses(network: ExitNetwork, tunnel: ExitTunnel): string[] {
  const ways = planDns(network, routedFamilies(network, tunnel), tunnel.file);
  if (ways.length === 0)
    return ['questions to the DNS go where the container sends them: no server is set for the network'];
  return ways.map(({ family, to }) =>
    to
      ? `questions to the DNS over IPv${family} go to ${formatAddress(to)} by the tunnel`
      : `questions to the DNS over IPv${family} go nowhere: no server for them is behind the tunnel`,
  );
}

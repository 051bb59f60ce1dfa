// Exit networks as the daemon tells of them: the tunnel that their containers share, and the file that it follows. Shows no
// secret. Not here: networks of the other kinds (status.ts), reading a router (router/exit-reading.ts).

import { formatAddress, formatPrefix } from '../base/ip.js';
import type { ComparedPart, Comparison, ExitFileStatus, NetworkStatus } from '../control/answers.js';
import type { Sample } from '../control/exposition.js';
import type { ExitPlace } from '../control/halves.js';
import { endpointStatus, type NamedEndpoint, peerSamples, peerStatus } from './endpoint-status.js';
import { routedFamilies, TUNNEL } from './router/desired-router.js';
import { planDns } from './router/dns-ways.js';
import type { FileStanding } from './router/exit-files.js';
import type { ExitReading } from './router/exit-reading.js';
import type { ExitTunnel } from './router/exit-tunnel.js';
import { formatHostPort } from './spec/host-port.js';
import type { ExitNetwork } from './spec/model.js';
import { shortId } from './spec/protocol.js';
import { comparePeer } from './tunnel/compare-tunnel.js';

/** All that is known of one. */
export interface KnownExit {
  readonly network: ExitNetwork;
  /** Absent: Docker did not tell. */
  readonly name?: string | undefined;
  readonly reading: ExitReading;
  readonly endpoints: readonly NamedEndpoint[];
}

export function exitStatus({ network, name, reading, endpoints }: KnownExit): NetworkStatus {
  const { files, tunnel, device, problem } = reading;
  const pools = [network.ipv4, network.ipv6].filter(pool => pool !== undefined);
  const ends = tunnel?.file.peers.flatMap(peer => (peer.endpoint ? formatHostPort(peer.endpoint) : []));
  return {
    id: network.id,
    ...(name !== undefined && { name }),
    owner: network.owner,
    mode: 'exit',
    via: inForce(reading)?.path ?? '',
    ...(ends && ends.length > 0 && { endpoint: ends.join(', ') }),
    subnets: pools.map(({ subnet }) => formatPrefix(subnet)),
    endpoints: endpoints.map(one => endpointStatus(one)),
    exit: {
      files: files.map(fileStatus),
      gateways: pools.flatMap(({ gateway }) => (gateway ? formatAddress(gateway) : [])),
      peers: device?.peers.map(peer => peerStatus(device.name, peer)) ?? [],
      ...(problem !== undefined && { problem }),
      ...(inForce(reading)?.isSilent && { isSilent: true }),
    },
  };
}

function inForce({ files }: ExitReading): FileStanding | undefined {
  return files.find(({ isInForce }) => isInForce);
}

function fileStatus({ path, isInForce, change, problem }: FileStanding): ExitFileStatus {
  return {
    ...{ path, isInForce },
    ...(change && { since: change.at.toISOString(), why: change.why }),
    ...(problem !== undefined && { problem }),
  };
}

/**
 * What the file says of the tunnel, beside what the router has.
 * @param now milliseconds since 1970
 */
export function comparedExit({ network, name, reading }: KnownExit, now: number): ComparedPart {
  const { tunnel, device, problem } = reading;
  const { path = '', change } = inForce(reading) ?? {};
  const link: Comparison = {
    what: 'link',
    desired: `${TUNNEL} in the router`,
    ...(device && { observed: `${device.name} in the router` }),
    isSame: device !== undefined,
  };
  const peers = tunnel?.file.peers.flatMap(peer =>
    comparePeer(
      peer,
      device?.peers.find(({ publicKey }) => publicKey.equals(peer.publicKey)),
      now,
    ),
  );
  return {
    title: `tunnel of ${name ?? shortId(network.id)}`,
    ...(problem !== undefined && { problem }),
    note: `by the file ${path}${change ? `: at ${change.at.toISOString()} ${change.why}` : ''}`,
    comparisons: [link, ...(device && peers ? peers : [])],
  };
}

/** As ways of packets lead by it. */
export function exitPlace({ network, name, reading }: KnownExit): ExitPlace {
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

export function exitSamples({ network, name, reading: { files, device } }: KnownExit): Sample[] {
  const whose = name ?? shortId(network.id);
  return [
    // No container has the tunnel: its label is empty.
    ...(device?.peers.flatMap(peer => peerSamples([whose, '', device.name], peer)) ?? []),
    ...files.map(({ path, isInForce }): Sample => {
      return { name: 'dwgd_exit_file_in_force', labels: [whose, path], value: isInForce ? 1 : 0 };
    }),
  ];
}

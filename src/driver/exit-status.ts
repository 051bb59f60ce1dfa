// Exit networks as the daemon tells of them: the tunnel that their containers share, and the file that it follows. Shows no
// secret. Not here: networks of the other kinds (status.ts), reading a router (router/exit-reading.ts).

import { formatAddress, formatPrefix } from '../base/ip.js';
import type {
  AssignedPortStatus,
  ComparedPart,
  Comparison,
  ExitFileStatus,
  NetworkStatus,
} from '../control/answers.js';
import type { Sample } from '../control/exposition.js';
import { endpointStatus, type NamedEndpoint, peerSamples, peerStatus } from './endpoint-status.js';
import type { AssignedPortReading } from './natpmp/assigned-ports.js';
import { TUNNEL } from './router/desired-router.js';

import type { ExitReading, FileStanding } from './router/exit-reading.js';
import { formatHostPort } from './spec/host-port.js';
import { type ExitNetwork, isDirect } from './spec/model.js';
import { shortId } from './spec/protocol.js';
import { comparePeer } from './tunnel/compare-tunnel.js';
import type { TunnelReading } from './tunnel/tunnel-readings.js';

/** All that is known of one. */
export interface KnownExit {
  readonly network: ExitNetwork;
  /** Absent: Docker did not tell. */
  readonly name?: string | undefined;
  readonly reading: ExitReading;
  readonly endpoints: readonly NamedEndpoint[];
  /** Absent: no port is asked for. */
  readonly assigned?: AssignedPortReading | undefined;
  /** The endpoint that gets the port which the provider assigns. */
  readonly taker?: string | undefined;
}

export function exitStatus(known: KnownExit): NetworkStatus {
  const { network, name, reading, endpoints } = known;
  const { files, tunnel, device, problem } = reading;
  const pools = [network.ipv4, network.ipv6].filter(pool => pool !== undefined);
  const assigned = assignedStatus(known);
  const ends = tunnel?.file.peers.flatMap(peer => (peer.endpoint ? formatHostPort(peer.endpoint) : []));
  return {
    id: network.id,
    ...(name !== undefined && { name }),
    owner: network.owner,
    mode: 'exit',
    via: inForce(reading)?.path ?? '',
    ...(ends && ends.length > 0 && { endpoint: ends.join(', ') }),
    subnets: pools.map(({ subnet }) => formatPrefix(subnet)),
    endpoints: endpoints.map(one => endpointStatus(one, readingOf(network, one, reading))),
    exit: {
      files: files.map(fileStatus),
      gateways: pools.flatMap(({ gateway }) => (gateway ? formatAddress(gateway) : [])),
      peers: device?.peers.map(peer => peerStatus(device.name, peer)) ?? [],
      ...(problem !== undefined && { problem }),
      ...(inForce(reading)?.isSilent && { isSilent: true }),
      ...(assigned && { assigned }),
    },
  };
}

function assignedStatus({ assigned, taker, endpoints }: KnownExit): AssignedPortStatus | undefined {
  if (!assigned) return undefined;
  const { gateway, ...rest } = assigned;
  const found = taker === undefined ? undefined : endpoints.find(({ endpoint }) => endpoint.id === taker);
  const container = found && (found.container?.name ?? shortId(found.endpoint.id));
  return {
    ...(gateway && { gateway: formatAddress(gateway) }),
    ...rest,
    ...(container !== undefined && { container }),
  };
}

/** Where it has the tunnel itself, the first of its peers too. */
function readingOf(
  network: ExitNetwork,
  { endpoint }: NamedEndpoint,
  { lost, device, problem: ofTunnel }: ExitReading,
): TunnelReading {
  const problem = isDirect(network) ? ofTunnel : lost?.get(endpoint.id);
  const [peer] = isDirect(network) ? (device?.peers ?? []) : [];
  return {
    ...(device && peer && { ifname: device.name, peer }),
    ...(problem !== undefined && { problem }),
  };
}

/** Containers whose links to the router are gone, a part each. */
export function lostParts({ network, name, reading, endpoints }: KnownExit): ComparedPart[] {
  if (isDirect(network)) return [];
  return endpoints.flatMap((one): ComparedPart[] => {
    const { problem } = readingOf(network, one, reading);
    if (problem === undefined) return [];
    const whose = one.container?.name ?? `endpoint ${shortId(one.endpoint.id)}`;
    return [{ title: `link of ${whose} on ${name ?? shortId(network.id)}`, problem, comparisons: [] }];
  });
}

/** The file that is. */
export function inForce({ files }: ExitReading): FileStanding | undefined {
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
export function comparedExit(
  { network, name, reading, endpoints, assigned }: KnownExit,
  now: number,
): ComparedPart {
  const { tunnel, device, problem } = reading;
  const { path = '', change } = inForce(reading) ?? {};
  const isIdle = isDirect(network) && !endpoints.some(({ endpoint }) => endpoint.state === 'joined');
  const link: Comparison = {
    what: 'link',
    desired: isDirect(network) ? `${network.prefix}… in its container` : `${TUNNEL} in the router`,
    ...(device && { observed: `${device.name} in ${isDirect(network) ? 'its container' : 'the router'}` }),
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
    comparisons: isIdle ? [] : [link, ...(device && peers ? peers : []), ...comparedPort(assigned)],
  };
}

function comparedPort(assigned: AssignedPortReading | undefined): Comparison[] {
  if (!assigned) return [];
  const { gateway, port, problem } = assigned;
  const whose = gateway ? `the gateway ${formatAddress(gateway)}` : 'a gateway that is not known yet';
  const observed = port === undefined ? problem : `${port}`;
  return [
    {
      what: 'assigned port',
      desired: `one of ${whose}`,
      ...(observed !== undefined && { observed }),
      isSame: port !== undefined,
    },
  ];
}

export function exitSamples(known: KnownExit): Sample[] {
  const { network, name, reading, assigned, endpoints } = known;
  const { files, device } = reading;
  const whose = name ?? shortId(network.id);
  const holder = isDirect(network)
    ? endpoints.find(({ endpoint }) => endpoint.state === 'joined')
    : undefined;
  // Of a tunnel that containers share none has it: its label is empty.
  const container = holder ? (holder.container?.name ?? shortId(holder.endpoint.id)) : '';
  return [
    ...(device?.peers.flatMap(peer => peerSamples([whose, container, device.name], peer)) ?? []),
    ...files.map(({ path, isInForce }): Sample => {
      return { name: 'dwgd_exit_file_in_force', labels: [whose, path], value: isInForce ? 1 : 0 };
    }),
    ...(assigned
      ? [{ name: 'dwgd_exit_assigned_port', labels: [whose], value: assigned.port ?? 0 } as const]
      : []),
  ];
}

// Docker's answers about containers as views: from `GET /containers/json` and `GET /containers/ID/json` to what the
// labels' half knows of a container. Pure. Not here: asking Docker, /proc, which labels count (containers.ts).

import { type Address, maskPrefix, type Prefix, parseAddress, parsePrefix } from '../../base/ip.js';
import { DRIVER_NAME } from '../../base/ownership.js';
import type { Attachment, ContainerView } from './container.js';

/** What of an entry of `NetworkSettings.Networks` is of use; the listing leaves some of it out. */
export interface DockerEndpoint {
  readonly NetworkID?: string;
  readonly EndpointID?: string;
  readonly IPAddress?: string;
  readonly IPPrefixLen?: number;
  readonly GlobalIPv6Address?: string;
  readonly GlobalIPv6PrefixLen?: number;
  readonly Gateway?: string;
  readonly IPv6Gateway?: string;
  /** Docker 28 and later. */
  readonly GwPriority?: number;
  readonly Aliases?: readonly string[] | null;
  /** Docker 25 and later: all that Docker's own DNS knows it by. The host's name was among the aliases before. */
  readonly DNSNames?: readonly string[] | null;
}

type DockerEndpoints = Readonly<Record<string, DockerEndpoint>> | null | undefined;

/** An entry of `GET /containers/json`. */
export interface ListedContainer {
  readonly Id: string;
  readonly Names?: readonly string[] | null;
  readonly State: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly HostConfig?: { readonly NetworkMode?: string };
  readonly NetworkSettings?: { readonly Networks?: DockerEndpoints } | null;
}

/** An answer of `GET /containers/ID/json`. */
export interface InspectedContainer {
  readonly Id: string;
  readonly Name: string;
  /** The image's id. */
  readonly Image: string;
  readonly State: { readonly Running: boolean; readonly Pid: number };
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> | null };
  readonly HostConfig?: {
    readonly NetworkMode?: string;
    readonly Runtime?: string;
    readonly Dns?: readonly string[] | null;
  };
  /** On the host; the container may write to it. */
  readonly ResolvConfPath?: string;
  readonly NetworkSettings?: {
    readonly Networks?: DockerEndpoints;
    /** A path to its network namespace: `/var/run/docker/netns/…`. Empty where it uses another container's. */
    readonly SandboxKey?: string;
  } | null;
}

/** What of an entry of `GET /networks` is of use. */
export interface ListedNetwork {
  readonly Id: string;
  readonly Driver: string;
  readonly Options?: Readonly<Record<string, string>> | null;
}

/** What of an answer of `GET /info` is of use: a runtime has a path, or since Docker 23 a type. */
export interface DockerInfo {
  readonly Runtimes?: Readonly<
    Record<string, { readonly path?: string | null; readonly runtimeType?: string | null }>
  > | null;
}

/** What a network is by its driver and options. */
export type NetworkKind = Pick<Attachment, 'driver' | 'ignoresNextHop'>;

/** A network of which Docker does not tell: whether the kernel heeds gateways there is not known. */
export const NETWORKS_REFUSED: NetworkKind = {
  driver: '',
  ignoresNextHop: 'driver unknown, since Docker does not list its networks',
};

/** What the network of an id is. */
export type KindOf = (networkId: string) => NetworkKind | undefined;

/** A view without what /proc and the image have to say. */
type DockerView = Omit<
  ContainerView,
  | 'revision'
  | 'netns'
  | 'hostNetwork'
  | 'isIndeterminate'
  | 'labels'
  | 'imageLabels'
  | 'unverified'
  | 'ownStack'
  | 'unknownRuntime'
  | 'hostDns'
>;

const PREFIX = 'twine.';

/** The listing's states in which a container has a process of its own. */
export function isRunning({ State }: ListedContainer): boolean {
  return State === 'running' || State === 'paused';
}

/** The labels of ours among a container's or an image's. */
export function twineLabels(
  labels: Readonly<Record<string, string>> | null | undefined,
): Map<string, string> {
  return new Map(Object.entries(labels ?? {}).filter(([key]) => key.startsWith(PREFIX)));
}

/**
 * What changes whenever a container's view may: two answers of Docker with the same fingerprint tell of the same
 * name, addresses and endpoints. A restart makes new endpoints.
 */
export function fingerprint(container: ListedContainer | InspectedContainer): string {
  const running = isListed(container) ? isRunning(container) : container.State.Running;
  const endpoints = Object.entries(container.NetworkSettings?.Networks ?? {}).map(
    ([network, { NetworkID, EndpointID, IPAddress, GlobalIPv6Address }]) =>
      `${network} ${NetworkID ?? ''} ${EndpointID ?? ''} ${IPAddress ?? ''} ${GlobalIPv6Address ?? ''}`,
  );
  return [nameOf(container), running, ...endpoints.sort()].join('\n');
}

/** A container's name. Links of Docker's old kind add names with a slash in them. */
export function nameOf(container: ListedContainer | InspectedContainer): string {
  if (!isListed(container)) return withoutSlash(container.Name);
  const { Id, Names } = container;
  return withoutSlash(Names?.find(name => !name.slice(1).includes('/')) ?? Id.slice(0, 12));
}

/** The view of an inspected container. */
export function viewInspected(container: InspectedContainer, kindOf: KindOf): DockerView {
  const { Id, Config, NetworkSettings } = container;
  return view(Id, nameOf(container), Config.Labels, NetworkSettings?.Networks, kindOf);
}

/** The view of a listed container, which lacks its aliases. */
export function viewListed(container: ListedContainer, kindOf: KindOf): DockerView {
  const { Id, Labels, NetworkSettings } = container;
  return view(Id, nameOf(container), Labels, NetworkSettings?.Networks, kindOf);
}

/** What a listed network is. A link of WireGuard and one of ipvlan's l3 modes have no neighbours to send to. */
export function networkKind({ Driver, Options }: ListedNetwork): NetworkKind {
  const mode = Options?.ipvlan_mode;
  if (Driver === DRIVER_NAME) return { driver: Driver, ignoresNextHop: `driver ${DRIVER_NAME}` };
  if (Driver === 'ipvlan' && (mode === 'l3' || mode === 'l3s'))
    return { driver: Driver, ignoresNextHop: `driver ipvlan, mode ${mode}` };
  return { driver: Driver };
}

/** The networks that a container is attached to. */
export function networkIds(container: ListedContainer): string[] {
  const endpoints = Object.values(container.NetworkSettings?.Networks ?? {});
  return endpoints.flatMap(({ NetworkID }) => NetworkID || []);
}

/** The container whose namespace it uses, as the user named it at `docker run`: Docker has made it an id. */
export function joinedContainer(mode: string | undefined): string | undefined {
  return mode?.startsWith('container:') ? mode.slice('container:'.length) : undefined;
}

function view(
  id: string,
  name: string,
  labels: Readonly<Record<string, string>> | null | undefined,
  endpoints: DockerEndpoints,
  kindOf: KindOf,
): DockerView {
  const project = labels?.['com.docker.compose.project'];
  const service = labels?.['com.docker.compose.service'];
  const isOneOff = labels?.['com.docker.compose.oneoff']?.toLowerCase() === 'true';
  return {
    id,
    name,
    ...(project !== undefined && service !== undefined && { service: { project, name: service } }),
    ...(isOneOff && { isOneOff }),
    attachments: Object.entries(endpoints ?? {})
      .sort(byGateway)
      .map(([network, endpoint]) => attachment(id, network, endpoint, kindOf)),
  };
}

/** As libnetwork chooses the endpoint of the default gateway: with a gateway, by priority, then by name. */
function byGateway([a, one]: [string, DockerEndpoint], [b, other]: [string, DockerEndpoint]): number {
  const hasGateway = ({ Gateway, IPv6Gateway }: DockerEndpoint): number => (Gateway || IPv6Gateway ? 1 : 0);
  return (
    hasGateway(other) - hasGateway(one) ||
    (other.GwPriority ?? 0) - (one.GwPriority ?? 0) ||
    (a < b ? -1 : a > b ? 1 : 0)
  );
}

function attachment(id: string, networkName: string, endpoint: DockerEndpoint, kindOf: KindOf): Attachment {
  const networkId = endpoint.NetworkID ?? '';
  const { IPAddress, IPPrefixLen, GlobalIPv6Address, GlobalIPv6PrefixLen } = endpoint;
  const addresses = [IPAddress, GlobalIPv6Address];
  const networks = [`${IPAddress}/${IPPrefixLen}`, `${GlobalIPv6Address}/${GlobalIPv6PrefixLen}`];
  // The short id is among them, and is known anyway.
  const aliases = [...new Set([...(endpoint.Aliases ?? []), ...(endpoint.DNSNames ?? [])])].filter(
    alias => alias !== id.slice(0, 12),
  );
  return {
    networkId,
    networkName,
    driver: '',
    ...kindOf(networkId),
    ...(endpoint.IPv6Gateway && endpoint.GlobalIPv6Address && { hasGateway6: true as const }),
    addresses: addresses.flatMap((text): Address[] => {
      const address = parseAddress(text ?? '');
      return address ? [address] : [];
    }),
    subnets: networks.flatMap((text): Prefix[] => {
      const prefix = parsePrefix(text);
      return prefix ? [maskPrefix(prefix)] : [];
    }),
    aliases,
  };
}

function isListed(container: ListedContainer | InspectedContainer): container is ListedContainer {
  return typeof container.State === 'string';
}

function withoutSlash(name: string): string {
  return name.startsWith('/') ? name.slice(1) : name;
}

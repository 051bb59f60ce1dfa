// From Docker's answers to views of containers: what of `GET /containers/json` and `GET /containers/ID/json` is used. Pure.
// Not here: asking Docker, /proc, which labels count (containers.ts).

import { type Address, maskPrefix, parseAddress, parsePrefix } from '../../base/ip.js';
import { ownKey } from '../../base/ownership.js';
import { healthInspected, healthListed, type InspectedState } from '../../docker/container-health.js';
import { aliasesOf, isOneOff, linksOf, serviceOf } from '../../docker/container-names.js';
import type { Attachment, ContainerView } from './container.js';

/** The fields of an entry of `NetworkSettings.Networks` that are used; a listing lacks some of them. */
export interface DockerEndpoint {
  readonly NetworkID?: string;
  readonly EndpointID?: string;
  readonly IPAddress?: string;
  readonly IPPrefixLen?: number;
  readonly GlobalIPv6Address?: string;
  readonly GlobalIPv6PrefixLen?: number;
  readonly Gateway?: string;
  readonly IPv6Gateway?: string;
  /** What `--ip` and `--ip6` gave, also while it does not run. */
  readonly IPAMConfig?: { readonly IPv4Address?: string; readonly IPv6Address?: string } | null;
  /** Docker 28 and later. */
  readonly GwPriority?: number;
  readonly Aliases?: readonly string[] | null;
  /** `container:name`. */
  readonly Links?: readonly string[] | null;
  /** Docker 25 and later: all names that Docker's DNS has for it. Before, the hostname was among the aliases. */
  readonly DNSNames?: readonly string[] | null;
}

type DockerEndpoints = Readonly<Record<string, DockerEndpoint>> | null | undefined;
type OnNetwork = readonly [network: string, endpoint: DockerEndpoint];

/** An entry of `GET /containers/json`. */
export interface ListedContainer {
  readonly Id: string;
  readonly Names?: readonly string[] | null;
  readonly State: string;
  /** `Up 5 minutes (unhealthy)`. */
  readonly Status?: string | null;
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
  readonly State: InspectedState & { readonly Pid: number };
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> | null };
  readonly HostConfig?: {
    readonly NetworkMode?: string;
    readonly Runtime?: string;
    readonly Dns?: readonly string[] | null;
    /** Of the default bridge: `/container:/this-one/name`. */
    readonly Links?: readonly string[] | null;
  };
  /** On the host; the container may write to it. */
  readonly ResolvConfPath?: string;
  readonly NetworkSettings?: {
    readonly Networks?: DockerEndpoints;
    /** A path to its network namespace: `/var/run/docker/netns/…`. Empty where it uses another container's. */
    readonly SandboxKey?: string;
  } | null;
}

/** The fields of an entry of `GET /networks` that are used. */
export interface ListedNetwork {
  readonly Id: string;
  readonly Name?: string | null;
  readonly Driver: string;
  readonly Internal?: boolean | null;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly IPAM?: { readonly Config?: readonly { readonly Gateway?: string | null }[] | null } | null;
}

/** The fields of `GET /info` that are used: a runtime has a path, or since Docker 23 a type. */
export interface DockerInfo {
  readonly Runtimes?: Readonly<
    Record<string, { readonly path?: string | null; readonly runtimeType?: string | null }>
  > | null;
}

/** What a network's driver and options say. */
export interface NetworkKind extends Pick<Attachment, 'driver' | 'ignoresNextHop' | 'isInternal'> {
  /** Of a network without gateways: those of the one by which its containers leave the host. */
  readonly outerGateways?: readonly Address[];
}

/** A network that Docker does not list: whether the kernel uses gateways there is not known. */
export const NETWORKS_REFUSED: NetworkKind = {
  driver: '',
  ignoresNextHop: 'driver unknown, since Docker does not list its networks',
};

/** The kind of the network with an id. */
export type KindOf = (networkId: string) => NetworkKind | undefined;

/** A view without what comes from /proc and the image. */
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
  | 'privateDns'
>;

/** The listing's states in which a container has a process. */
export function isRunning({ State }: ListedContainer): boolean {
  return State === 'running' || State === 'paused';
}

/** Our labels among those of a container or an image, those with a slip at the beginning included. */
export function twineLabels(
  labels: Readonly<Record<string, string>> | null | undefined,
): Map<string, string> {
  return new Map(Object.entries(labels ?? {}).filter(([key]) => ownKey(key) !== undefined));
}

/**
 * Changes whenever a container's view may: two answers of Docker with the same fingerprint have the same name, addresses and
 * endpoints. A restart makes new endpoints.
 */
export function fingerprint(container: ListedContainer | InspectedContainer): string {
  const running = isListed(container) ? isRunning(container) : container.State.Running;
  const endpoints = Object.entries(container.NetworkSettings?.Networks ?? {}).map(
    ([network, { NetworkID, EndpointID, IPAddress, GlobalIPv6Address }]) =>
      `${network} ${NetworkID ?? ''} ${EndpointID ?? ''} ${IPAddress ?? ''} ${GlobalIPv6Address ?? ''}`,
  );
  return [nameOf(container), running, healthOf(container) ?? '', ...endpoints.sort()].join('\n');
}

function healthOf(container: ListedContainer | InspectedContainer): ContainerView['health'] {
  return isListed(container) ? healthListed(container.Status) : healthInspected(container.State);
}

/** A container's name. Docker's legacy links add names that contain a slash. */
export function nameOf(container: ListedContainer | InspectedContainer): string {
  if (!isListed(container)) return withoutSlash(container.Name);
  const { Id, Names } = container;
  return withoutSlash(Names?.find(name => !name.slice(1).includes('/')) ?? Id.slice(0, 12));
}

/** The view of an inspected container. */
export function viewInspected(container: InspectedContainer, kindOf: KindOf): DockerView {
  const { Id, Config, HostConfig, NetworkSettings } = container;
  const health = healthOf(container);
  const ofNetworks = Object.values(NetworkSettings?.Networks ?? {}).flatMap(({ Links }) => Links ?? []);
  const links = linksOf([...ofNetworks, ...(HostConfig?.Links ?? [])]);
  return {
    ...view(
      { id: Id, name: nameOf(container), aliases: aliasesOf(NetworkSettings?.Networks) },
      Config.Labels,
      NetworkSettings?.Networks,
      kindOf,
    ),
    ...(health && { health }),
    ...(links && { links }),
  };
}

/** The view of a listed container, which lacks its aliases. */
export function viewListed(container: ListedContainer, kindOf: KindOf): DockerView {
  const { Id, Labels, NetworkSettings } = container;
  const own = { id: Id, name: nameOf(container), aliases: undefined };
  return view(own, Labels, NetworkSettings?.Networks, kindOf);
}

function view(
  { id, name, aliases }: { id: string; name: string; aliases: ReadonlySet<string> | undefined },
  labels: Readonly<Record<string, string>> | null | undefined,
  endpoints: DockerEndpoints,
  kindOf: KindOf,
): DockerView {
  const names = serviceOf(labels ?? {}, { container: name, aliases });
  const all = Object.entries(endpoints ?? {}).sort(byGateway);
  const leaves = all.some(([, endpoint]) => hasGateway(endpoint));
  return {
    id,
    name,
    ...names,
    ...(isOneOff(labels ?? {}) && { isOneOff: true }),
    attachments: all.map(one => attachment(id, one, kindOf, leaves)),
  };
}

/** As libnetwork chooses the endpoint of the default gateway: with a gateway, by priority, then by name. */
function byGateway([a, one]: OnNetwork, [b, other]: OnNetwork): number {
  return (
    Number(hasGateway(other)) - Number(hasGateway(one)) ||
    (other.GwPriority ?? 0) - (one.GwPriority ?? 0) ||
    (a < b ? -1 : a > b ? 1 : 0)
  );
}

function hasGateway({ Gateway, IPv6Gateway }: DockerEndpoint): boolean {
  return Boolean(Gateway || IPv6Gateway);
}

/** @param leaves whether the container has a gateway on any of its networks: else Docker connects it to another one */
function attachment(id: string, [network, endpoint]: OnNetwork, kindOf: KindOf, leaves: boolean): Attachment {
  const networkId = endpoint.NetworkID ?? '';
  const { IPAddress, IPPrefixLen, GlobalIPv6Address, GlobalIPv6PrefixLen, IPAMConfig } = endpoint;
  const addresses = addressesIn([IPAddress, GlobalIPv6Address]);
  const given = addressesIn([IPAMConfig?.IPv4Address, IPAMConfig?.IPv6Address]);
  const networks = [`${IPAddress}/${IPPrefixLen}`, `${GlobalIPv6Address}/${GlobalIPv6PrefixLen}`];
  const { outerGateways = [], ...kind } = kindOf(networkId) ?? {};
  const own = [
    IPAddress ? endpoint.Gateway : undefined,
    GlobalIPv6Address ? endpoint.IPv6Gateway : undefined,
  ];
  const gateways = leaves || addresses.length === 0 ? addressesIn(own) : outerGateways;
  // The short id is among them; it is handled separately.
  const aliases = [...new Set([...(endpoint.Aliases ?? []), ...(endpoint.DNSNames ?? [])])].filter(
    alias => alias !== id.slice(0, 12),
  );
  return {
    networkId,
    networkName: network,
    driver: '',
    ...kind,
    addresses,
    ...(addresses.length === 0 && given.length > 0 && { formerAddresses: given }),
    ...(gateways.length > 0 && { gateways }),
    subnets: networks.flatMap(text => parsePrefix(text) ?? []).map(maskPrefix),
    aliases,
  };
}

function addressesIn(texts: readonly (string | undefined)[]): Address[] {
  return texts.flatMap(text => parseAddress(text ?? '') ?? []);
}

function isListed(container: ListedContainer | InspectedContainer): container is ListedContainer {
  return typeof container.State === 'string';
}

function withoutSlash(name: string): string {
  return name.startsWith('/') ? name.slice(1) : name;
}

// Validates Docker's answers, which may come from anybody who listens on its socket: every field that is used has the right
// type, or the whole answer is refused. Pure. Not here: what is made of them (docker-view.ts).

import { DecodeError } from '../../base/errors.js';
import {
  flag,
  listOf,
  mapOf,
  number,
  object,
  optional,
  type ShapeCheck,
  text,
} from '../../docker/json-shape.js';
import type { DockerInfo, InspectedContainer, ListedContainer, ListedNetwork } from './docker-view.js';

/** An id becomes a part of a path of Docker's API; Docker's own have 64 characters. */
const ID = /^[\w-]{1,128}$/;

/** A container and a network of it, by their ids. */
export interface ConnectEvent {
  readonly container: string;
  readonly network: string;
}

/** The answer to `GET /containers/json`, and no more of it than is used: it is kept. @throws DecodeError */
export function readContainerListing(answer: unknown): ListedContainer[] {
  CONTAINERS(answer, 'list of containers', WHOSE);
  return (answer as ListedContainer[]).map(
    ({ Id, Names, State, Status, Labels, HostConfig, NetworkSettings }) => ({
      ...{ Id, State },
      ...(Names && { Names }),
      ...(Status && { Status }),
      ...(Labels && { Labels }),
      ...(HostConfig?.NetworkMode !== undefined && { HostConfig: { NetworkMode: HostConfig.NetworkMode } }),
      ...(NetworkSettings?.Networks && { NetworkSettings: { Networks: NetworkSettings.Networks } }),
    }),
  );
}

/** The path that tells of one container. */
export function inspectPath(id: string): string {
  return `/containers/${id}/json`;
}

/** The id in a path of inspectPath(); undefined for any other path. */
export function inspectedId(path: string): string | undefined {
  return /^\/containers\/([\w-]+)\/json$/.exec(path)?.[1];
}

/** The answer to `GET /containers/ID/json`. @throws DecodeError */
export function readInspection(answer: unknown): InspectedContainer {
  INSPECTED(answer, 'answer about a container', WHOSE);
  return answer as InspectedContainer;
}

/** The answer to `GET /networks`. @throws DecodeError */
export function readNetworkListing(answer: unknown): ListedNetwork[] {
  NETWORKS(answer, 'list of networks', WHOSE);
  return answer as ListedNetwork[];
}

/** A network with who is connected to it. */
export interface ConnectedNetwork extends Pick<ListedNetwork, 'Id' | 'Driver' | 'Options'> {
  /** By id; while one starts, by `ep-` and the id of its endpoint. */
  readonly Containers?: Readonly<
    Record<string, { readonly Name?: string | null; readonly MacAddress?: string | null }>
  > | null;
}

/** The answer to `GET /networks/ID`. @throws DecodeError */
export function readConnectedNetwork(answer: unknown): ConnectedNetwork {
  NETWORK(answer, 'answer about a network', WHOSE);
  return answer as ConnectedNetwork;
}

/** The answer to `GET /info`. @throws DecodeError */
export function readInfo(answer: unknown): DockerInfo {
  INFO(answer, 'answer about itself', WHOSE);
  return answer as DockerInfo;
}

/** The answer to `GET /services/ID`. @throws DecodeError */
export function readService(answer: unknown): {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>> | null | undefined;
} {
  SERVICE(answer, 'answer about a service', WHOSE);
  const { Spec } = answer as { Spec: { Name: string; Labels?: Readonly<Record<string, string>> | null } };
  return { name: Spec.Name, labels: Spec.Labels };
}

/** The labels in the answer to `GET /images/ID/json`. @throws DecodeError */
export function readImageLabels(answer: unknown): Readonly<Record<string, string>> | null | undefined {
  IMAGE(answer, 'answer about an image', WHOSE);
  return (answer as { Config?: { Labels?: Readonly<Record<string, string>> | null } | null }).Config?.Labels;
}

/** The events that tell of containers. Exact names: every `exec` in a container causes several events with other names. */
export const EVENTS = {
  type: ['container', 'network'],
  event: [
    ...['create', 'start', 'die', 'destroy', 'rename', 'update', 'pause', 'unpause', 'health_status'],
    ...['connect', 'disconnect'],
  ],
};

/** The container that an event is about; undefined where it is about none. */
export function containerOf(event: unknown): string | undefined {
  const { Type, Actor } = (event ?? {}) as {
    Type?: unknown;
    Actor?: { ID?: unknown; Attributes?: unknown } | null;
  };
  const attributes = (Actor?.Attributes ?? {}) as { container?: unknown };
  const id = Type === 'network' ? attributes.container : Actor?.ID;
  return typeof id === 'string' && ID.test(id) ? id : undefined;
}

/** What an event tells of a container's life. */
export interface LifeEvent {
  readonly id: string;
  readonly action: 'start' | 'die';
}

/** The container that has started or ended; undefined for all other events. */
export function lifeIn(event: unknown): LifeEvent | undefined {
  const { Type, Action: action } = (event ?? {}) as { Type?: unknown; Action?: unknown };
  const id = containerOf(event);
  if (Type !== 'container' || id === undefined) return undefined;
  return action === 'start' || action === 'die' ? { id, action } : undefined;
}

/** What is there no more. */
export interface RemoveEvent {
  readonly what: 'container' | 'network';
  readonly id: string;
}

/** The container or network that is there no more; undefined for all other events. */
export function removedIn(event: unknown): RemoveEvent | undefined {
  const {
    Type: what,
    Action,
    Actor,
  } = (event ?? {}) as Readonly<Record<string, { ID?: unknown } | string | null>>;
  const id = typeof Actor === 'object' ? Actor?.ID : undefined;
  if (Action !== 'destroy' || (what !== 'container' && what !== 'network')) return undefined;
  return typeof id === 'string' && ID.test(id) ? { what, id } : undefined;
}

/** A container that has been made and not started. */
export interface CreateEvent {
  readonly id: string;
  readonly name: string;
  /** Its labels, among other attributes of the event. */
  readonly labels: Readonly<Record<string, string>>;
}

/** The container that Docker has made; undefined for all other events. */
export function createdIn(event: unknown): CreateEvent | undefined {
  const { Type, Action, Actor } = (event ?? {}) as {
    Type?: unknown;
    Action?: unknown;
    Actor?: { Attributes?: unknown } | null;
  };
  const id = containerOf(event);
  if (Type !== 'container' || Action !== 'create' || id === undefined) return undefined;
  const all = Object.entries(Actor?.Attributes ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const labels = Object.fromEntries(all);
  return { id, name: labels.name ?? '', labels };
}

/** The container and the network that Docker has connected, or disconnected; undefined for all other events. */
export function connectionIn(
  event: unknown,
  action: 'connect' | 'disconnect' = 'connect',
): ConnectEvent | undefined {
  const { Type, Action, Actor } = (event ?? {}) as Readonly<Record<string, { ID?: unknown } | string | null>>;
  const container = containerOf(event);
  const network = typeof Actor === 'object' ? Actor?.ID : undefined;
  if (Type !== 'network' || Action !== action || container === undefined) return undefined;
  return typeof network === 'string' && ID.test(network) ? { container, network } : undefined;
}

const WHOSE = "Docker's";
const optionalText = optional(text);
/** Go encodes empty lists and maps as null. */
const texts = optional(listOf(text));
const labels = optional(mapOf(text));
const id: ShapeCheck = (value, field) => {
  if (typeof value !== 'string' || !ID.test(value)) throw new DecodeError(`${WHOSE} ${field} is not an id`);
};
const settings = optional(
  object({
    SandboxKey: optionalText,
    Networks: optional(
      mapOf(
        object({
          ...{ NetworkID: optionalText, EndpointID: optionalText },
          ...{ IPAddress: optionalText, IPPrefixLen: optional(number), Gateway: optionalText },
          ...{
            GlobalIPv6Address: optionalText,
            GlobalIPv6PrefixLen: optional(number),
            IPv6Gateway: optionalText,
          },
          IPAMConfig: optional(object({ IPv4Address: optionalText, IPv6Address: optionalText })),
          ...{ GwPriority: optional(number), Aliases: texts, DNSNames: texts, Links: texts },
        }),
      ),
    ),
  }),
);
const hostConfig = optional(
  object({ NetworkMode: optionalText, Runtime: optionalText, Dns: texts, Links: texts }),
);

const CONTAINERS = listOf(
  object({
    Id: id,
    Names: texts,
    ...{ State: text, Status: optionalText },
    Labels: labels,
    HostConfig: hostConfig,
    NetworkSettings: settings,
  }),
);
const STATE = object({
  ...{ Running: flag, Pid: number, Paused: optional(flag), Restarting: optional(flag) },
  Health: optional(object({ Status: optionalText })),
});
const INSPECTED = object({
  ...{ Id: id, Name: text, Image: text, State: STATE },
  ...{ Config: object({ Labels: labels }), HostConfig: hostConfig, ResolvConfPath: optionalText },
  NetworkSettings: settings,
});
const NETWORKS = listOf(
  object({
    ...{ Id: text, Name: optionalText, Driver: text, Internal: optional(flag), Options: labels },
    IPAM: optional(object({ Config: optional(listOf(object({ Gateway: optionalText }))) })),
  }),
);
const NETWORK = object({
  ...{ Id: text, Driver: text, Options: labels },
  Containers: optional(mapOf(object({ Name: optionalText, MacAddress: optionalText }))),
});
const INFO = object({
  Runtimes: optional(mapOf(object({ path: optionalText, runtimeType: optionalText }))),
});
const SERVICE = object({ Spec: object({ Name: text, Labels: labels }) });
const IMAGE = object({ Config: optional(object({ Labels: labels })) });

// The words of Docker's remote network driver protocol (libnetwork drivers/remote/api), read strictly.
// Field names are Docker's. Not here: what the driver does with them.

import { UserError } from '../../base/errors.js';
import { excerpt } from '../../base/text.js';
import { PATH_MAX } from './model.js';

/** An address pool as IPAM gives it; CIDR texts. `Gateway` is absent without one. */
export interface IPAMData {
  readonly Pool: string;
  readonly Gateway?: string;
}

export interface CreateNetworkRequest {
  readonly NetworkID: string;
  /** What the user gave by `-o`: `com.docker.network.generic`. */
  readonly Options: ReadonlyMap<string, string>;
  readonly IPv4Data: readonly IPAMData[];
  readonly IPv6Data: readonly IPAMData[];
}

interface NetworkRequest {
  readonly NetworkID: string;
}

export interface EndpointRequest extends NetworkRequest {
  readonly EndpointID: string;
}

export interface CreateEndpointRequest extends EndpointRequest {
  /** CIDR text with the pool's mask. */
  readonly Address?: string;
  readonly AddressIPv6?: string;
  readonly MacAddress?: string;
  /** Whether `-p` was used: the port map is not empty. */
  readonly publishesPorts: boolean;
  /** What the user gave by `--driver-opt`, by names of ours; absent: nothing. */
  readonly driverOptions?: ReadonlyMap<string, string>;
}

/** Of CreateEndpoint: addresses where IPAM gave none, CIDR texts. A field that Docker gave itself is an error. */
export interface InterfaceResponse {
  readonly Address?: string;
  readonly AddressIPv6?: string;
}

export interface ProgramExternalConnectivityRequest extends EndpointRequest {
  /** For readPortMap(). */
  readonly portMap: unknown;
}

export interface JoinRequest extends EndpointRequest {
  /** Path of the container's network namespace; the file may not exist yet. */
  readonly SandboxKey: string;
}

/** RouteType of a route by way of a next hop, and of one that is connected. */
export const NEXT_HOP = 0;
export const CONNECTED = 1;

export type StaticRoute =
  | { readonly Destination: string; readonly RouteType: typeof CONNECTED }
  | { readonly Destination: string; readonly RouteType: typeof NEXT_HOP; readonly NextHop: string };

export interface JoinResponse {
  readonly InterfaceName: { readonly SrcName: string; readonly DstPrefix: string };
  readonly Gateway?: string;
  readonly GatewayIPv6?: string;
  readonly StaticRoutes: readonly StaticRoute[];
  readonly DisableGatewayService: true;
}

type Json = Readonly<Record<string, unknown>>;

const GENERIC = 'com.docker.network.generic';
const PORT_MAP = 'com.docker.network.portmap';
/** Maximum length of an id, in characters; Docker's have 64. */
const ID_MAX = 128;
/** Maximum length of an address, in characters: IPv6 with a prefix length has 43. Messages quote it. */
const ADDRESS_MAX = 64;

/** @throws UserError naming the field that is missing or of the wrong type; so do all readers below */
export function readCreateNetwork(body: unknown): CreateNetworkRequest {
  const request = asObject(body, 'the request');
  const options = optionalObject(request, 'Options');
  return {
    NetworkID: id(request, 'NetworkID'),
    Options: stringMap(optionalObject(options, GENERIC), GENERIC),
    IPv4Data: ipamData(request, 'IPv4Data'),
    IPv6Data: ipamData(request, 'IPv6Data'),
  };
}

export function readNetworkRequest(body: unknown): NetworkRequest {
  return { NetworkID: id(asObject(body, 'the request'), 'NetworkID') };
}

export function readEndpoint(body: unknown): EndpointRequest {
  const request = asObject(body, 'the request');
  return { NetworkID: id(request, 'NetworkID'), EndpointID: id(request, 'EndpointID') };
}

export function readCreateEndpoint(body: unknown): CreateEndpointRequest {
  const request = asObject(body, 'the request');
  const iface = optionalObject(request, 'Interface');
  const options = optionalObject(request, 'Options');
  const ports = options[PORT_MAP];
  const own = Object.entries(options).filter(([name]) => name.startsWith('dwgd.'));
  return {
    ...readEndpoint(body),
    ...optionalText(iface, 'Address'),
    ...optionalText(iface, 'AddressIPv6'),
    ...optionalText(iface, 'MacAddress'),
    publishesPorts: Array.isArray(ports) && ports.length > 0,
    ...(own.length > 0 && { driverOptions: stringMap(Object.fromEntries(own), 'Options') }),
  };
}

export function readProgramExternalConnectivity(body: unknown): ProgramExternalConnectivityRequest {
  const options = optionalObject(asObject(body, 'the request'), 'Options');
  return { ...readEndpoint(body), portMap: options[PORT_MAP] };
}

export function readJoin(body: unknown): JoinRequest {
  return {
    ...readEndpoint(body),
    SandboxKey: text(asObject(body, 'the request'), 'SandboxKey', PATH_MAX - 1),
  };
}

function asObject(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(`${what} is not a JSON object`);
  }
  return value as Json;
}

/** Docker omits empty values, or sends null. */
function optionalObject(object: Json, field: string): Json {
  return object[field] == null ? {} : asObject(object[field], field);
}

/** @param max in characters */
function text(object: Json, field: string, max = ADDRESS_MAX): string {
  const value = object[field];
  if (typeof value !== 'string') throw new UserError(`${field} is missing or not a string`);
  if (value.length > max) throw new UserError(`${field} is longer than ${max} characters`);
  return value;
}

function optionalText<F extends string>(object: Json, field: F): { [K in F]?: string } {
  if (object[field] == null || object[field] === '') return {};
  return { [field]: text(object, field) } as { [K in F]?: string };
}

/** Ids become part of link names and log lines: nothing but word characters. */
export function isId(text: string): boolean {
  return text.length <= ID_MAX && /^[0-9A-Za-z_-]+$/.test(text);
}

/** Docker's own short form of an id, for the log. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

function id(object: Json, field: string): string {
  const value = text(object, field, Number.POSITIVE_INFINITY);
  if (!isId(value)) throw new UserError(`${field} is empty or not an id`);
  return value;
}

function stringMap(object: Json, what: string): Map<string, string> {
  return new Map(
    Object.entries(object).map(([key, value]) => {
      if (typeof value !== 'string') throw new UserError(`${what}: ${excerpt(key)} is not a string`);
      return [key, value];
    }),
  );
}

function ipamData(request: Json, field: string): IPAMData[] {
  const value = request[field] ?? [];
  if (!Array.isArray(value)) throw new UserError(`${field} is not a list`);
  return value.map(entry => {
    const data = asObject(entry, field);
    return { Pool: text(data, 'Pool'), ...optionalText(data, 'Gateway') };
  });
}

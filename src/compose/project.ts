// What a compose file says of services and networks, as far as labels need it: names, networks with their addresses, labels
// with their places. Pure. Not here: files (load.ts), what Docker would make of it (labels/…, preview.ts).

import { keyed } from './merge-trees.js';
import { asMapping, booleanAt, entriesOf, member, textAt, textsOf } from './read.js';
import { ComposeError, type Mapping, type Place, type YamlTree } from './yaml-tree.js';

/** A label and where it stands. */
interface PlacedLabel {
  readonly key: string;
  readonly value: string;
  readonly place: Place;
}

/** A service on a network. */
export interface NetworkConnection {
  readonly network: string;
  readonly place: Place;
  readonly aliases: readonly string[];
  readonly ipv4?: string;
  readonly ipv6?: string;
  /** Of its default gateway, the highest first. */
  readonly priority: number;
}

export interface Service {
  readonly name: string;
  readonly place: Place;
  readonly containerName?: string;
  readonly hostname?: string;
  /** Of its containers. */
  readonly scale: number;
  /** `service:vpn`, `container:x`, `host`, `none`, `bridge`. */
  readonly networkMode?: { readonly text: string; readonly place: Place };
  readonly connections: readonly NetworkConnection[];
  readonly labels: readonly PlacedLabel[];
  /** Where its labels begin; of its own place where it has none. */
  readonly labelsAt: Place;
  /** Where it names files with more labels, which are not read. */
  readonly labelFileAt?: Place;
  /** Labels of Swarm's service, which containers do not have. */
  readonly deployLabels: readonly PlacedLabel[];
  /** `service` or `service:alias`. */
  readonly links: readonly string[];
  readonly runtime?: string;
}

/** A subnet that the file gives a network. */
interface GivenSubnet {
  readonly subnet: string;
  readonly gateway?: string;
  readonly place: Place;
}

export interface ComposeNetwork {
  readonly key: string;
  /** As Docker has it. */
  readonly name: string;
  readonly isExternal: boolean;
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
  /** Where each of them stands. */
  readonly optionPlaces: ReadonlyMap<string, Place>;
  readonly isInternal: boolean;
  readonly hasIPv4: boolean;
  readonly hasIPv6: boolean;
  readonly subnets: readonly GivenSubnet[];
  /** Absent: Docker's own. */
  readonly ipamDriver?: string;
}

export interface Project {
  readonly name: string;
  readonly services: readonly Service[];
  /** Those that some service is on, by their keys. */
  readonly networks: ReadonlyMap<string, ComposeNetwork>;
  /** Services that are left out, since none of their profiles is asked for. */
  readonly inactive: readonly string[];
}

/** Containers of one service, and of a project, at most. */
const [MAX_SCALE, MAX_CONTAINERS] = [256, 1000] as const;
const DEFAULT_NETWORK = 'default';

/** @param name of the project; @param profiles that are asked for, or `*` @throws ComposeError */
export function readProject(tree: Mapping, name: string, profiles: readonly string[]): Project {
  const services: Service[] = [];
  const inactive: string[] = [];
  let count = 0;
  for (const [key, { place, value }] of entriesOf(member(tree, 'services'), 'services')) {
    if (value.kind === 'reset') continue;
    const service = asMapping(value, `the service ${key}`);
    const own = textsOf(member(service, 'profiles'));
    const isActive = own.length === 0 || profiles.includes('*') || own.some(one => profiles.includes(one));
    if (!isActive) {
      inactive.push(key);
      continue;
    }
    const active = readService(key, place, service);
    services.push(active);
    count += active.scale;
    if (count > MAX_CONTAINERS)
      throw new ComposeError(place, `more than ${MAX_CONTAINERS} containers belong together`);
  }
  const given = entriesOf(member(tree, 'networks'), 'networks');
  const used = new Map<string, ComposeNetwork>();
  for (const { connections } of services) {
    for (const { network, place } of connections) {
      const entry = given.get(network);
      if (!entry && network !== DEFAULT_NETWORK)
        throw new ComposeError(place, `there is no network ${JSON.stringify(network)} below networks:`);
      if (!used.has(network))
        used.set(network, readNetwork(network, name, asMapping(entry?.value, `the network ${network}`)));
    }
  }
  return { name, services, networks: used, inactive };
}

function readService(name: string, place: Place, service: Mapping | undefined): Service {
  const deploy = asMapping(member(service, 'deploy'), 'deploy');
  const mode = member(service, 'network_mode');
  const modeText = textAt(service, 'network_mode');
  const labelFile = service?.entries.get('label_file');
  const [containerName, hostname, runtime] = ['container_name', 'hostname', 'runtime'].map(key =>
    textAt(service, key),
  );
  return {
    name,
    place,
    ...(containerName && { containerName }),
    ...(hostname && { hostname }),
    ...(runtime && { runtime }),
    scale: readScale(service, deploy),
    ...(modeText && mode && { networkMode: { text: modeText, place: mode.place } }),
    connections: modeText ? [] : readConnections(service, place),
    labels: readLabels(member(service, 'labels')),
    labelsAt: service?.entries.get('labels')?.place ?? place,
    ...(labelFile && { labelFileAt: labelFile.place }),
    deployLabels: readLabels(member(deploy, 'labels')),
    links: [...textsOf(member(service, 'links')), ...textsOf(member(service, 'external_links'))],
  };
}

function readScale(service: Mapping | undefined, deploy: Mapping | undefined): number {
  const text = textAt(service, 'scale') ?? textAt(deploy, 'replicas');
  if (text === undefined) return 1;
  const count = Number(text);
  if (!/^\d+$/.test(text) || count > MAX_SCALE) {
    const at = member(service, 'scale') ?? member(deploy, 'replicas');
    throw new ComposeError(
      at!.place,
      `${JSON.stringify(text)} is no number of containers up to ${MAX_SCALE}`,
    );
  }
  return count;
}

function readLabels(tree: YamlTree | undefined): PlacedLabel[] {
  return [...entriesOf(tree && keyed(tree), 'labels')].map(([key, { place, value }]) => {
    if (value.kind !== 'scalar')
      throw new ComposeError(value.place, `the label ${JSON.stringify(key)} is no text`);
    return { key, value: value.text ?? '', place };
  });
}

function readConnections(service: Mapping | undefined, at: Place): NetworkConnection[] {
  const given = member(service, 'networks');
  const entries = entriesOf(given && keyed(given), 'networks');
  if (entries.size === 0) return [{ network: DEFAULT_NETWORK, place: at, aliases: [], priority: 0 }];
  return [...entries].map(([network, { place, value }]) => {
    const options = asMapping(value, `the network ${network}`);
    const [ipv4, ipv6] = [textAt(options, 'ipv4_address'), textAt(options, 'ipv6_address')];
    return {
      network,
      place,
      aliases: textsOf(member(options, 'aliases')),
      ...(ipv4 && { ipv4 }),
      ...(ipv6 && { ipv6 }),
      priority: Number(textAt(options, 'gw_priority') ?? 0) || 0,
    };
  });
}

function readNetwork(key: string, project: string, network: Mapping | undefined): ComposeNetwork {
  const external = member(network, 'external');
  const isExternal = external?.kind === 'mapping' || booleanAt(network, 'external') === true;
  const ofExternal = external?.kind === 'mapping' ? textAt(external, 'name') : undefined;
  const given = textAt(network, 'name') ?? ofExternal;
  const ipam = asMapping(member(network, 'ipam'), 'ipam');
  const config = member(ipam, 'config');
  const ipamDriver = textAt(ipam, 'driver');
  const subnets = (config?.kind === 'list' ? config.items : []).flatMap((item): GivenSubnet[] => {
    const entry = asMapping(item, 'config');
    const [subnet, gateway] = [textAt(entry, 'subnet'), textAt(entry, 'gateway')];
    const place = member(entry, 'subnet')?.place ?? item.place;
    return subnet === undefined ? [] : [{ subnet, ...(gateway && { gateway }), place }];
  });
  const options = entriesOf(member(network, 'driver_opts'), 'driver_opts');
  return {
    key,
    name: given ?? (isExternal ? key : `${project}_${key}`),
    isExternal,
    driver: textAt(network, 'driver') ?? 'bridge',
    options: Object.fromEntries(
      [...options].map(([name, { value }]) => [name, value.kind === 'scalar' ? (value.text ?? '') : '']),
    ),
    optionPlaces: new Map([...options].map(([name, { place }]) => [name, place])),
    isInternal: booleanAt(network, 'internal') === true,
    hasIPv4: booleanAt(network, 'enable_ipv4') !== false,
    hasIPv6: booleanAt(network, 'enable_ipv6') === true || subnets.some(({ subnet }) => subnet.includes(':')),
    subnets,
    ...(ipamDriver !== undefined && { ipamDriver }),
  };
}

/** The project's name as compose makes it of a folder's. */
export function normalizeName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, '')
    .replace(/^[-_]+/, '');
}

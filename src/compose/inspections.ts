// The containers of a compose file as Docker would describe them once it has started them. Not here: their addresses
// (assigned-addresses.ts), the plan for them (preview.ts).

import { createHash } from 'node:crypto';
import { type Address, formatAddress, formatPrefix, prefixContains } from '../base/ip.js';
import { linksOf } from '../docker/container-names.js';
import type {
  Attachment,
  ContainerView,
  HostInterfaceAddress,
  NetnsRef,
} from '../labels/discovery/container.js';
import { twineLabels } from '../labels/discovery/docker-view.js';
import { networkKind } from '../labels/discovery/networks.js';
import { isOwnStack } from '../labels/discovery/runtimes.js';
import { bridgeMac, containerNames, Subnets } from './assigned-addresses.js';
import type { ComposeNetwork, NetworkConnection, Project, Service } from './project.js';
import { ComposeError } from './yaml-tree.js';

/** What a plan is made from, and how what is made up in it is shown. */
export interface ComposeWorld {
  readonly containers: readonly ContainerView[];
  readonly hostInterfaceAddresses: readonly HostInterfaceAddress[];
  /** By the service of each container, by the container's name. */
  readonly services: ReadonlyMap<string, Service>;
  /** Made up texts of addresses, with what they stand for. */
  readonly names: ReadonlyMap<string, string>;
  /** Namespaces of containers that are not of the file, by the name of the one that uses it. */
  readonly foreign: readonly string[];
}

/** @throws ComposeError */
export function composeWorld(project: Project): ComposeWorld {
  return new WorldMaker(project).make();
}

class WorldMaker {
  readonly #project: Project;
  readonly #subnets: ReadonlyMap<
    string,
    { readonly network: ComposeNetwork; readonly subnets: Subnets; readonly index: number }
  >;
  readonly #names = new Map<string, string>();
  readonly #services = new Map<string, Service>();
  readonly #foreign: string[] = [];
  #revision = 0;

  constructor(project: Project) {
    this.#project = project;
    this.#subnets = new Map(
      [...project.networks].map(([key, network], index, { length }) => [
        key,
        { network, subnets: new Subnets(network, index, length), index },
      ]),
    );
  }

  make(): ComposeWorld {
    const { services } = this.#project;
    // What is asked for is kept before anything is chosen.
    const given = new Map(
      services.flatMap(({ connections }) =>
        connections.map(one => {
          const at = this.#subnets.get(one.network)!;
          return [one, at.subnets.take([one.ipv4, one.ipv6], one.place)] as const;
        }),
      ),
    );
    const containers = services.flatMap(service =>
      containerNames(this.#project.name, service).map(name => this.#container(name, service, given)),
    );
    const hostInterfaceAddresses = [...this.#subnets.values()]
      .filter(({ network }) => network.driver === 'bridge')
      .flatMap(({ network, subnets, index }) => {
        for (const gateway of subnets.madeUpGateways)
          this.#names.set(formatAddress(gateway), `<host on ${network.name}>`);
        for (const subnet of subnets.madeUp)
          this.#names.set(formatPrefix(subnet), `<subnet of ${network.name}>`);
        this.#names.set(bridgeMac(index), `<bridge of ${network.name}>`);
        return subnets.gateways.map((address, n) => ({
          prefix: { address, length: subnets.subnets[n]!.length },
          mac: bridgeMac(index),
        }));
      });
    return {
      containers,
      hostInterfaceAddresses,
      services: this.#services,
      names: this.#names,
      foreign: this.#foreign,
    };
  }

  #container(
    name: string,
    service: Service,
    given: ReadonlyMap<NetworkConnection, readonly Address[]>,
  ): ContainerView {
    this.#services.set(name, service);
    const id = createHash('sha256').update(`${this.#project.name} ${name}`).digest('hex');
    const labels = twineLabels(Object.fromEntries(service.labels.map(({ key, value }) => [key, value])));
    const links = linksOf(service.links.flatMap(link => this.#link(link)));
    const { runtime = '' } = service;
    const own = isOwnStack(runtime)
      ? { labels: new Map<string, string>(), ownStack: { runtime, keys: [...labels.keys()] } }
      : { labels };
    return {
      revision: ++this.#revision,
      id,
      name,
      netns: this.#netns(name, service),
      hostNetwork: service.networkMode?.text === 'host',
      ...(links && { links }),
      service: { project: this.#project.name, name: service.name },
      ...own,
      imageLabels: [],
      attachments: this.#attachments(name, service, given),
    };
  }

  /** Docker's form of a link. */
  #link(link: string): string[] {
    const [target = '', alias = target] = link.split(':');
    const service = this.#project.services.find(({ name }) => name === target);
    const [container = target] = service ? containerNames(this.#project.name, service) : [];
    return [`${container}:${alias}`];
  }

  #netns(name: string, { networkMode }: Service): NetnsRef {
    const key = (owner: string): NetnsRef => ({ key: `plan ${owner}`, path: '' });
    if (!networkMode) return key(name);
    const { text, place } = networkMode;
    const ofService = text.startsWith('service:') ? text.slice('service:'.length) : undefined;
    if (ofService !== undefined) {
      const owner = this.#project.services.find(service => service.name === ofService);
      const [first] = owner ? containerNames(this.#project.name, owner) : [];
      if (!owner || first === undefined)
        throw new ComposeError(
          place,
          `there is no service ${JSON.stringify(ofService)} whose network it could use`,
        );
      if (owner.networkMode?.text.startsWith('service:'))
        return this.#netns(first, { ...owner, networkMode: this.#onwards(owner) });
      return key(first);
    }
    if (!text.startsWith('container:')) return key(name);
    const owner = text.slice('container:'.length);
    const known = this.#project.services.some(service =>
      containerNames(this.#project.name, service).includes(owner),
    );
    if (!known) this.#foreign.push(name);
    return key(owner);
  }

  /** The network mode of a service that uses another's, which must not come back to it. */
  #onwards(owner: Service): NonNullable<Service['networkMode']> {
    const seen = new Set<string>();
    let at = owner;
    while (at.networkMode?.text.startsWith('service:')) {
      if (seen.has(at.name))
        throw new ComposeError(at.networkMode.place, 'it uses its own network in the end');
      seen.add(at.name);
      const next = this.#project.services.find(({ name }) => `service:${name}` === at.networkMode?.text);
      if (!next?.networkMode) break;
      at = next;
    }
    return at.networkMode!;
  }

  #attachments(
    name: string,
    service: Service,
    given: ReadonlyMap<NetworkConnection, readonly Address[]>,
  ): Attachment[] {
    const priority = ({ network }: NetworkConnection): string => this.#subnets.get(network)!.network.name;
    const hasGateway = (connection: NetworkConnection): boolean =>
      !this.#subnets.get(connection.network)!.network.isInternal;
    const sorted = [...service.connections].sort(
      (a, b) =>
        Number(hasGateway(b)) - Number(hasGateway(a)) ||
        b.priority - a.priority ||
        (priority(a) < priority(b) ? -1 : 1),
    );
    return sorted.map(connection => {
      const { network, subnets } = this.#subnets.get(connection.network)!;
      const own = given.get(connection) ?? [];
      const chosen = subnets.choose(own);
      for (const address of chosen) this.#names.set(formatAddress(address), `<${name} on ${network.name}>`);
      const addresses = [...own, ...chosen].sort((a, b) => a.family - b.family);
      const { name: networkName, driver, options, isInternal } = network;
      const aliases = [
        name,
        service.name,
        ...connection.aliases,
        ...(service.hostname ? [service.hostname] : []),
      ];
      return {
        networkId: `plan ${networkName}`,
        networkName,
        ...networkKind({ Id: networkName, Driver: driver, Options: options, Internal: isInternal }),
        addresses,
        subnets: subnets.subnets.filter(subnet => addresses.some(address => prefixContains(subnet, address))),
        ...(!isInternal && {
          gateways: subnets.gateways.filter(({ family }) =>
            addresses.some(address => address.family === family),
          ),
        }),
        aliases: [...new Set(aliases)],
      };
    });
  }
}

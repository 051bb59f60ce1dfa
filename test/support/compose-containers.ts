// What a compose file of the pages asks Docker for, in the words of containers.ts: its networks and containers, with the names
// and labels that docker compose gives. The image is the tests' own. Not here: docker compose, which is not needed for it.
import { loadFiles } from '../../src/compose/load.js';
import { readProject } from '../../src/compose/project.js';
import { asMapping, entriesOf, member, textsOf } from '../../src/compose/read.js';
import type { ContainerOptions, NetworkOptions, Place } from './containers.js';

interface Composed {
  /** By the name that Docker has: `shop_main`. */
  readonly networks: ReadonlyMap<string, NetworkOptions>;
  /** By service. */
  readonly containers: ReadonlyMap<string, ContainerOptions>;
}

/** @param name the project's */
export function composed(name: string, text: string): Composed {
  const { tree } = loadFiles(['compose.yml'], new Map(), path =>
    path.endsWith('/compose.yml') ? text : undefined,
  );
  const project = readProject(tree, name, []);
  const services = entriesOf(member(tree, 'services'), 'services');
  const nameOf = (key: string): string => project.networks.get(key)!.name;
  return {
    networks: new Map(
      [...project.networks.values()].map(({ name, driver, options, isInternal, subnets }) => [
        name,
        {
          driver,
          options,
          internal: isInternal,
          subnets: subnets.map(({ subnet, gateway }) => [subnet, gateway ?? ''].join(' ').trim()),
        },
      ]),
    ),
    containers: new Map(
      project.services.map(service => [
        service.name,
        {
          networks: Object.fromEntries(
            service.connections.map(({ network, aliases, ipv4, ipv6 }): [string, Place] => [
              nameOf(network),
              {
                aliases: [service.name, ...aliases],
                ...(ipv4 && { ip: ipv4 }),
                ...(ipv6 && { ip6: ipv6 }),
              },
            ]),
          ),
          ports: published(
            textsOf(member(asMapping(services.get(service.name)?.value, service.name), 'ports')),
          ),
          labels: {
            'com.docker.compose.project': name,
            'com.docker.compose.service': service.name,
            ...Object.fromEntries(service.labels.map(({ key, value }) => [key, value])),
          },
        },
      ]),
    ),
  };
}

/** `127.0.0.1:9080:80/udp` as `80/udp` of the container to 9080 of the host. */
function published(ports: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    ports.map(text => {
      const [inside, host] = text.split(':').reverse();
      return [inside!.includes('/') ? inside! : `${inside}/tcp`, host!.split('/')[0]!];
    }),
  );
}

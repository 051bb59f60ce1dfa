// Faults of Docker: that it does not answer or is old, and what is known of some versions. Pure. Not here: asking it
// (doctor/probes/docker.ts).

import { plain } from '../../base/plain-text.js';
import { type EngineVersion, parseVersion } from '../../docker/engine-version.js';
import type { DockerFacts, GatewayEndpoint } from './facts.js';
import { type Check, type Told, when } from './finding.js';

const OLDEST: EngineVersion = [20, 10, 0];
/** moby#51554: it crashes when an endpoint that was a container's gateway goes. */
const CRASHING: EngineVersion = [29, 0, 1];
/** moby#51999: since then priorities exist, and until before then they do not count for one family alone. */
const [FIRST_PRIORITIES, MENDED_PRIORITIES]: readonly [EngineVersion, EngineVersion] = [
  [28, 0, 0],
  [29, 4, 0],
];
const NAME_MAX = 80;
/** Containers that are told. */
const MOST_TOLD = 8;

export const DOCKER_CHECKS: readonly Check[] = [
  {
    heading: 'Docker does not answer',
    find: ({ docker: { host, silent } }) =>
      silent === undefined
        ? []
        : [
            {
              what: `Docker does not answer at ${host}: ${silent}`,
              remedy:
                'start it (systemctl start docker), or say where it is by --docker-host or the variable DOCKER_HOST',
            },
          ],
  },
  {
    heading: 'Docker refuses what dwgd asks',
    find: ({ docker }) =>
      docker.refused.map(what => ({
        what,
        remedy:
          'let it through in the socket proxy or authorization plugin that stands before Docker; without one, see journalctl -u docker',
      })),
  },
  {
    heading: 'Docker is too old',
    find: ({ docker }) =>
      ofVersion(docker, version =>
        when(
          isBefore(version, OLDEST),
          `Docker is ${shown(docker)}, and dwgd needs ${OLDEST[0]}.${OLDEST[1]} or later`,
          `upgrade it to ${OLDEST[0]}.${OLDEST[1]} or later`,
        ),
      ),
  },
  {
    heading: 'Docker 29.0.1 crashes',
    find: ({ docker }) =>
      ofVersion(docker, version =>
        when(
          version.join() === CRASHING.join() && docker.networks.length > 0,
          `Docker ${shown(docker)} crashes when a container leaves a network of dwgd that was its gateway (moby#51554)`,
          'upgrade Docker: 29.0.2 or later',
        ),
      ),
  },
  {
    heading: 'Docker ignores a gateway priority',
    find: ({ docker }) =>
      ofVersion(docker, version => {
        if (isBefore(version, FIRST_PRIORITIES) || !isBefore(version, MENDED_PRIORITIES)) return [];
        return [...docker.gateways]
          .flatMap(([container, endpoints]) => ignored(container, endpoints, docker))
          .slice(0, MOST_TOLD);
      }),
  },
];

/** A network of one family that is preferred to one of both, and not used (moby#51999). */
function ignored(
  container: string,
  endpoints: readonly GatewayEndpoint[],
  docker: DockerFacts,
): readonly Told[] {
  const dual = endpoints.find(({ hasIPv4, hasIPv6 }) => hasIPv4 && hasIPv6);
  const preferred =
    dual &&
    endpoints.find(({ priority, hasIPv4, hasIPv6 }) => hasIPv4 !== hasIPv6 && priority > dual.priority);
  if (!dual || !preferred) return [];
  const [name, first, other] = [container, preferred.network, dual.network].map(text =>
    plain(text, NAME_MAX),
  );
  const family = preferred.hasIPv4 ? 'IPv4' : 'IPv6';
  return [
    {
      what: `Docker ${shown(docker)} ignores the gw-priority of network ${first} in container ${name}: its ${family} leaves by ${other}, which has both families (moby#51999)`,
      remedy: `upgrade Docker: ${MENDED_PRIORITIES[0]}.${MENDED_PRIORITIES[1]} or later; or make ${other} a network without IPv6`,
    },
  ];
}

function shown({ version = '' }: DockerFacts): string {
  return plain(version, NAME_MAX);
}

function ofVersion(
  { version = '' }: DockerFacts,
  find: (version: EngineVersion) => readonly Told[],
): readonly Told[] {
  const parsed = parseVersion(version);
  return parsed ? find(parsed) : [];
}

function isBefore(a: EngineVersion, b: EngineVersion): boolean {
  const at = a.findIndex((part, n) => part !== b[n]);
  return at >= 0 && a[at]! < b[at]!;
}

// Interfaces of the host that networks and flags name, and rootless Dockers. Pure. Not here: asking the kernel for links
// (doctor/probes/links.ts), finding these Dockers (doctor/probes/rootless.ts).

import { plain } from '../../base/plain-text.js';
import type { LinkFacts } from './facts.js';
import type { Check } from './finding.js';

const NAME_MAX = 80;
const WIREGUARD = 'wireguard';

export const LINK_CHECKS: readonly Check[] = [
  {
    heading: "A network's interface is missing",
    find: ({ docker, links }) =>
      docker.networks.flatMap(({ name, ifname }) => {
        const why = ifname === undefined ? undefined : whyUseless(ifname, links);
        return why === undefined
          ? []
          : [
              {
                what: `network ${plain(name, NAME_MAX)} joins ${why} (dwgd.ifname), so ${links.has(ifname!) ? 'no container starts on it' : 'tunnels of its containers are closed'}`,
                remedy: `bring it up (wg-quick up ${plain(ifname!, NAME_MAX)}), or make the network again with the right name`,
              },
            ];
      }),
  },
  {
    heading: 'An interface for rootless Dockers is missing',
    find: ({ rootlessIfnames, links }) =>
      rootlessIfnames.flatMap(ifname => {
        const why = whyUseless(ifname, links);
        return why === undefined
          ? []
          : [
              {
                what: `--rootless-ifname names ${why}`,
                remedy: `bring it up (wg-quick up ${plain(ifname, NAME_MAX)}), or correct the flag`,
              },
            ];
      }),
  },
  {
    heading: "A rootless Docker is in the host's network",
    find: ({ rootless }) =>
      rootless
        .filter(({ sharesHostNetwork }) => sharesHostNetwork)
        .map(({ uid }) => ({
          what: `the Docker of user ${uid} has the network namespace of the host, so dwgd gives its containers no links`,
          remedy: "start it by dockerd-rootless.sh as Docker documents it, not with the host's network",
        })),
  },
  {
    heading: 'A rootless Docker does not find dwgd',
    find: ({ rootless, daemon }) =>
      rootless
        .filter(({ findsDriver, sharesHostNetwork }) => daemon.driver && !findsDriver && !sharesHostNetwork)
        .map(({ uid }) => ({
          what: `the Docker of user ${uid} has no socket of dwgd in its /run/docker/plugins`,
          remedy: 'see the log of dwgd for "cannot serve a rootless Docker"; or leave this user out of -r',
        })),
  },
];

/** Why a link cannot be joined, as an object of a sentence; undefined where it can. */
function whyUseless(ifname: string, links: LinkFacts): string | undefined {
  const [kind, name] = [links.get(ifname), plain(ifname, NAME_MAX)];
  if (kind === undefined) return `${name}, which this host does not have`;
  return kind === WIREGUARD ? undefined : `${name}, which is no WireGuard interface`;
}

// Exit networks by which nothing goes out, or not as their files say, or whose names are looked up past the tunnel. Pure. Not here:
// asking for it (doctor/probes/known-exits.ts), files that others may read (permissions.ts).

import { plain } from '../../base/plain-text.js';
import type { ExitFacts } from './facts.js';
import { type Check, splitSentence, type Told } from './finding.js';

const [NAME_MAX, REASON_MAX] = [80, 400] as const;
const LOG = 'see why in the log (journalctl -u dwgd), and restart it (systemctl restart dwgd)';

export const EXIT_CHECKS: readonly Check[] = [
  {
    heading: 'An exit network has no router',
    find: ({ exits }) => exits.filter(({ known }) => !known?.isDirect).flatMap(withoutWay),
  },
  {
    heading: 'A container that has a tunnel itself goes out nowhere',
    find: ({ exits }) => exits.filter(({ known }) => known?.isDirect).flatMap(withoutWay),
  },
  {
    heading: "An exit network's peer does not answer",
    find: ({ exits }) =>
      exits.flatMap(({ network, known }) =>
        known?.isSilent
          ? [
              {
                what: `packets go to the peer of ${named(network)}${known.endpoints.length > 0 ? ` at ${known.endpoints.join(', ')}` : ''}, and no handshake follows, so nothing goes out`,
                remedy:
                  'ask the provider for a new file, since keys expire; see that no firewall of this host or its router drops UDP there; or give a second file (dwgd.conf=<file>,<file>)',
              },
            ]
          : [],
      ),
  },
  {
    heading: "An exit network's file is not in force as it is",
    // What is wrong with a file itself is told of the file.
    find: ({ exits, permissions: { secrets } }) =>
      exits
        .filter(({ network }) => !secrets.some(one => one.network === network))
        .flatMap(({ network, known }) =>
          (known?.files ?? []).map(({ path, problem }) =>
            splitSentence(`${named(network)}, ${plain(path, NAME_MAX)}`, plain(problem, REASON_MAX), LOG),
          ),
        ),
  },
  {
    heading: 'An exit network gets no port',
    // Where nothing goes out, there is none either.
    find: ({ exits }) =>
      exits.flatMap(({ network, known }) =>
        known?.portProblem === undefined || known.problem !== undefined || known.isSilent
          ? []
          : [
              {
                what: `no port is assigned to ${named(network)}, or it is not told: ${plain(known.portProblem, REASON_MAX)}`,
                remedy:
                  'see that the provider assigns ports with this key and on this server, which some ask for when the file is made; give another gateway (dwgd.natpmp=<address>) where it is not that one',
              },
            ],
      ),
  },
  {
    heading: 'DNS of an exit network is asked from the host',
    find: ({ hostDns }) =>
      hostDns.map(({ network, container, server }) => ({
        what: `Docker asks the DNS server ${plain(server, NAME_MAX)} from the host for ${plain(container, NAME_MAX)}, past the tunnel of ${named(network)}`,
        remedy:
          'give the container --dns with any address (dns: in Compose), on a network without a subnet with that of a server behind the tunnel, or "dns" in /etc/docker/daemon.json for all',
      })),
  },
];

function withoutWay({ network, known }: ExitFacts): Told[] {
  if (!known)
    return [{ what: `the running dwgd does not know ${named(network)}, which Docker has`, remedy: LOG }];
  // What is wrong with its file, or its peer, is told by itself.
  if (known.problem === undefined || known.isSilent || known.files.length > 0) return [];
  return [splitSentence(`nothing goes out by ${named(network)}`, plain(known.problem, REASON_MAX), LOG)];
}

function named(network: string): string {
  return `network ${plain(network, NAME_MAX)}`;
}

// The links by which a namespace reaches gateways: finds gateways that the kernel would ignore because of their link, and
// adds a remedy to the error of a gateway that is not reachable. Not here: what follows (labels/diff/ignored-gateways.ts).

import { OpError } from '../../base/errors.js';
import { type Address, addressKey } from '../../base/ip.js';
import type { RtNetlink } from '../../netlink/route/client.js';
import type { Link } from '../../netlink/route/link.js';
import type { IgnoredGateway } from '../diff/ignored-gateways.js';

/** Errors of a gateway that is on no link, in IPv4 and in IPv6. */
const UNREACHABLE: ReadonlySet<string> = new Set(['ENETUNREACH', 'EHOSTUNREACH']);

/** The gateways by a link on which the kernel would ignore them, each once. @throws OpError, ChannelError */
export function findIgnoredGateways(
  rt: Pick<RtNetlink, 'indexTo' | 'link'>,
  gateways: readonly Address[],
): IgnoredGateway[] {
  const links = new Map<number, Link | undefined>();
  const unique = new Map(gateways.map(gateway => [addressKey(gateway), gateway]));
  return [...unique.values()].flatMap((gateway): IgnoredGateway[] => {
    const index = rt.indexTo(gateway);
    if (index === undefined) return [];
    if (!links.has(index)) links.set(index, rt.link(index));
    const link = links.get(index);
    return link?.ignoresNextHop ? [{ gateway, link: link.name, why: link.ignoresNextHop }] : [];
  });
}

/** Adds the remedy to the error of a route whose gateway the kernel cannot reach. */
export function adviseOnGateway(add: () => void): void {
  try {
    add();
  } catch (err) {
    if (!(err instanceof OpError) || !UNREACHABLE.has(err.code)) throw err;
    const { op, subject, errno } = err;
    throw new OpError(op, subject, errno, {
      cause: err,
      advice:
        'give a gateway on a network of the container, to which no policy rule of its own leads by another way',
    });
  }
}

// By which links a namespace reaches gateways, and whether the kernel heeds gateways there. Not here: what follows
// (labels/diff/ignored-gateways.ts).

import { type Address, addressKey } from '../../base/ip.js';
import type { RtNetlink } from '../../netlink/route/client.js';
import type { Link } from '../../netlink/route/link.js';
import type { IgnoredGateway } from '../diff/ignored-gateways.js';

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

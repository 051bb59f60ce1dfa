// Where a packet goes that leaves a namespace: by a tunnel, to another container, to the host. Not here: the way up to there
// (machine/walk.ts), the next namespace (explain.ts).

import { type Address, formatAddress, isDefault, sameAddress } from '../base/ip.js';
import { DRIVER_NAME, RTPROT_DWGD, RTPROT_DWGD_TUNNEL } from '../base/ownership.js';
import { formatSocketAddress } from '../netlink/wireguard/device.js';
import { goesByExit } from './exit-ends.js';
import { type Ending, ending, type Hop, isFirst, plainName, type Reached, type WayPlace } from './hop.js';
import { peerFor } from './machine/allowed-ips.js';
import type { LinkRef } from './machine/first-packet.js';
import type { HopEnd } from './machine/walk.js';
import type { KernelView } from './netns-view.js';

/** The next container, or the end. */
export function depart(
  hop: Hop,
  view: KernelView,
  end: Extract<HopEnd, { kind: 'leaves' }>,
): Reached | Ending {
  const { containers, at, packet, say } = hop;
  const link = view.links.get(end.link.index);
  const name = plainName(end.link);
  const of = ` of ${plainName(at.place)}`;
  const where = { link: end.link.name };
  if (end.hasSeveralGateways)
    say({
      kind: 'route',
      text: 'the route has several gateways, of which another may be taken',
      isDoubt: true,
    });
  if (link?.kind === 'wireguard') return tunnel(hop, view, end.link.name);
  const gateway = formatAddress(end.next);
  // A tunnel of another kind, or whatever else has been brought in beside Docker.
  const attached = attachmentsBy(view, at.place, end.link);
  if (link?.ignoresNextHop || attached.length === 0)
    return ending(hop, 'tunnel', `goes by ${name}${of}`, { ...where, next: gateway });
  const next = nextPlace(containers, at.place, attached, end.next);
  if (next) return { place: next, by: end.next };
  const exit = attached.find(
    ({ driver, gateways = [] }) => driver === DRIVER_NAME && gateways.some(one => sameAddress(one, end.next)),
  );
  if (exit)
    return ending(
      hop,
      'unknown',
      `cannot be told: it goes to the router of exit network ${plainName({ name: exit.networkName })}, which a running dwgd alone looks into (dwgd explain without --docker-host and DOCKER_HOST asks it)`,
      { ...where, next: gateway },
    );
  const isOurs = [RTPROT_DWGD, RTPROT_DWGD_TUNNEL].includes(end.route.protocol);
  const isDockers = at.place.attachments.some(({ gateways = [] }) =>
    gateways.some(one => sameAddress(one, end.next)),
  );
  const there = { ...where, next: gateway };
  if (isDefault(end.route.destination) && !isOurs) {
    const words =
      isFirst(hop) && isDockers
        ? "leaves by Docker's default route: not covered by a label"
        : `leaves by the default route${of}${isDockers ? '' : ` to ${gateway}, which no container has`}`;
    return ending(hop, 'default route', words, there);
  }
  const whom = isDockers ? 'the host' : 'which no container has';
  const isSelf = sameAddress(end.next, { family: packet.family, bytes: packet.address('destination').value });
  const to =
    isSelf && !isDockers ? `${gateway}, ${whom}` : isDockers ? `${whom} (${gateway})` : `${gateway}, ${whom}`;
  return ending(hop, 'link', `leaves by ${name}${of} to ${to}`, there);
}

function tunnel(hop: Hop, view: KernelView, link: string): Ending {
  const to = { family: hop.packet.family, bytes: hop.packet.address('destination').value };
  const where = `${plainName({ name: link })} of ${plainName(hop.at.place)}`;
  const peer = peerFor(view.peers(link) ?? [], to);
  if (!peer)
    return ending(
      hop,
      'dropped',
      `dropped by ${where}: no peer there has ${formatAddress(to)} in its allowed IPs`,
      { link },
    );
  const { endpoint, publicKey, lastHandshake } = peer;
  const { exit } = hop.at.place;
  if (!endpoint)
    return ending(hop, 'dropped', `dropped by ${where}: nobody knows the endpoint of its peer`, { link });
  if (exit) return goesByExit(hop, exit, link, peer);
  const handshake = lastHandshake === 0 ? ', with which there was no handshake yet' : '';
  hop.say({ kind: 'route', text: `peer ${publicKey} at ${formatSocketAddress(endpoint)}${handshake}` });
  return ending(hop, 'tunnel', `goes by ${where}`, { link });
}

type Attachments = WayPlace['attachments'];

/** Those whose address, which Docker gave, is on the link. */
function attachmentsBy(view: KernelView, { attachments }: WayPlace, link: LinkRef): Attachments {
  const own = view.addresses.filter(({ index }) => index === link.index);
  return attachments.filter(({ addresses }) =>
    addresses.some(one => own.some(({ prefix }) => sameAddress(one, prefix.address))),
  );
}

/** Who has the next hop, on a network that the link is on. */
function nextPlace(
  containers: readonly WayPlace[],
  here: WayPlace,
  attached: Attachments,
  address: Address,
): WayPlace | undefined {
  const networks = new Set(attached.map(({ networkId }) => networkId));
  const holders = containers.filter(
    ({ netns, exit, attachments }) =>
      (netns !== undefined || exit !== undefined) &&
      netns?.key !== here.netns?.key &&
      attachments.some(
        ({ networkId, addresses }) =>
          networks.has(networkId) && addresses.some(one => sameAddress(one, address)),
      ),
  );
  return holders[0];
}

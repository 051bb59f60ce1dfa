// The way of a packet from a container, namespace by namespace, as long as it leads to another container; then it is said in one
// sentence. Not here: the way through one namespace (machine/walk.ts), what the kernel answers (netns-view.ts).

import {
  type Address,
  formatAddress,
  isDefault,
  parseAddress,
  prefixContains,
  sameAddress,
} from '../base/ip.js';
import { RTPROT_DWGD, RTPROT_DWGD_TUNNEL } from '../base/ownership.js';
import { plain } from '../base/plain-text.js';
import type { ContainerView } from '../labels/discovery/container.js';
import { Netns, type NetnsSwitch } from '../netlink/netns.js';
import { RTN_UNREACHABLE } from '../netlink/route/route.js';
import { formatSocketAddress } from '../netlink/wireguard/device.js';
import { peerFor } from './machine/allowed-ips.js';
import { type LinkRef, Packet, type PacketQuestion } from './machine/packet.js';
import { type HopEnd, Walk } from './machine/walk.js';
import { type ExplainedStep, nameDecider, routeName, stepInWords } from './machine/wording.js';
import { KernelView } from './netns-view.js';

/** Namespaces on one way: a loop of gateways ends here. */
const MAX_HOPS = 8;
const MAX_NAME = 128;

/** A container, as far as ways depend on it. */
export type WayPlace = Pick<ContainerView, 'name' | 'netns' | 'attachments'>;

type OutcomeKind = 'delivered' | 'dropped' | 'unroutable' | 'tunnel' | 'default route' | 'link' | 'unknown';

export interface Explanation {
  /** In order, each with the container in whose namespace it is. */
  readonly steps: readonly (ExplainedStep & { readonly container: string })[];
  readonly outcome: {
    readonly kind: OutcomeKind;
    /** Where the way ends. */
    readonly container: string;
    readonly link?: string;
    /** To whom it goes on that link. */
    readonly next?: string;
  };
  /** Whether nothing on the way had to be guessed. */
  readonly isSure: boolean;
  readonly sentence: string;
}

/** Where a way has got to. */
interface Reached {
  readonly place: WayPlace;
  /** Absent: it begins there. */
  readonly by?: Address;
}

type Ending = Pick<Explanation, 'outcome'> & { readonly words: string };

/**
 * @param containers all that there are: the next hops are among them
 * @throws OpError when a namespace cannot be entered; ChannelError where it has more than is read; DecodeError
 */
export function explainPacket(
  entry: NetnsSwitch,
  containers: readonly WayPlace[],
  from: WayPlace,
  question: PacketQuestion,
): Explanation {
  const packet = new Packet(question);
  const steps: (ExplainedStep & { container: string })[] = [];
  let at: Reached = { place: from };
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    const say = (step: ExplainedStep): void => {
      steps.push({ container: shown(at.place), ...step });
    };
    const next = oneHop({ entry, containers, from, packet, at, say });
    if ('place' in next) {
      at = next;
      continue;
    }
    return conclude(next, steps);
  }
  const loop = `goes in a circle: ${MAX_HOPS} containers, and no end of it`;
  return conclude({ outcome: { kind: 'unknown', container: shown(at.place) }, words: loop }, steps);
}

function conclude({ outcome, words }: Ending, steps: Explanation['steps']): Explanation {
  const doubts = steps.filter(({ isDoubt }) => isDoubt);
  const [first] = doubts;
  const more = doubts.length > 1 ? `, and ${doubts.length - 1} more` : '';
  const doubt = first ? ` (unless: in ${first.container}, ${first.text}${more})` : '';
  const isSure = !first && outcome.kind !== 'unknown';
  return { steps, outcome, isSure, sentence: `${words}${doubt}` };
}

interface Hop {
  readonly entry: NetnsSwitch;
  readonly containers: readonly WayPlace[];
  readonly from: WayPlace;
  readonly packet: Packet;
  readonly at: Reached;
  readonly say: (step: ExplainedStep) => void;
}

function oneHop(hop: Hop): Reached | Ending {
  const { entry, packet, at, say } = hop;
  const view = openView(entry, at.place, packet.family);
  if (!view) return ending(hop, 'unknown', `cannot be told: ${shown(at.place)} is not running`);
  try {
    for (const what of view.unfollowed)
      say({ kind: 'limit', text: `${what} are not followed`, isDoubt: true });
    const walk = new Walk(view, packet);
    const link = at.by && linkOf(view, at.by);
    if (at.by && !link)
      return ending(
        hop,
        'unknown',
        `cannot be told: ${shown(at.place)} does not have ${formatAddress(at.by)}`,
      );
    const end = link ? walk.through(link) : walk.fromHere();
    const linkName = (index: number): string => view.links.get(index)?.name ?? String(index);
    for (const step of walk.steps) say(stepInWords(step, linkName));
    return end.kind === 'leaves' ? leave(hop, view, end) : stop(hop, view, end);
  } finally {
    view.close();
  }
}

/** Undefined where it is gone, or its path leads to another one by now. */
function openView(entry: NetnsSwitch, { netns }: WayPlace, family: 4 | 6): KernelView | undefined {
  if (!netns) return undefined;
  let target: Netns;
  try {
    target = new Netns(netns.path);
  } catch {
    return undefined;
  }
  try {
    return target.key === netns.key ? new KernelView(entry, target, family) : undefined;
  } finally {
    target.close();
  }
}

function linkOf(view: KernelView, address: Address): LinkRef | undefined {
  const own = view.addresses.filter(({ prefix }) => sameAddress(prefix.address, address));
  const links = own.flatMap(({ index }) => view.links.get(index) ?? []);
  return links.find(({ name }) => name !== 'lo') ?? links[0];
}

function stop(hop: Hop, view: KernelView, end: Exclude<HopEnd, { kind: 'leaves' }>): Ending {
  const { packet } = hop;
  const there = isFirst(hop) ? '' : ` of ${shown(hop.at.place)}`;
  switch (end.kind) {
    case 'dropped':
      return ending(hop, 'dropped', `dropped by ${nameDecider(end.by)}${there}`);
    case 'delivered':
      return ending(
        hop,
        'delivered',
        isFirst(hop) ? `stays in ${shown(hop.at.place)}` : `reaches ${shown(hop.at.place)}`,
      );
    case 'not forwarded':
      return ending(
        hop,
        'dropped',
        `dropped by ${shown(hop.at.place)}, which does not forward (no twine.nat.interfaces there)`,
      );
    case 'unknown':
      return ending(hop, 'unknown', `cannot be told: ${end.why}`);
    case 'no route': {
      const to = parseAddress(
        formatAddress({ family: packet.family, bytes: packet.address('destination').value }),
      )!;
      const fallback = view
        .labelRoutes()
        .filter(({ type, destination }) => type === RTN_UNREACHABLE && prefixContains(destination, to))
        .sort((a, b) => b.destination.length - a.destination.length)[0];
      const words = fallback
        ? `goes nowhere: the gateway of the label for ${routeName(fallback)} is not there`
        : `goes nowhere: the kernel has no way for it (${end.error})`;
      return ending(hop, 'unroutable', words + there);
    }
  }
}

function leave(hop: Hop, view: KernelView, end: Extract<HopEnd, { kind: 'leaves' }>): Reached | Ending {
  const { containers, at, packet, say } = hop;
  const link = view.links.get(end.link.index);
  const name = plain(end.link.name, MAX_NAME);
  const of = ` of ${shown(at.place)}`;
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
  const isOurs = [RTPROT_DWGD, RTPROT_DWGD_TUNNEL].includes(end.route.protocol);
  const isDockers = at.place.attachments.some(({ gateways = [] }) =>
    gateways.some(one => sameAddress(one, end.next)),
  );
  const at2 = { ...where, next: gateway };
  if (isDefault(end.route.destination) && !isOurs) {
    const words =
      isFirst(hop) && isDockers
        ? "leaves by Docker's default route: not covered by a label"
        : `leaves by the default route${of}${isDockers ? '' : ` to ${gateway}, which no container has`}`;
    return ending(hop, 'default route', words, at2);
  }
  const whom = isDockers ? 'the host' : 'which no container has';
  const isSelf = sameAddress(end.next, { family: packet.family, bytes: packet.address('destination').value });
  const to =
    isSelf && !isDockers ? `${gateway}, ${whom}` : isDockers ? `${whom} (${gateway})` : `${gateway}, ${whom}`;
  return ending(hop, 'link', `leaves by ${name}${of} to ${to}`, at2);
}

function tunnel(hop: Hop, view: KernelView, link: string): Ending {
  const to = { family: hop.packet.family, bytes: hop.packet.address('destination').value };
  const where = `${plain(link, MAX_NAME)} of ${shown(hop.at.place)}`;
  const peer = peerFor(view.peers(link) ?? [], to);
  if (!peer)
    return ending(
      hop,
      'dropped',
      `dropped by ${where}: no peer there has ${formatAddress(to)} in its allowed IPs`,
      { link },
    );
  const { endpoint, publicKey, lastHandshake } = peer;
  if (!endpoint)
    return ending(hop, 'dropped', `dropped by ${where}: nobody knows the endpoint of its peer`, { link });
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
    ({ netns, attachments }) =>
      netns !== undefined &&
      netns.key !== here.netns?.key &&
      attachments.some(
        ({ networkId, addresses }) =>
          networks.has(networkId) && addresses.some(one => sameAddress(one, address)),
      ),
  );
  return holders[0];
}

function ending(
  { at }: Hop,
  kind: OutcomeKind,
  words: string,
  rest: { readonly link?: string; readonly next?: string } = {},
): Ending {
  return { outcome: { kind, container: at.place.name, ...rest }, words };
}

function isFirst({ at }: Hop): boolean {
  return at.by === undefined;
}

function shown({ name }: WayPlace): string {
  return plain(name, MAX_NAME);
}

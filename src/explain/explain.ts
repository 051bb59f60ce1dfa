// The way of a packet from a container, namespace by namespace, as long as it leads to another container; then it is said in one
// sentence. Not here: the way through one namespace (machine/walk.ts), what the kernel answers (netns-view.ts).

import { type Address, formatAddress, parseAddress, prefixContains, sameAddress } from '../base/ip.js';
import type { Way, WayStep } from '../control/answers.js';
import { RTN_UNREACHABLE } from '../netlink/route/route.js';
import { finishInParts } from '../netlink/work.js';
import { depart } from './departure.js';
import { closedExit, stopAtExit } from './exit-ends.js';
import { type Ending, ending, type Hop, isFirst, plainName, type Reached, type WayPlace } from './hop.js';
import type { Looking } from './looking.js';
import { type LinkRef, Packet, type PacketQuestion } from './machine/first-packet.js';
import { type HopEnd, Walk } from './machine/walk.js';
import { nameDecider, routeName, stepInWords } from './machine/wording.js';
import { KernelView } from './netns-view.js';

/** Namespaces on one way: a loop of gateways ends here. */
const MAX_HOPS = 8;
/** Steps that are told: whoever owns a namespace could make any number of rules that are not sure. */
const MAX_TOLD = 500;
/** Steps that are put into words without a pause. */
const WORDED_AT_A_TIME = 256;

/** What is said of a way whose ends are known. */
export type Explanation = Omit<Way, 'container' | 'destination'>;

/**
 * @param containers all that there are: the next hops are among them
 * @throws OpError when a namespace cannot be entered; ChannelError where it has more than is read; DecodeError; what the
 *   pause throws
 */
export async function explainPacket(
  looking: Looking,
  containers: readonly WayPlace[],
  from: WayPlace,
  question: PacketQuestion,
): Promise<Explanation> {
  const packet = new Packet(question);
  const steps: (WayStep & { container: string })[] = [];
  let at: Reached = { place: from };
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    const say = (step: WayStep): void => {
      steps.push({ container: plainName(at.place), ...step });
    };
    const next = await oneHop(looking, { containers, packet, at, say });
    if ('place' in next) {
      at = next;
      continue;
    }
    return conclude(next, steps);
  }
  const loop = `goes in a circle: ${MAX_HOPS} containers, and no end of it`;
  return conclude({ outcome: { kind: 'unknown', container: plainName(at.place) }, words: loop }, steps);
}

function conclude({ outcome, words }: Ending, all: Explanation['steps']): Explanation {
  const doubts = all.filter(({ isDoubt }) => isDoubt);
  const [first] = doubts;
  const more = doubts.length > 1 ? `, and ${doubts.length - 1} more` : '';
  const doubt = first ? ` (unless: in ${first.container}, ${first.text}${more})` : '';
  const isSure = !first && outcome.kind !== 'unknown';
  return { steps: told(all), outcome, isSure, sentence: `${words}${doubt}` };
}

function told(all: Explanation['steps']): Explanation['steps'] {
  if (all.length <= MAX_TOLD) return all;
  const { container } = all[MAX_TOLD]!;
  const text = `${all.length - MAX_TOLD} lines more, which are left out`;
  return [...all.slice(0, MAX_TOLD), { container, kind: 'limit', text }];
}

async function oneHop(looking: Looking, hop: Hop): Promise<Reached | Ending> {
  const { packet, at, say } = hop;
  const { netns, exit } = at.place;
  const view = netns && (await KernelView.open(looking, netns, packet.family));
  for (const text of exit?.dns ?? []) say({ kind: 'dns', text });
  if (!view && exit) return closedExit(hop, exit);
  if (!view) return ending(hop, 'unknown', `cannot be told: ${plainName(at.place)} is not running`);
  try {
    for (const what of view.unfollowed)
      say({ kind: 'limit', text: `${what} are not followed`, isDoubt: true });
    const walk = new Walk(view, packet);
    const link = at.by && linkOf(view, at.by);
    if (at.by && !link)
      return ending(
        hop,
        'unknown',
        `cannot be told: ${plainName(at.place)} does not have ${formatAddress(at.by)}`,
      );
    const end = await finishInParts(link ? walk.through(link) : walk.fromHere(), looking.pause);
    await looking.pause();
    const linkName = (index: number): string => view.links.get(index)?.name ?? String(index);
    for (const [n, step] of walk.steps.entries()) {
      if (n % WORDED_AT_A_TIME === WORDED_AT_A_TIME - 1) await looking.pause();
      say(stepInWords(step, linkName));
    }
    if (end.kind === 'leaves') return depart(hop, view, end);
    return (exit && stopAtExit(hop, exit, end)) ?? stop(hop, view, end);
  } finally {
    view.close();
  }
}

function linkOf(view: KernelView, address: Address): LinkRef | undefined {
  const own = view.addresses.filter(({ prefix }) => sameAddress(prefix.address, address));
  const links = own.flatMap(({ index }) => view.links.get(index) ?? []);
  return links.find(({ name }) => name !== 'lo') ?? links[0];
}

function stop(hop: Hop, view: KernelView, end: Exclude<HopEnd, { kind: 'leaves' }>): Ending {
  const { packet } = hop;
  const there = isFirst(hop) ? '' : ` of ${plainName(hop.at.place)}`;
  switch (end.kind) {
    case 'dropped':
      return ending(hop, 'dropped', `dropped by ${nameDecider(end.by)}${there}`);
    case 'delivered':
      return ending(
        hop,
        'delivered',
        isFirst(hop) ? `stays in ${plainName(hop.at.place)}` : `reaches ${plainName(hop.at.place)}`,
      );
    case 'not forwarded':
      return ending(
        hop,
        'dropped',
        `dropped by ${plainName(hop.at.place)}, which does not forward (no twine.nat.interfaces there)`,
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
        ? `goes nowhere: the label for ${routeName(fallback)} is closed, since its gateway is not there or it has a mistake`
        : `goes nowhere: the kernel has no way for it (${end.error})`;
      return ending(hop, 'unroutable', words + there);
    }
  }
}

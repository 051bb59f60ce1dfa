// The way of a packet through one namespace: hooks and route look-ups in the kernel's order. Pure: what the kernel answers comes
// by the view. Not here: what a hook does (traversal.ts), the next namespace (explain/explain.ts).

import { type Address, formatAddress, fromBytes, isLoopback, prefixContains } from '../../base/ip.js';
import type { LinkAddress } from '../../netlink/route/address.js';
import type { FoundRoute, RouteQuery } from '../../netlink/route/lookup.js';
import { type Route, RTN_LOCAL, RTN_UNICAST } from '../../netlink/route/route.js';
import type { Work } from '../../netlink/work.js';
import { type Bits, hostNumber, isKnown, knownBits, unknownBits } from './bits.js';
import { type LinkRef, type Packet, protocolNumber } from './first-packet.js';
import type { HookName, Ruleset } from './instruction.js';
import type { MachineWorld } from './run.js';
import { type Decider, fullBudget, type HookEvent, runHook } from './traversal.js';

/** `matched` is the route as it stands in its table, where the kernel tells. */
export type RouteAnswer =
  | { readonly route: FoundRoute; readonly matched?: Route }
  /** The errno's name. */
  | { readonly error: string };

/** A namespace, as far as the way depends on it. */
export interface NetnsView extends Omit<MachineWorld, 'addressOf'> {
  readonly ruleset: Ruleset;
  readonly links: ReadonlyMap<number, LinkRef>;
  readonly addresses: readonly LinkAddress[];
  route(query: RouteQuery): RouteAnswer;
  /** Whether packets that arrive by the link are forwarded. */
  forwards(packet: Packet, link: LinkRef): boolean;
}

export type HopEnd =
  | { readonly kind: 'dropped'; readonly by: Decider }
  | { readonly kind: 'no route'; readonly error: string }
  | { readonly kind: 'not forwarded' | 'delivered' }
  | {
      readonly kind: 'leaves';
      readonly link: LinkRef;
      /** To whom, on that link. */
      readonly next: Address;
      readonly route: Route;
      readonly hasSeveralGateways: boolean;
    }
  | { readonly kind: 'unknown'; readonly why: string };

/** What happened on the way, in order. */
export type WalkStep =
  | { readonly kind: 'hook'; readonly hook: HookName; readonly event: HookEvent }
  | { readonly kind: 'route'; readonly answer: RouteAnswer; readonly mark: number };

/** A look-up takes as long as so many instructions. */
const LOOK_UP_STEPS = 200;

/** A walk that ends before the way does. */
class Ended extends Error {
  constructor(readonly end: HopEnd) {
    super(end.kind);
  }
}

export class Walk {
  readonly steps: WalkStep[] = [];
  readonly #view: NetnsView;
  readonly #packet: Packet;
  readonly #budget = fullBudget();
  #answer: Extract<RouteAnswer, { readonly route: FoundRoute }> | undefined;

  constructor(view: NetnsView, packet: Packet) {
    this.#view = view;
    this.#packet = packet;
  }

  /** A packet of the namespace's own. */
  fromHere(): Work<HopEnd> {
    return this.#untilEnd(this.#output());
  }

  /** A packet that arrives. */
  through(link: LinkRef): Work<HopEnd> {
    return this.#untilEnd(this.#input(link));
  }

  *#untilEnd(walk: Work<HopEnd>): Work<HopEnd> {
    try {
      return yield* walk;
    } catch (err) {
      if (err instanceof Ended) return err.end;
      throw err;
    }
  }

  *#output(): Work<HopEnd> {
    const packet = this.#packet;
    const { route } = this.#lookUp();
    packet.setAddress('source', route.preferred ? knownBits(route.preferred.bytes) : this.#addressOf('oif'));
    packet.original = { network: packet.network, transport: packet.transport };
    let before = this.#routingKey();
    // The rules of this hook go on seeing the link that it began with.
    const seen = packet.oif;
    let after = seen;
    const reroute = (): void => {
      if (this.#routingKey() === before) return;
      this.#lookUp();
      [after, packet.oif] = [packet.oif, seen];
      before = this.#routingKey();
    };
    yield* this.#hook('output', { afterRouteChain: reroute, afterNat: reroute });
    packet.oif = after;
    const { type } = this.#answer!.route;
    yield* this.#hook('postrouting');
    if (type !== RTN_LOCAL) return this.#leave();
    [packet.iif, packet.oif] = [packet.oif, undefined];
    yield* this.#hook('prerouting');
    yield* this.#hook('input');
    return { kind: 'delivered' };
  }

  *#input(link: LinkRef): Work<HopEnd> {
    this.#packet.enter(link);
    yield* this.#hook('prerouting');
    const { route } = this.#lookUp(link);
    if (route.type === RTN_LOCAL) {
      this.#packet.oif = undefined;
      yield* this.#hook('input');
      return { kind: 'delivered' };
    }
    if (!this.#view.forwards(this.#packet, link)) return { kind: 'not forwarded' };
    yield* this.#hook('forward');
    yield* this.#hook('postrouting');
    return this.#leave();
  }

  #leave(): HopEnd {
    const { route, matched } = this.#answer!;
    const { oif } = this.#packet;
    if (route.type !== RTN_UNICAST || !oif) return { kind: 'unknown', why: 'it goes to more than one' };
    const destination = this.#destination();
    return {
      ...{
        kind: 'leaves',
        link: oif,
        next: route.gateway ?? route.gateways?.[0] ?? destination,
        route: matched ?? route,
      },
      hasSeveralGateways: (matched?.gateways?.length ?? 0) > 1,
    };
  }

  *#hook(hook: HookName, then: { afterRouteChain?: () => void; afterNat?: () => void } = {}): Work<void> {
    const world: MachineWorld = {
      typeOf: address => {
        this.#budget.pauseAt += LOOK_UP_STEPS;
        return this.#view.typeOf(address);
      },
      elements: (rule, set) => this.#view.elements(rule, set),
      lookUp: (set, elements, key) => this.#view.lookUp(set, elements, key),
      addressOf: (_, end) => (hook === 'output' ? this.#ownLoopback() : this.#addressOf(end)),
    };
    const { passes, events } = yield* runHook(hook, this.#packet, {
      ...{ ruleset: this.#view.ruleset, world, budget: this.#budget },
      ...then,
    });
    for (const event of events) this.steps.push({ kind: 'hook', hook, event });
    if (passes) return;
    const last = events.at(-1);
    if (last?.kind === 'dropped') throw new Ended({ kind: 'dropped', by: last.by });
  }

  /** Asks the kernel with what the packet is by now. @param link that it has arrived by */
  #lookUp(link?: LinkRef): Extract<RouteAnswer, { readonly route: FoundRoute }> {
    const packet = this.#packet;
    const source = packet.address('source');
    const from = isKnown(source) ? fromBytes(source.value) : undefined;
    if (link && !from) throw new Ended({ kind: 'unknown', why: 'its source address is not known by then' });
    const mark = hostNumber(packet.mark);
    if (mark === undefined)
      throw new Ended({ kind: 'unknown', why: 'its mark depends on a rule that may be for it' });
    const { port } = packet;
    this.#budget.pauseAt += LOOK_UP_STEPS;
    const answer = this.#view.route({
      ...{ to: this.#destination(), mark, protocol: protocolNumber(packet.protocol, packet.family) },
      ...(from && this.#isSourceGiven() && { from }),
      ...(link && { iif: link.index }),
      ...(port !== undefined && { port }),
    });
    this.steps.push({ kind: 'route', answer, mark });
    if ('error' in answer) {
      const isClosed = link && !this.#view.forwards(packet, link) && answer.error === 'EHOSTUNREACH';
      throw new Ended(isClosed ? { kind: 'not forwarded' } : { kind: 'no route', error: answer.error });
    }
    this.#answer = answer;
    packet.oif = this.#view.links.get(answer.route.index ?? 0);
    return answer;
  }

  /** Whether the packet has its source address by now. */
  #isSourceGiven(): boolean {
    return this.#packet.iif !== undefined || this.#answer !== undefined;
  }

  #destination(): Address {
    const bits = this.#packet.address('destination');
    if (!isKnown(bits))
      throw new Ended({ kind: 'unknown', why: 'a rule leads it to an address that is not known before' });
    return fromBytes(bits.value);
  }

  #routingKey(): string {
    const { mark, network, port } = this.#packet;
    return JSON.stringify([mark, network, port]);
  }

  /** What masquerading and redirecting take: the link's address beside the next hop, or its first one. */
  #addressOf(end: 'oif' | 'iif'): Bits {
    const { family } = this.#packet;
    const link = this.#packet[end];
    const own = this.#view.addresses.filter(
      ({ index, prefix: { address } }) =>
        index === link?.index && address.family === family && !isLinkLocal(address),
    );
    const next = this.#answer?.route.gateway ?? this.#destination();
    const beside = own.find(({ prefix }) => prefixContains(prefix, next)) ?? own[0];
    return beside ? knownBits(beside.prefix.address.bytes) : unknownBits(family === 4 ? 4 : 16);
  }

  #ownLoopback(): Bits {
    return knownBits(this.#packet.family === 4 ? [127, 0, 0, 1] : [...Buffer.alloc(15), 1]);
  }
}

function isLinkLocal(address: Address): boolean {
  return address.family === 6 && /^fe[89ab]/.test(formatAddress(address)) && !isLoopback(address);
}

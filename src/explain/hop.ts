// One namespace on the way of a packet: what is known there, and how its way may end. Pure. Not here: the way through it
// (machine/walk.ts), where it goes from there (departure.ts).

import type { Address } from '../base/ip.js';
import { DRIVER_NAME } from '../base/ownership.js';
import { plain } from '../base/plain-text.js';
import type { Way, WayStep } from '../control/answers.js';
import type { ExitPlace } from '../control/halves.js';
import type { ContainerView } from '../labels/discovery/container.js';
import type { Packet } from './machine/first-packet.js';

const MAX_NAME = 128;

/** A container, as far as ways depend on it. */
export interface WayPlace extends Pick<ContainerView, 'name' | 'netns' | 'attachments'> {
  /** Present where it is no container, but the router of an exit network. */
  readonly exit?: ExitPlace;
}

/** The router of an exit network, which Docker does not tell of: it has the gateway's addresses. */
export function exitWayPlace(exit: ExitPlace): WayPlace {
  const { networkId, name, gateways: addresses, netns } = exit;
  const attachment = { networkId, networkName: name, driver: DRIVER_NAME, addresses, aliases: [] };
  return { name: `router of ${name}`, ...(netns && { netns }), attachments: [attachment], exit };
}

/** Where a way has got to. */
export interface Reached {
  readonly place: WayPlace;
  /** Absent: it begins there. */
  readonly by?: Address;
}

/** Where a way ends, and the sentence that says it. */
export interface Ending extends Pick<Way, 'outcome'> {
  readonly words: string;
}

export interface Hop {
  /** All that there are: the next hops are among them. */
  readonly containers: readonly WayPlace[];
  readonly packet: Packet;
  readonly at: Reached;
  readonly say: (step: WayStep) => void;
}

export function ending(
  { at }: Pick<Hop, 'at'>,
  kind: Way['outcome']['kind'],
  words: string,
  rest: { readonly link?: string; readonly next?: string } = {},
): Ending {
  const { name, exit } = at.place;
  return { outcome: { kind, container: name, ...rest, ...(exit && { exit: exit.name }) }, words };
}

export function isFirst({ at }: Pick<Hop, 'at'>): boolean {
  return at.by === undefined;
}

/** A name as sentences have it. */
export function plainName({ name }: { readonly name: string }): string {
  return plain(name, MAX_NAME);
}

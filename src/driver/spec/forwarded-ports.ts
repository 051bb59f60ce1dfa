// Ports of a container that are open at the address of an exit network's tunnel (`dwgd.forward`): from text to a list, or one
// sentence that says what is wrong. Not here: the rules for them (driver/router/way-in-rules.ts).

import { UserError } from '../../base/errors.js';
import { excerpt } from '../../base/text.js';

/** The driver option of a container's endpoint, and its label. */
export const FORWARD = 'dwgd.forward';
/** Of a container that has the tunnel itself. */
export const OPEN_BY_THEMSELVES =
  "the container has the tunnel's address itself, where all its ports are open by themselves (--ipam-driver=null)";

/** In place of a port: the one that the provider assigns (`dwgd.natpmp`). */
export const AUTO = 'auto';

/** For who asks for it where nobody asks the provider. */
export const NONE_ASSIGNED = `${FORWARD}=${AUTO} is for networks that ask their provider for a port: make the network with dwgd.natpmp=on, or give a port`;

/** Ports from the first to the last, and the container's for the first; the others follow in order. */
export interface Forward {
  readonly protocol: 'tcp' | 'udp';
  readonly first: number;
  readonly last: number;
  readonly to: number;
}

/** Entries of one value; characters of one. */
const MAX_FORWARDS = 64;
const MAX_TEXT = 2_048;
/** Of a container and of a network, for each protocol, as weightOf counts. */
export const MAX_WEIGHT = 1_000;

const RIGHT = `ports such as 51413, 51413/udp, 5000-5009 or 80:8080/tcp, separated by commas, or ${AUTO}`;
const ENTRY = /^(\d{1,5})(?:-(\d{1,5}))?(?::(\d{1,5}))?(?:\/(tcp|udp))?$/;

/** Whether the port that the provider assigns is asked for, in a value that parseForwards() takes. */
export function asksForAssigned(text: string): boolean {
  return entriesOf(text).includes(AUTO);
}

/**
 * What a value gives beside `auto`. An entry without a protocol is both.
 * @throws UserError that names the value and what would be right
 */
export function parseForwards(text: string): Forward[] {
  const parts = text.length > MAX_TEXT ? [] : entriesOf(text);
  if (parts.length > MAX_FORWARDS)
    throw new UserError(`${FORWARD} has ${parts.length} entries: give at most ${MAX_FORWARDS}`);
  if (parts.length === 0) throw wrong(text);
  const found: Forward[] = [];
  if (parts.filter(part => part === AUTO).length > 1) throw wrong(text);
  for (const one of parts.filter(part => part !== AUTO).flatMap(part => parseEntry(part))) {
    const before = found.find(other => overlaps(one, other));
    if (before)
      throw new UserError(
        `${FORWARD} has ${formatForward(one)} and ${formatForward(before)}, which share ports: give each port once`,
      );
    found.push(one);
  }
  for (const protocol of ['tcp', 'udp']) {
    const own = found.filter(one => one.protocol === protocol);
    const weight = own.reduce((sum, one) => sum + weightOf(one), 0);
    if (weight > MAX_WEIGHT)
      throw new UserError(
        `${FORWARD} moves ${weight} ports of ${protocol} in sum: give at most ${MAX_WEIGHT}, or the same ports on both sides`,
      );
  }
  return found;
}

function entriesOf(text: string): string[] {
  return text.split(',').map(part => part.trim());
}

function parseEntry(text: string): Forward[] {
  const [, ...groups] = ENTRY.exec(text) ?? [];
  const [from, until, at, protocol] = groups;
  if (from === undefined) throw wrong(text);
  const first = Number(from);
  const last = until === undefined ? first : Number(until);
  const to = at === undefined ? first : Number(at);
  if (first < 1 || to < 1 || last < first || Math.max(last, to + last - first) > 65_535) throw wrong(text);
  if (to !== first && last - first >= MAX_WEIGHT)
    throw new UserError(
      `${FORWARD}=${text} moves ${last - first + 1} ports: give at most ${MAX_WEIGHT}, or the same ports on both sides`,
    );
  const protocols = protocol === undefined ? (['tcp', 'udp'] as const) : [protocol as Forward['protocol']];
  return protocols.map(one => ({ protocol: one, first, last, to }));
}

function wrong(text: string): UserError {
  return new UserError(`${FORWARD}=${excerpt(text)} is not valid: give ${RIGHT}`);
}

/** What it takes of the router's table: a port or range by itself is a rule, and each port that is moved an element of a map. */
export function weightOf({ first, last, to }: Forward): number {
  return to === first ? 1 : last - first + 1;
}

/** Whether two ask for the same port. */
export function overlaps(a: Forward, b: Forward): boolean {
  return a.protocol === b.protocol && a.first <= b.last && b.first <= a.last;
}

/** As it is written: `5000-5009:6000/tcp`. */
export function formatForward({ protocol, first, last, to }: Forward): string {
  const ports = first === last ? `${first}` : `${first}-${last}`;
  return `${ports}${to === first ? '' : `:${to}`}/${protocol}`;
}

// The port that a provider assigns to a tunnel, for UDP and TCP alike: asked for, asked for again in time, given up where nobody
// answers (RFC 6886, sections 3.1, 3.3, 3.6). Pure: all times are given, in milliseconds of a clock that is not set. Not here: the
// messages (mapping-message.ts), sockets and timers (port-asker.ts).

import { type MappedProtocol, type MappingAnswer, type MappingRequest, RESULTS } from './mapping-message.js';

/** Of the tunnel's address, where the gateway sends what comes to the assigned port. */
export const INTERNAL_PORT = 60_351;
/** In seconds: that is as long as providers that assign ports give one. */
export const LIFETIME = 60;
/** What a gateway may say of it, in seconds; beyond the last it is taken for that. */
const [MIN_LIFETIME, MAX_LIFETIME] = [10, 7_200] as const;
/** Of section 3.1: the wait for an answer, in milliseconds, which doubles with each try, and how many there are. */
const [FIRST_WAIT_MS, TRIES] = [250, 9] as const;
/** Ports below it are a system's own. */
const LOWEST_PORT = 1024;
/** Tries to end a mapping, of which nothing depends but another port. */
const TRIES_TO_END = 3;
/** Tries after which it is told that nobody answers: some eight seconds. */
const TOLD_AFTER = 5;
/** After a failure, in milliseconds. */
const REST_MS = 60_000;
/** Times in a row that the gateway may give two ports. */
const MAX_PAIRINGS = 3;
/** Of section 3.6: how much a gateway's clock may be slower, and by how many seconds it may be behind. */
const [SLOWNESS, GRACE_S] = [7 / 8, 2] as const;

/** A mapping that is in force. */
interface Lease {
  readonly port: number;
  readonly until: number;
}

/** A request under way. */
interface Exchange {
  readonly request: MappingRequest;
  /** How often it was sent. */
  readonly tries: number;
  /** When it is sent again, or given up. */
  readonly due: number;
}

export interface PortState {
  /** The port that would be welcome; 0: any. */
  readonly suggested: number;
  readonly leases: Readonly<Partial<Record<MappedProtocol, Lease>>>;
  /** Absent: nothing is asked until `due`. */
  readonly exchange?: Exchange;
  readonly due: number;
  /** The gateway's clock at its last answer. */
  readonly epoch?: { readonly seconds: number; readonly at: number };
  /** How often in a row two ports were given, since the last time that it was one. */
  readonly pairings: number;
  /** Whether all was asked for again since the gateway had lost it, once in a round. */
  readonly isRepeated: boolean;
  /** Why there is no port, or soon will be none, in a clause about the gateway. */
  readonly problem?: string;
}

/** What happens to a state. */
export type PortEvent =
  | { readonly kind: 'time' }
  | { readonly kind: 'answer'; readonly answer: MappingAnswer }
  /** Nobody listens there. */
  | { readonly kind: 'refused' };

interface PortStep {
  readonly state: PortState;
  /** To be sent now. */
  readonly send?: MappingRequest;
  /** For the log. */
  readonly told?: string;
}

/**
 * Before anything is asked.
 * @param port that was assigned before, and is asked for again; 0: none
 * @param isKept whether it is taken to be in force still
 */
export function firstState(now: number, port: number, isKept: boolean): PortState {
  const lease = { port, until: now + LIFETIME * 1000 };
  const leases = isKept && port > 0 ? { udp: lease, tcp: lease } : {};
  return { suggested: port, leases, due: now, pairings: 0, isRepeated: false };
}

/** The port that is in force for both; undefined where there is none. */
export function assignedPort({ leases: { udp, tcp } }: PortState, now: number): number | undefined {
  return udp && tcp && udp.port === tcp.port && now < Math.min(udp.until, tcp.until) ? udp.port : undefined;
}

/** When the state has to be stepped at the latest: something is to be sent, or a port ends. */
export function nextDue({ exchange, due, leases }: PortState, now: number): number {
  const ends = Object.values(leases).flatMap(({ until }) => (until > now ? until : []));
  return Math.min(exchange?.due ?? due, ...ends);
}

export function stepPort(state: PortState, event: PortEvent, now: number): PortStep {
  const { exchange } = state;
  if (!exchange) return now < state.due ? { state } : beginRound({ ...state, isRepeated: false }, now);
  if (event.kind === 'answer') return takeAnswer(state, exchange, event.answer, now);
  if (event.kind === 'refused') return fail(state, 'it has no server for it: the port is refused', now);
  if (now < exchange.due) return { state };
  const { request, tries } = exchange;
  if (request.lifetime === 0 && tries >= TRIES_TO_END) return beginRound(state, now);
  if (tries >= TRIES) return fail(state, 'it does not answer', now);
  const again = send(state, request, tries, now);
  return tries >= TOLD_AFTER ? { ...again, state: { ...again.state, problem: 'it does not answer' } } : again;
}

/** What ends the mappings that may be there. */
export function endings(): readonly MappingRequest[] {
  return [ending('udp'), ending('tcp')];
}

function beginRound(state: PortState, now: number): PortStep {
  return send(state, wanted('udp', state.suggested), 0, now);
}

function send(state: PortState, request: MappingRequest, tries: number, now: number): PortStep {
  const exchange = { request, tries: tries + 1, due: now + FIRST_WAIT_MS * 2 ** tries };
  return { state: { ...state, exchange }, send: request };
}

function wanted(protocol: MappedProtocol, suggested: number): MappingRequest {
  return { protocol, internal: INTERNAL_PORT, suggested, lifetime: LIFETIME };
}

function ending(protocol: MappedProtocol): MappingRequest {
  return { protocol, internal: INTERNAL_PORT, suggested: 0, lifetime: 0 };
}

/** No more for now: what is in force stays until its end. */
function fail({ exchange: _over, ...state }: PortState, problem: string, now: number): PortStep {
  return { state: { ...state, problem, due: now + REST_MS } };
}

function takeAnswer(
  before: PortState,
  { request }: Exchange,
  { result, epoch, granted }: MappingAnswer,
  now: number,
): PortStep {
  const hasForgotten = before.epoch !== undefined && isBehind(before.epoch, epoch, now);
  const state = { ...before, epoch: { seconds: epoch, at: now } };
  if (request.lifetime === 0) return beginRound(state, now);
  if (!granted) return fail(state, RESULTS[result] ?? `it answers with the unknown result ${result}`, now);
  const { protocol } = request;
  const lifetime = Math.min(granted.lifetime, MAX_LIFETIME);
  if (lifetime < MIN_LIFETIME) return fail(state, `it gives a port for ${lifetime} seconds only`, now);
  // Programs of the container may listen there for somebody else.
  if (granted.external < LOWEST_PORT)
    return fail(
      state,
      `it gives the port ${granted.external}, and those below ${LOWEST_PORT} are not taken`,
      now,
    );
  const lease = { port: granted.external, until: now + lifetime * 1000 };
  const next = { ...state, suggested: lease.port, leases: { ...state.leases, [protocol]: lease } };
  const told = hasForgotten ? { told: 'the gateway has lost what it had assigned, and is asked again' } : {};
  if (protocol === 'udp') return { ...send(next, wanted('tcp', lease.port), 0, now), ...told };
  // Of UDP it was asked before: that may be lost, too.
  if (hasForgotten && !state.isRepeated)
    return { ...beginRound({ ...next, isRepeated: true }, now), ...told };
  const udp = state.leases.udp;
  if (udp?.port !== lease.port) return { ...pair(next, now), ...told };
  const { exchange: _over, problem: _gone, ...rest } = next;
  const half = (Math.min(udp.until, lease.until) - now) / 2;
  return { state: { ...rest, pairings: 0, due: now + Math.max(half, (MIN_LIFETIME * 1000) / 2) }, ...told };
}

/** A program can be told of one port alone: UDP is to have that of TCP. */
function pair(state: PortState, now: number): PortStep {
  const { udp, tcp } = state.leases;
  if (state.pairings >= MAX_PAIRINGS)
    return fail(
      { ...state, pairings: 0 },
      `it gives port ${udp?.port} for UDP and ${tcp?.port} for TCP, and not the same for both`,
      now,
    );
  return send({ ...state, pairings: state.pairings + 1 }, ending('udp'), 0, now);
}

function isBehind(last: NonNullable<PortState['epoch']>, seconds: number, now: number): boolean {
  return seconds < last.seconds + ((now - last.at) / 1000) * SLOWNESS - GRACE_S;
}

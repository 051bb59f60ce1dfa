// The chains that close a namespace: while not all labels of a strict container are in force, and while a container that
// should forward has no table to filter what it forwards. Pure. Not here: when that is (labels/planner/sandbox-plan.ts,
// labels/namespace/outcome.ts).

import { formatPrefix } from '../../base/ip.js';
import { TABLE } from '../../base/ownership.js';
import { plain } from '../../base/plain-text.js';
import { match, meta } from '../../nft/expression.js';
import { type NftChain, type NftRule, type NftTable, rule } from '../../nft/table.js';
import { DEFAULT_ROUTES } from '../spec/found-networks.js';
import { desiredStamp, stampOf } from './stamp.js';
import type { DesiredRoute, DesiredState } from './state.js';

/** Keys that are named for one namespace, and characters of each. */
const [MAX_KEYS, MAX_KEY] = [4, 60] as const;

const DROP: NftRule = rule({ drop: null });
const byOther = (key: 'iifname' | 'oifname'): NftRule => rule(match(meta(key), '!=', 'lo'), { drop: null });

const FORWARD: NftChain = {
  name: 'strict-forward',
  hook: { type: 'filter', hook: 'forward', priority: 0 },
  rules: [DROP],
};

/**
 * Only `lo` is open, which Docker's DNS is on as well. Packets are dropped, not rejected: that needs no module, UDP sockets
 * get EPERM, and TCP retries until all is in force. Only postrouting sees the interface by which a translated packet really
 * leaves; output still sees the one that it was first routed to.
 */
const CHAINS: readonly NftChain[] = [
  {
    name: 'strict-input',
    hook: { type: 'filter', hook: 'input', priority: 0 },
    rules: [byOther('iifname')],
  },
  FORWARD,
  {
    name: 'strict-output',
    hook: { type: 'filter', hook: 'output', priority: 0 },
    rules: [byOther('oifname')],
  },
  {
    name: 'strict-postrouting',
    hook: { type: 'filter', hook: 'postrouting', priority: 300 },
    rules: [byOther('oifname')],
  },
];

/** The table with the chains that close the namespace. */
export function closed(table: NftTable): NftTable {
  const others = table.chains.filter(({ name }) => !CHAINS.some(chain => chain.name === name));
  return { ...table, chains: [...others, ...CHAINS] };
}

/** Only the closing chains, with nothing that a kernel with nf_tables could lack. */
export const CLOSED_TABLE: NftTable = closed({ ...TABLE, sets: [], chains: [] });
/** Forwards nothing. */
export const NOT_FORWARDING_TABLE: NftTable = { ...TABLE, sets: [], chains: [FORWARD] };
export const CLOSED_STAMP = stampOf(CLOSED_TABLE);
export const NOT_FORWARDING_STAMP = stampOf(NOT_FORWARDING_TABLE);

/** Whether the table closes a namespace except for loopback: it has all the closing chains, by their names. */
export function isClosing(table: NftTable | undefined): boolean {
  return CHAINS.every(({ name }) => table?.chains.some(chain => chain.name === name));
}

export const CLOSED = "the container sends and forwards nothing but loopback and Docker's DNS";

/** The closed form of a strict namespace's state, for a problem that was found while reading it. */
export function closedState(desired: DesiredState): DesiredState {
  if (desired.isClosed) return desired;
  const table = closed(desired.table ?? CLOSED_TABLE);
  const { stamp: _, ...rest } = desired;
  const state = { ...rest, table, isClosed: true } as const;
  return { ...state, stamp: desiredStamp(state)! };
}

/** The routes of a strict namespace in which no table can be put: by none of them, and by no default route, anything leaves. */
export function closedRoutes(routes: readonly DesiredRoute[]): readonly DesiredRoute[] {
  const networks = [...routes.map(({ network }) => network), ...DEFAULT_ROUTES];
  return [...new Map(networks.map(network => [formatPrefix(network), { network }])).values()];
}

/** What a closed container waits for. @param keys of labels that are not in force */
export function describeWait(keys: readonly string[]): string {
  const shown = keys.slice(0, MAX_KEYS).map(key => plain(key, MAX_KEY));
  const more = keys.length - shown.length;
  return `${CLOSED} until all of its labels are in force; it waits for ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

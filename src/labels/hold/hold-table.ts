// The table of the host's namespace that holds containers: what is in it, and what changes it. Pure. Not here: the way to the
// kernel (held-set.ts), who is held (hold.ts), which bridges are guarded (bridge-guard.ts).

import { TABLE } from '../../base/ownership.js';
import type { ElementChange } from '../../nft/batches.js';
import { match, meta, payload } from '../../nft/expression.js';
import { createTable, type NftTable, type NftTransaction, rule } from '../../nft/table.js';

/** How long the kernel holds a container by itself, in seconds: longer than one takes to start, and nobody stays held by a daemon that died. */
export const HOLD_SECONDS = 30;
/** Endpoints that are held at once, at most. */
export const MAX_HELD = 4_096;
/** How long a bridge is guarded by itself, in seconds: a daemon that died has nobody wait for longer. */
export const GUARD_SECONDS = 30;
/** Endpoints that are known at once, at most: all of guarded bridges. */
const MAX_KNOWN = 65_536;

const HELD = 'held';
const GUARDED = 'guarded';
const KNOWN = 'known';
const CLOSED = 'closed';
/** Before NF_IP_PRI_RAW, where others begin. */
const BEFORE_RAW = -301;
/** A neighbour that is not answered is not asked again for a second, and none of this is ever forwarded. */
const NEIGHBOUR_DISCOVERY = [
  'nd-router-solicit',
  'nd-router-advert',
  'nd-neighbor-solicit',
  'nd-neighbor-advert',
] as const;

/** A container's end of a bridge, as the host sees it. */
export interface HeldEndpoint {
  /** The name of the bridge. */
  readonly bridge: string;
  /** The container's link-layer address: `02:42:0a:00:00:02`. */
  readonly mac: string;
}

const BRIDGE = meta('iifname');
const SENDER = { concat: [BRIDGE, payload('ether', 'saddr')] } as const;
const toClosed = { jump: { target: CLOSED } } as const;

/**
 * Nothing passes of what a held container sends to beyond its bridge or to the host, nor of what comes from a guarded bridge and
 * from nobody that is known there. For all others it is two look-ups.
 */
const HOLD_TABLE: NftTable = {
  ...TABLE,
  sets: [
    {
      ...{ name: HELD, type: ['ifname', 'ether_addr'], flags: ['timeout'] },
      ...{ timeout: HOLD_SECONDS, size: MAX_HELD },
    },
    { name: GUARDED, type: 'ifname', flags: ['timeout'], timeout: GUARD_SECONDS, size: MAX_HELD },
    {
      ...{ name: KNOWN, type: ['ifname', 'ether_addr'], flags: ['timeout'] },
      ...{ timeout: HOLD_SECONDS, size: MAX_KNOWN },
    },
  ],
  chains: [
    {
      name: CLOSED,
      rules: [
        rule(match(payload('icmpv6', 'type'), '==', { set: NEIGHBOUR_DISCOVERY }), { accept: null }),
        rule({ drop: null }),
      ],
    },
    ...(['forward', 'input'] as const).map(hook => ({
      name: hook,
      hook: { type: 'filter', hook, priority: BEFORE_RAW } as const,
      rules: [
        rule(match(SENDER, '==', `@${HELD}`), toClosed),
        rule(match(BRIDGE, '==', `@${GUARDED}`), match(SENDER, '!=', `@${KNOWN}`), toClosed),
      ],
    })),
  ],
};

/** Makes the table where there is none, and its rules anew where there is one: who is held stays so. */
export function openHold(): NftTransaction {
  const [create, ...contents] = createTable(HOLD_TABLE).nftables as readonly Readonly<
    Record<string, object>
  >[];
  const isRule = ({ add }: Readonly<Record<string, object>>): boolean => add !== undefined && 'rule' in add;
  const chains = HOLD_TABLE.chains.map(({ name }) => ({ flush: { chain: { ...AT, name } } }));
  return {
    nftables: [
      { add: create!.create },
      ...contents.filter(command => !isRule(command)),
      ...chains,
      ...contents.filter(isRule),
    ],
  };
}

/** Has endpoints held, from now on for the whole time: that of an element is not changed by adding it again. */
export function holding(endpoints: readonly HeldEndpoint[]): ElementChange[] {
  return steps(['add', 'delete', 'add'], HELD, endpoints.map(keyOf));
}

/** Lets go of endpoints; it is no error if they are not held. */
export function releasing(endpoints: readonly HeldEndpoint[]): ElementChange[] {
  return steps(['add', 'delete'], HELD, endpoints.map(keyOf));
}

/** Has these held, and nobody else. */
export function holdingOnly(endpoints: readonly HeldEndpoint[]): ElementChange[] {
  return [{ what: 'flush', set: HELD }, ...steps(['add'], HELD, endpoints.map(keyOf))];
}

/** Guards a bridge, from now on for the whole time, or no more; it is no error if it is not guarded. */
export function guarding(bridge: string, isGuarded: boolean): ElementChange[] {
  return steps(isGuarded ? ['add', 'delete', 'add'] : ['add', 'delete'], GUARDED, [nameKey(bridge)]);
}

/** Has endpoints pass guarded bridges, from now on for HOLD_SECONDS. */
export function knowing(endpoints: readonly HeldEndpoint[]): ElementChange[] {
  return steps(['add', 'delete', 'add'], KNOWN, endpoints.map(keyOf));
}

/** Has endpoints pass them no more; it is no error if they do not. */
export function forgetting(endpoints: readonly HeldEndpoint[]): ElementChange[] {
  return steps(['add', 'delete'], KNOWN, endpoints.map(keyOf));
}

/** What changes are, for the log, as on the command line of nft(8). */
export function describeChange(change: ElementChange): string {
  const { what, set } = change;
  if (what === 'flush') return `nft flush set ${TABLE.family} ${TABLE.name} ${set}`;
  const keys = change.keys.map(key => {
    const name = key.subarray(0, IFNAMSIZ).toString().replaceAll('\0', '');
    const mac = key
      .subarray(IFNAMSIZ, IFNAMSIZ + MAC_LENGTH)
      .toString('hex')
      .match(/../g)
      ?.join(':');
    return mac === undefined ? `"${name}"` : `"${name}" . ${mac}`;
  });
  return `nft ${what} element ${TABLE.family} ${TABLE.name} ${set} { ${keys.join(', ')} }`;
}

const AT = { family: TABLE.family, table: TABLE.name } as const;
const [IFNAMSIZ, MAC_LENGTH] = [16, 6] as const;

function steps(order: readonly ('add' | 'delete')[], set: string, keys: readonly Buffer[]): ElementChange[] {
  return keys.length === 0 ? [] : order.map(what => ({ what, set, keys }));
}

function nameKey(name: string, more = 0): Buffer {
  const key = Buffer.alloc(IFNAMSIZ + more);
  key.write(name);
  return key;
}

/** As the kernel concatenates them: each begins at a register of 4 bytes. */
function keyOf({ bridge, mac }: HeldEndpoint): Buffer {
  const key = nameKey(bridge, 8);
  Buffer.from(mac.replaceAll(':', ''), 'hex').copy(key, IFNAMSIZ);
  return key;
}

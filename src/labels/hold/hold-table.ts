// The table of the host's namespace that holds containers: what is in it, and what changes it. Pure. Not here:
// the way to the kernel (held-set.ts), who is held (hold.ts).

import { TABLE } from '../../base/ownership.js';
import type { ElementChange } from '../../nft/batches.js';
import { match, meta, payload } from '../../nft/expression.js';
import { createTable, type NftTable, type NftTransaction, rule } from '../../nft/table.js';

/** How long the kernel holds a container by itself, in seconds: longer than one takes to start, and nobody stays held by a daemon that died. */
export const HOLD_SECONDS = 30;
/** Endpoints that are held at once, at most. */
export const MAX_HELD = 4_096;

/** The set of those who are held. */
export const HELD = 'held';
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

const SENDER = { concat: [meta('iifname'), payload('ether', 'saddr')] } as const;

/** Nothing passes of what a held container sends to beyond its bridge or to the host. For all others it is one look-up. */
const HOLD_TABLE: NftTable = {
  ...TABLE,
  sets: [
    { name: HELD, type: ['ifname', 'ether_addr'], flags: ['timeout'], timeout: HOLD_SECONDS, size: MAX_HELD },
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
      rules: [rule(match(SENDER, '==', `@${HELD}`), { jump: { target: CLOSED } })],
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
  return steps(['add', 'delete', 'add'], endpoints);
}

/** Lets go of endpoints; it is no error if they are not held. */
export function releasing(endpoints: readonly HeldEndpoint[]): ElementChange[] {
  return steps(['add', 'delete'], endpoints);
}

/** Has these held, and nobody else. */
export function holdingOnly(endpoints: readonly HeldEndpoint[]): ElementChange[] {
  return [{ what: 'flush' }, ...steps(['add'], endpoints)];
}

/** What changes are on the command line of nft(8), for the log. @param endpoints that they are about */
export function describeChanges(
  changes: readonly ElementChange[],
  endpoints: readonly HeldEndpoint[],
): string[] {
  const { family, name } = TABLE;
  const all = endpoints.map(({ bridge, mac }) => `"${bridge}" . ${mac}`).join(', ');
  return changes.map(({ what }) =>
    what === 'flush'
      ? `nft flush set ${family} ${name} ${HELD}`
      : `nft ${what} element ${family} ${name} ${HELD} { ${all} }`,
  );
}

const AT = { family: TABLE.family, table: TABLE.name } as const;

function steps(order: readonly ('add' | 'delete')[], endpoints: readonly HeldEndpoint[]): ElementChange[] {
  const keys = endpoints.map(keyOf);
  return keys.length === 0 ? [] : order.map(what => ({ what, keys }));
}

/** As the kernel concatenates them: the name and zeros to IFNAMSIZ, the address and zeros to the next register of 4 bytes. */
function keyOf({ bridge, mac }: HeldEndpoint): Buffer {
  const key = Buffer.alloc(24);
  key.write(bridge);
  Buffer.from(mac.replaceAll(':', ''), 'hex').copy(key, 16);
  return key;
}

// Everything that says "this is ours" in a kernel: the nftables table, the routing table and protocol, the mark, the
// priorities of policy rules. What carries none of these is somebody else's and is never changed.

/** Of the Docker networks that are ours. */
export const DRIVER_NAME = 'dwgd';

/** The table of ours, in every namespace that has one. */
export const TABLE = { family: 'inet', name: 'dwgd' } as const;

/** The chain that holds the stamp. */
export const STAMP_CHAIN = 'stamp';

/** There for no longer than a trial. */
export const PROBE_TABLE = { family: 'inet', name: 'dwgd-trial' } as const;

/** The bit in marks of connections and packets. User rules keep all others. */
export const REPLY_MARK = 0x2000_0000;

/**
 * Of the first of the five policy rules of labels; the last comes just before the kernel's `main` (32766). wg-quick(8) in
 * a container puts its own two before whatever is there, and keeps its packets also where it came first: at 32764.
 */
export const FIRST_PRIORITY = 32_761;

/**
 * The same in a container on one of dwgd's networks: those of a full tunnel are 32763 to 32765, and a label goes before
 * the network.
 */
export const FIRST_PRIORITY_BEFORE_TUNNEL = 32_758;

/** Ours, for routes that may not be in the main one. */
export const RT_TABLE_DWGD = 229;

/** What every route of a container label carries. FRRouting has 186 to 198, and takes away what it finds there. */
export const RTPROT_DWGD = 229;

/** The group of the links of root's containers ("dwgd" in ASCII): by it a left-over is known as ours. */
export const LINK_GROUP = 0x64776764;

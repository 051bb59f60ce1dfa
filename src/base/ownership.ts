// Everything that says "this is ours" in a kernel: the nftables table, routing tables and protocols, the mark, the
// priorities of policy rules, metrics, names and groups of links. What carries none of these is somebody else's and is
// never changed. Labels and full tunnels have different ones, so neither takes away what the other made.

import { fromBytes, parseAddress } from './ip.js';
import { undress } from './plain-text.js';
import { distance, nearest } from './suggest.js';

/** Of the Docker networks that are ours. */
export const DRIVER_NAME = 'dwgd';

/** What the keys of our container labels begin with. */
export const LABEL_PREFIX = 'twine.';
const LABEL_WORD = 'twine';
/** Of a key of which the beginning is not ours as it stands, in UTF-16 units. */
const MAX_KEY = 4096;
/** The first word of a key, and behind what parts it from that the rest, if there is any. */
const FIRST_WORD = /^[^\p{L}\p{N}]*([\p{L}\p{N}]{1,32})(?:[^\p{L}\p{N}]+(.*))?$/su;
/** How our keys go on: enough to know one by when its first word has a slip as well. */
const KNOWN_REST =
  /^(?:routes?|strict|nat[^a-z]*(?:(?:in[^a-z]*)?interfaces?|forwards?)|iptables[^a-z]*rules?|host[^a-z]*routes?)(?![a-z])/;

/** What stands behind a route's key. */
const NETWORK = /[\da-f:].*[./:]|^(?:default|any|all)$/;

/**
 * A label's key as it has to begin to be one of ours; undefined where it is somebody else's. Ours are those that begin
 * with our word and whatever parts it from the rest, in any case and with anything before it, and those with a slip in it,
 * or the driver's name in its place, whose rest is that of a label of ours. Letters behind our word make another word, but
 * for its last one once more.
 */
export function ownKey(key: string): string | undefined {
  if (key.startsWith(LABEL_PREFIX)) return key;
  const [, word = '', rest] = FIRST_WORD.exec(undress(key.slice(0, MAX_KEY))) ?? [];
  if (word === LABEL_WORD) return rest === undefined ? undefined : LABEL_PREFIX + rest;
  // `twineroute.0.0.0.0/0`; `twiner.oute.0.0.0.0/0` and `tw.ine.route.0.0.0.0/0`.
  for (const parting of ['.', '']) {
    const whole = word + parting + (rest ?? '');
    const joined = whole.slice(LABEL_WORD.length).replace(/^[^a-z]+/, '');
    if (whole.startsWith(LABEL_WORD) && KNOWN_REST.test(joined)) return LABEL_PREFIX + joined;
  }
  if (rest !== undefined && KNOWN_REST.test(rest) && (isSlip(word) || word === DRIVER_NAME))
    return LABEL_PREFIX + rest;
  return joinedKey(word, rest);
}

/** `twinroute.0.0.0.0/0`, `twinestrcit`: no point, and another slip beside. */
function joinedKey(word: string, rest: string | undefined): string | undefined {
  const [letters = ''] = /^[a-z]*/.exec(word) ?? [];
  const behind = [word.slice(letters.length), rest].filter(Boolean).join('.');
  const known = behind === '' ? 'strict' : 'route';
  const joined = LABEL_WORD + known;
  // Letters behind it make another word, and what leads nowhere is no route.
  if (letters.startsWith(joined) || (behind !== '' && !NETWORK.test(behind))) return undefined;
  const isNear = distance(letters, joined, 2) < 2 || sorted(letters) === sorted(joined);
  return isNear ? [LABEL_PREFIX + known, behind].filter(Boolean).join('.') : undefined;
}

/** Whether a typing error makes our word of it: a letter, or the order of all. */
function isSlip(word: string): boolean {
  if (word.startsWith(LABEL_WORD)) return word === `${LABEL_WORD}e`;
  if (word.length < LABEL_WORD.length - 1) return false;
  return nearest(word, [LABEL_WORD]) !== undefined || sorted(word) === sorted(LABEL_WORD);
}

function sorted(text: string): string {
  return [...text].sort().join('');
}

/** Our table, by the same name in every namespace. */
export const TABLE = { family: 'inet', name: 'dwgd' } as const;

/** Beside it in the namespace of a network's router: who may send what on its bridge. */
export const BRIDGE_TABLE = { family: 'bridge', name: 'dwgd' } as const;

/** The chain that holds the stamp. */
export const STAMP_CHAIN = 'stamp';

/**
 * The table in which rules are probed; it exists only for the length of a probe. The name must stay: what a killed daemon,
 * of an older version perhaps, has left is found by it.
 */
export const PROBE_TABLE = { family: 'inet', name: 'dwgd-trial' } as const;

/** The table for answers by routers that Docker does not know of; only while there are such. */
export const ROUTERS_TABLE = { family: 'inet', name: 'dwgd-routers' } as const;

/** The set of our table that remembers which neighbours have sent what is not of their own network. */
export const SENDERS_SET = 'senders';

/** The bit that we use in connection and packet marks. All others but those below are left to rules of users. */
export const REPLY_MARK = 0x2000_0000;

/** The two bits that say by which router an answer goes. */
export const ROUTER_MASK = 0x1800_0000;

/**
 * What there is for each such router, while there is one: a value of these bits, a routing table, and the addresses by which it
 * is a next hop. Nobody has these: they are neighbours that last, with the router's link-layer address.
 */
export const ROUTERS = [1, 2, 3].map(n => ({
  mark: n * 0x0800_0000,
  table: 230 + n,
  hops: { 4: fromBytes([192, 0, 0, 64 + n]), 6: parseAddress(`fe80::6477:6764:0:${n}`)! },
}));

/**
 * Of the first of the five policy rules of labels; the last comes just before the kernel's `main` (32766). A rule without a
 * priority gets that of the first but `local`, less one (fib_default_rule_pref), so one that is added later comes before
 * ours wherever these are. At this place one that was there first does, too: a tunnel as wg-quick(8) makes it keeps its
 * packets either way. labels/diff/bypass.ts finds both.
 */
export const FIRST_PRIORITY = 32_761;

/**
 * The same in a container on one of dwgd's networks: those of a full tunnel are 32763 to 32765, and a label goes before
 * the network.
 */
export const FIRST_PRIORITY_BEFORE_TUNNEL = 32_758;

/**
 * What stands before the first of them where answers go by routers: two for each router, of two priorities. Routes of main
 * but its default come before a router's.
 */
export const ROUTER_PRIORITIES_BEFORE = { main: 2, router: 1 } as const;

/** Of the first of a full tunnel's three policy rules: after those of labels, and just before `main`, too. */
export const FIRST_PRIORITY_OF_TUNNEL = 32_763;

/** The routing table for the routes of labels that must not stand in table main. */
export const RT_TABLE_DWGD = 229;

/** The protocol of every route made for a label. FRRouting uses 186 to 198, and removes what it finds there. */
export const RTPROT_DWGD = 229;

/** The routing table for the default routes of full tunnels. */
export const RT_TABLE_DWGD_TUNNEL = 230;

/** The protocol of full tunnels' routes and policy rules. */
export const RTPROT_DWGD_TUNNEL = 230;

/**
 * Metrics of labels' routes in IPv6, all below Docker's 1024. A new gateway gets the one that is free: routes of the same
 * metric would become one multipath route.
 */
export const GATEWAY_METRICS = [1, 2] as const;

/** Of the unreachable route beneath a label's gateway, in IPv6. */
export const FALLBACK_METRIC = 3;

/** What the names of containers' links begin with. */
export const LINK_NAME_PREFIX = 'wg-';

/** The abstract unix socket that the one daemon which applies labels holds in the host's network namespace. */
export const LABELS_SOCKET = '@dwgd-labels';

/** The link group of root's containers ("dwgd" in ASCII): it identifies leftovers as ours. */
export const LINK_GROUP = 0x64776764;

// The desired state of a namespace, the observed one, and the changes between them. Types only. Not here: how they are
// computed, read or made.

import type { Address, Prefix } from '../../base/ip.js';
import type { Rule } from '../../netlink/route/policy-rule.js';
import type { Route, RouteConfig } from '../../netlink/route/route.js';
import type { NftTable } from '../../nft/table.js';
import type { NetnsRef } from '../discovery/container.js';
import type { Forwarding } from './foreign-firewall.js';

/** A sysctl of a namespace, below /proc/sys/net: `ipv4/ip_forward`. */
export interface Sysctl {
  readonly name: string;
  readonly value: string;
}

/**
 * A sysctl and its desired value. With `towards`, the `*` in its name stands for the interface by which packets to that
 * address leave the namespace now; while there is no route to the address, for none.
 */
export interface DesiredSysctl {
  readonly name: string;
  readonly value: string;
  readonly towards?: Address;
}

/** A sysctl with its observed and its desired value; `towards` is resolved to a real name. */
export interface ObservedSysctl {
  readonly name: string;
  readonly value: string;
  readonly wanted: string;
}

/**
 * A route of ours. Without a gateway it is the `unreachable` fallback, below each route of a label and above Docker's: when
 * the kernel drops the label's route with its interface, packets do not leave by Docker's default route.
 */
export interface DesiredRoute {
  readonly network: Prefix;
  readonly gateway?: Address;
}

/** UDP ports that labels forward, and where the first of them leads now: nowhere while nothing is found. */
export interface UdpForward {
  readonly ports: { readonly first: number; readonly last: number };
  readonly destinations: readonly { readonly address: Address; readonly port: number }[];
}

/** The number of rules that one label has in a chain. */
export interface LabelledRules {
  /** The container's name. */
  readonly container: string;
  /** The label's key. */
  readonly key: string;
  readonly chain: string;
  readonly count: number;
}

/** Who sends on a link: its index, and a link-layer address, `02:42:0a:00:00:01`. */
export interface Sender {
  readonly index: number;
  readonly mac: string;
}

/** A neighbour with one of its addresses. */
export interface KnownNeighbour extends Sender {
  readonly address: Address;
}

/** A network of a namespace, and the address of Docker's gateway there, where it has one. */
export interface NearNetwork {
  readonly network: Prefix;
  readonly gateway?: Address;
}

/** What a namespace knows of routers that Docker does not know of. */
export interface RoutersObserved {
  /** Neighbours that have sent what is not of their own network. */
  readonly senders: readonly Sender[];
  /** Those whose link-layer addresses are known; not read while nobody has sent anything, and answers go by nobody. */
  readonly neighbours: readonly KnownNeighbour[];
  /** Of the table for answers by them; absent: there is none, or it has no valid stamp. */
  readonly stamp?: string;
}

/** All that a namespace is to hold of ours. */
export interface DesiredState {
  readonly netns: NetnsRef;
  /** Names of the containers in it, for messages. */
  readonly containers: readonly string[];
  /** Without its stamp. Absent: no table of ours, and then no sysctls. */
  readonly table?: NftTable;
  /** The labels that the table's rules come from, in the order of the rules in each chain. */
  readonly labelled?: readonly LabelledRules[];
  /** The table's, if it is known already. */
  readonly stamp?: string;
  readonly routes: readonly DesiredRoute[];
  /** FRA_PRIORITY of the first of the policy rules that the routes need; absent: FIRST_PRIORITY. */
  readonly firstPriority?: number;
  readonly sysctls: readonly DesiredSysctl[];
  /** Absent: nothing. */
  readonly forwarding?: Forwarding;
  /** Whether it is not known what else it is to hold: what is there stays, fallbacks are added, and a strict one is closed. */
  readonly isFrozen?: true;
  /**
   * IPv6 addresses to which connections to ::1 are forwarded. IPv6 has no route_localnet: for the replies to be accepted, ::1
   * has to be a local address on the interfaces that lead there, too.
   */
  readonly loopbackTowards?: readonly Address[];
  /** When the table changes, flows that go elsewhere are deleted. */
  readonly udpForwards?: readonly UdpForward[];
  /**
   * The namespace's own networks, where answers go back by routers on them that Docker does not know of: these are found
   * there. Absent: they do not.
   */
  readonly routersOn?: readonly NearNetwork[];
  /** Whether only loopback is open while a part of it is refused. */
  readonly isStrict?: true;
  /** Whether the table closes the namespace: the plan knows of labels that are not in force. */
  readonly isClosed?: true;
}

/** The desired state as a plan has it. */
export interface SandboxDesired extends DesiredState {
  /** The same for equal states (digest.ts). */
  readonly digest: string;
}

/** What a namespace holds of ours. */
export interface SandboxObserved {
  /** Of the table that is there; absent: there is no table, or it has no valid stamp. */
  readonly stamp?: string;
  /** The former values of the sysctls that we have changed, read from the stamp. */
  readonly before: readonly Sysctl[];
  /** Whether there is any table of our name. */
  readonly hasTable: boolean;
  /** Of the namespace's ruleset; absent where there is no stamp. */
  readonly generation?: number;
  /** Whether somebody has changed the table beneath its stamp. */
  readonly isTampered?: boolean;
  /** Whether a killed daemon left its probe table there. Searched for only once. */
  readonly hasProbe?: boolean;
  /** Routes of our protocol in every table, in the kernel's order. */
  readonly routes: readonly Route[];
  /** Policy rules of our protocol, in the kernel's order. */
  readonly rules: readonly Rule[];
  /** The desired ones that exist, `towards` resolved, each once. */
  readonly sysctls: readonly ObservedSysctl[];
  /** Indexes of the links that lead to where `loopbackTowards` says, each once. */
  readonly loopbackLinks?: readonly number[];
  /** Absent where it was not read: no table of ours is there, or labels ask for no such answers. */
  readonly routers?: RoutersObserved;
  /** Whether there is a table for answers by routers, where it was searched for. */
  readonly hasRouterTable?: boolean;
}

/** One step from the observed to the desired state. */
export type Change =
  | { readonly kind: 'setSysctl'; readonly sysctl: Sysctl }
  /** The table with its stamp; `createTable` where there is none of ours yet. */
  | {
      readonly kind: 'createTable' | 'replaceTable';
      readonly table: NftTable;
      /** As in DesiredState. */
      readonly labelled?: readonly LabelledRules[];
      /** As in DesiredState. */
      readonly isStrict?: true;
    }
  | { readonly kind: 'deleteTable' }
  /** The table for answers by routers, with its stamp, in place of any that is there. */
  | { readonly kind: 'putRouters'; readonly table: NftTable }
  | { readonly kind: 'deleteRouters' }
  /** A neighbour that lasts, in place of any of its address: the next hop to a router. */
  | { readonly kind: 'addNeighbour' | 'deleteNeighbour'; readonly neighbour: KnownNeighbour }
  /** A leftover table of a probe. */
  | { readonly kind: 'deleteProbe' }
  /** To be prepended: it wins over routes of the same prefix and metric. */
  | { readonly kind: 'addRoute'; readonly route: RouteConfig }
  | { readonly kind: 'deleteRoute'; readonly route: Route }
  | { readonly kind: 'addRule'; readonly rule: Rule }
  | { readonly kind: 'deleteRule'; readonly rule: Rule };

/** A change that installs a table. */
export type PutTable = Extract<Change, { readonly kind: 'createTable' | 'replaceTable' }>;

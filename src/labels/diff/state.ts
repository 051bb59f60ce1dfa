// The words of the labels' half: what Docker says of a container, what its labels ask for, what a namespace shall
// hold, what it holds, and the change between the two. Not here: how any of them is found or done.

import type { Address, Prefix } from '../../base/ip.js';
import type { Rule } from '../../netlink/route/policy-rule.js';
import type { Route, RouteConfig } from '../../netlink/route/route.js';
import type { NftTable } from '../../nft/table.js';
import type { NetnsRef } from '../discovery/container.js';

/** A sysctl of a namespace, below /proc/sys/net: `ipv4/ip_forward`. */
export interface Sysctl {
  readonly name: string;
  readonly value: string;
}

/**
 * A sysctl that shall have a value. With `towards`, the `*` in its name stands for the interface by which a packet to
 * that address leaves the namespace now, whatever it is called; while there is no way to the address, for none.
 */
export interface DesiredSysctl {
  readonly name: string;
  readonly value: string;
  readonly towards?: Address;
}

/** A sysctl with what it is and what it shall be; the name is a real one, `towards` resolved. */
export interface ObservedSysctl {
  readonly name: string;
  readonly value: string;
  readonly wanted: string;
}

/**
 * A route of ours. Without a gateway it is `unreachable`: the guard, which stands beneath each route of a label and
 * above Docker's, so that nothing goes by the default route when the kernel drops the route with its interface.
 */
export interface DesiredRoute {
  readonly network: Prefix;
  readonly gateway?: Address;
}

/** A port that labels forward by UDP, and where that leads now: nowhere while no destination is found. */
export interface UdpForward {
  readonly port: number;
  readonly destinations: readonly { readonly address: Address; readonly port: number }[];
}

/** How many rules of a chain are one label's. */
export interface LabelledRules {
  /** The container's name. */
  readonly container: string;
  /** The label's key. */
  readonly key: string;
  readonly chain: string;
  readonly count: number;
}

/** What a namespace shall hold of ours, whole. */
export interface DesiredState {
  readonly netns: NetnsRef;
  /** Names of the containers in it, for messages. */
  readonly containers: readonly string[];
  /** Without its stamp. Absent: no table of ours, and then no sysctls. */
  readonly table?: NftTable;
  /** Whose rules are in the table, in the order in which they stand in each chain. */
  readonly labelled?: readonly LabelledRules[];
  /** The table's, where it is known already. */
  readonly stamp?: string;
  readonly routes: readonly DesiredRoute[];
  /** FRA_PRIORITY of the first of the policy rules that the routes need; absent: FIRST_PRIORITY. */
  readonly firstPriority?: number;
  readonly sysctls: readonly DesiredSysctl[];
  /** Whether it is not known what else it shall hold: what is there stays, guards are added, and a strict one is closed. */
  readonly isFrozen?: true;
  /**
   * IPv6 addresses to which connections to ::1 are led. Of IPv6 there is no route_localnet: for the answers to be taken
   * in, ::1 is to be a local address on the interfaces that lead there, too.
   */
  readonly loopbackTowards?: readonly Address[];
  /** Flows that go elsewhere are let go of when the table changes. */
  readonly udpForwards?: readonly UdpForward[];
  /** Whether nothing but loopback is open while something of it is refused. */
  readonly isStrict?: true;
  /** Whether the table closes the namespace: labels are not in force of which the plan knows. */
  readonly isClosed?: true;
}

/** The same as a plan has it. */
export interface SandboxDesired extends DesiredState {
  /** Of what decides whether anything is to be changed: the same for what is the same (digest.ts). */
  readonly digest: string;
}

/** What a namespace holds of ours. */
export interface SandboxObserved {
  /** Of the table that is there; absent: no table, or one that is not whole. */
  readonly stamp?: string;
  /** What the sysctls that we have changed were before: read from beside the stamp. */
  readonly before: readonly Sysctl[];
  /** Whether there is a table of our name at all. */
  readonly hasTable: boolean;
  /** Of the namespace's ruleset; absent where there is no stamp. */
  readonly generation?: number;
  /** Whether somebody has changed the table beneath its stamp. */
  readonly isTampered?: boolean;
  /** Whether the table of a trial was left there. Looked for at the first look only: who is killed leaves it. */
  readonly hasProbe?: boolean;
  /** Routes of our protocol in every table, in the kernel's order. */
  readonly routes: readonly Route[];
  /** Policy rules of our protocol, in the kernel's order. */
  readonly rules: readonly Rule[];
  /** Those that are desired and are there, `towards` resolved, each once. */
  readonly sysctls: readonly ObservedSysctl[];
  /** Indexes of the links that lead to where `loopbackTowards` says, each once. */
  readonly loopbackLinks?: readonly number[];
}

/** One step from what is to what shall be. */
export type Change =
  | { readonly kind: 'setSysctl'; readonly sysctl: Sysctl }
  /** The table has its stamp already. There is none of ours yet, or there is one. */
  | {
      readonly kind: 'createTable' | 'replaceTable';
      readonly table: NftTable;
      /** As in DesiredState. */
      readonly labelled?: readonly LabelledRules[];
      /** As in DesiredState. */
      readonly isStrict?: true;
    }
  | { readonly kind: 'deleteTable' }
  /** A leftover table of a probe. */
  | { readonly kind: 'deleteProbe' }
  /** To be prepended: it wins over what has its prefix and metric. */
  | { readonly kind: 'addRoute'; readonly route: RouteConfig }
  | { readonly kind: 'deleteRoute'; readonly route: Route }
  | { readonly kind: 'addRule'; readonly rule: Rule }
  | { readonly kind: 'deleteRule'; readonly rule: Rule };

/** A change that puts a table in place. */
export type PutTable = Extract<Change, { readonly table: NftTable }>;

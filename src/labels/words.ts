// The words of the labels' half: what Docker says of a container, what its labels ask for, what a namespace shall
// hold, what it holds, and the change between the two. Not here: how any of them is found or done.

import type { Address, Prefix } from '../ip.js';
import type { Route, RouteConfig } from '../netlink/route.js';
import type { Rule } from '../netlink/rule.js';
import type { TranslatedRule } from '../nft/rule.js';
import type { NftTable } from '../nft/ruleset.js';

/** A container's place on one network, as Docker describes it. */
export interface Attachment {
  readonly networkId: string;
  readonly networkName: string;
  /** `bridge`, `dwgd`, …; `''` where Docker did not say. */
  readonly driver: string;
  /** IPv4 first; empty while the container is not running. */
  readonly addresses: readonly Address[];
  /** The networks of its addresses, which it reaches without a gateway. */
  readonly subnets?: readonly Prefix[];
  /** On which the kernel sends by destination and ignores a route's gateway: what it is, such as `driver dwgd`. */
  readonly ignoresNextHop?: string;
  /** Whether Docker has a default route for IPv6 by this network. */
  readonly hasGateway6?: true;
  /** Network aliases, without the container's own name and short id. */
  readonly aliases: readonly string[];
}

/** A network namespace by its identity: containers of the same key share it. */
export interface NetnsRef {
  /** Device and inode of the namespace: `4:4026532287`. */
  readonly key: string;
  /** A path by which it can be opened now: `/run/docker/netns/…`, or `/proc/PID/ns/net`. */
  readonly path: string;
  /** Whose it is, where the path is a process's; `startTime` in clock ticks since the machine began. */
  readonly process?: { readonly pid: number; readonly startTime: string };
}

/** An address of the host on a link of Ethernet's kind, with the length of the network around it. */
export interface HostPlace {
  readonly prefix: Prefix;
  /** The link's own address: `02:42:0a:00:00:01`. */
  readonly mac: string;
}

/** A container as Docker and /proc describe it. */
export interface ContainerView {
  readonly id: string;
  readonly name: string;
  /** Absent while it is not running. */
  readonly netns?: NetnsRef;
  /** Whether it is in the host's network namespace, however it came there. */
  readonly hostNetwork: boolean;
  /** `com.docker.compose.service`, and the project it is in. */
  readonly service?: { readonly project: string; readonly name: string };
  /** `com.docker.compose.oneoff`: of `docker compose run`. It does not stand in for its service. */
  readonly isOneOff?: true;
  /** The `twine.*` labels that count. */
  readonly labels: ReadonlyMap<string, string>;
  /** Keys of `twine.*` labels that came with the image and are not trusted. */
  readonly imageLabels: readonly string[];
  /** Its `twine.*` labels where nobody can tell which came with the image, and why: then none is among the others. */
  readonly unverified?: { readonly labels: ReadonlyMap<string, string>; readonly why: string };
  /** The host's own resolver that Docker asks for it, from the host. */
  readonly hostDns?: string;
  /** Of a runtime with a network stack of its own, which labels cannot hold: its name, and their keys. */
  readonly ownStack?: { readonly runtime: string; readonly keys: readonly string[] };
  /** The `twine.*` keys of a running one of which Docker cannot tell more, neither where it is nor whether they count. */
  readonly unseenKeys?: readonly string[];
  /** Whether such a one may be in its namespace, so that it is not known what that shall hold. */
  readonly isDoubtful?: boolean;
  /** In the container's order of networks: the one of its default gateway first. */
  readonly attachments: readonly Attachment[];
}

/** iptables' interface pattern: an exact name, or with `prefix` every name that begins so; `''` is every one. */
export interface InterfacePattern {
  readonly name: string;
  readonly prefix: boolean;
}

/** Where a route or a forward leads: an address, or a name of Docker or of the DNS. */
export type Destination =
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'name'; readonly name: string };

export interface ForwardIntent {
  /** The label's key, for reports. */
  readonly key: string;
  /** Absent: every interface but `lo`. */
  readonly pattern?: InterfacePattern;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly destination: Destination;
  readonly destinationPort: number;
}

export interface RouteIntent {
  readonly key: string;
  /** Host bits cleared. */
  readonly network: Prefix;
  /** Absent: the label has a mistake, and only the guard stands. */
  readonly destination?: Destination;
}

export interface RuleIntent {
  readonly key: string;
  /** Rules apply in the natural sort of their names. */
  readonly name: string;
  readonly rule: TranslatedRule;
}

export interface HostRouteIntent {
  readonly key: string;
  /** Host bits cleared. */
  readonly network: Prefix;
}

/** All that a container's labels ask for. */
export interface ContainerIntent {
  readonly natInterfaces: readonly InterfacePattern[];
  readonly forwards: readonly ForwardIntent[];
  readonly routes: readonly RouteIntent[];
  readonly rules: readonly RuleIntent[];
  readonly hostRoutes: readonly HostRouteIntent[];
  /** Whether a label that says which interfaces are forwarded by cannot be read: then nothing is, but what was translated. */
  readonly isForwardingClosed?: true;
  /** Whether nothing but loopback is open while a label is not in force. */
  readonly isStrict?: true;
  /** Keys of labels with a mistake; absent where there are none. */
  readonly mistaken?: readonly string[];
}

/** Something that a user should know of one label: one sentence that says what is wrong and what would be right. */
export interface Mistake {
  /** The container's name. */
  readonly container: string;
  /** The label's key. */
  readonly key: string;
  readonly message: string;
  /** Whether the container is not held at all. */
  readonly isError?: true;
}

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
export interface SandboxDesired {
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
  readonly sysctls: readonly DesiredSysctl[];
  /** Whether it is not known what else it shall hold: what is there stays, and only guards are added. */
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
  readonly isDamaged?: boolean;
  /** Whether the table of a trial was left there. Looked for at the first look only: who is killed leaves it. */
  readonly hasTrial?: boolean;
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
      /** As in SandboxDesired. */
      readonly labelled?: readonly LabelledRules[];
      /** As in SandboxDesired. */
      readonly isStrict?: true;
    }
  | { readonly kind: 'deleteTable' }
  /** What a trial of rules has left. */
  | { readonly kind: 'deleteTrial' }
  /** To be prepended: it wins over what has its prefix and metric. */
  | { readonly kind: 'addRoute'; readonly route: RouteConfig }
  | { readonly kind: 'deleteRoute'; readonly route: Route }
  | { readonly kind: 'addRule'; readonly rule: Rule }
  | { readonly kind: 'deleteRule'; readonly rule: Rule };

/** A change that puts a table in place. */
export type PutTable = Extract<Change, { readonly table: NftTable }>;

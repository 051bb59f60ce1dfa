// What labels ask for, and what is wrong with them. Types only. Not here: parsing them (parse.ts).

import type { Address, Prefix } from '../../base/ip.js';
import type { TranslatedRule } from '../../nft/iptables/syntax/rule.js';

/** An interface pattern of iptables: an exact name, or with `prefix` all names that begin with it; `''` is all. */
export interface InterfacePattern {
  readonly name: string;
  readonly prefix: boolean;
}

/** One place where a route or a forward may lead. */
export type SingleDestination =
  | { readonly kind: 'address'; readonly address: Address }
  /** A name of Docker's or the DNS's. */
  | { readonly kind: 'name'; readonly name: string }
  /** The gateway that Docker gives the container: the host's address on a bridge. */
  | { readonly kind: 'hostGateway' };

/** Where a route or a forward leads. */
export type Destination =
  | SingleDestination
  /** Nowhere: there is only the unreachable fallback. */
  | { readonly kind: 'unreachable' }
  /** The first of them that is there and healthy. */
  | { readonly kind: 'list'; readonly choices: readonly SingleDestination[] };

export type ForwardProtocol = 'tcp' | 'udp';

/** What a forward's label says of its clients' addresses: the destination sees them, or the gateway's in their place. */
export type ClientAddresses = 'keep' | 'masquerade';

/** The ports from the first to the last, 1 to 65535. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface ForwardIntent {
  /** The label's key, for diagnostics; others may come from the same label. */
  readonly key: string;
  /** Absent: every interface but `lo`. */
  readonly pattern?: InterfacePattern;
  readonly protocol: ForwardProtocol;
  readonly ports: PortRange;
  readonly destination: Destination;
  /** That of the first port; the others follow in order. */
  readonly destinationPort: number;
  /** Absent: kept where answers come back by themselves. */
  readonly clients?: ClientAddresses;
}

export interface RouteIntent {
  readonly key: string;
  /** Host bits cleared. */
  readonly network: Prefix;
  /** Absent: the label has a mistake, and there is only the unreachable fallback. */
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
  /** Changes whenever the labels or the container's name do. */
  readonly revision: number;
  readonly natInterfaces: readonly InterfacePattern[];
  /** By these only translated connections are forwarded, whatever `natInterfaces` says. */
  readonly inInterfaces: readonly InterfacePattern[];
  readonly forwards: readonly ForwardIntent[];
  readonly routes: readonly RouteIntent[];
  readonly rules: readonly RuleIntent[];
  readonly hostRoutes: readonly HostRouteIntent[];
  /** Whether the label with the interfaces to forward by has a mistake: then only translated connections are forwarded. */
  readonly isForwardingClosed?: true;
  /** Whether that of those by which only forwards come in has one: then it may be any of `natInterfaces`. */
  readonly areInInterfacesUnknown?: true;
  /** Whether only loopback is open while a label is not in force. */
  readonly isStrict?: true;
  /** Keys of labels with a mistake; absent where there are none. */
  readonly mistaken?: readonly string[];
}

/** What a label leaves open though it is in force. */
export type Risk = 'host-dns' | 'ipv6' | 'lan-dns' | 'open-way' | 'internal' | 'answers';

/** What a user should know about one label: one sentence that says what is wrong and what would be right. */
export interface Diagnostic {
  /** The container's name. */
  readonly container: string;
  /** The label's key. */
  readonly key: string;
  readonly message: string;
  /** Whether labels have no effect on the container at all. */
  readonly isError?: true;
  /** Present: no mistake, and said once while the daemon runs for all that have the same, even if the label goes and comes. */
  readonly once?: string;
  /** Present: the label is in force. */
  readonly risk?: Risk;
  /** Present: the label is right, and waits for another container or a name. That may be over in a moment. */
  readonly isWaiting?: true;
}

// What labels ask for, once read, and what is wrong with those that cannot be. Types only. Not here: reading them
// (parse.ts).

import type { Address, Prefix } from '../../base/ip.js';
import type { TranslatedRule } from '../../nft/iptables/syntax/rule.js';

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
  /** Of the labels: another number whenever they, or the container's name, are others. */
  readonly revision: number;
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
export interface Diagnostic {
  /** The container's name. */
  readonly container: string;
  /** The label's key. */
  readonly key: string;
  readonly message: string;
  /** Whether the container is not held at all. */
  readonly isError?: true;
}

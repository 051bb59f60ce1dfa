// A container as Docker and /proc describe it: where it is, what it is called, which labels count. Types only.

import type { Address, Prefix } from '../../base/ip.js';

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
export interface HostInterfaceAddress {
  readonly prefix: Prefix;
  /** The link's own address: `02:42:0a:00:00:01`. */
  readonly mac: string;
}

/** A container as Docker and /proc describe it. */
export interface ContainerView {
  /**
   * Another number whenever Docker or /proc were asked about it again, or it is known to be elsewhere: of two views with
   * one revision everything is the same. No two containers share one.
   */
  readonly revision: number;
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
  /** Its `twine.*` labels where nobody can tell whether they count, and why: then none is among the others. */
  readonly unverified?: {
    readonly labels: ReadonlyMap<string, string>;
    readonly why: string;
    /** What nobody can tell therefore, and what ends it; absent: the image is gone. */
    readonly until?: string;
  };
  /** Of one without labels: the name of its runtime, and why Docker does not tell what that is. */
  readonly unknownRuntime?: { readonly runtime: string; readonly why: string };
  /** The host's own resolver that Docker asks for it, from the host. */
  readonly hostDns?: string;
  /** Of a runtime with a network stack of its own, which labels cannot hold: its name, and their keys. */
  readonly ownStack?: { readonly runtime: string; readonly keys: readonly string[] };
  /** The `twine.*` keys of a running one of which Docker cannot tell more, neither where it is nor whether they count. */
  readonly unverifiedLabelKeys?: readonly string[];
  /** Whether such a one may be in its namespace, so that it is not known what that shall hold. */
  readonly isIndeterminate?: boolean;
  /** In the container's order of networks: the one of its default gateway first. */
  readonly attachments: readonly Attachment[];
}

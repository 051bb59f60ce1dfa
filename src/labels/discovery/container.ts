// A container as Docker and /proc describe it: its namespace, its names, the labels that count. Types only.

import type { Address, Prefix } from '../../base/ip.js';

/** A container's endpoint on one network, as Docker describes it. */
export interface Attachment {
  readonly networkId: string;
  readonly networkName: string;
  /** `bridge`, `dwgd`, …; `''` where Docker did not say. */
  readonly driver: string;
  /** IPv4 first; empty while the container is not running. */
  readonly addresses: readonly Address[];
  /** Of one that has none: those that it has whenever it runs (`--ip`), or on a bridge had last. It may have them before Docker says so. */
  readonly formerAddresses?: readonly Address[];
  /** The on-link networks of its addresses. */
  readonly subnets?: readonly Prefix[];
  /** Present on a network where the kernel ignores a route's gateway: says why, such as `driver dwgd`. */
  readonly ignoresNextHop?: string;
  /** Whether Docker lets nothing out of the network or in (`internal: true`). */
  readonly isInternal?: true;
  /** The gateways that Docker gives it on this network, IPv4 first: on a bridge the host's own addresses, on an overlay network those of docker_gwbridge. None if internal. */
  readonly gateways?: readonly Address[];
  /** Network aliases, without the container's own name and short id. */
  readonly aliases: readonly string[];
}

/** A network namespace: containers with the same key share it. */
export interface NetnsRef {
  /** Device and inode of the namespace: `4:4026532287`. */
  readonly key: string;
  /** A path by which it can be opened now: `/run/docker/netns/…`, or `/proc/PID/ns/net`. */
  readonly path: string;
  /** The process that a path below /proc belongs to; `startTime` in clock ticks since boot. */
  readonly process?: { readonly pid: number; readonly startTime: string };
}

/** An address of the host on an Ethernet-like link, or of a router beside it, with the prefix length of its network. */
export interface HostInterfaceAddress {
  readonly prefix: Prefix;
  /** The link's own address, or the router's: `02:42:0a:00:00:01`. */
  readonly mac: string;
  /** Present where it is a router's. */
  readonly isNeighbour?: true;
}

/** A network that the host reaches by a gateway of its own, and that gateway. */
export interface NextHop {
  readonly network: Prefix;
  readonly gateway: Address;
}

/** What the host does with packets that are not its own. */
export interface HostForwarding {
  /** By family, whether it forwards at all. */
  readonly isOn: { readonly 4: boolean; readonly 6: boolean };
  /** Whether Docker's firewall is its tables of nftables (from Docker 29, where so configured) in place of iptables. */
  readonly isNftables: boolean;
}

/** A container as Docker and /proc describe it. */
export interface ContainerView {
  /**
   * Changes whenever the container is inspected again, or turns out to be in another namespace: two views with the same
   * revision are the same in everything. No two containers share a revision.
   */
  readonly revision: number;
  readonly id: string;
  readonly name: string;
  /** Absent while it is not running. */
  readonly netns?: NetnsRef;
  /** Whether it is in the host's network namespace, for whatever reason. */
  readonly hostNetwork: boolean;
  /** Names of other containers that it has for itself (`links:`), with theirs. */
  readonly links?: ReadonlyMap<string, string>;
  /** Present where Docker checks its health, and it is not `healthy`. */
  readonly health?: 'starting' | 'unhealthy';
  /** `com.docker.compose.service`, and its project; of Swarm's: the service without its stack's name, and the stack. */
  readonly service?: { readonly project: string; readonly name: string };
  /** `com.docker.compose.oneoff`: made by `docker compose run`. It does not stand in for its service. */
  readonly isOneOff?: true;
  /** Names that Swarm gives it beside its own: `stack_vpn`, `stack_vpn.1`. */
  readonly taskNames?: readonly string[];
  /** The id of the service of Swarm that it is a task of, as its label says. */
  readonly swarmService?: string;
  /** The `twine.*` labels that count. */
  readonly labels: ReadonlyMap<string, string>;
  /** Keys of `twine.*` labels that came with the image and are not trusted. */
  readonly imageLabels: readonly string[];
  /** Its `twine.*` labels if it is not known whether they count, and why not; `labels` is empty then. */
  readonly unverified?: {
    readonly labels: ReadonlyMap<string, string>;
    readonly why: string;
    /** What is not known for that reason, and the remedy; absent: the image is gone. */
    readonly unknown?: string;
  };
  /** The name of its runtime, and why Docker does not describe that; only of a container without labels. */
  readonly unknownRuntime?: { readonly runtime: string; readonly why: string };
  /** The resolver on the host's loopback that Docker forwards its DNS queries to. */
  readonly hostDns?: string;
  /** The resolver of a private network that is asked from within the container, which has no `dns:` of its own. */
  readonly privateDns?: string;
  /** Present with a runtime that has its own network stack, where labels have no effect: its name, and the labels' keys. */
  readonly ownStack?: { readonly runtime: string; readonly keys: readonly string[] };
  /** The `twine.*` keys of a running container that Docker cannot inspect: neither its namespace nor its labels are known. */
  readonly unverifiedLabelKeys?: readonly string[];
  /** Whether such a container may share its namespace, so that the namespace's desired state is not known. */
  readonly isIndeterminate?: boolean;
  /** In the container's order of networks: first the one with its default gateway. */
  readonly attachments: readonly Attachment[];
}

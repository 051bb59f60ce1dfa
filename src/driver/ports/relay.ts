// What relays of both protocols share: where they listen, and where they lead. Not here: the relays themselves (tcp-relay.ts,
// udp-relay.ts), how many sessions there may be (sessions.ts).

import { isIPv6 } from 'node:net';
import { type Address, formatAddress } from '../../base/ip.js';
import type { Synchronous } from '../../netlink/netns.js';

/** An address and port of the host. */
export interface ListenAt {
  readonly address: string;
  /** 0: whichever is free. */
  readonly port: number;
}

/** A container, and the namespace from which it is reached. */
export interface Inward {
  readonly addresses: readonly Address[];
  readonly port: number;
  /** Runs a function in the namespace of the network's router. @throws Error where there is none */
  within<T>(fn: () => Synchronous<T>): Synchronous<T>;
}

/** A port of the host that leads to a container. */
export interface Relay {
  /** The one that it has. */
  readonly port: number;
  /** Lets go of the port at once, and ends all sessions. */
  close(): void;
}

/** The container's address for whoever came by an address of the host: of the same family, where it has one. */
export function addressFor({ addresses }: Inward, listensAt: string): string {
  const family = isIPv6(listensAt) ? 6 : 4;
  return formatAddress(addresses.find(address => address.family === family) ?? addresses[0]!);
}

type Found = (err: null, address: string, family: number) => void;

/** What is an address already: found at once, so that a socket is made before the thread leaves the namespace. */
export function literal(address: string, done: Found): void {
  done(null, address, isIPv6(address) ? 6 : 4);
}

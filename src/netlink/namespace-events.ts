// Events of many namespaces by few sockets. These are in a namespace that is made for them, which knows those of others alone to
// which it was given a number: nobody else's events come, the host's neither, and who is not to be heard any more has none in
// the next. Not here: an event's bytes (namespace-event.ts), who is heard, and what follows.

import { randomInt } from 'node:crypto';
import {
  attachFilter,
  bindNetlink,
  type FilterInstruction,
  MessageBatch,
  type Received,
} from '../../native/libc-events.js';
import {
  AF_NETLINK,
  close,
  SO_RCVBUFFORCE,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  setSocketOption,
  socket,
} from '../../native/libc-sockets.js';
import { DecodeError } from '../base/errors.js';
import { Bell } from './bell.js';
import { type Connection, openConnection } from './connection.js';
import { NETLINK_ROUTE } from './message.js';
import {
  decodeEvent,
  decodeNsid,
  getNsidRequest,
  type NamespaceEvent,
  NETLINK_LISTEN_ALL_NSID,
  newNsidRequest,
} from './namespace-event.js';
import type { Netns, NetnsSwitch } from './netns.js';

const NETLINK_ADD_MEMBERSHIP = 1;
/** Room for thousands of events, taken only when they come. */
const EVENT_BUFFER_BYTES = 8 * 1024 * 1024;
/** So many are read at a time, so much of each: its header, and a little of the rest. */
const [BATCH, BYTES_EACH] = [128, 40] as const;
/** Batches that are read from a socket until others have their turn, and where all is to be read: more than the buffer holds. */
const [SOME_BATCHES, ALL_BATCHES] = [4, 256] as const;
/** Above those that netlink gives by itself, the ids of processes. */
const [FIRST_PORT, END_OF_PORTS] = [0x4000_0000, 0x8000_0000] as const;

/** What is heard by one socket. */
export interface EventSource {
  /** NETLINK_* */
  readonly protocol: number;
  /** Multicast groups. */
  readonly groups: readonly number[];
  /** Which of their messages come. */
  readonly filter: readonly FilterInstruction[];
}

export class NamespaceEvents {
  readonly #sockets: number[] = [];
  readonly #connection: Connection;
  readonly #batch: MessageBatch;
  readonly #bell: Bell;
  /** Sockets that have lost events, and still have some. */
  readonly #overrun = new Set<number>();
  #lastId = 0;
  #isClosed = false;

  private constructor(sources: readonly EventSource[], ring: () => void) {
    this.#batch = new MessageBatch(BATCH, BYTES_EACH);
    let connection: Connection | undefined;
    try {
      connection = openConnection(NETLINK_ROUTE);
      for (const source of sources) this.#sockets.push(openSource(source));
      this.#bell = new Bell(this.#sockets, ring);
      this.#connection = connection;
    } catch (err) {
      for (const fd of this.#sockets) close(fd);
      connection?.close();
      this.#batch.free();
      throw err;
    }
  }

  /**
   * @param ring called again and again while there is something to read
   * @throws OpError where the kernel does not have it, or it is not allowed (EPERM: CAP_NET_BROADCAST); ErrnoException, ChannelError
   */
  static open(
    netns: Pick<NetnsSwitch, 'withinNew'>,
    sources: readonly EventSource[],
    ring: () => void,
  ): NamespaceEvents {
    return netns.withinNew<{ events: NamespaceEvents }>(() => ({
      events: new NamespaceEvents(sources, ring),
    })).events;
  }

  /**
   * Has a namespace heard from now on, until it ends. It is not held.
   * @returns the number by which its events say that they are its
   * @throws OpError, ChannelError
   */
  hear(netns: Netns): number {
    const nsid = ++this.#lastId;
    this.#connection.request(newNsidRequest(nsid, netns.fd), {
      op: 'numbering the namespace',
      subject: netns.path,
    });
    return nsid;
  }

  /** The number of a namespace that is heard already. @throws OpError, ChannelError, DecodeError */
  numberOf(netns: Netns): number | undefined {
    const context = { op: 'reading the number of the namespace', subject: netns.path };
    const [answer] = this.#connection.request(getNsidRequest(netns.fd), context);
    return answer && decodeNsid(answer.payload);
  }

  /**
   * Reads what has come.
   * @param all not only some of it where it is much
   * @returns whether events were lost before; those from now on are heard
   * @throws OpError
   */
  read(take: (event: NamespaceEvent) => void, all = false): boolean {
    let isLost = false;
    const taken = ({ data, control }: Received): void => {
      const event = readable(() => decodeEvent(data, control));
      if (event) take(event);
      else isLost = true;
    };
    for (const fd of this.#isClosed ? [] : this.#sockets) {
      for (let n = 0; n < (all ? ALL_BATCHES : SOME_BATCHES) && !this.#isClosed; n++) {
        const got = this.#batch.receive(fd, taken);
        if (got === 'overrun') this.#overrun.add(fd);
        else if (got < this.#batch.count) {
          // Until here nothing came any more.
          if (this.#overrun.delete(fd)) isLost = true;
          break;
        }
      }
    }
    return isLost;
  }

  /** Closing it again does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#bell.close();
    for (const fd of this.#sockets) close(fd);
    this.#connection.close();
    this.#batch.free();
  }
}

/** A socket of the namespace of the calling thread. */
function openSource({ protocol, groups, filter }: EventSource): number {
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, protocol);
  try {
    // The kernel does not tell the port that a change came from, of any namespace: one that nobody else has.
    bindNetlink(fd, randomInt(FIRST_PORT, END_OF_PORTS));
    attachFilter(fd, filter);
    setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, EVENT_BUFFER_BYTES);
    setSocketOption(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1);
    for (const group of groups) setSocketOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
    return fd;
  } catch (err) {
    close(fd);
    throw err;
  }
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (err) {
    if (err instanceof DecodeError) return undefined;
    throw err;
  }
}

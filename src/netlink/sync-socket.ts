// Requests and answers on a netlink socket within one synchronous moment: what is done in a window of another
// namespace. It never waits: rtnetlink and nfnetlink answer within the system call that asks, and a dump goes on with
// every read. Not here: events, many requests at once (socket.ts), what any message means.

import { closeSync, readSync, writeSync } from 'node:fs';
import {
  AF_NETLINK,
  NETLINK_GET_STRICT_CHK,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
  sendOnThread,
  setSocketOption,
  socket,
} from '../../native/libc.js';
import { ChannelError, errorCode, messageOf, OpError } from '../errors.js';
import {
  encodeRequest,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
  readErrno,
  readMessages,
} from './message.js';
import type { Purpose } from './socket.js';

/** The kernel fills at most so much at a time (netlink_dump()). */
export const DUMP_BUFFER_BYTES = 32 * 1024;
const DUMP_TRIES = 8;
/**
 * For a namespace whose owner may mean harm: answers to a dump at most. Each takes time in which nothing else is done.
 */
export const MOST_ANSWERS = 8_192;

export class SyncNetlinkSocket {
  readonly #fd: number;
  readonly #buffer: Buffer;
  #seq = 0;

  /**
   * Opens a socket of the namespace of the calling thread. It pins the namespace: close it in the same window.
   * @param protocol NETLINK_*
   * @param buffer where answers are read to, one after the other; sockets that are not used at once may share it
   * @throws OpError
   */
  constructor(protocol: number, buffer: Buffer = Buffer.allocUnsafe(DUMP_BUFFER_BYTES)) {
    this.#buffer = buffer;
    this.#fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, protocol);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /**
   * NETLINK_GET_STRICT_CHK: a dump gives only what the header of its request names. Kernels before 4.20 do not know
   * it and give everything.
   */
  filterDumps(): void {
    try {
      setSocketOption(this.#fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    } catch (err) {
      if (errorCode(err) !== 'ENOPROTOOPT') throw err;
    }
  }

  /**
   * Sends one request. A dump answers with all its messages, anything else with what precedes the acknowledgement
   * (nothing, for most).
   * @param most answers beyond so many are not read
   * @throws OpError when the kernel refuses, ChannelError when there is no answer, an unreadable one or too many
   */
  request(request: Request, purpose: Purpose, most = Number.POSITIVE_INFINITY): Message[] {
    const tries = (request.flags & NLM_F_DUMP) === NLM_F_DUMP ? DUMP_TRIES : 1;
    for (let n = 1; ; n++) {
      const seq = ++this.#seq;
      this.#send(encode(request, seq), purpose);
      const replies = this.#collect(seq, purpose, most);
      if (replies) return replies;
      if (n === tries) throw changedMeanwhile(purpose);
    }
  }

  /** The same for a request that the kernel works on for long: a thread waits for it. A torn list is not read again. */
  async requestOnThread(request: Request, purpose: Purpose): Promise<Message[]> {
    const seq = ++this.#seq;
    await sendOnThread(this.#fd, encode(request, seq), purpose.op, purpose.subject);
    const replies = this.#collect(seq, purpose, Number.POSITIVE_INFINITY);
    if (!replies) throw changedMeanwhile(purpose);
    return replies;
  }

  /** The answers to a request; undefined when the kernel says that the list was torn. */
  #collect(seq: number, purpose: Purpose, most: number): Message[] | undefined {
    const replies: Message[] = [];
    let torn = false;
    for (;;) {
      for (const message of this.#receive(purpose)) {
        if (message.seq !== seq) continue;
        if (message.flags & NLM_F_DUMP_INTR) torn = true;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          const errno = readErrno(message);
          if (errno !== 0) throw new OpError(purpose.op, purpose.subject, errno);
          return torn ? undefined : replies;
        }
        // What is left of the dump goes with the socket.
        if (replies.length >= most) {
          throw new ChannelError(`${purpose.op} ${purpose.subject}: there are more than ${most}`);
        }
        replies.push({ ...message, payload: Buffer.from(message.payload) });
      }
    }
  }

  /** write(2) and read(2) on a socket are send(2) and recv(2); Node's calls of them cost a tenth of foreign ones. */
  #send(bytes: Buffer, { op, subject }: Purpose): void {
    try {
      writeSync(this.#fd, bytes);
    } catch (err) {
      throw new OpError(op, subject, -((err as NodeJS.ErrnoException).errno ?? 0), { cause: err });
    }
  }

  #receive({ op, subject }: Purpose): Message[] {
    try {
      return readMessages(this.#buffer.subarray(0, readSync(this.#fd, this.#buffer)));
    } catch (err) {
      const reason = `${op} ${subject}: no answer from the kernel that can be read: ${messageOf(err)}`;
      throw new ChannelError(reason, { cause: err });
    }
  }
}

function changedMeanwhile({ op, subject }: Purpose): ChannelError {
  return new ChannelError(`${op} ${subject}: changed meanwhile`);
}

function encode(request: Request, seq: number): Buffer {
  return encodeRequest({ ...request, flags: request.flags | NLM_F_ACK }, seq);
}

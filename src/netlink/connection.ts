// Requests and answers on a netlink socket within one synchronous moment: what is done in a window of another
// namespace. It never waits: rtnetlink and nfnetlink answer within the system call that asks, and a dump goes on with
// every read. Not here: events, many requests at once (event-socket.ts), what any message means.

import { randomInt } from 'node:crypto';
import { closeSync, readSync, writeSync } from 'node:fs';
import {
  AF_NETLINK,
  connectToKernel,
  NETLINK_GET_STRICT_CHK,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
  sendOnThread,
  setSocketOption,
  socket,
} from '../../native/libc.js';
import { ChannelError, errorCode, messageOf, OpError } from '../base/errors.js';
import type { OpContext } from './event-socket.js';
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

/** The kernel fills at most so much at a time (netlink_dump()). */
export const DUMP_BUFFER_BYTES = 32 * 1024;
const DUMP_TRIES = 8;

/** What is read at most for one request, its own messages or not. Nothing else is done meanwhile. */
export interface AnswerLimits {
  readonly messages: number;
  /** For all tries together, in milliseconds. */
  readonly ms: number;
}

/** The messages for a namespace whose owner may mean harm. */
export const MAX_DUMP_MESSAGES = 8_192;
/** For a namespace whose owner may mean harm. */
export const GUARDED: AnswerLimits = { messages: MAX_DUMP_MESSAGES, ms: 1_000 };
/** For the host's, which may have a million routes. */
const TRUSTED: AnswerLimits = { messages: Number.POSITIVE_INFINITY, ms: 10_000 };
const UINT32_VALUES = 2 ** 32;

export class SyncNetlinkSocket {
  readonly #fd: number;
  readonly #buffer: Buffer;
  readonly #limits: AnswerLimits;
  /** Nobody else knows which answers are waited for. */
  #seq = randomInt(UINT32_VALUES);

  /**
   * Opens a socket of the namespace of the calling thread, to which nobody but the kernel can send. It pins the
   * namespace: close it in the same window.
   * @param protocol NETLINK_*
   * @param buffer where answers are read to, one after the other; sockets that are not used at once may share it
   * @throws OpError
   */
  constructor(
    protocol: number,
    buffer: Buffer = Buffer.allocUnsafe(DUMP_BUFFER_BYTES),
    limits: AnswerLimits = TRUSTED,
  ) {
    this.#buffer = buffer;
    this.#limits = limits;
    this.#fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, protocol);
    try {
      connectToKernel(this.#fd);
    } catch (err) {
      closeSync(this.#fd);
      throw err;
    }
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
   * @throws OpError when the kernel refuses, ChannelError when there is no answer, an unreadable one, or one beyond the
   * socket's limits
   */
  request(request: Request, purpose: OpContext): Message[] {
    const tries = (request.flags & NLM_F_DUMP) === NLM_F_DUMP ? DUMP_TRIES : 1;
    const until = performance.now() + this.#limits.ms;
    for (let n = 1; ; n++) {
      const seq = this.#nextSeq();
      this.#send(encode(request, seq), purpose);
      const replies = this.#collect(seq, purpose, until);
      if (replies) return replies;
      if (n === tries) throw changedMeanwhile(purpose);
    }
  }

  /** The same for a request that the kernel works on for long: a thread waits for it. A torn list is not read again. */
  async requestOnThread(request: Request, purpose: OpContext): Promise<Message[]> {
    const seq = this.#nextSeq();
    await sendOnThread(this.#fd, encode(request, seq), purpose.op, purpose.subject);
    const replies = this.#collect(seq, purpose, performance.now() + this.#limits.ms);
    if (!replies) throw changedMeanwhile(purpose);
    return replies;
  }

  /** 0 is the number of what nobody asked for. */
  #nextSeq(): number {
    this.#seq = (this.#seq + 1) % UINT32_VALUES || 1;
    return this.#seq;
  }

  /** The answers to a request; undefined when the kernel says that the list was torn. */
  #collect(seq: number, purpose: OpContext, until: number): Message[] | undefined {
    const { op, subject } = purpose;
    const { messages, ms } = this.#limits;
    const replies: Message[] = [];
    let torn = false;
    for (let read = 0; ; ) {
      for (const message of this.#receive(purpose)) {
        if (message.seq === seq) {
          if (message.flags & NLM_F_DUMP_INTR) torn = true;
          if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
            const errno = readErrno(message);
            if (errno !== 0) throw new OpError(op, subject, errno);
            return torn ? undefined : replies;
          }
          replies.push({ ...message, payload: Buffer.from(message.payload) });
        }
        // What is left of the dump goes with the socket.
        if (++read > messages) throw new ChannelError(`${op} ${subject}: there are more than ${messages}`);
      }
      if (performance.now() > until) throw new ChannelError(`${op} ${subject}: no end of it in ${ms} ms`);
    }
  }

  /** write(2) and read(2) on a socket are send(2) and recv(2); Node's calls of them cost a tenth of foreign ones. */
  #send(bytes: Buffer, { op, subject }: OpContext): void {
    try {
      writeSync(this.#fd, bytes);
    } catch (err) {
      throw new OpError(op, subject, -((err as NodeJS.ErrnoException).errno ?? 0), { cause: err });
    }
  }

  #receive({ op, subject }: OpContext): Message[] {
    try {
      return readMessages(this.#buffer.subarray(0, readSync(this.#fd, this.#buffer)));
    } catch (err) {
      const reason = `${op} ${subject}: no answer from the kernel that can be read: ${messageOf(err)}`;
      throw new ChannelError(reason, { cause: err });
    }
  }
}

function changedMeanwhile({ op, subject }: OpContext): ChannelError {
  return new ChannelError(`${op} ${subject}: changed meanwhile`);
}

function encode(request: Request, seq: number): Buffer {
  return encodeRequest({ ...request, flags: request.flags | NLM_F_ACK }, seq);
}

// Requests to the kernel and their answers, within one synchronous moment: rtnetlink, generic netlink and nfnetlink
// answer within the system call that asks, and a dump goes on with every read. Sequence numbers, errno, torn dumps and
// limits are known here and nowhere else. Not here: what any message means, events (event-socket.ts).

import { randomInt } from 'node:crypto';
import { ChannelError, messageOf, OpError, TooManyError } from '../base/errors.js';
import { KernelSocket } from './kernel-socket.js';
import {
  encodeRequest,
  type Message,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
  readErrno,
  readMessages,
} from './message.js';
import { finishInParts, type Work } from './work.js';

/** What a request is for, in the words of an OpError: "creating link", "wg0". */
export interface OpContext {
  readonly op: string;
  readonly subject: string;
}

/** Requests in, answers out, in one network namespace: what the clients of all families work on. */
export interface Connection {
  /**
   * Sends one request. A dump answers with all its messages, anything else with what precedes the acknowledgement
   * (nothing, for most).
   * @throws OpError when the kernel refuses, ChannelError when there is no answer, an unreadable one, or one beyond the
   * connection's limits
   */
  request(request: Request, context: OpContext): Message[];
  /**
   * Sends a transaction of nfnetlink, all of which is carried out or nothing.
   * @throws OpError for the first request that the kernel refuses; ChannelError as `request` does
   */
  batch(batch: Batch, context: OpContext): void;
  /** Closing it again does nothing. */
  close(): void;
}

/** A transaction of nfnetlink: its requests, at least one, between two messages that nothing answers. */
export interface Batch {
  readonly begin: Request;
  readonly requests: readonly Request[];
  readonly end: Request;
}

/** A connection on which the kernel may work for long, without holding up the event loop. */
export interface ThreadedConnection extends Connection {
  /** The same as `request`, while a thread waits. A torn list is not read again. */
  requestOnThread(request: Request, context: OpContext): Promise<Message[]>;
}

/** What is read at most for one request, its own messages or not. Nothing else is done meanwhile. */
export interface AnswerLimits {
  readonly messages: number;
  /** Of their payloads; absent: any number. */
  readonly bytes?: number;
  /** For all tries together, in milliseconds. */
  readonly ms: number;
}

/** The messages for a namespace whose owner may mean harm. */
export const MAX_DUMP_MESSAGES = 8_192;
/** For a namespace whose owner may mean harm. */
export const GUARDED: AnswerLimits = { messages: MAX_DUMP_MESSAGES, ms: 1_000 };
/** For the host's, which may have a million routes. */
const TRUSTED: AnswerLimits = { messages: Number.POSITIVE_INFINITY, ms: 10_000 };
/** The kernel fills at most so much at a time (netlink_dump()). */
export const DUMP_BUFFER_BYTES = 32 * 1024;
const DUMP_TRIES = 8;
const UINT32_VALUES = 2 ** 32;

interface ConnectionOptions {
  /** Where answers are read to, one after the other; connections that are not used at once may share it. */
  readonly buffer?: Buffer;
  /** Absent: those for the host. */
  readonly limits?: AnswerLimits;
}

/** Opens a connection of a protocol (NETLINK_*) in the namespace of the calling thread. */
export type ConnectionOpener = (protocol: number, options?: ConnectionOptions) => Connection;

/**
 * Opens a connection in the namespace of the calling thread, to which nobody but the kernel can send. It pins the
 * namespace until it is closed.
 * @param protocol NETLINK_*
 * @throws OpError
 */
export function openConnection(protocol: number, options?: ConnectionOptions): NetlinkConnection {
  return new NetlinkConnection(new KernelSocket(protocol), options);
}

/** An rtnetlink connection of the namespace of the calling thread, for requests that take long too. */
export function openRouteSocket(): ThreadedConnection {
  return openConnection(NETLINK_ROUTE);
}

export class NetlinkConnection implements ThreadedConnection {
  readonly #socket: Pick<KernelSocket, keyof KernelSocket>;
  readonly #buffer: Buffer;
  readonly #limits: AnswerLimits;
  /** Nobody else knows which answers are waited for. */
  #seq = randomInt(UINT32_VALUES);

  /** @param socket which is its own from here on */
  constructor(
    socket: Pick<KernelSocket, keyof KernelSocket>,
    { buffer = Buffer.allocUnsafe(DUMP_BUFFER_BYTES), limits = TRUSTED }: ConnectionOptions = {},
  ) {
    this.#socket = socket;
    this.#buffer = buffer;
    this.#limits = limits;
  }

  close(): void {
    this.#socket.close();
  }

  request(request: Request, context: OpContext): Message[] {
    return this.#drain(this.#tries(request, context), context);
  }

  /** The same as `request`, with a pause between parts of the answer and no limit of time: what the pause throws ends it. */
  requestInParts(request: Request, context: OpContext, pause: () => Promise<void>): Promise<Message[]> {
    return finishInParts(this.#tries(request, context), pause);
  }

  batch({ begin, requests, end }: Batch, context: OpContext): void {
    const all = [begin, ...requests, end];
    const seqs = all.map(() => this.#nextSeq());
    // Of many requests only the last is acknowledged; one that fails is answered in any case, and before that.
    const last = seqs.at(-2);
    const datagram = all.map((request, n) =>
      seqs[n] === last ? encode(request, seqs[n]!) : encodeRequest(request, seqs[n]!),
    );
    const until = performance.now() + this.#limits.ms;
    this.#send(Buffer.concat(datagram), context);
    for (;;) {
      for (const message of this.#receive(context)) {
        if (message.type !== NLMSG_ERROR || !seqs.includes(message.seq)) continue;
        const errno = readable(context, () => readErrno(message));
        if (errno !== 0) throw new OpError(context.op, context.subject, errno);
        if (message.seq === last) return;
      }
      if (performance.now() > until)
        throw new ChannelError(`${context.op} ${context.subject}: no end of it in ${this.#limits.ms} ms`);
    }
  }

  async requestOnThread(request: Request, context: OpContext): Promise<Message[]> {
    const seq = this.#nextSeq();
    await this.#socket.sendOnThread(encode(request, seq), context.op, context.subject);
    const replies = this.#drain(this.#parts(seq, context), context);
    if (!replies) throw changedMeanwhile(context);
    return replies;
  }

  /** 0 is the number of what nobody asked for. */
  #nextSeq(): number {
    this.#seq = (this.#seq + 1) % UINT32_VALUES || 1;
    return this.#seq;
  }

  /** Yields after each datagram but the last. */
  *#tries(request: Request, context: OpContext): Work<Message[]> {
    const tries = (request.flags & NLM_F_DUMP) === NLM_F_DUMP ? DUMP_TRIES : 1;
    for (let n = 1; n <= tries; n++) {
      const seq = this.#nextSeq();
      this.#send(encode(request, seq), context);
      const replies = yield* this.#parts(seq, context);
      if (replies) return replies;
    }
    throw changedMeanwhile(context);
  }

  #drain<T>(parts: Work<T>, { op, subject }: OpContext): T {
    const until = performance.now() + this.#limits.ms;
    for (let part = parts.next(); ; part = parts.next()) {
      if (part.done) return part.value;
      if (performance.now() > until)
        throw new ChannelError(`${op} ${subject}: no end of it in ${this.#limits.ms} ms`);
    }
  }

  /** The answers to a request; undefined when the kernel says that the list was torn. */
  *#parts(seq: number, context: OpContext): Work<Message[] | undefined> {
    const { op, subject } = context;
    const { messages, bytes = Number.POSITIVE_INFINITY } = this.#limits;
    const replies: Message[] = [];
    let torn = false;
    let size = 0;
    for (let read = 0; ; ) {
      for (const message of this.#receive(context)) {
        if (message.seq === seq) {
          if (message.flags & NLM_F_DUMP_INTR) torn = true;
          if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
            const errno = readable(context, () => readErrno(message));
            if (errno !== 0) throw new OpError(op, subject, errno);
            return torn ? undefined : replies;
          }
          replies.push({ ...message, payload: Buffer.from(message.payload) });
          size += message.payload.length;
        }
        // What is left of the dump goes with the socket.
        if (++read > messages) throw new TooManyError(`${op} ${subject}: there are more than ${messages}`);
        if (size > bytes) throw new TooManyError(`${op} ${subject}: they have more than ${bytes} bytes`);
      }
      yield;
    }
  }

  #send(datagram: Buffer, { op, subject }: OpContext): void {
    try {
      this.#socket.send(datagram);
    } catch (err) {
      if (err instanceof ChannelError)
        throw new ChannelError(`${op} ${subject}: ${err.message}`, { cause: err });
      throw new OpError(op, subject, -((err as NodeJS.ErrnoException).errno ?? 0), { cause: err });
    }
  }

  #receive(context: OpContext): Message[] {
    const read = () => readMessages(this.#buffer.subarray(0, this.#socket.receive(this.#buffer)));
    return readable(context, read);
  }
}

function readable<T>({ op, subject }: OpContext, read: () => T): T {
  try {
    return read();
  } catch (err) {
    const reason = `${op} ${subject}: no answer from the kernel that can be read: ${messageOf(err)}`;
    throw new ChannelError(reason, { cause: err });
  }
}

function changedMeanwhile({ op, subject }: OpContext): ChannelError {
  return new ChannelError(`${op} ${subject}: changed meanwhile`);
}

function encode(request: Request, seq: number): Buffer {
  return encodeRequest({ ...request, flags: request.flags | NLM_F_ACK }, seq);
}

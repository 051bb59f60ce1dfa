// Requests and answers on a netlink socket. The socket itself is the netlink package's; sequence numbers,
// errors, dumps and deadlines are ours, because the package loses the errno. A socket belongs to the network
// namespace in which its constructor ran. Not here: what any message means.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
// The package's index also loads its generated protocols, four times the work at start-up.
import { RawNetlinkSocket } from 'netlink/dist/raw.js';
import {
  connectToKernel,
  NETLINK_NO_ENOBUFS,
  SO_RCVBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
  setSocketOption,
} from '../../native/libc.js';
import { ChannelError, messageOf, OpError } from '../base/errors.js';
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

export const NETLINK_ROUTE = 0;
export const NETLINK_GENERIC = 16;

/** What a request is for, in the words of an OpError: "creating link", "wg0". */
export interface OpContext {
  readonly op: string;
  readonly subject: string;
}

/** The seam at which tests put a fake: one request in, its answers out. */
export interface NetlinkChannel {
  /**
   * Sends one request. A dump answers with all its messages, anything else with what precedes the
   * acknowledgement (nothing, for most).
   * @throws OpError when the kernel refuses, ChannelError when there is no answer
   */
  request(request: Request, purpose: OpContext): Promise<Message[]>;
  close(): void;
}

interface Pending {
  readonly purpose: OpContext;
  readonly replies: Message[];
  interrupted: boolean;
  resolve(replies: Message[]): void;
  reject(err: Error): void;
  readonly timer: NodeJS.Timeout;
}

/** The kernel answers within the system call; this only bounds a lost datagram. */
const TIMEOUT_MS = 10_000;
/** Requests on their way at once: their answers have to fit into the socket's buffer. */
const MAX_IN_FLIGHT = 16;
/** Of a socket that is told of events: room for thousands, taken only when they come. */
const EVENT_BUFFER_BYTES = 8 * 1024 * 1024;
const DUMP_TRIES = 8;

/** A dump that the kernel marked as torn (NLM_F_DUMP_INTR): the table changed under it. */
class TornDumpError extends ChannelError {}

export class NetlinkSocket implements NetlinkChannel {
  readonly #socket: RawNetlinkSocket;
  readonly #fd: number;
  readonly #pending = new Map<number, Pending>();
  /** Requests beyond the window, each a function that sends it. */
  readonly #waiting: (() => void)[] = [];
  #closed = false;
  #seq = Math.floor(Math.random() * 0xffff_ffff);
  /** The kernel runs one dump per socket at a time. */
  #dumps: Promise<unknown> = Promise.resolve();
  #notify: ((message: Message) => void) | undefined;

  /**
   * Opens and binds the socket synchronously, in the namespace of the calling thread.
   * @param protocol NETLINK_ROUTE or NETLINK_GENERIC
   * @throws ErrnoException of the netlink package
   */
  constructor(protocol: number) {
    this.#socket = new RawNetlinkSocket(protocol, { localPort: 0, recvBufferSize: 0, sendBufferSize: 0 });
    this.#socket.on('message', (datagram, { port }) => {
      if (port === 0) this.#receive(datagram);
    });
    this.#socket.on('error', err => {
      this.#failAll(new ChannelError(`netlink socket: ${err.message}`, { cause: err }));
    });
    try {
      this.#fd = descriptorOf(protocol, this.#socket.address().port);
      connectToKernel(this.#fd);
      // At an overrun the kernel would report ENOBUFS, at which the package aborts the process.
      setSocketOption(this.#fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
    } catch (err) {
      this.#socket.close();
      throw err;
    }
  }

  request(request: Request, purpose: OpContext): Promise<Message[]> {
    if ((request.flags & NLM_F_DUMP) !== NLM_F_DUMP) return this.#send(request, purpose);
    const dump = this.#dumps.then(() => this.#dump(request, purpose));
    this.#dumps = dump.catch(() => undefined);
    return dump;
  }

  /** Joins a multicast group. Events that outrun us by more than eight megabytes are lost without a word. */
  subscribe(group: number, notify: (message: Message) => void): void {
    this.#notify = notify;
    setSocketOption(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, EVENT_BUFFER_BYTES);
    this.#socket.addMembership(group);
  }

  /** Closes the socket; requests under way fail with a ChannelError. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    this.#failAll(new ChannelError('the netlink socket was closed'));
    for (const send of this.#waiting.splice(0)) send();
  }

  async #dump(request: Request, purpose: OpContext): Promise<Message[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#send(request, purpose);
      } catch (err) {
        if (!(err instanceof TornDumpError) || tries === DUMP_TRIES) throw err;
      }
    }
  }

  #send(request: Request, purpose: OpContext): Promise<Message[]> {
    return new Promise((resolve, reject) => {
      const send = (): void => this.#transmit(request, purpose, resolve, reject);
      if (this.#pending.size < MAX_IN_FLIGHT) send();
      else this.#waiting.push(send);
    });
  }

  #transmit(
    request: Request,
    purpose: OpContext,
    resolve: (replies: Message[]) => void,
    reject: (err: Error) => void,
  ): void {
    if (this.#closed) {
      reject(new ChannelError(`${purpose.op} ${purpose.subject}: the netlink socket is closed`));
      return;
    }
    const seq = this.#nextSeq();
    const bytes = encodeRequest({ ...request, flags: request.flags | NLM_F_ACK }, seq);
    const fail = (reason: string, cause?: Error): void => {
      this.#take(seq)?.reject(new ChannelError(`${purpose.op} ${purpose.subject}: ${reason}`, { cause }));
    };
    // The kernel may hold us up in send(2) for longer than that: what it answered is read before the verdict.
    const late = (): void => fail(`no answer from the kernel in ${TIMEOUT_MS / 1000} s`);
    const timer = setTimeout(() => setImmediate(late), TIMEOUT_MS);
    this.#pending.set(seq, { purpose, replies: [], interrupted: false, resolve, reject, timer });
    try {
      this.#socket.send(bytes, {}, err => {
        if (err) fail(`cannot send: ${err.message}`, err);
      });
    } catch (err) {
      fail(messageOf(err), err as Error);
    }
  }

  #nextSeq(): number {
    do this.#seq = (this.#seq + 1) >>> 0;
    while (this.#seq === 0 || this.#pending.has(this.#seq));
    return this.#seq;
  }

  #take(seq: number): Pending | undefined {
    const pending = this.#pending.get(seq);
    if (!pending) return undefined;
    clearTimeout(pending.timer);
    this.#pending.delete(seq);
    if (!this.#closed) this.#waiting.shift()?.();
    return pending;
  }

  #receive(datagram: Buffer): void {
    try {
      for (const message of readMessages(datagram)) this.#dispatch(message);
    } catch (err) {
      this.#failAll(new ChannelError(`unreadable answer from the kernel: ${messageOf(err)}`, { cause: err }));
    }
  }

  #dispatch(message: Message): void {
    const pending = this.#pending.get(message.seq);
    if (!pending) {
      if (message.seq === 0) this.#notify?.(message);
      return;
    }
    if (message.flags & NLM_F_DUMP_INTR) pending.interrupted = true;
    if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
      pending.replies.push(message);
      return;
    }
    const errno = readErrno(message);
    const { op, subject } = pending.purpose;
    this.#take(message.seq);
    if (errno !== 0) pending.reject(new OpError(op, subject, errno));
    else if (pending.interrupted) pending.reject(new TornDumpError(`${op} ${subject}: changed meanwhile`));
    else pending.resolve(pending.replies);
  }

  #failAll(err: Error): void {
    for (const seq of [...this.#pending.keys()]) this.#take(seq)?.reject(err);
  }
}

/** The file descriptor of a netlink socket of the calling thread's namespace: the package keeps it to itself. */
function descriptorOf(protocol: number, port: number): number {
  const rows = readFileSync('/proc/thread-self/net/netlink', 'utf8').split('\n');
  const fields = rows.map(row => row.trim().split(/\s+/));
  const inode = fields.find(([, family, pid]) => family === `${protocol}` && pid === `${port}`)?.at(-1);
  const fd = readdirSync('/proc/self/fd').find(
    name => linkOf(`/proc/self/fd/${name}`) === `socket:[${inode}]`,
  );
  if (fd === undefined) throw new ChannelError(`cannot find the netlink socket of port ${port}`);
  return Number(fd);
}

/** What a symbolic link says; undefined where it is gone. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

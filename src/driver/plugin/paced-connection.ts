// A user's connection as the HTTP server sees it. What comes in is handed on a piece at a time, each in a turn of the
// user's, so that whatever is sent, and however (requests on top of each other, a byte at a time, no HTTP at all), costs
// no more than the user's share of the event loop. Not here: whose turn it is (driver/users/loop-share.ts).

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** Bytes of a piece. */
const MOST_BYTES = 8 * 1024;

export class PacedConnection extends Duplex {
  readonly #socket: Socket;
  readonly #begin: (connection: PacedConnection) => void;
  readonly #inTurn: (work: () => void) => void;
  #rest: Buffer = Buffer.alloc(0);
  #hasBegun = false;
  #hasEnded = false;
  #isAwaited = true;
  #isQueued = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param socket paused
   * @param begin called with this before the first piece
   * @param inTurn runs what it is given later, when it is the user's turn
   */
  constructor(
    socket: Socket,
    begin: (connection: PacedConnection) => void,
    inTurn: (work: () => void) => void,
  ) {
    super();
    this.#socket = socket;
    this.#begin = begin;
    this.#inTurn = inTurn;
    socket.on('data', (chunk: Buffer) => {
      socket.pause();
      this.#rest = chunk;
      this.#handOn();
    });
    socket.on('end', () => {
      this.#hasEnded = true;
      if (this.#hasBegun || this.#rest.length > 0) this.#handOn();
      else this.destroy();
    });
    socket.on('error', () => this.destroy());
    socket.once('close', () => this.destroy());
    socket.resume();
  }

  /** Closes the connection after so many milliseconds, in place of the limit of before; undefined: there is none. */
  limit(ms: number | undefined): void {
    clearTimeout(this.#timer);
    if (ms !== undefined && !this.destroyed) this.#timer = setTimeout(() => this.destroy(), ms);
  }

  override _read(): void {
    this.#isAwaited = true;
    this.#handOn();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (err?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  /** After the answer nobody reads any more. */
  override _final(done: () => void): void {
    this.#socket.destroySoon();
    done();
  }

  override _destroy(_err: Error | null, done: () => void): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
    done();
  }

  #handOn(): void {
    if (this.#isQueued || !this.#isAwaited || this.destroyed) return;
    if (this.#rest.length === 0 && !this.#hasEnded) {
      this.#socket.resume();
      return;
    }
    this.#isQueued = true;
    this.#inTurn(() => {
      this.#isQueued = false;
      if (this.destroyed) return;
      if (!this.#hasBegun) this.#begin(this);
      this.#hasBegun = true;
      this.#isAwaited = false;
      this.push(this.#rest.length > 0 ? this.#take() : null);
    });
  }

  /** The next piece; it ends where a request's head may, as a parser begins all requests of a piece at once. */
  #take(): Buffer {
    const piece = this.#rest.subarray(0, MOST_BYTES);
    const head = /\n\r?\n/.exec(piece.toString('latin1'));
    const length = head ? head.index + head[0].length : piece.length;
    this.#rest = this.#rest.subarray(length);
    return piece.subarray(0, length);
  }
}

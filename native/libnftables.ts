// libnftables, through ffi-rs: one context is one netlink socket of the namespace of the calling thread, to which
// nobody but the kernel can send. Thin: a command in, output and errors out. Not here: what a command says (src/nft),
// when a context is freed.

import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { DataType, define, type JsExternal, open } from 'ffi-rs';
import { errorCode, OpError, UserError } from '../src/base/errors.js';
import { connectToKernel, protocolOf } from './libc-sockets.js';

const LIBRARY = 'libnftables';
const FILE = 'libnftables.so.1';

/** `enum nft_ctx_output_flags` of <nftables/libnftables.h>. */
export const NFT_CTX_OUTPUT_JSON = 1 << 4;

const NETLINK_NETFILTER = 12;
/** More messages than fit into a socket's buffer. */
const MOST_QUEUED = 4_096;

const context = DataType.External;
const int = DataType.I32;

function load() {
  open({ library: LIBRARY, path: FILE });
  const library = LIBRARY;
  return define({
    nft_ctx_new: { library, retType: context, paramsType: [DataType.U64] },
    nft_ctx_free: { library, retType: DataType.Void, paramsType: [context] },
    nft_ctx_output_set_flags: { library, retType: DataType.Void, paramsType: [context, int] },
    nft_ctx_buffer_output: { library, retType: int, paramsType: [context] },
    nft_ctx_buffer_error: { library, retType: int, paramsType: [context] },
    nft_run_cmd_from_buffer: { library, retType: int, paramsType: [context, DataType.String] },
    nft_ctx_get_output_buffer: { library, retType: DataType.String, paramsType: [context] },
    nft_ctx_get_error_buffer: { library, retType: DataType.String, paramsType: [context] },
  });
}

/**
 * Of <sys/select.h>: libnftables waits for its socket by select(2), and where the socket has a higher number, glibc ends
 * the whole process.
 */
const FD_SETSIZE = 1024;
const EMFILE = 24;
const TOO_MANY = 'libnftables takes none beyond the first 1024, and dwgd has as many open';

/** The library, opened; the way to contexts. */
export class LibNftables {
  readonly #functions: ReturnType<typeof load>;

  /** @throws UserError when the library is not installed */
  constructor() {
    try {
      this.#functions = load();
    } catch (err) {
      throw new UserError(
        `${FILE} is missing, and container labels and exit networks need it: install the package libnftables1 (Debian, Ubuntu) or nftables`,
        { cause: err },
      );
    }
  }

  /**
   * `nft_ctx_new(NFT_CTX_DEFAULT)`: a context whose socket belongs to the namespace of the calling thread.
   * @param flags NFT_CTX_OUTPUT_*; with NFT_CTX_OUTPUT_JSON, commands are JSON too
   */
  context(flags: number): NftContext {
    return new NftContext(this.#functions, flags);
  }
}

/** A context of libnftables(3). It must be freed, and not used afterwards. */
export class NftContext {
  readonly #functions: ReturnType<typeof load>;
  readonly #pointer: JsExternal;

  /** @throws OpError when its socket cannot be kept from others */
  constructor(functions: ReturnType<typeof load>, flags: number) {
    this.#functions = functions;
    const next = nextDescriptor();
    this.#pointer = functions.nft_ctx_new([0]);
    try {
      for (const fd of openedSockets(next)) {
        if (fd >= FD_SETSIZE)
          throw new OpError('opening', 'a context of libnftables', EMFILE, { advice: TOO_MANY });
        connectToKernel(fd);
        empty(fd);
      }
    } catch (err) {
      this.free();
      throw err;
    }
    functions.nft_ctx_output_set_flags([this.#pointer, flags]);
    functions.nft_ctx_buffer_output([this.#pointer]);
    functions.nft_ctx_buffer_error([this.#pointer]);
  }

  /** `nft_run_cmd_from_buffer`: everything in the command, or nothing of it. Whether it went well. */
  run(command: string): boolean {
    return this.#functions.nft_run_cmd_from_buffer([this.#pointer, command]) === 0;
  }

  /** What the last command printed. */
  get output(): string {
    return this.#functions.nft_ctx_get_output_buffer([this.#pointer]);
  }

  /** What was wrong with the last command: libnftables says nothing of errors but by text. */
  get error(): string {
    return this.#functions.nft_ctx_get_error_buffer([this.#pointer]);
  }

  /** `nft_ctx_free`: closes the socket, which may wait for what the kernel has still to destroy. */
  free(): void {
    this.#functions.nft_ctx_free([this.#pointer]);
  }
}

/** The number that the next file descriptor will get, unless another thread takes it first. */
function nextDescriptor(): number {
  const fd = openSync('/', 'r');
  closeSync(fd);
  return fd;
}

/**
 * The socket that a context has opened, which libnftables keeps to itself; libnftables 0.9.9 and later keep to the one.
 * @param expected where it should be; where something else is, all of the kind that this process has are meant
 */
function openedSockets(expected: number): number[] {
  if (protocolOf(expected) === NETLINK_NETFILTER) return [expected];
  const all = readdirSync('/proc/self/fd')
    .map(Number)
    .filter(fd => protocolOf(fd) === NETLINK_NETFILTER);
  if (all.length === 0) throw new Error(`${FILE} has opened no netlink socket`);
  return all;
}

/** Drains a non-blocking socket: libnftables numbers its requests from 0, so answers to them could be forged. */
function empty(fd: number): void {
  const byte = Buffer.alloc(1);
  for (let n = 0; n < MOST_QUEUED; n++) {
    try {
      readSync(fd, byte);
    } catch (err) {
      if (errorCode(err) === 'EAGAIN') return;
    }
  }
}

// What can go wrong, as types: a refusal by the kernel, a broken channel to it, a mistake of the user.
// Not here: texts for one option or one call; whoever refuses writes its own sentence.

import { getSystemErrorMap } from 'node:util';
import { MESSAGE_MAX, oneLine } from './text.js';

const EOPNOTSUPP = 95;
/** Made anew by each call, in the time that reading a namespace takes. */
const ERRNOS = getSystemErrorMap();

/**
 * The kernel refused an operation. The message reads "creating link wg0: EEXIST (file already exists)".
 */
export class OpError extends Error {
  override readonly name = 'OpError';

  /**
   * @param op what was being done, as a participle: "creating link"
   * @param subject what it was done to: "wg0"
   * @param errno the positive errno of the kernel
   * @param options `advice`: what a user can do about it, where that is known
   */
  constructor(
    readonly op: string,
    readonly subject: string,
    readonly errno: number,
    { advice, ...options }: ErrorOptions & { readonly advice?: string } = {},
  ) {
    super(`${op} ${subject}: ${describeErrno(errno)}${advice === undefined ? '' : `: ${advice}`}`, options);
  }

  /** The errno's name, such as `EEXIST`. */
  get code(): string {
    return errnoName(this.errno);
  }
}

/** The channel to the kernel broke: closed, timed out, overrun, or an answer that could not be read. */
export class ChannelError extends Error {
  override readonly name = 'ChannelError';
}

/** There is more to be read than the connection's limit. */
export class TooManyError extends ChannelError {}

/** Bytes that do not follow the format they claim to have. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** The daemon is about to end: nothing follows from that. */
export class ClosedError extends Error {
  override name = 'ClosedError';
}

/** Something a user can cause and can put right; the message is one sentence for that user. */
export class UserError extends Error {
  override readonly name = 'UserError';
  /** The errno's name, where callers ask for it: `ENOENT` when what the user means is not there. */
  readonly code: string | undefined;

  constructor(message: string, options: ErrorOptions & { code?: string } = {}) {
    super(message, options);
    this.code = options.code;
  }
}

/** `EEXIST` for 17; the number itself where it has no name here. */
export function errnoName(errno: number): string {
  return errnoEntry(errno)?.[0] ?? `errno ${errno}`;
}

function describeErrno(errno: number): string {
  const entry = errnoEntry(errno);
  return entry ? `${entry[0]} (${entry[1]})` : `errno ${errno}`;
}

function errnoEntry(errno: number): [name: string, text: string] | undefined {
  // On Linux ENOTSUP and EOPNOTSUPP are one number; libuv has the name that the kernel does not use.
  return errno === EOPNOTSUPP ? ['EOPNOTSUPP', 'operation not supported'] : ERRNOS.get(-errno);
}

/** The errno's name that an error carries: from the kernel (`OpError`) or from Node (`err.code`). */
export function errorCode(err: unknown): string | undefined {
  if (err instanceof Error && 'code' in err && typeof err.code === 'string') return err.code;
  return undefined;
}

/** Whether the subject of a failed operation does not exist: ENOENT, ENODEV, ESRCH, ENXIO. */
export function isNotFound(err: unknown): boolean {
  const code = errorCode(err);
  return code === 'ENOENT' || code === 'ENODEV' || code === 'ESRCH' || code === 'ENXIO';
}

/** Whether the subject of a failed operation is there already: EEXIST. */
export function isExists(err: unknown): boolean {
  return errorCode(err) === 'EEXIST';
}

/** The message of anything that was thrown, on one line of at most 1 KiB: it may quote untrusted text. */
export function messageOf(err: unknown): string {
  return oneLine(err instanceof Error ? err.message : String(err), MESSAGE_MAX);
}

/** Does something, and ignores the error that says that it is done already. */
export function ignoring(isDone: (err: unknown) => boolean, fn: () => void): void {
  try {
    fn();
  } catch (err) {
    if (!isDone(err)) throw err;
  }
}

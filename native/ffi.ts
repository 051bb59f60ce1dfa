// How libc is called, through ffi-rs: types, errno, threads. Thin: integers and buffers in, the result or an OpError out.
// Not here: any function of it (libc.ts, libc-sockets.ts).

import { DataType, open } from 'ffi-rs';
import { OpError } from '../src/base/errors.js';

export const LIBRARY = 'libc';
open({ library: LIBRARY, path: 'libc.so.6' });

export const int = DataType.I32;
export const long = DataType.I64;
export const bytes = DataType.U8Array;

/** Buffers in use by threads: ffi-rs does not keep them alive during a call. */
const lent = new Set<readonly unknown[]>();

/** Calls on a thread of libuv's pool; keeps the arguments alive until the call returns. */
export async function onThread<T extends readonly unknown[]>(
  call: (args: T) => unknown,
  args: T,
): Promise<unknown> {
  lent.add(args);
  try {
    return await call(args);
  } finally {
    lent.delete(args);
  }
}

/** What a call gives. */
export interface Result {
  readonly value: number;
  readonly errnoCode: number;
}

/** The result of a call. @throws OpError when it is negative */
export function check(result: unknown, op: string, subject: string): number {
  const { value, errnoCode } = result as Result;
  if (value < 0) throw new OpError(op, subject, errnoCode);
  return value;
}

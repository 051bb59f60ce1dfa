// Values of a row as SQLite gives them: any type in any column. Not here: which columns there are (network-row.ts,
// client-row.ts).

import { DecodeError } from '../../base/errors.js';
import { WG_KEY_LEN } from '../../netlink/wireguard/key.js';

/** @throws DecodeError when a column that is not NULL is of another type */
export function checkTypes<R extends object>(row: R, types: Partial<Record<keyof R, string>>): void {
  for (const column of Object.keys(types) as (keyof R)[]) {
    if (row[column] !== null && typeof row[column] !== types[column])
      throw new DecodeError(`${String(column)} is not a ${types[column]}`);
  }
}

/** The bytes of a column, which may be a text: the original bound Go strings and byte slices alike. */
export function readBytes(value: unknown, column: string): Buffer {
  if (typeof value === 'string' || value instanceof Uint8Array) return Buffer.from(value as Uint8Array);
  throw new DecodeError(`${column} is neither bytes nor a text`);
}

/** @throws DecodeError when it does not have the length of a key */
export function readKey(value: unknown, column: string): Buffer {
  const bytes = readBytes(value, column);
  if (bytes.length !== WG_KEY_LEN) throw new DecodeError(`${column} has ${bytes.length} bytes`);
  return bytes;
}

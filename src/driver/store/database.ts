// The database's file: opened for its owner alone, checked, brought to the present shape, or refused with advice. Not
// here: the shape (migrations.ts), what is in it (store.ts).

import { chmodSync, closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { DecodeError, errorCode, messageOf, UserError } from '../../base/errors.js';
import { migrate } from './migrations.js';

/**
 * Opens or makes the database, mode 0600, and migrates it to the current schema.
 * @param path a file, or `''` for one in memory
 * @throws UserError that says which file and why; its code is `EUCLEAN` where the file is damaged
 */
export function openDatabase(path: string): Database.Database {
  const db = open(path);
  try {
    checkWhole(db);
    db.pragma('journal_mode = WAL');
    db.pragma('foreign_keys = ON');
    migrate(db);
    // What endpoints need survives a crash of ours without fsync(2); networks are written with it.
    db.pragma('synchronous = NORMAL');
    return db;
  } catch (err) {
    db.close();
    if (isDamage(err)) throw damaged(path, err);
    throw new UserError(`cannot use the database ${path}: ${messageOf(err)}`, { cause: err });
  }
}

function open(path: string): Database.Database {
  try {
    if (path !== '') {
      closeSync(openSync(path, 'a', 0o600));
      // The original left its file, seed and all, readable to everybody.
      chmodSync(path, 0o600);
    }
    return new Database(path === '' ? ':memory:' : path);
  } catch (err) {
    throw new UserError(`cannot open the database ${path}: ${messageOf(err)}`, { cause: err });
  }
}

/** @throws SqliteError, DecodeError */
function checkWhole(db: Database.Database): void {
  const finding = db.pragma('quick_check(1)', { simple: true });
  if (finding !== 'ok') throw new DecodeError(String(finding));
}

function isDamage(err: unknown): boolean {
  const code = errorCode(err) ?? '';
  return err instanceof DecodeError || code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT');
}

/** The advice for a file that is damaged for good. */
function damaged(path: string, cause: unknown): UserError {
  return new UserError(
    `the database ${path} is damaged (${messageOf(cause)}): put back a copy of it, or move it away with ${path}-wal and ${path}-shm, ` +
      'start dwgd, which learns its networks from Docker, and restart their containers',
    { cause, code: 'EUCLEAN' },
  );
}

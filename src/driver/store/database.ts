// The database's file: opened for its owner alone, checked, brought to the present shape, or refused with advice. Not
// here: where it is (closed-path.ts), the shape (migrations.ts), what is in it (store.ts).

import { closeSync, constants, fchmodSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { DecodeError, errorCode, messageOf, UserError } from '../../base/errors.js';
import { migrate } from './migrations.js';

/** How long another program's lock is waited for, with everything else, in milliseconds. */
const LOCK_MS = 1_000;

/** What a user does about a failure, by the errno's name or that of SQLite. */
const REMEDIES: readonly (readonly [code: RegExp, remedy: string])[] = [
  [/^(SQLITE_FULL|ENOSPC|EDQUOT)/, 'make room on its file system, and try again'],
  [/^(SQLITE_READONLY|EROFS)/, 'have its file system mounted for writing, or give another file (-d)'],
  [/^(SQLITE_BUSY|SQLITE_LOCKED)/, 'end the program that has it locked (fuser tells which), and try again'],
  [/^(SQLITE_PERM|SQLITE_AUTH|EACCES|EPERM)/, 'let root write to it, or give another file (-d)'],
  [/^(SQLITE_CANTOPEN|ENOENT|ENOTDIR|EISDIR|ELOOP)/, 'give a file in a folder that is there (-d)'],
  [/^(SQLITE_IOERR|EIO)/, "look for errors of its disk in the kernel's log (dmesg)"],
];

const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Opens the database, mode 0600, and migrates it to the current schema.
 * @param path a file that is no link, or `''` for one in memory
 * @param mayMake whether it is made where it is missing
 * @throws UserError that says which file and why; its code is `EUCLEAN` where the file is damaged
 */
export function openDatabase(path: string, mayMake: boolean): Database.Database {
  const db = open(path, mayMake);
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
    throw err instanceof UserError ? withRemedy(cannotUse(path), err) : explainFailure(path, err);
  }
}

function open(path: string, mayMake: boolean): Database.Database {
  try {
    if (path === '') return new Database(':memory:');
    makePrivate(path, mayMake);
    return new Database(path, { timeout: LOCK_MS, fileMustExist: true });
  } catch (err) {
    throw cannotOpen(path, err);
  }
}

/** The original left its file, seed and all, readable to everybody. */
function makePrivate(path: string, mayMake: boolean): void {
  const fd = openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | (mayMake ? O_CREAT : 0), 0o600);
  try {
    fchmodSync(fd, 0o600);
  } finally {
    closeSync(fd);
  }
}

/** Whether a file is a whole database. @throws UserError where that cannot be told */
export function isWhole(path: string): boolean {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { timeout: LOCK_MS, fileMustExist: true, readonly: true });
    checkWhole(db);
    return db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").get() !== undefined;
  } catch (err) {
    if (isDamage(err)) return false;
    throw cannotOpen(path, err);
  } finally {
    db?.close();
  }
}

/** @throws SqliteError, DecodeError */
function checkWhole(db: Database.Database): void {
  const finding = db.pragma('quick_check(1)', { simple: true });
  if (finding !== 'ok') throw new DecodeError(String(finding));
}

/** The sentence for whatever has failed with the database; one that is said already stays. */
export function explainFailure(path: string, err: unknown): unknown {
  if (err instanceof UserError) return err;
  return isDamage(err) ? damaged(path, err) : withRemedy(cannotUse(path), err);
}

/** The sentence for one that cannot be opened. */
export function cannotOpen(path: string, err: unknown): UserError {
  return withRemedy(`cannot open the database ${path}`, err);
}

function cannotUse(path: string): string {
  return `cannot use the database ${path === '' ? 'in memory' : path}`;
}

function withRemedy(what: string, err: unknown): UserError {
  const code = errorCode(err) ?? '';
  const [, remedy] = REMEDIES.find(([codes]) => codes.test(code)) ?? [];
  const text = `${what}: ${messageOf(err)}${remedy === undefined ? '' : `: ${remedy}`}`;
  return new UserError(text, { cause: err });
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

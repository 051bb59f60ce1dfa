// The database as its owner keeps it: statements run, each failure told with the file and what to do, and the file made anew
// where somebody has deleted it meanwhile. Not here: its shape (migrations.ts), what is asked of it (store.ts).

import { closeSync, existsSync, fsyncSync, lstatSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { UserError } from '../../base/errors.js';
import { closedPath } from './closed-path.js';
import { cannotOpen, explainFailure, isWhole, openDatabase } from './database.js';

/** Behind the file's name: what is to take its place. */
const COPY = '-new';

/** Of a statement: by position, or by name in one object. */
type Parameters = readonly unknown[];

export class StoreFile {
  /** Where it is, which is how it is named: its log is beside it, and not beside a link to it. */
  readonly #file: string;
  readonly #report: (text: string) => void;
  readonly #statements = new Map<string, Database.Statement>();
  #db: Database.Database;
  /** Device and inode of the file that is open; undefined in memory. */
  #identity: string | undefined;
  #lastReported: string | undefined;

  /** Throws as openDatabase() does, and where others can write beside it. @param report is told what has become of the file */
  constructor(path: string, report: (text: string) => void) {
    this.#report = report;
    this.#file = path === '' ? path : closed(path);
    if (path !== '' && identityOf(this.#file) === undefined) this.#finishCopy();
    this.#db = openDatabase(this.#file, true);
    this.#identity = identityOf(this.#file);
  }

  close(): void {
    this.#db.close();
  }

  /** Runs a statement that changes something. @throws UserError that says which file, why, and what to do; so do all below */
  run(sql: string, ...parameters: Parameters): void {
    this.#guard(() => {
      this.#keep();
      this.#prepare(sql).run(...parameters);
    });
  }

  /** The same, and it is on disk when this returns. */
  runDurably(sql: string, ...parameters: Parameters): void {
    this.#guard(() => {
      this.#keep();
      this.#db.pragma('synchronous = FULL');
      try {
        this.#prepare(sql).run(...parameters);
      } finally {
        this.#db.pragma('synchronous = NORMAL');
      }
    });
  }

  /** The first row; undefined where there is none. */
  get(sql: string, ...parameters: Parameters): unknown {
    return this.#guard(() => this.#prepare(sql).get(...parameters));
  }

  /** All rows. */
  all(sql: string, ...parameters: Parameters): unknown[] {
    return this.#guard(() => this.#prepare(sql).all(...parameters));
  }

  /** The first column of the first row; undefined where there is none. */
  value(sql: string, ...parameters: Parameters): unknown {
    return this.#guard(() =>
      this.#prepare(sql)
        .pluck()
        .get(...parameters),
    );
  }

  /** The first column of all rows. */
  values(sql: string, ...parameters: Parameters): unknown[] {
    return this.#guard(() =>
      this.#prepare(sql)
        .pluck()
        .all(...parameters),
    );
  }

  /** Looks whether the file is still there, and makes it anew where it is not. What is wrong is reported, once in a row. */
  look(): void {
    try {
      this.#guard(() => this.#keep());
      this.#lastReported = undefined;
    } catch (err) {
      const { message } = err as Error;
      if (message !== this.#lastReported) this.#report(message);
      this.#lastReported = message;
    }
  }

  /** @throws UserError where another file is in its place; Error */
  #keep(): void {
    if (this.#identity === undefined) return;
    const now = identityOf(this.#file);
    if (now === undefined) {
      this.#makeAnew();
      this.#report(`somebody has deleted the database ${this.#file}: made anew with all that was in it`);
    } else if (now !== this.#identity)
      throw new UserError(
        `another file has taken the place of the database ${this.#file}, and nothing is written to either: restart dwgd, which then goes by the new one`,
      );
    if (!this.#db.open) this.#reopen();
  }

  /** The kernel keeps what is open: nothing is closed, and so lost, before the copy is in its place. */
  #makeAnew(): void {
    // Its folder may have been made anew, too.
    closed(this.#file);
    const copy = `${this.#file}${COPY}`;
    if (this.#db.open) {
      rmSync(copy, { force: true });
      // With the keys that are in it, it is never anybody else's to read.
      closeSync(openSync(copy, 'wx', 0o600));
      this.#db.prepare('VACUUM INTO ?').run(copy);
      sync(copy);
    }
    this.#putCopy();
    this.#identity = identityOf(this.#file);
    this.#db.close();
    this.#reopen();
  }

  /** A daemon that ended before its copy was in place has left it. */
  #finishCopy(): void {
    const [copy, log] = [`${this.#file}${COPY}`, `${this.#file}-wal`];
    if (existsSync(copy) && isWhole(copy)) {
      this.#putCopy();
      this.#report(`the database ${this.#file} was missing: its copy ${copy} has taken its place`);
    } else if (existsSync(copy) || existsSync(log))
      this.#report(
        `the database ${this.#file} has been deleted, and none of it is left that can be used: a new one learns its networks from Docker`,
      );
  }

  #putCopy(): void {
    // What is left of the log of the deleted file would be taken for the new one's.
    for (const suffix of ['-wal', '-shm']) rmSync(`${this.#file}${suffix}`, { force: true });
    renameSync(`${this.#file}${COPY}`, this.#file);
    sync(dirname(this.#file));
  }

  #reopen(): void {
    this.#statements.clear();
    this.#db = openDatabase(this.#file, false);
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (err) {
      throw explainFailure(this.#file, err);
    }
  }

  #prepare(sql: string): Database.Statement {
    if (!this.#db.open) this.#keep();
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function closed(path: string): string {
  try {
    return closedPath(path);
  } catch (err) {
    throw cannotOpen(path, err);
  }
}

/** Has what is at a path be on disk. */
function sync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function identityOf(path: string): string | undefined {
  const found = path === '' ? undefined : lstatSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

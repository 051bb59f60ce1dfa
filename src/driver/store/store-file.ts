// The database as its owner keeps it: statements run, each failure told with the file and what to do, and the file made anew
// where somebody has deleted it meanwhile. Not here: its shape (migrations.ts), what is asked of it (store.ts).

import { closeSync, openSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { UserError } from '../../base/errors.js';
import { explainFailure, openDatabase } from './database.js';

/** Of a statement: by position, or by name in one object. */
type Parameters = readonly unknown[];

export class StoreFile {
  /** As it was given, which is how it is named. */
  readonly #path: string;
  /** Where it is: its log is beside it, and not beside a link to it. */
  readonly #file: string;
  readonly #report: (text: string) => void;
  readonly #statements = new Map<string, Database.Statement>();
  #db: Database.Database;
  /** Device and inode of the file that is open; undefined in memory. */
  #identity: string | undefined;
  #lastReported: string | undefined;

  /** Throws as openDatabase() does. @param report is told what has become of the file */
  constructor(path: string, report: (text: string) => void) {
    this.#path = path;
    this.#report = report;
    this.#db = openDatabase(path);
    this.#file = path === '' ? path : realpathSync(path);
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
    if (!this.#db.open) this.#reopen();
    const now = identityOf(this.#file);
    if (now === this.#identity) return;
    if (now !== undefined)
      throw new UserError(
        `another file has taken the place of the database ${this.#path}, and nothing is written to either: restart dwgd, which then goes by the new one`,
      );
    this.#makeAnew();
    this.#report(`somebody has deleted the database ${this.#path}: made anew with all that was in it`);
  }

  /** The kernel keeps what is open, so nothing is lost until it is closed. */
  #makeAnew(): void {
    const copy = `${this.#file}-new`;
    rmSync(copy, { force: true });
    // With the keys that are in it, it is never anybody else's to read.
    closeSync(openSync(copy, 'wx', 0o600));
    this.#db.prepare('VACUUM INTO ?').run(copy);
    // What is left of the log of the deleted file would be taken for the new one's.
    this.#db.close();
    for (const suffix of ['-wal', '-shm']) rmSync(`${this.#file}${suffix}`, { force: true });
    renameSync(copy, this.#file);
    this.#reopen();
  }

  #reopen(): void {
    this.#statements.clear();
    this.#db = openDatabase(this.#file);
    this.#identity = identityOf(this.#file);
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (err) {
      throw explainFailure(this.#path, err);
    }
  }

  #prepare(sql: string): Database.Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function identityOf(path: string): string | undefined {
  const found = path === '' ? undefined : statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

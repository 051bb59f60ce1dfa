// `/run/dwgd/ports/<network>`: the port that a provider assigned, one line, for programs in containers that the folder is mounted
// into. Written beside and renamed, so that nobody reads a half. Not here: which port that is (assigned-ports.ts).

import {
  chmodSync,
  closeSync,
  fchmodSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { isNotFound } from '../../base/errors.js';
import { RUN_DIR } from '../../control/paths.js';
import { readHead } from '../../files/regular-file.js';

/** Where Docker's name of a network has anything else, the file has its id for a name. */
const PLAIN_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;
/** No network has a name with a dot first. */
const UNFINISHED = '.new';
/** Containers' programs are anybody. */
const [FOLDER_MODE, FILE_MODE] = [0o755, 0o644] as const;
/** `65535` and its end. */
const MOST_BYTES = 6;

export class PortFiles {
  readonly #folder: string;
  /** Of networks, by their ids. */
  readonly #names = new Map<string, string>();

  constructor(folder = join(RUN_DIR, 'ports')) {
    this.#folder = folder;
  }

  /** Where it can be mounted before there is a port: Docker would make it, too. @throws Error of the file system */
  prepare(): void {
    mkdirSync(this.#folder, { recursive: true, mode: FOLDER_MODE });
    chmodSync(this.#folder, FOLDER_MODE);
  }

  /** Of two networks of a name the second has its id for one. @param called what Docker calls it, whatever that is */
  name(networkId: string, called: string): void {
    const isFree = ![...this.#names].some(([id, name]) => id !== networkId && name === called);
    this.#names.set(networkId, PLAIN_NAME.test(called) && isFree ? called : networkId);
  }

  isNamed(networkId: string): boolean {
    return this.#names.has(networkId);
  }

  /** The path; undefined before the network has a name. */
  path(networkId: string): string | undefined {
    const name = this.#names.get(networkId);
    return name === undefined ? undefined : this.#pathOf(name);
  }

  /** The port that an earlier daemon has written; 0: none. */
  remembered(networkId: string): number {
    const path = this.path(networkId);
    const [, text = '0'] = /^([1-9]\d{0,4})\n$/.exec((path && readHead(path, MOST_BYTES + 1)) ?? '') ?? [];
    const port = Number(text);
    return port <= 65_535 ? port : 0;
  }

  /** Has the file say that. @param port absent: there is none, and so no file @throws Error of the file system */
  write(networkId: string, port: number | undefined): void {
    const name = this.#names.get(networkId);
    if (name === undefined) return;
    const path = this.#pathOf(name);
    if (port === undefined) rmSync(path, { force: true });
    else if (this.remembered(networkId) !== port) this.#replace(path, `${port}\n`);
  }

  /** The file goes with its network. @throws Error of the file system */
  remove(networkId: string): void {
    try {
      this.write(networkId, undefined);
    } finally {
      this.#names.delete(networkId);
    }
  }

  /** Takes away files of networks that are not there any more. @throws Error of the file system */
  sweep(): void {
    const own = new Set(this.#names.values());
    for (const entry of this.#entries())
      if (!own.has(entry.name) && !entry.isDirectory()) rmSync(this.#pathOf(entry.name), { force: true });
  }

  #entries(): ReturnType<typeof entriesOf> {
    try {
      return entriesOf(this.#folder);
    } catch (err) {
      if (isNotFound(err)) return [];
      throw err;
    }
  }

  /** Whatever was there, a link too, is not written to. */
  #replace(path: string, text: string): void {
    const unfinished = this.#pathOf(UNFINISHED);
    this.prepare();
    rmSync(unfinished, { force: true, recursive: true });
    const fd = openSync(unfinished, 'wx', FILE_MODE);
    try {
      fchmodSync(fd, FILE_MODE);
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
    renameSync(unfinished, path);
  }

  #pathOf(name: string): string {
    return join(this.#folder, name);
  }
}

function entriesOf(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}

// The tree of files that the doctor looks at: the host's, or one below a folder. What is read is bounded. Not here: what the
// files mean.

import { lstatSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { readHead } from '../../files/regular-file.js';
import type { ConfFile } from '../checks/facts.js';

/** Of a file of settings, in bytes. */
const MOST_BYTES = 64 * 1024;
/** Of one folder. */
const MOST_NAMES = 512;

export class HostTree {
  readonly #root: string;

  /** @param root what stands in front of every path; empty: the host's own */
  constructor(root = '') {
    this.#root = root;
  }

  /** The path as the system has it. */
  at(path: string): string {
    return `${this.#root}${path}`;
  }

  /** The beginning of a regular file. */
  text(path: string): string | undefined {
    return readHead(this.at(path), MOST_BYTES);
  }

  /** The names in a folder that end so, in their order; none where there is no such folder. */
  names(folder: string, end = ''): string[] {
    return unlessRefused(() => readdirSync(this.at(folder)), [])
      .filter(name => name.endsWith(end))
      .sort()
      .slice(0, MOST_NAMES);
  }

  /** What is at a path; undefined where nothing is. */
  stat(path: string, followed = true): Stats | undefined {
    return unlessRefused(() => (followed ? statSync : lstatSync)(this.at(path)), undefined);
  }

  /** Where a link leads. */
  target(path: string): string | undefined {
    return unlessRefused(() => readlinkSync(this.at(path)), undefined);
  }

  /**
   * The files of several folders that end so, by their names: of those with one name the first folder's counts, and a link to
   * /dev/null takes it away.
   */
  files(folders: readonly string[], end: string): ConfFile[] {
    const found = new Map<string, string>();
    for (const folder of folders)
      for (const name of this.names(folder, end)) if (!found.has(name)) found.set(name, `${folder}/${name}`);
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, path]) => this.file(path));
  }

  /** One file, if it is there. */
  file(path: string): ConfFile[] {
    const text = this.text(path);
    return text === undefined ? [] : [{ path, text }];
  }
}

function unlessRefused<T>(ask: () => T, otherwise: T): T {
  try {
    return ask();
  } catch {
    // Not there, not a folder, or out of reach.
    return otherwise;
  }
}

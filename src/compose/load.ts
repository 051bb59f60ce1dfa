// Compose files as one tree: several files joined in order, variables replaced, what a service extends and what a file
// includes brought in. Files come from the caller, who may read them. Not here: what the tree means (project.ts).

import { basename, dirname, resolve } from 'node:path';
import { UserError } from '../base/errors.js';
import { quote } from '../base/plain-text.js';
import { parseDotEnv } from './dot-env.js';
import { interpolate, type Variables } from './interpolate.js';
import { keyed, mapScalars, merge } from './merge-trees.js';
import { asMapping, entriesOf, member, textAt, textsOf } from './read.js';
import {
  ComposeError,
  type Entry,
  type Mapping,
  newBudget,
  type Place,
  parseTree,
  type YamlTree,
} from './yaml-tree.js';

/** How files are read. @returns undefined where there is none; throws UserError where it cannot be read */
export type ReadFile = (path: string) => string | undefined;

interface Loaded {
  readonly tree: Mapping;
  /** Variables that are not set, which are empty. */
  readonly unset: readonly string[];
  /** Variables that the files name. */
  readonly asked: ReadonlySet<string>;
  /** Values of variables, those of `.env` included. */
  readonly variables: Variables;
}

/** Where a file is, and how it is called in messages. */
interface File {
  readonly path: string;
  readonly shown: string;
}

/** Files that one is made of, in all. */
const MAX_FILES = 200;
const MAX_EXTENDS = 50;
/** Services that are extended, each time counted. */
const MAX_EXTENDED = 2000;
/** What variables make, in all: UTF-16 units. */
const MAX_REPLACED = 1 << 24;
const JOINED = ['services', 'networks'] as const;

/**
 * @param paths in order: the later ones count before the earlier
 * @param environment counts before the file `.env` beside the first
 * @throws ComposeError, UserError
 */
export function loadFiles(paths: readonly string[], environment: Variables, read: ReadFile): Loaded {
  const loader = new Loader(read);
  const folder = dirname(resolve(paths[0]!));
  const variables = loader.withDotEnv(folder, environment);
  const files = paths.map(shown => ({ path: resolve(shown), shown }));
  return { tree: loader.load(files, variables), unset: [...loader.unset], asked: loader.asked, variables };
}

class Loader {
  readonly unset = new Set<string>();
  readonly asked = new Set<string>();
  readonly #read: ReadFile;
  readonly #budget = newBudget();
  #count = 0;
  #extensions = 0;
  #replaced = 0;

  constructor(read: ReadFile) {
    this.#read = read;
  }

  withDotEnv(folder: string, environment: Variables, names: readonly string[] = ['.env']): Variables {
    const found = names.flatMap(name => {
      if (++this.#count > MAX_FILES)
        throw new UserError(`more than ${MAX_FILES} files belong together, at ${quote(name)}`);
      const text = this.#read(resolve(folder, name));
      return text === undefined ? [] : [...parseDotEnv(text, environment)];
    });
    return new Map([...found, ...environment]);
  }

  /** @param including paths of files that this one is included by */
  load(files: readonly File[], variables: Variables, including: readonly string[] = []): Mapping {
    const trees = files.map(({ path, shown }) => this.#file(path, shown, variables));
    const joined = trees.reduce((before, after) => merge(before, after) as Mapping);
    const chain = [...including, ...files.map(({ path }) => path)];
    return this.#included(joined, files[0]!, variables, chain).reduce(joinIncluded, joined);
  }

  /** A file with its variables replaced and its services extended. */
  #file(path: string, shown: string, variables: Variables): Mapping {
    const tree = this.#parse(path, shown, variables);
    const services = asMapping(member(tree, 'services'), 'services');
    if (!services) return tree;
    const extended = new Map(
      [...services.entries].map(([name, entry]): [string, Entry] => [
        name,
        {
          ...entry,
          value: this.#extended(entry.value, { path, shown, services }, variables, [`${path} ${name}`]),
        },
      ]),
    );
    const entries = new Map(tree.entries);
    const known = entries.get('services')!;
    entries.set('services', { ...known, value: { ...services, entries: extended } });
    return { ...tree, entries };
  }

  #parse(path: string, shown: string, variables: Variables): Mapping {
    const place: Place = { file: shown, line: 1, column: 1 };
    if (++this.#count > MAX_FILES)
      throw new ComposeError(place, `more than ${MAX_FILES} files belong together`);
    const text = this.#read(path);
    if (text === undefined) throw new UserError(`there is no file ${quote(shown)}`);
    const tree = asMapping(parseTree(shown, text, this.#budget), 'the file');
    if (!tree) throw new ComposeError(place, 'the file is empty');
    return mapScalars(tree, (value, at) => this.#replace(value, at, variables)) as Mapping;
  }

  #replace(value: string, place: Place, variables: Variables): string {
    try {
      const text = interpolate(
        value,
        name => {
          this.asked.add(name);
          return variables.get(name);
        },
        name => this.unset.add(name),
      );
      if (text !== value) this.#replaced += text.length;
      if (this.#replaced > MAX_REPLACED)
        throw new UserError('the values with variables are longer than 16 Mi characters in all');
      return text;
    } catch (err) {
      if (err instanceof UserError) throw new ComposeError(place, err.message);
      throw err;
    }
  }

  #extended(
    service: YamlTree,
    from: { readonly path: string; readonly shown: string; readonly services: Mapping },
    variables: Variables,
    chain: readonly string[],
  ): YamlTree {
    const given = service.kind === 'mapping' ? member(service, 'extends') : undefined;
    if (!given || service.kind !== 'mapping') return service;
    const name = given.kind === 'scalar' ? given.text : textAt(asMapping(given, 'extends'), 'service');
    const file = given.kind === 'scalar' ? undefined : textAt(asMapping(given, 'extends'), 'file');
    if (name === undefined) throw new ComposeError(given.place, 'extends names no service');
    const path = file === undefined ? from.path : resolve(dirname(from.path), file);
    const key = `${path} ${name}`;
    if (++this.#extensions > MAX_EXTENDED)
      throw new ComposeError(given.place, `more than ${MAX_EXTENDED} services are extended`);
    if (chain.includes(key) || chain.length > MAX_EXTENDS)
      throw new ComposeError(given.place, `${quote(name)} extends itself in the end`);
    const shown = file === undefined ? from.shown : besides(from.shown, file);
    const tree = path === from.path ? undefined : this.#parse(path, shown, variables);
    const services = tree ? asMapping(member(tree, 'services'), 'services') : from.services;
    const base = member(services, name);
    if (!services || !base)
      throw new ComposeError(given.place, `there is no service ${quote(name)} in ${shown}`);
    return merge(this.#extended(base, { path, shown, services }, variables, [...chain, key]), service);
  }

  #included(tree: Mapping, by: File, variables: Variables, including: readonly string[]): Mapping[] {
    const given = member(tree, 'include');
    if (!given) return [];
    if (given.kind !== 'list') throw new ComposeError(given.place, 'include is no list');
    const folder = dirname(by.path);
    return given.items.map(item => {
      const options = item.kind === 'mapping' ? item : undefined;
      const names = textsOf(options ? member(options, 'path') : item);
      const files = names.map(name => ({ path: resolve(folder, name), shown: besides(by.shown, name) }));
      const [first] = files;
      if (!first) throw new ComposeError(item.place, 'include names no file');
      if (files.some(({ path }) => including.includes(path)))
        throw new ComposeError(item.place, `${quote(first.shown)} includes itself in the end`);
      const own = textAt(options, 'project_directory');
      const beside = own === undefined ? dirname(first.path) : resolve(folder, own);
      const given = textsOf(options && member(options, 'env_file'));
      const withOwn = this.withDotEnv(beside, variables, given.length > 0 ? given : undefined);
      return this.load(files, withOwn, including);
    });
  }
}

/** A file as it is shown that another names. */
function besides(shown: string, file: string): string {
  const folder = dirname(shown);
  return file.startsWith('/') || folder === '.' ? file : `${folder}/${file}`;
}

/** What an included file brings; two things of one name are a mistake. */
function joinIncluded(whole: Mapping, other: Mapping): Mapping {
  const entries = new Map(whole.entries);
  for (const part of JOINED) {
    const known = new Map(entriesOf(keyedOf(member(whole, part)), part));
    for (const [name, entry] of entriesOf(member(other, part), part)) {
      if (part === 'services' && known.has(name))
        throw new ComposeError(
          entry.place,
          `the service ${quote(name)} is in ${basename(known.get(name)!.place.file)} as well`,
        );
      if (!known.has(name)) known.set(name, entry);
    }
    const at = entries.get(part) ?? other.entries.get(part);
    if (at) entries.set(part, { ...at, value: { kind: 'mapping', place: at.place, entries: known } });
  }
  return { ...whole, entries };
}

function keyedOf(tree: YamlTree | undefined): YamlTree | undefined {
  return tree && keyed(tree);
}

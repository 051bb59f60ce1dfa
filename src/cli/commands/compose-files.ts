// The files that a compose project is read from, found as docker compose finds them. Not here: what they say (src/compose).

import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode, messageOf, UserError } from '../../base/errors.js';
import { quote } from '../../base/plain-text.js';
import { parseDotEnv } from '../../compose/dot-env.js';
import type { Variables } from '../../compose/interpolate.js';
import { loadFiles, type ReadFile } from '../../compose/load.js';
import { normalizeName, type Project, readProject } from '../../compose/project.js';
import { member, textAt } from '../../compose/read.js';
import { NotAFileError, readRegularFile } from '../../files/regular-file.js';

const MAX_BYTES = 1 << 20;
/** In place of a file, as for docker compose. */
const STANDARD_INPUT = '-';
const PROJECT_NAME = 'COMPOSE_PROJECT_NAME';
const NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const OVERRIDES = NAMES.map(name => name.replace(/\.(\w+)$/, '.override.$1'));

/** What says which project it is; as docker compose's options of these names. */
interface ProjectOptions {
  readonly files: readonly string[];
  readonly projectName?: string;
  readonly profiles: readonly string[];
}

/** @throws UserError; ComposeError for a mistake in a file */
export function readComposeProject(options: ProjectOptions, environment: Variables): Project {
  const paths = options.files.length > 0 ? options.files.flatMap(filesAt) : defaultFiles(environment);
  const { projectName } = options;
  const given = projectName === undefined ? environment : named(environment, projectName);
  const read = paths.includes(STANDARD_INPUT) ? withStandardInput(readComposeFile) : readComposeFile;
  const first = loadFiles(paths, given, read);
  const { variables } = first;
  const typed =
    variables.get(PROJECT_NAME) ?? textAt(first.tree, 'name') ?? basename(dirname(resolve(paths[0]!)));
  const name = normalizeName(typed) || 'default';
  // The name may stand in the files, and they may ask for it.
  const isSettled = !first.asked.has(PROJECT_NAME) || variables.get(PROJECT_NAME) === name;
  const { tree } = isSettled ? first : loadFiles(paths, named(given, name), read);
  const profiles = [
    ...options.profiles,
    ...(variables.get('COMPOSE_PROFILES') ?? '').split(',').filter(profile => profile !== ''),
  ];
  if (!member(tree, 'services')) throw new UserError(`${quote(paths[0]!)} has no services`);
  return readProject(tree, name, profiles);
}

function named(variables: Variables, project: string): Variables {
  return new Map([...variables, [PROJECT_NAME, project]]);
}

/** A file as it is; of a folder, the files in it. */
function filesAt(path: string): string[] {
  if (path === STANDARD_INPUT || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const found = filesIn(path);
  if (found.length === 0) throw new UserError(`there is no compose.yaml in ${quote(path)}`);
  return found;
}

/** A file and its override. */
function filesIn(folder: string): string[] {
  const [first] = NAMES.map(name => join(folder, name)).filter(path => existsSync(path));
  const [override] = OVERRIDES.map(name => join(folder, name)).filter(path => existsSync(path));
  return first === undefined ? [] : [first, ...(override === undefined ? [] : [override])];
}

/** Those of COMPOSE_FILE, which may stand in `.env` here; else those of the folder that this process is in, or of one above it. */
function defaultFiles(environment: Variables): string[] {
  const text = readComposeFile('.env');
  const known = new Map([...(text === undefined ? [] : parseDotEnv(text, environment)), ...environment]);
  const given = known.get('COMPOSE_FILE');
  if (given) return given.split(known.get('COMPOSE_PATH_SEPARATOR') || ':').filter(path => path !== '');
  for (let folder = '.'; ; folder = join('..', folder)) {
    const found = filesIn(folder);
    if (found.length > 0) return found;
    if (resolve(folder) === '/')
      throw new UserError('there is no compose.yaml here, nor in a folder above: name a file');
  }
}

/** Reads as `read` does, and standard input where its sign is named: once, though the files may be read twice. */
function withStandardInput(read: ReadFile): ReadFile {
  const sign = resolve(STANDARD_INPUT);
  let typed: string | undefined;
  return path => {
    if (path !== sign) return read(path);
    try {
      typed ??= textOf(readFileSync(0), 'standard input');
      return typed;
    } catch (err) {
      if (err instanceof UserError) throw err;
      throw new UserError(`cannot read standard input: ${messageOf(err)}`, { cause: err });
    }
  };
}

/** Undefined where there is none. @throws UserError */
function readComposeFile(path: string): string | undefined {
  try {
    return textOf(readRegularFile(path, MAX_BYTES + 1).content, quote(path));
  } catch (err) {
    if (errorCode(err) === 'ENOENT') return undefined;
    if (err instanceof UserError) throw err;
    if (err instanceof NotAFileError) throw new UserError(`${quote(path)} is no file`, { cause: err });
    throw new UserError(`cannot read ${quote(path)}: ${messageOf(err)}`, { cause: err });
  }
}

/** @param what as a message names it */
function textOf(content: Buffer, what: string): string {
  if (content.length > MAX_BYTES) throw new UserError(`${what} is longer than 1 MiB`);
  return content.toString('utf8');
}

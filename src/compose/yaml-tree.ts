// A YAML document as a tree of mappings, lists and scalars, each with its place in the file: aliases followed, merge keys
// (`<<`) applied. What is nested or repeated without end is refused. Pure. Not here: what a compose file means by it
// (project.ts), variables (interpolate.ts).

import type { Node } from 'yaml';
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  visit,
} from 'yaml';
import { UserError } from '../base/errors.js';
import { plain, quote } from '../base/plain-text.js';
import { MESSAGE_MAX, oneLine } from '../base/text.js';
import { deepPlace } from './nesting.js';

/** Where something stands; lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

interface ScalarNode {
  readonly kind: 'scalar';
  readonly place: Place;
  /** Undefined for null. */
  readonly text: string | undefined;
}
interface List {
  readonly kind: 'list';
  readonly place: Place;
  readonly items: readonly YamlTree[];
  /** Whether it takes the place of what an earlier file has, and is not joined with it. */
  readonly isOverride?: true;
}
export interface Mapping {
  readonly kind: 'mapping';
  readonly place: Place;
  readonly entries: ReadonlyMap<string, Entry>;
  readonly isOverride?: true;
}
/** `!reset`: takes away what an earlier file has. */
interface Reset {
  readonly kind: 'reset';
  readonly place: Place;
}
/** A value, and the place of its key. */
export interface Entry {
  readonly place: Place;
  readonly value: YamlTree;
}
export type YamlTree = ScalarNode | List | Mapping | Reset;

/** A mistake in a compose file. */
export class ComposeError extends UserError {
  constructor(
    readonly place: Place,
    readonly what: string,
  ) {
    super(oneLine(`${formatPlace(place)}: ${what}`, MESSAGE_MAX));
  }
}

/** `compose.yml:12:7` */
export function formatPlace({ file, line, column }: Place): string {
  return `${plain(file, 200)}:${line}:${column}`;
}

/** Values of a project, in all its files. */
const MAX_NODES = 100_000;
const MAX_DEPTH = 64;
const TOO_DEEP = `nested more than ${MAX_DEPTH} deep`;
/** What an anchor is worth more than: an alias counts as all that it stands for. */
const TOO_MANY = `more than ${MAX_NODES} values, aliases followed: give fewer`;

/** What a project may still have. */
interface Budget {
  nodes: number;
}

export function newBudget(): Budget {
  return { nodes: MAX_NODES };
}

/**
 * @param budget what is read is taken from it
 * @throws ComposeError for what is no YAML, or too much
 */
export function parseTree(file: string, text: string, budget = newBudget()): YamlTree {
  const lexemes = [...new Lexer().lex(text)];
  const deep = deepPlace(text, lexemes, MAX_DEPTH);
  if (deep) throw new ComposeError({ file, ...deep }, TOO_DEEP);
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  try {
    const document = composeFirst(lexemes, text.length, lines);
    const [error] = document.errors;
    if (error) throw new ComposeError(placeAt(error.pos[0]), firstLine(error.message));
    return new Reader(document, placeAt, budget, text.includes('&')).read(document.contents, 0);
  } catch (err) {
    if (!(err instanceof RangeError)) throw err;
    throw new ComposeError(placeAt(0), 'it is nested too deeply');
  }
}

/** The first document of a text. The package's parseDocument() would take the text apart a second time. */
function composeFirst(lexemes: readonly string[], length: number, lines: LineCounter): Document.Parsed {
  const parser = new Parser(lines.addNewLine);
  function* tokens(): ReturnType<Parser['end']> {
    lines.addNewLine(0);
    for (const lexeme of lexemes) {
      for (const token of parser.next(lexeme)) {
        yield token;
        // The first mistake is told, and each of a million more would cost as much.
        if (token.type === 'error') return;
      }
    }
    yield* parser.end();
  }
  const composer = new Composer({
    // Told by the reader: the package's own way takes the square of their number.
    uniqueKeys: false,
    logLevel: 'silent',
  });
  const { stackTraceLimit } = Error;
  // The package makes an Error of each mistake, of which the stack costs most.
  Error.stackTraceLimit = 0;
  try {
    const [document] = composer.compose(tokens(), true, length);
    // Of an empty text, too, there is one.
    return document as Document.Parsed;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function firstLine(text: string): string {
  return plain(text.split('\n')[0] ?? text, 200);
}

class Reader {
  readonly #anchors = new Map<string, Node>();
  readonly #placeAt: (offset: number) => Place;
  readonly #budget: Budget;

  constructor(
    document: Document.Parsed,
    placeAt: (offset: number) => Place,
    budget: Budget,
    hasAnchors: boolean,
  ) {
    this.#placeAt = placeAt;
    this.#budget = budget;
    if (hasAnchors)
      visit(document, {
        Node: (_, node) => {
          if (!isAlias(node) && node.anchor) this.#anchors.set(node.anchor, node);
        },
      });
  }

  read(node: unknown, depth: number): YamlTree {
    const place = this.#placeOf(node);
    if (--this.#budget.nodes < 0) throw new ComposeError(place, TOO_MANY);
    if (depth > MAX_DEPTH) throw new ComposeError(place, TOO_DEEP);
    if (isAlias(node)) return this.read(this.#anchored(node.source, place), depth + 1);
    const tag = (node as { tag?: string } | null)?.tag;
    if (tag === '!reset') return { kind: 'reset', place };
    const override = tag === '!override' && ({ isOverride: true } as const);
    if (isMap(node))
      return { kind: 'mapping', place, entries: this.#entries(node.items, depth), ...override };
    if (isSeq(node))
      return { kind: 'list', place, items: node.items.map(item => this.read(item, depth + 1)), ...override };
    return { kind: 'scalar', place, text: textOf(node) };
  }

  #entries(items: readonly { key: unknown; value: unknown }[], depth: number): Map<string, Entry> {
    const own = new Map<string, Entry>();
    const merged = new Map<string, Entry>();
    for (const { key, value } of items) {
      const place = this.#placeOf(key);
      const name = isScalar(key) ? textOf(key) : undefined;
      if (name === undefined) throw new ComposeError(place, 'a key is no text');
      const read = this.read(value ?? key, depth + 1);
      const entry = {
        place,
        value: value === null ? ({ kind: 'scalar', place, text: undefined } as const) : read,
      };
      if (own.has(name)) throw new ComposeError(place, `${quote(name)} is there twice`);
      if (name !== '<<') own.set(name, entry);
      // Of several, the first that has a key counts.
      else for (const [other, found] of this.#merged(read)) if (!merged.has(other)) merged.set(other, found);
    }
    return new Map([...merged, ...own]);
  }

  /** What `<<` brings. */
  #merged(tree: YamlTree): (readonly [string, Entry])[] {
    if (tree.kind === 'mapping') return [...tree.entries];
    if (tree.kind === 'list') return tree.items.flatMap(item => this.#merged(item));
    throw new ComposeError(tree.place, '<< takes a mapping, or a list of mappings');
  }

  #anchored(name: string, place: Place): Node {
    const node = this.#anchors.get(name);
    if (!node) throw new ComposeError(place, `there is no anchor &${plain(name, 60)}`);
    return node;
  }

  #placeOf(node: unknown): Place {
    const range = (node as { range?: readonly [number, number, number] | null } | null)?.range;
    return this.#placeAt(range?.[0] ?? 0);
  }
}

/** As compose has it: a number, true or false as it is written. */
function textOf(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null) return undefined;
  if (typeof node.value === 'string') return node.value;
  return node.source ?? String(node.value);
}

// Small readers of a tree: a member, a text, a list of texts, each with its sentence for a mistake. Pure. Not here: what
// they are used for (project.ts).

import { quote } from '../base/plain-text.js';
import { ComposeError, type Entry, type Mapping, type YamlTree } from './yaml-tree.js';

const NOTHING: ReadonlyMap<string, Entry> = new Map();

/** The members of a mapping; none where there is nothing. @throws ComposeError for anything else */
export function entriesOf(tree: YamlTree | undefined, what: string): ReadonlyMap<string, Entry> {
  if (tree === undefined || tree.kind === 'reset') return NOTHING;
  if (tree.kind === 'mapping') return tree.entries;
  if (tree.kind === 'scalar' && tree.text === undefined) return NOTHING;
  throw new ComposeError(tree.place, `${what} is no mapping`);
}

export function member(tree: Mapping | undefined, key: string): YamlTree | undefined {
  const value = tree?.entries.get(key)?.value;
  return value?.kind === 'reset' ? undefined : value;
}

/** The text of a member; undefined where it is not there. @throws ComposeError for a mapping or a list */
export function textAt(tree: Mapping | undefined, key: string): string | undefined {
  const value = member(tree, key);
  if (value === undefined) return undefined;
  if (value.kind === 'scalar') return value.text;
  throw new ComposeError(value.place, `${quote(key)} is no text`);
}

/** @throws ComposeError for what is neither true nor false */
export function booleanAt(tree: Mapping | undefined, key: string): boolean | undefined {
  const text = textAt(tree, key);
  if (text === undefined) return undefined;
  if (/^(true|yes|on|1)$/i.test(text)) return true;
  if (/^(false|no|off|0|)$/i.test(text)) return false;
  throw new ComposeError(member(tree, key)!.place, `${quote(text)} is neither true nor false`);
}

/** The texts of a list; of a text, the one. @throws ComposeError */
export function textsOf(tree: YamlTree | undefined): string[] {
  if (tree === undefined || tree.kind === 'reset') return [];
  if (tree.kind === 'scalar') return tree.text === undefined ? [] : [tree.text];
  if (tree.kind !== 'list') throw new ComposeError(tree.place, 'this is no list');
  return tree.items.flatMap(item => {
    if (item.kind === 'scalar' && item.text !== undefined) return [item.text];
    throw new ComposeError(item.place, 'this is no text');
  });
}

/** @throws ComposeError for what is no mapping */
export function asMapping(tree: YamlTree | undefined, what: string): Mapping | undefined {
  if (tree === undefined || tree.kind === 'reset') return undefined;
  if (tree.kind === 'mapping') return tree;
  if (tree.kind === 'scalar' && tree.text === undefined) return undefined;
  throw new ComposeError(tree.place, `${what} is no mapping`);
}

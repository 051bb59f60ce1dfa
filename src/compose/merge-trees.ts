// Two trees of compose files as one, as compose joins a file with those before it, and a service with the one that it
// extends. Pure. Not here: which files (load.ts).

import type { Entry, Mapping, Place, YamlTree } from './yaml-tree.js';

/** Members of a service that are a list or a mapping as one likes, and are joined by key. */
const KEYED: ReadonlySet<string> = new Set(['labels', 'networks', 'environment', 'sysctls', 'annotations']);
/** Lists that are replaced. */
const REPLACED: ReadonlySet<string> = new Set(['command', 'entrypoint', 'test']);

/** @param path keys that lead there; only their last one is looked at */
export function merge(before: YamlTree, after: YamlTree, key = ''): YamlTree {
  if (after.kind === 'reset') return after;
  if (before.kind === 'reset') return after;
  if (after.kind !== 'scalar' && after.isOverride) return after;
  const [one, other] = KEYED.has(key) ? [keyed(before), keyed(after)] : [before, after];
  if (one.kind === 'mapping' && other.kind === 'mapping') return mergeMappings(one, other);
  if (one.kind === 'list' && other.kind === 'list' && !REPLACED.has(key))
    return { ...other, items: [...one.items, ...other.items] };
  return other.kind === 'scalar' && other.text === undefined ? one : other;
}

function mergeMappings(before: Mapping, after: Mapping): Mapping {
  const entries = new Map(before.entries);
  for (const [key, entry] of after.entries) {
    const known = entries.get(key);
    entries.set(key, known ? { ...entry, value: merge(known.value, entry.value, key) } : entry);
  }
  return { ...after, entries };
}

/** A list of `key=value`, or of names, as a mapping. */
export function keyed(tree: YamlTree): YamlTree {
  if (tree.kind !== 'list') return tree;
  const entries = tree.items.flatMap((item): [string, Entry][] => {
    if (item.kind !== 'scalar' || item.text === undefined) return [];
    const at = item.text.indexOf('=');
    const [key, text] = at < 0 ? [item.text, undefined] : [item.text.slice(0, at), item.text.slice(at + 1)];
    return [[key, { place: item.place, value: { kind: 'scalar', place: item.place, text } }]];
  });
  return { kind: 'mapping', place: tree.place, entries: new Map(entries) };
}

/** The values of a tree with something done to each; keys stay. */
export function mapScalars(tree: YamlTree, change: (text: string, place: Place) => string): YamlTree {
  switch (tree.kind) {
    case 'scalar':
      return tree.text === undefined ? tree : { ...tree, text: change(tree.text, tree.place) };
    case 'list':
      return { ...tree, items: tree.items.map(item => mapScalars(item, change)) };
    case 'mapping':
      return {
        ...tree,
        entries: new Map(
          [...tree.entries].map(([key, entry]) => [
            key,
            { ...entry, value: mapScalars(entry.value, change) },
          ]),
        ),
      };
    case 'reset':
      return tree;
  }
}

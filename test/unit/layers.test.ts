// The architecture: a folder is a floor, imports point down, the two jobs do not know each other, no process is
// spawned, and setns has one caller.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** From the ground up. A file imports from its own folder and from those before it. */
const FLOORS: readonly string[] = [
  'src/base',
  'native',
  'src/docker',
  'src/netlink',
  'src/netlink/route',
  'src/netlink/wireguard',
  'src/nft',
  'src/nft/iptables/syntax',
  'src/nft/iptables/values',
  'src/nft/iptables/matches',
  'src/nft/iptables/targets',
  'src/nft/iptables',
  'src/labels/discovery',
  'src/labels/spec',
  'src/labels/diff',
  'src/labels/namespace',
  'src/labels/table',
  'src/labels/planner',
  'src/labels/controller',
  'src/labels',
  'src/driver/spec',
  'src/driver/store',
  'src/driver/users',
  'src/driver/tunnel',
  'src/driver/lifecycle',
  'src/driver/plugin',
  'src/driver',
  'src',
  'src/cli',
];
/** No I/O, no clock, nothing kept but caches of its own results: what goes in decides what comes out. */
const PURE: readonly string[] = [
  'src/nft/iptables/syntax',
  'src/nft/iptables/values',
  'src/nft/iptables/matches',
  'src/nft/iptables/targets',
  'src/nft/iptables',
  'src/labels/spec',
  'src/labels/diff',
  'src/labels/table',
  'src/labels/planner',
  'src/driver/spec',
];
/** Pure files of other floors: what a pure file may import from those, types aside. */
const PURE_FILES: readonly string[] = [
  'src/base/errors.ts',
  'src/base/group-by.ts',
  'src/base/ip.ts',
  'src/base/ownership.ts',
  'src/base/plain-text.ts',
  'src/base/special-addresses.ts',
  'src/base/suggest.ts',
  'src/base/text.ts',
  'src/docker/container-names.ts',
  'src/docker/health.ts',
  'src/labels/discovery/docker-types.ts',
  'src/labels/discovery/revision.ts',
  'src/netlink/attributes.ts',
  'src/netlink/message.ts',
  'src/netlink/route/address.ts',
  'src/netlink/route/link.ts',
  'src/netlink/route/policy-rule.ts',
  'src/netlink/route/route.ts',
  'src/netlink/wireguard/key.ts',
  'src/nft/expression.ts',
  'src/nft/table.ts',
];
/** What a pure file may import from outside the project. */
const PURE_PACKAGES: readonly string[] = [
  'node:crypto',
  'node:util',
  'node:path',
  'node:buffer',
  'ipaddr.js',
  'tweetnacl',
];
const MAX_FILES = 16;

/** Files by their paths from the root of the project, each with its text. */
type Tree = ReadonlyMap<string, string>;

/** What a file imports: files of the project as paths, all else by its name. */
function importsOf(tree: Tree, file: string, which: 'all' | 'but types' = 'all'): string[] {
  const pattern =
    /(?:^|\n)(?:import|export)\s([^;]*?)from\s+'([^']+)'|\bimport\('([^']+)'\)|(?:^|\n)import\s+'([^']+)'/g;
  return [...tree.get(file)!.matchAll(pattern)].flatMap(([, names, ...from]) => {
    if (which === 'but types' && names && isOfTypes(names)) return [];
    const path = from.find(one => one !== undefined)!;
    return path.startsWith('.') ? normalize(join(dirname(file), path)).replace('.js', '.ts') : path;
  });
}

/** Whether what is imported by these names is types alone: nothing of it is there at run time. */
const isOfTypes = (names: string): boolean =>
  /^type\s/.test(names) || /^\{(\s*type\s[^,]+,?)+\s*\}\s*$/.test(names);

/** What is not pure in a tree, a sentence each. */
function checkPurity(tree: Tree): string[] {
  const isPure = (file: string): boolean => PURE.includes(dirname(file)) || PURE_FILES.includes(file);
  return [...tree].flatMap(([file, text]) => {
    if (!isPure(file)) return [];
    return [
      ...importsOf(tree, file, 'but types')
        .filter(from => !isPure(from) && !PURE_PACKAGES.includes(from))
        .map(from => `${file} imports ${from}, which is not pure`),
      ...(text.match(/\bDate\.now\b|\bperformance\.now\b|\bsetTimeout\b|\bprocess\.\w+/g) ?? []).map(
        name => `${file} uses ${name}`,
      ),
      ...(/^let /m.test(text) ? [`${file} keeps a state of its own`] : []),
    ];
  });
}

/** What is wrong with the floors of a tree, a sentence each. */
function checkFloors(tree: Tree): string[] {
  const floorOf = (file: string): number => FLOORS.indexOf(dirname(file));
  const isHalf = (file: string, half: string): boolean => file.startsWith(`src/${half}/`);
  return [...tree.keys()].flatMap(file => {
    if (floorOf(file) < 0) return [`${file} is in no listed folder`];
    return importsOf(tree, file)
      .filter(from => from.includes('/') && (from.startsWith('src/') || from.startsWith('native/')))
      .flatMap(from => {
        if (floorOf(from) > floorOf(file)) return [`${file} imports ${from}, which is above it`];
        if (isHalf(file, 'driver') && isHalf(from, 'labels'))
          return [`${file} imports ${from}: they never meet`];
        return [];
      });
  });
}

/** From dist/test/unit. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const tree: Tree = new Map(
  ['src', 'native'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true })
      .map(name => join(folder, String(name)))
      .filter(name => name.endsWith('.ts'))
      .map((name): [string, string] => [name, readFileSync(join(root, name), 'utf8')]),
  ),
);
const files = [...tree.keys()];

test('every file is in a listed folder, and every import points down', () => {
  assert.ok(files.length > 100);
  assert.deepEqual(checkFloors(tree), []);
});

test('a made-up tree with a file in no listed folder and an import that points up is refused', () => {
  const madeUp: Tree = new Map([
    ['src/attic/box.ts', "import { a } from '../base/a.js';"],
    ['src/base/a.ts', "import type { Driver } from '../driver/lifecycle/driver.js';"],
    ['src/driver/lifecycle/driver.ts', "import { b } from '../../labels/spec/b.js';\nimport 'node:fs';"],
    ['src/labels/spec/b.ts', "export { c } from './c.js';"],
    ['src/labels/spec/c.ts', "import '../planner/d.js';"],
    ['src/labels/planner/d.ts', 'export const d = 1;'],
  ]);
  assert.deepEqual(checkFloors(madeUp), [
    'src/attic/box.ts is in no listed folder',
    'src/base/a.ts imports src/driver/lifecycle/driver.ts, which is above it',
    'src/driver/lifecycle/driver.ts imports src/labels/spec/b.ts: they never meet',
    'src/labels/spec/c.ts imports src/labels/planner/d.ts, which is above it',
  ]);
});

test('every listed folder has files, and none more than sixteen', () => {
  for (const folder of FLOORS) {
    const count = files.filter(file => dirname(file) === folder).length;
    assert.ok(count > 0 && count <= MAX_FILES, `${folder} has ${count} files`);
  }
});

test('what is pure imports nothing that is not, keeps no time and no state of its own', () => {
  assert.deepEqual(checkPurity(tree), []);
  for (const file of PURE_FILES) assert.ok(tree.has(file), file);
});

test('a made-up tree whose pure files read files, ask the clock and import a client is refused', () => {
  const madeUp: Tree = new Map([
    ['src/netlink/connection.ts', "import { socket } from 'node:fs';"],
    ['src/base/ip.ts', "import { readFileSync } from 'node:fs';"],
    ['src/labels/spec/a.ts', "import type { Connection } from '../../netlink/connection.js';"],
    ['src/labels/spec/b.ts', "import { type Connection } from '../../netlink/connection.js';"],
    ['src/labels/spec/c.ts', "import { type Connection, open } from '../../netlink/connection.js';"],
    ['src/labels/spec/d.ts', 'let n = Date.now();'],
  ]);
  assert.deepEqual(checkPurity(madeUp), [
    'src/base/ip.ts imports node:fs, which is not pure',
    'src/labels/spec/c.ts imports src/netlink/connection.ts, which is not pure',
    'src/labels/spec/d.ts uses Date.now',
    'src/labels/spec/d.ts keeps a state of its own',
  ]);
});

test('no import leads in a circle', () => {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), [...path, file].join(' → '));
    if (done.has(file)) return;
    for (const from of importsOf(tree, file)) if (tree.has(from)) visit(from, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

/** The one thread that has to be a user's, as nothing that libuv starts can be. */
const STARTS_WORKER = 'src/driver/users/disk-lookup.ts';

test('no process is spawned, and no worker but one kind', () => {
  for (const file of files) {
    for (const from of importsOf(tree, file)) {
      if (from === 'node:worker_threads' && file === STARTS_WORKER) continue;
      assert.doesNotMatch(from, /child_process|worker_threads|cluster/, file);
    }
    assert.doesNotMatch(tree.get(file)!, /\bchild_process\b|\bprocess\.binding\b|\bprocess\.dlopen\b/, file);
  }
});

test('setns is called by src/netlink/netns.ts alone', () => {
  const callers = files.filter(file => /\bsetns\(/.test(tree.get(file)!));
  assert.deepEqual(callers.sort(), ['native/libc.ts', 'src/netlink/netns.ts']);
});

test('every file begins by saying what it is', () => {
  for (const file of files) {
    const [first, second] = tree.get(file)!.split('\n');
    assert.match(first!.startsWith('#!') ? second! : first!, /^\/\/ \S/, file);
  }
});

test('docs/design.md has the same floors in the same order, and says which are pure', () => {
  const page = readFileSync(join(root, 'docs/design.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([\w/]+)` \| .+ \| (yes)? ?\|$/gm)];
  assert.deepEqual(
    rows.map(([, folder]) => folder),
    FLOORS,
  );
  assert.deepEqual(
    rows.filter(([, , pure]) => pure).map(([, folder]) => folder),
    PURE,
  );
});

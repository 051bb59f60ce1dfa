// The architecture: a folder is a floor, imports point down, the two jobs do not know each other, no process is
// spawned, and setns has one caller.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turnsEnd } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isIdentifier, isPropertyAccessExpression, type Node } from 'typescript/unstable/ast';
import { impuritiesOf } from '../support/purity.js';
import {
  type Import,
  importsOf,
  nodesOf,
  readSyntax,
  type Syntax,
  type Tree,
} from '../support/source-tree.js';

/** From the ground up. A file imports from its own folder and from those before it. */
const FLOORS: readonly string[] = [
  'src/fault',
  'src/base',
  'native',
  'src/files',
  'src/docker',
  'src/control',
  'src/page/browser',
  'src/page',
  'src/netlink',
  'src/netlink/route',
  'src/netlink/wireguard',
  'src/nft',
  'src/nft/text',
  'src/nft/iptables/syntax',
  'src/nft/iptables/values',
  'src/nft/iptables/matches',
  'src/nft/iptables/targets',
  'src/nft/iptables',
  'src/labels/discovery',
  'src/labels/spec',
  'src/labels/diff',
  'src/labels/answers',
  'src/labels/sysctls',
  'src/labels/namespace',
  'src/labels/table',
  'src/labels/planner',
  'src/labels/hold',
  'src/labels/controller',
  'src/labels/drift',
  'src/labels',
  'src/explain/machine',
  'src/explain',
  'src/compose',
  'src/driver/spec',
  'src/driver/exit',
  'src/driver/files',
  'src/driver/store',
  'src/driver/users',
  'src/driver/tunnel',
  'src/driver/router',
  'src/driver/natpmp',
  'src/driver/ports',
  'src/driver/lifecycle',
  'src/driver/direct',
  'src/driver/plugin',
  'src/driver',
  'src/doctor/checks',
  'src/doctor/probes',
  'src/doctor',
  'src',
  'src/cli/output',
  'src/cli/settings',
  'src/cli/commands',
  'src/cli',
];
/** No I/O, no clock, nothing kept but caches of its own results: what goes in decides what comes out. */
const PURE: readonly string[] = [
  'src/nft/text',
  'src/nft/iptables/syntax',
  'src/nft/iptables/values',
  'src/nft/iptables/matches',
  'src/nft/iptables/targets',
  'src/nft/iptables',
  'src/labels/spec',
  'src/labels/diff',
  'src/labels/table',
  'src/labels/planner',
  'src/explain/machine',
  'src/driver/spec',
  'src/driver/exit',
  'src/doctor/checks',
  'src/cli/output',
];
/** Pure files of other floors: those that say so, and what pure files import from there, types aside. */
const PURE_FILES: readonly string[] = [
  'src/base/backoff.ts',
  'src/base/errors.ts',
  'src/base/group-by.ts',
  'src/base/ip.ts',
  'src/base/ownership.ts',
  'src/base/plain-text.ts',
  'src/base/proc-stat.ts',
  'src/base/special-addresses.ts',
  'src/base/suggest.ts',
  'src/base/text.ts',
  'src/cli/commands/planned-state.ts',
  'src/cli/settings/users.ts',
  'src/compose/dot-env.ts',
  'src/compose/interpolate.ts',
  'src/compose/merge-trees.ts',
  'src/compose/nesting.ts',
  'src/compose/project.ts',
  'src/compose/read.ts',
  'src/compose/yaml-tree.ts',
  'src/control/answer-shapes.ts',
  'src/control/exposition.ts',
  'src/control/health.ts',
  'src/control/metric-table.ts',
  'src/control/metrics-address.ts',
  'src/control/paths.ts',
  'src/explain/question.ts',
  'src/explain/exit-ends.ts',
  'src/explain/hop.ts',
  'src/docker/container-names.ts',
  'src/docker/container-health.ts',
  'src/docker/engine-version.ts',
  'src/docker/json-list.ts',
  'src/docker/json-shape.ts',
  'src/driver/direct/direct-plan.ts',
  'src/driver/natpmp/assigned-port.ts',
  'src/driver/natpmp/mapping-message.ts',
  'src/driver/ports/label-listing.ts',
  'src/driver/router/desired-router.ts',
  'src/driver/router/diff-router.ts',
  'src/driver/router/dns-ways.ts',
  'src/driver/router/join-exit.ts',
  'src/driver/router/router-tables.ts',
  'src/driver/router/way-in-rules.ts',
  'src/driver/router/ways-in.ts',
  'src/driver/store/client-row.ts',
  'src/driver/store/columns.ts',
  'src/driver/store/exit-row.ts',
  'src/driver/store/network-row.ts',
  'src/driver/store/published-column.ts',
  'src/driver/tunnel/compare-tunnel.ts',
  'src/driver/tunnel/full-tunnel.ts',
  'src/driver/tunnel/join-plan.ts',
  'src/driver/tunnel/peers.ts',
  'src/driver/tunnel/remote-peer.ts',
  'src/driver/users/interface-access.ts',
  'src/labels/answers/diff-routers.ts',
  'src/labels/answers/marks.ts',
  'src/labels/answers/router-table.ts',
  'src/labels/answers/routers.ts',
  'src/labels/controller/attempts.ts',
  'src/labels/controller/labelled-state.ts',
  'src/labels/controller/work-queue.ts',
  'src/labels/discovery/docker-answers.ts',
  'src/labels/discovery/docker-view.ts',
  'src/labels/discovery/namespace-sharing.ts',
  'src/labels/discovery/snapshot.ts',
  'src/labels/discovery/views.ts',
  'src/labels/find-container.ts',
  'src/labels/label-links.ts',
  'src/labels/relied-containers.ts',
  'src/labels/hold/hold-table.ts',
  'src/labels/hold/starting.ts',
  'src/labels/namespace/applied-changes.ts',
  'src/labels/namespace/raw-state.ts',
  'src/labels/namespace/rule-probe.ts',
  'src/page/browser/cells.ts',
  'src/page/browser/graph.ts',
  'src/page/browser/layout.ts',
  'src/page/browser/words.ts',
  'src/page/host-header.ts',
  'src/netlink/attributes.ts',
  'src/netlink/message.ts',
  'src/netlink/namespace-event.ts',
  'src/netlink/route/address.ts',
  'src/netlink/route/describe.ts',
  'src/netlink/route/link.ts',
  'src/netlink/route/lookup.ts',
  'src/netlink/route/neighbour.ts',
  'src/netlink/route/netconf.ts',
  'src/netlink/route/policy-rule.ts',
  'src/netlink/route/route.ts',
  'src/netlink/trace.ts',
  'src/netlink/wireguard/configuration-digest.ts',
  'src/netlink/wireguard/decode.ts',
  'src/netlink/wireguard/device.ts',
  'src/netlink/wireguard/encode.ts',
  'src/netlink/wireguard/handshakes.ts',
  'src/netlink/wireguard/key.ts',
  'src/netlink/work.ts',
  'src/nft/expression.ts',
  'src/nft/filter-chain.ts',
  'src/nft/legacy-filter.ts',
  'src/nft/messages.ts',
  'src/nft/nfgenmsg.ts',
  'src/nft/table-snapshot.ts',
  'src/nft/table.ts',
];
/** What a pure file may import from outside the project: these names of it, or all. */
const PURE_PACKAGES: ReadonlyMap<string, readonly string[] | 'all'> = new Map<
  string,
  readonly string[] | 'all'
>([
  ['node:crypto', ['createHash', 'createPrivateKey', 'createPublicKey']],
  ['node:util', ['getSystemErrorMap']],
  ['@dagrejs/dagre', ['Graph', 'layout']],
  ['ipaddr.js', 'all'],
  ['tweetnacl', 'all'],
  [
    'yaml',
    [
      'Composer',
      'Document',
      'LineCounter',
      'isAlias',
      'isMap',
      'isScalar',
      'isSeq',
      'Lexer',
      'Parser',
      'visit',
    ],
  ],
]);
const MAX_FILES = 16;
/** The one thread that has to be a user's, as nothing that libuv starts can be. */
const STARTS_WORKER = 'src/driver/users/disk-lookup.ts';
/** The one that loads by require, since an import cannot leave parts of a package away. */
const REQUIRES = 'src/docker/dockerode.ts';

/** A tree and what its files import. */
interface Source {
  readonly tree: Tree;
  readonly syntax: Syntax;
  readonly imports: ReadonlyMap<string, readonly Import[]>;
}

async function read(tree: Tree): Promise<Source> {
  const code = new Map([...tree].filter(([file]) => /\.[mc]?[jt]s$/.test(file)));
  const syntax = await readSyntax(code);
  const imports = new Map<string, readonly Import[]>();
  for (const [file, source] of syntax) {
    imports.set(file, importsOf(file, source));
    await turnsEnd();
  }
  return { tree, syntax, imports };
}

/** What is not pure in a tree, a sentence each. */
function checkPurity({ tree, syntax, imports }: Source): string[] {
  const isPure = (file: string): boolean => PURE.includes(dirname(file)) || PURE_FILES.includes(file);
  const mayImport = ({ from, names, isOfTypes }: Import): boolean => {
    const allowed = PURE_PACKAGES.get(from);
    return (
      isOfTypes ||
      isPure(from) ||
      allowed === 'all' ||
      (allowed ? names.every(name => allowed.includes(name)) : false)
    );
  };
  return [...syntax].flatMap(([file, source]) => {
    if (!isPure(file))
      return saysPure(tree.get(file)!) ? [`${file} says that it is pure, and is not listed`] : [];
    return [
      ...imports
        .get(file)!
        .filter(one => !mayImport(one))
        .map(({ from, names }) =>
          PURE_PACKAGES.has(from)
            ? `${file} imports ${names.join(', ')} of ${from}, which is not pure`
            : `${file} imports ${from}, which is not pure`,
        ),
      ...impuritiesOf(source).map(what => `${file} ${what}`),
    ];
  });
}

/** Whether the first comment of a file says that it is pure. */
function saysPure(text: string): boolean {
  const header = /^(?:#!.*\n)?((?:\/\/.*\n)+)/.exec(text)?.[1] ?? '';
  return /\bPure\b/.test(header);
}

/** What is wrong with the floors of a tree, a sentence each. */
function checkFloors({ tree, imports }: Source): string[] {
  const floorOf = (file: string): number => FLOORS.indexOf(dirname(file));
  const isHalf = (file: string, half: string): boolean => file.startsWith(`src/${half}/`);
  const why = (file: string, from: string): string | undefined => {
    if (from.startsWith('node:') || DEPENDENCIES.includes(/^(?:@[^/]+\/)?[^/]+/.exec(from)?.[0] ?? ''))
      return undefined;
    if (!tree.has(from))
      return `${file} imports ${from}, which is neither in a listed folder nor a dependency`;
    if (floorOf(from) > floorOf(file)) return `${file} imports ${from}, which is above it`;
    if (isHalf(file, 'driver') && isHalf(from, 'labels')) return `${file} imports ${from}: they never meet`;
    return undefined;
  };
  return [...tree.keys()].flatMap(file => {
    if (floorOf(file) < 0) return [`${file} is in no listed folder`];
    if (!file.endsWith('.ts')) return [`${file} is not TypeScript (.ts)`];
    return imports.get(file)!.flatMap(({ from }) => why(file, from) ?? []);
  });
}

/** What spawns processes, or loads what no import names: beyond the reach of everything here. */
function checkLoading({ syntax, imports, tree }: Source): string[] {
  return [...syntax.keys()].flatMap(file => [
    ...imports
      .get(file)!
      .filter(({ from }) => from !== 'node:worker_threads' || file !== STARTS_WORKER)
      .filter(
        ({ from, names }) =>
          /child_process|worker_threads|cluster|^node:vm$/.test(from) ||
          (names.includes('createRequire') && file !== REQUIRES),
      )
      .map(({ from }) => `${file} imports ${from}`),
    ...(
      tree
        .get(file)!
        .match(/\bchild_process\b|\bprocess\.(binding|dlopen|getBuiltinModule)\b|\bcreateRequire\b/g) ?? []
    )
      .filter(name => name !== 'createRequire' || file !== REQUIRES)
      .map(name => `${file} names ${name}`),
    ...(file !== REQUIRES && nodesOf(syntax.get(file)!).some(requires) ? [`${file} names require`] : []),
  ]);
}

/** Whether a node is `require`, and does more than find a file. */
function requires(node: Node): boolean {
  if (!isIdentifier(node) || node.text !== 'require') return false;
  return !isPropertyAccessExpression(node.parent) || node.parent.name.text !== 'resolve';
}

/** From dist/test/unit. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const DEPENDENCIES = Object.keys(
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object }).dependencies,
);
const tree = new Map(
  ['src', 'native'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(entry => !entry.isDirectory())
      .map(({ parentPath, name }) => relative(root, join(parentPath, name)))
      .map((name): [string, string] => [name, readFileSync(join(root, name), 'utf8')]),
  ),
);
// What the compiler and Node.js are told of the browser's modules.
for (const name of ['package.json', 'tsconfig.json']) assert.ok(tree.delete(`src/page/browser/${name}`));
const source = await read(tree);
const files = [...tree.keys()];

test('every file is in a listed folder, and every import points down', () => {
  assert.ok(files.length > 100);
  assert.deepEqual(checkFloors(source), []);
});

test('a made-up tree with a file in no listed folder and an import that points up is refused', async () => {
  const madeUp: Tree = new Map([
    ['src/attic/box.ts', "import { a } from '../base/a.js';"],
    ['src/base/a.ts', "import type { Driver } from '../driver/lifecycle/driver.js';"],
    ['src/driver/lifecycle/driver.ts', "import { b } from '../../labels/spec/b.js';\nimport 'node:fs';"],
    ['src/labels/spec/b.ts', "export { c } from './c.js';"],
    ['src/labels/spec/c.ts', "import '../planner/d.js';"],
    ['src/labels/planner/d.ts', 'export const d = 1;'],
  ]);
  assert.deepEqual(checkFloors(await read(madeUp)), [
    'src/attic/box.ts is in no listed folder',
    'src/base/a.ts imports src/driver/lifecycle/driver.ts, which is above it',
    'src/driver/lifecycle/driver.ts imports src/labels/spec/b.ts: they never meet',
    'src/labels/spec/c.ts imports src/labels/planner/d.ts, which is above it',
  ]);
});

test('an import that points up is found in every way to write one', async () => {
  const ways: readonly string[] = [
    "import { d } from '../labels/planner/d.js';",
    'import { d } from "../labels/planner/d.js";',
    "import { a } from './a.js'; import { d } from '../labels/planner/d.js';",
    "import * as d from '../labels/planner/d.js'",
    "export * from '../labels/planner/d.js'",
    "import\n  '../labels/planner/d.js'",
    "import d = require('../labels/planner/d.js');",
    "const d = await import(\n  '../labels/planner/d.js'\n);",
    'const d = () => import(`../labels/planner/d.js`);',
    "type D = import('../labels/planner/d.js').D;",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code
    "const text = `${await import('../labels/planner/d.js')}`;",
  ];
  const madeUp: Tree = new Map([
    ...ways.map((way, n): [string, string] => [`src/base/${n}.ts`, way]),
    ['src/base/a.ts', ''],
    ['src/labels/planner/d.ts', 'export const d = 1;'],
  ]);
  assert.deepEqual(
    checkFloors(await read(madeUp)),
    ways.map((_, n) => `src/base/${n}.ts imports src/labels/planner/d.ts, which is above it`),
  );
  const words: Tree = new Map([
    ['src/base/a.ts', "// import '../cli/main.js'\nconst a = \"import '../cli/main.js'\";"],
  ]);
  assert.deepEqual(checkFloors(await read(words)), []);
});

test('an import of what is in no listed folder, of no dependency or of nothing that can be told is refused', async () => {
  const ways: readonly (readonly [way: string, from: string])[] = [
    ["import { x } from '../../../test/support/x.js';", '../test/support/x.ts'],
    ["import { x } from '../../test/support/x.js';", 'test/support/x.ts'],
    ["import { x } from '../../dist/src/base/x.js';", 'dist/src/base/x.ts'],
    ["import x from '../../package.json' with { type: 'json' };", 'package.json'],
    ["import { x } from '/usr/lib/x.js';", '/usr/lib/x.js'],
    ["import { x } from 'typescript';", 'typescript'],
    ["import { x } from 'fs';", 'fs'],
    ["const x = await import('./' + name);", 'something that is computed'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code
    ['const x = await import(`./${name}.js`);', 'something that is computed'],
    ["import { x } from './there.mjs';", 'src/base/there.mts'],
  ];
  const madeUp: Tree = new Map(ways.map(([way], n) => [`src/base/${n}.ts`, way]));
  assert.deepEqual(
    checkFloors(await read(madeUp)),
    ways.map(
      ([, from], n) =>
        `src/base/${n}.ts imports ${from}, which is neither in a listed folder nor a dependency`,
    ),
  );
});

test('a file that is not .ts is refused', async () => {
  const names = ['a.mts', 'a.cts', 'a.js', 'a.mjs', 'a.json', 'a', 'a.ts.orig'].map(
    name => `src/base/${name}`,
  );
  const madeUp: Tree = new Map(names.map(name => [name, '']));
  assert.deepEqual(
    checkFloors(await read(madeUp)),
    names.map(name => `${name} is not TypeScript (.ts)`),
  );
});

test('every listed folder has files, and none more than sixteen', () => {
  for (const folder of FLOORS) {
    const count = files.filter(file => dirname(file) === folder).length;
    assert.ok(count > 0 && count <= MAX_FILES, `${folder} has ${count} files`);
  }
});

/** Names that several floors have, each time for the same thing seen from there. */
const SAME_THING =
  'client containers decode describe docker doctor explain expressions firewalls kernel links main nat peers plan preview service status translate unit';

test('no file has the name of another that is about something else', () => {
  const names = files.map(file => basename(file, '.ts'));
  const twice = new Set(names.filter((name, n) => names.indexOf(name) < n));
  assert.deepEqual([...twice].sort(), SAME_THING.split(' '));
});

test('what is pure imports nothing that is not, keeps no time and no state of its own', () => {
  assert.deepEqual(checkPurity(source), []);
  for (const file of PURE_FILES) assert.ok(tree.has(file), file);
});

test('a made-up tree whose pure files read files, ask the clock and import a client is refused', async () => {
  const madeUp: Tree = new Map([
    ['src/netlink/connection.ts', "import { socket } from 'node:fs';"],
    ['src/base/ip.ts', "import { readFileSync } from 'node:fs';"],
    ['src/labels/spec/a.ts', "import type { Connection } from '../../netlink/connection.js';"],
    ['src/labels/spec/b.ts', "import { type Connection } from '../../netlink/connection.js';"],
    ['src/labels/spec/c.ts', "import { type Connection, open } from '../../netlink/connection.js';"],
    ['src/labels/spec/d.ts', 'let n = Date.now();'],
    [
      'src/labels/namespace/e.ts',
      '#!/usr/bin/node\n// What it is, in many words.\n// Pure. Not here: all else.\n',
    ],
    ['src/labels/namespace/f.ts', '// What it is.\n// Purely so.\n\n// Pure.\n'],
  ]);
  assert.deepEqual(checkPurity(await read(madeUp)), [
    'src/base/ip.ts imports node:fs, which is not pure',
    'src/labels/spec/c.ts imports src/netlink/connection.ts, which is not pure',
    'src/labels/spec/d.ts uses Date.now',
    'src/labels/spec/d.ts keeps a state of its own: the variable n',
    'src/labels/namespace/e.ts says that it is pure, and is not listed',
  ]);
});

const KEEPS = 'keeps a state of its own:';
const SNIPPETS: readonly (readonly [text: string, ...found: string[]])[] = [
  ['const now = new Date();', 'uses new Date()'],
  ['const now = new Date;', 'uses new Date()'],
  ['const now = Date();', 'uses new Date()'],
  ['const D = Date;', 'uses new Date()'],
  ['const now = [1].map(Date.now);', 'uses Date.now'],
  ['const n = Math.random();', 'uses Math.random'],
  ['setTimeout(() => 1, 1);', 'uses setTimeout'],
  ['setInterval(() => 1, 1);', 'uses setInterval'],
  ['setImmediate(() => 1);', 'uses setImmediate'],
  ["fetch('http://localhost');", 'uses fetch'],
  ["console.log('x');", 'uses console'],
  ["import { randomBytes } from 'node:crypto';", 'imports randomBytes of node:crypto, which is not pure'],
  ["import * as c from 'node:crypto';", 'imports * of node:crypto, which is not pure'],
  ["import c from 'node:crypto';", 'imports default of node:crypto, which is not pure'],
  ["const c = await import('node:crypto');", 'imports * of node:crypto, which is not pure'],
  ['const id = crypto.randomUUID();', 'uses crypto'],
  ['const now = performance.now();', 'uses performance'],
  ['const p = process;', 'uses process'],
  ['const { pid } = process;', 'uses process'],
  ['const all = { process };', 'uses process'],
  ["const p = globalThis['process'];", 'uses globalThis'],
  ["const fs = require('node:fs');", 'uses require'],
  ['export let n = 0;', `${KEEPS} the variable n`],
  ['let n = 0, m = 1;', `${KEEPS} the variable n, m`],
  ['var n = 0;', `${KEEPS} the variable n`],
  ['class A { static n = 0; }', `${KEEPS} the static field n`],
  ['export class A { static readonly seen = new Map(); }', `${KEEPS} the static field seen`],
  ['class A {} export const f = () => { A.n = 1; };', `${KEEPS} it writes to A`],
  ['const m = new Map(); export const f = x => { m.set(x, 1); };', `${KEEPS} it writes to m`],
  ['const m = new Set(); export function f(x) { m.add(x); }', `${KEEPS} it writes to m`],
  ['const m = []; export const f = x => m.push(x);', `${KEEPS} it writes to m`],
  ['const m = {}; export const f = x => { m[x] = 1; };', `${KEEPS} it writes to m`],
  ['const m = { n: 0 }; export const f = () => m.n++;', `${KEEPS} it writes to m`],
  ['const m = { a: { n: 0 } }; export const f = () => { m.a.n ||= 1; };', `${KEEPS} it writes to m`],
  ['const m = { n: 0 }; export const f = () => { delete m.n; };', `${KEEPS} it writes to m`],
  ['const m = {}; export const f = x => Object.assign(m, x);', `${KEEPS} it writes to m`],
  ['const m = Buffer.alloc(4); export const f = x => m.writeInt32LE(x);', `${KEEPS} it writes to m`],
  ['const at = new Date(0), then = Date.UTC(1970, 1), day = Date.parse("x");'],
  ['const m = new Map([[1, 2]]); export const f = x => m.get(x);'],
  ['export const f = xs => { const m = new Map(); for (const x of xs) m.set(x, 1); return m; };'],
  ['const A = { process: 1, fetch: 2 }; export const f = a => a.process + A.fetch;'],
  ['export interface A { readonly performance: number; readonly timer: NodeJS.Timeout }'],
  ["import { createHash } from 'node:crypto';"],
  [
    "import { type Hash, createHash } from 'node:crypto';",
    'imports Hash, createHash of node:crypto, which is not pure',
  ],
];
const snippets = checkPurity(
  await read(new Map(SNIPPETS.map(([text], n) => [`src/labels/spec/${n}.ts`, text]))),
);
for (const [n, [text, ...found]] of SNIPPETS.entries()) {
  test(`${found.length > 0 ? 'not pure' : 'pure'}: ${text}`, () => {
    const file = `src/labels/spec/${n}.ts `;
    assert.deepEqual(
      snippets.filter(what => what.startsWith(file)),
      found.map(what => file + what),
    );
  });
}

test('no import leads in a circle', () => {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), [...path, file].join(' → '));
    if (done.has(file)) return;
    for (const { from } of source.imports.get(file)!) if (tree.has(from)) visit(from, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test('no process is spawned, no worker but one kind, and nothing is loaded but by import', () => {
  assert.deepEqual(checkLoading(source), []);
  assert.ok(tree.has(STARTS_WORKER) && tree.has(REQUIRES));
});

test('a made-up tree that spawns, or loads in another way, is refused', async () => {
  const madeUp: Tree = new Map([
    ['src/base/a.ts', 'import { spawn } from "node:child_process";'],
    ['src/base/b.ts', "import { createRequire } from 'node:module';"],
    ['src/base/c.ts', "import { Worker } from 'node:worker_threads';"],
    [REQUIRES, "import { createRequire } from 'node:module';"],
    [STARTS_WORKER, "import { Worker } from 'node:worker_threads';"],
    ['src/base/d.ts', "const fs = process.getBuiltinModule('fs');"],
    ['src/base/e.ts', "const vm = await import(\n'node:vm');"],
    ['src/base/f.ts', 'const load = module.require;'],
    ['src/base/g.ts', "const path = require.resolve('pino');"],
  ]);
  assert.deepEqual(checkLoading(await read(madeUp)), [
    'src/base/a.ts imports node:child_process',
    'src/base/a.ts names child_process',
    'src/base/b.ts imports node:module',
    'src/base/b.ts names createRequire',
    'src/base/c.ts imports node:worker_threads',
    'src/base/d.ts names process.getBuiltinModule',
    'src/base/e.ts imports node:vm',
    'src/base/f.ts names require',
  ]);
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

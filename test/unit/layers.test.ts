// The architecture: imports point down, the two jobs do not know each other, no process is spawned, and setns has
// one caller.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** From dist/test/unit. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * The floors of the design, from the words up. A file imports from its own floor and from those below; the first
 * pattern that matches counts.
 */
const FLOORS: readonly [floor: number, files: RegExp][] = [
  [6, /^src\/(cli|commands)\.ts$/],
  [5, /^src\/(daemon|driver\/(plugin|plugin-socket|rootless-socket))\.ts$/],
  [5, /^src\/((driver|labels)\/service|translate)\.ts$/],
  [4, /^src\/driver\/(driver|removal|upkeep|recovery|full-tunnels)\.ts$/],
  [4, /^src\/labels\/(sandbox|sandbox-window|put-table|outcome|reconcile)\.ts$/],
  [3, /^native\//],
  [3, /^src\/netlink\/(netns|socket|sync-socket|sync-channel|rtnetlink|sync-rtnetlink|wgctrl)\.ts$/],
  [
    3,
    /^src\/driver\/(store|migrations|docker|resolver|secrets|sandboxes|rootless|user-files|user-operations|user-paths|reaper|host-interface|container-links|container-tunnels|quotas|full-tunnel-netns|poller)\.ts$/,
  ],
  [
    3,
    /^src\/(nft\/libnftables|labels\/(containers|host|host-names|host-dns|networks|lock|own-labels|runtimes|proc-netns|proc-sys|reports|retries|unseen))\.ts$/,
  ],
  [3, /^src\/(log|docker-api|docker-request|resolver)\.ts$/],
  [2, /^src\/driver\/(plan|peers|rows|full-tunnel)\.ts$/],
  [
    2,
    /^src\/labels\/(change-groups|intents|plan|planner|diff|flows|tables?|names|bearers|unresolved|frozen|openings|routes|host-routes|loops|merge|forwards|placement|due|grammar|reading|misspelt)\.ts$/,
  ],
  [
    0,
    /^src\/(ip|errors|text|log-limit|nearest|passes|round-robin|serial|undo|go-flags|users|netlink\/key|driver\/(api|network|interface-access)|nft\/(expression|ruleset|rule))\.ts$/,
  ],
  [1, /^src\/(netlink|nft|labels|driver\/options)/],
];

const files = ['src', 'native']
  .flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true }).map(name => join(folder, String(name))),
  )
  .filter(name => name.endsWith('.ts'));

const source = (file: string): string => readFileSync(join(root, file), 'utf8');

function floorOf(file: string): number {
  const floor = FLOORS.find(([, pattern]) => pattern.test(file))?.[0];
  assert.notEqual(floor, undefined, `${file} has no floor: give it one here`);
  return floor!;
}

interface Import {
  readonly from: string;
  readonly typesOnly: boolean;
}

/** What a file imports, its own project's files as paths. */
function importsOf(file: string): Import[] {
  const pattern = /(?:^|\n)(import|export)( type)?\s[^;]*?from\s+'([^']+)'|\bimport\('([^']+)'\)/g;
  return [...source(file).matchAll(pattern)].map(match => {
    const from = match[3] ?? match[4]!;
    const path = from.startsWith('.') ? normalize(join(file, '..', from)).replace(/\.js$/, '.ts') : from;
    return { from: path, typesOnly: match[2] !== undefined };
  });
}

test('every file of the project has its floor', () => {
  assert.ok(files.length > 40);
  for (const file of files) floorOf(file);
});

for (const file of files) {
  test(`the imports of ${file} point down`, () => {
    for (const { from, typesOnly } of importsOf(file)) {
      if (!files.includes(from)) continue;
      // A type of above is a word, not a dependency; but a pure file takes none of those that touch the world.
      if (typesOnly && floorOf(file) > 2) continue;
      assert.ok(
        floorOf(from) <= floorOf(file),
        `${file} (${floorOf(file)}) imports ${from} (${floorOf(from)})`,
      );
    }
  });
}

test('what is on floors 0 to 2 does no I/O', () => {
  const pure = /^node:(crypto|util|path|buffer)$|^(ipaddr\.js|tweetnacl|zod)$/;
  for (const file of files.filter(file => floorOf(file) <= 2)) {
    for (const { from } of importsOf(file))
      assert.ok(files.includes(from) || pure.test(from), `${file}: ${from}`);
  }
});

test('driver and labels never import each other, and netlink and nft neither of them', () => {
  const room = (file: string): string | undefined => /^src\/([^/]+)\//.exec(file)?.[1];
  const foreign: Record<string, string[]> = {
    driver: ['labels'],
    labels: ['driver'],
    netlink: ['driver', 'labels', 'nft'],
    nft: ['driver', 'labels'],
  };
  for (const file of files) {
    for (const { from } of importsOf(file)) {
      assert.ok(!foreign[room(file) ?? '']?.includes(room(from) ?? ''), `${file} imports ${from}`);
    }
  }
});

test('nothing imports in a circle', () => {
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), [...path, file].join(' → '));
    for (const { from, typesOnly } of importsOf(file))
      if (files.includes(from) && !typesOnly) visit(from, [...path, file]);
  };
  visit('src/cli.ts', []);
});

test('no process is spawned, and no worker', () => {
  for (const file of files) {
    for (const { from } of importsOf(file)) {
      assert.doesNotMatch(from, /child_process|worker_threads|cluster/, file);
    }
    assert.doesNotMatch(source(file), /\bchild_process\b|\bprocess\.binding\b|\bprocess\.dlopen\b/, file);
  }
});

test('setns is called by src/netlink/netns.ts alone', () => {
  const callers = files.filter(file => /\bsetns\(/.test(source(file)));
  assert.deepEqual(callers.sort(), ['native/libc.ts', 'src/netlink/netns.ts']);
});

test('every file begins by saying what it is', () => {
  for (const file of files) {
    const [first, second] = source(file).split('\n');
    assert.match(first!.startsWith('#!') ? second! : first!, /^\/\/ \S/, file);
  }
});

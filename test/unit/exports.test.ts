// What files of src/ and native/ export: each name once, and nothing that no other file of them imports. The name of a class
// or of an exported type is no other type's.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { groupBy } from '../../src/base/group-by.js';
import {
  ALL,
  exportsOf,
  importsOf,
  readSyntax,
  type Syntax,
  type Tree,
  typesOf,
} from '../support/source-tree.js';

/** What is exported for tests alone, or for what makes packages. */
const FOR_TESTS: Readonly<Record<string, string>> = {
  'src/base/errors.ts': 'errnoName',
  'src/base/log.ts': 'formatLine',
  'src/cli/command-line.ts': 'program',
  'src/docker/api-client.ts': 'EventListener quietAgent',
  'src/docker/resolv-conf.ts': 'ResolvConf hasServers',
  'src/doctor/checks/finding.ts': 'anchorOf',
  'src/driver/lifecycle/docker-networks.ts': 'findLabelled readDockerNetwork readNetworkIds',
  'src/driver/plugin/rootless-sockets.ts': 'restOf',
  'src/driver/plugin/socket.ts': 'PLUGIN_LIMITS',
  'src/driver/ports/tcp-relay.ts': 'breakOff',
  'src/driver/router/desired-router.ts': 'containerMac',
  'src/driver/spec/option-table.ts': 'OPTIONS',
  'src/driver/tunnel/endpoint-resolver.ts': 'userLookUps',
  'src/driver/tunnel/full-tunnel.ts': 'HeldFamilies TunnelState',
  'src/driver/tunnel/link-reaper.ts': 'ReapedLink',
  'src/driver/tunnel/poller.ts': 'pauseMs',
  'src/driver/tunnel/remote-peer.ts': 'planHostPeer',
  'src/driver/users/quotas.ts': 'MAX_NETWORKS',
  'src/driver/users/user-paths.ts': 'IN_MEMORY',
  'src/labels/controller/work-queue.ts': 'withFailure',
  'src/labels/discovery/docker-view.ts': 'DockerEndpoint',
  'src/labels/discovery/host.ts': 'nextHopsOf routersAmong',
  'src/labels/discovery/namespace-sharing.ts': 'NetworkModeInfo',
  'src/labels/namespace/tamper-check.ts': 'isAsPlanned',
  'src/labels/planner/plan.ts': 'PlanInput planWorld',
  'src/labels/spec/destination.ts': 'parseDestination',
  'src/labels/spec/diagnostics.ts': 'MAX_DIAGNOSTICS',
  'src/labels/spec/label-keys.ts': 'LABELS',
  'src/labels/hold/backlog.ts': 'readBacklogs',
  'src/labels/spec/rule-budget.ts': 'MAX_RULES',
  'src/labels/spec/selected-keys.ts': 'MAX_LABELS',
  'src/labels/status.ts': 'LabelsStatusParts',
  'src/netlink/attributes.ts': 'NLA_F_NESTED',
  'src/netlink/connection.ts': 'MAX_DUMP_MESSAGES',
  'src/netlink/generic.ts': 'GENL_ID_CTRL',
  'src/netlink/message.ts': 'NLM_F_REQUEST',
  'src/netlink/route/address.ts': 'RTM_GETADDR',
  'src/netlink/route/link.ts':
    'IFF_UP IFLA_IFNAME IFLA_LINKINFO IFLA_MTU IFLA_NET_NS_FD RTM_GETLINK RTM_SETLINK',
  'src/netlink/route/neighbour.ts': 'RTM_NEWNEIGH',
  'src/netlink/route/policy-rule.ts': 'RTM_GETRULE decodeRule isRuleOf',
  'src/nft/client.ts': 'MAX_OBJECTS',
  'src/nft/iptables/syntax/chains.ts': 'TABLE_OF',
  'src/nft/messages.ts': 'StampedTable',
  'src/reload.ts': 'changesOf',
};
const forTests = Object.entries(FOR_TESTS).flatMap(([file, names]) =>
  names.split(' ').map(name => `${file}: ${name}`),
);

const sentence = (what: string): string => `${what.replace(': ', ' exports ')}, which no other file imports`;

/** What files import of others, as `FILE: NAME`. */
function namesImported(syntax: Syntax): string[] {
  return [...syntax].flatMap(([file, source]) =>
    importsOf(file, source).flatMap(({ from, names }) => names.map(name => `${from}: ${name}`)),
  );
}

/** What is exported for nobody, or twice, a sentence each. */
async function checkExports(tree: Tree): Promise<string[]> {
  const syntax = await readSyntax(tree);
  const used = new Set(namesImported(syntax));
  const owners = new Map<string, string>();
  return [...syntax].flatMap(([file, source]) =>
    [...new Set(exportsOf(source))].flatMap(name => {
      const owner = owners.get(name);
      owners.set(name, file);
      const what = `${file}: ${name}`;
      return [
        ...(owner === undefined ? [] : [`${owner} and ${file} export ${name}`]),
        ...(used.has(what) || used.has(`${file}: ${ALL}`) ? [] : [sentence(what)]),
      ];
    }),
  );
}

/** Classes and exported types whose names are those of other types as well, a sentence each. */
async function checkTypes(tree: Tree): Promise<string[]> {
  const all = [...(await readSyntax(tree))].flatMap(([file, source]) => {
    const exported = new Set(exportsOf(source));
    return [...typesOf(source)].map(([name, isClass]) => ({
      file,
      name,
      isNamedAlone: isClass || exported.has(name),
    }));
  });
  return [...groupBy(all, ({ name }) => name)]
    .filter(([, types]) => types.length > 1 && types.some(({ isNamedAlone }) => isNamedAlone))
    .map(([name, types]) => `${types.map(({ file }) => file).join(' and ')} have a type ${name}`);
}

/** From dist/test/unit. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const readTree = (folders: readonly string[]): Tree =>
  new Map(
    folders.flatMap(folder =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter(name => name.endsWith('.ts'))
        .map((name): [string, string] => [
          join(folder, name),
          readFileSync(join(root, folder, name), 'utf8'),
        ]),
    ),
  );
const tree = readTree(['src', 'native']);
const tests = [...readTree(['test'])].flatMap(([file, text]) =>
  file.endsWith('exports.test.ts') ? [] : text,
);
const unused = await checkExports(tree);

test('every exported name is imported by another file, or listed for tests, and is exported by one file alone', () => {
  assert.ok(tree.size > 100);
  const listed = new Set(forTests.map(sentence));
  assert.deepEqual(
    unused.filter(each => !listed.has(each)),
    [],
  );
});

test('what is listed for tests is there, is imported by one, and by no other file', () => {
  for (const what of forTests) {
    assert.ok(unused.includes(sentence(what)), what);
    const name = new RegExp(`\\b${what.split(': ')[1]}\\b`);
    assert.ok(
      tests.some(text => name.test(text)),
      `a test has ${what}`,
    );
  }
});

test('no class and no exported type has the name of another type', async () => {
  assert.deepEqual(await checkTypes(tree), []);
});

test('in a made-up tree a class and an exported type with the names of others are found', async () => {
  const madeUp: Tree = new Map([
    [
      'src/a.ts',
      'class A {}\nexport interface B {}\ntype C = 1;\nexport enum D { e }\nconst f = class F {};',
    ],
    [
      'src/b.ts',
      'type A = 1;\nimport type { B } from "./a.js";\ninterface C {}\nexport { type G as H };\ntype G = 1;',
    ],
    ['src/c.ts', 'class B {}\nenum D { e }\ninterface F {}'],
  ]);
  assert.deepEqual(await checkTypes(madeUp), [
    'src/a.ts and src/b.ts have a type A',
    'src/a.ts and src/c.ts have a type B',
    'src/a.ts and src/c.ts have a type D',
  ]);
});

test('in a made-up tree what is exported twice, or for nobody, is found', async () => {
  const madeUp: Tree = new Map([
    ['src/a.ts', 'export const [a, { b: c = 1 }] = x; export let d = () => { const no = 1; };'],
    ['src/b.ts', 'export function a() {}\nexport interface E {}\nconst f = 1; export { f, f as g };'],
    ['src/c.ts', 'export type H = 1; export class I {} export default 1; export enum J { k }'],
    ['src/d.ts', "import * as all from './b.js'; import { type H, I as K } from './c.js';"],
    ['src/e.ts', "export { a, d as z } from './a.js';"],
    [
      'src/f.ts',
      "import d, { a } from './a.js'; import { z as y } from './e.js'; export { a, y }; export type { d };",
    ],
  ]);
  assert.deepEqual(await checkExports(madeUp), [
    'src/a.ts exports c, which no other file imports',
    'src/a.ts and src/b.ts export a',
    'src/c.ts exports default, which no other file imports',
    'src/c.ts exports J, which no other file imports',
  ]);
});

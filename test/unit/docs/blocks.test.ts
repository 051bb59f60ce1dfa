// Every block of code of the pages is run by a test that takes it from there, or is excused here, by name and with a reason.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { blocksOf, CHECKOUT, PAGES, pageBlock, spansOf, typedIn } from '../../support/page-blocks.js';
import { composeBlocks } from '../../support/planned.js';

/** By a block's name: the tests that run it. Compose files are planned without being named here. */
const RUN_BY: Readonly<Record<string, readonly string[]>> = {
  'README.md: pubkey mode: the WireGuard peer is elsewhere': [
    'test/unit/docs/commands.test.ts',
    'test/package/newcomer.test.ts',
  ],
  'README.md: pubkey mode: the WireGuard peer is elsewhere (5)': ['test/unit/docs/commands.test.ts'],
  'README.md: A gateway for other containers': ['test/docker/vpn.test.ts'],
  'README.md: A gateway for other containers (2)': ['test/kernel/labels-firewalls.test.ts'],
  'README.md: A gateway for other containers (3)': ['test/unit/docs/commands.test.ts'],
  'README.md: Localhost of a container, elsewhere': ['test/docker/dnsmasq.test.ts'],
  'README.md: What is wrong with a label': ['test/unit/docs/commands.test.ts'],
  'README.md: What is wrong with a label (2)': ['test/unit/docs/commands.test.ts'],
  'README.md: As a container': ['test/docker/service.test.ts'],
  'README.md: Ask it': ['test/docker/leak-proof.test.ts'],
  'README.md: Rootless Docker (2)': ['test/unit/docs/commands.test.ts'],
  'docs/recipes.md: Nothing leaves before the labels are there': ['test/docker/leak-proof.test.ts'],
  'docs/reference.md: dwgd plan': ['test/unit/docs/commands.test.ts'],
  'docs/reference.md: dwgd plan (2)': ['test/unit/docs/commands.test.ts'],
  'docs/reference.md: Settings': ['test/unit/docs/commands.test.ts'],
  'docs/reference.md: Control socket': ['test/docker/leak-proof.test.ts'],
  'docs/reference.md: Log': ['test/unit/docs/commands.test.ts'],
  'docs/reference.md: twine.host.routes': ['test/docker/host-routes.test.ts'],
  'docs/reference.md: twine.host.routes (2)': ['test/docker/host-routes.test.ts'],
  'README.md: dwgd (2)': ['test/package/newcomer.test.ts'],
  'README.md: ifname mode: the WireGuard interface is on this host': ['test/package/newcomer.test.ts'],
  'README.md: ifname mode: the WireGuard interface is on this host (2)': ['test/package/newcomer.test.ts'],
  'README.md: ifname mode: the WireGuard interface is on this host (3)': ['test/package/newcomer.test.ts'],
  'README.md: pubkey mode: the WireGuard peer is elsewhere (2)': ['test/package/newcomer.test.ts'],
  'README.md: pubkey mode: the WireGuard peer is elsewhere (3)': ['test/package/newcomer.test.ts'],
  'README.md: pubkey mode: the WireGuard peer is elsewhere (4)': ['test/package/newcomer.test.ts'],
  'docs/packages.md: Debian': ['test/package/newcomer.test.ts'],
  'docs/packages.md: Debian (2)': ['test/package/newcomer.test.ts'],
  'docs/packages.md: Debian (3)': ['test/package/newcomer.test.ts'],
  'README.md: Rootless Docker (3)': ['test/support/service-tests.ts'],
  'README.md: Security': ['test/support/service-tests.ts'],
  'docs/rules.md: Rules': ['test/unit/docs/commands.test.ts'],
};

const PACKAGE =
  'a file of one version; test/package installs the same package in the same way, beside a real apt';
/** By a block's name: why no test runs it as it stands. */
const EXCUSED: Readonly<Record<string, string>> = {
  'README.md: Install on a host': 'test/support/service-tests.ts runs what the target runs once all is built',
  'README.md: Install on a host (2)': 'test/support/service-tests.ts runs what the target runs',
  'README.md: More than one subnet':
    "its options are read in words.test.ts; test/lab/scenarios/networks.ts makes such a network by Docker's API",
  'README.md: dwgd (4)': 'it runs all tests; that the targets are there is in words.test.ts',
  'README.md: Rootless Docker': 'it opens an editor',
  'docs/benchmarks.md: Benchmarks': 'it runs the benchmarks; that the target is there is in words.test.ts',
  'docs/coming-from.md: The Go program':
    "it needs the Go program's service; store.test.ts migrates a database of its, and the laboratory installs over one",
  'docs/reference.md: Ports of exit networks':
    'it needs a tunnel and an image of its own; test/docker/exit-ports.test.ts has the label, router-ports.test.ts the packets',
  'docs/reference.md: Keys': 'a formula; the vectors of `dwgd pubkey` are in test/support/vectors.ts',
  'docs/packages.md: npm': PACKAGE,
  'docs/packages.md: Managed plugin': 'test/package/plugin.test.ts does the same, under a tag of its own',
  'test/lab/README.md: The laboratory': 'the command line of the laboratory itself; test/lab/outside.ts',
  'test/lab/README.md: Adding a scenario': 'the form of a file',
  'test/lab/README.md: Other versions': 'it needs a root folder of another Debian, which is made by hand',
};

const [SHOWS, HOST] = [
  'it shows what tests look at in the same way',
  "the host's own business, as its manual has it",
];
/** Commands of other programs in sentences and tables: the test that runs them, or why none does. */
const SAID: Readonly<Record<string, string>> = {
  'sudo sysctl -w net.ipv4.ip_forward=1': HOST,
  'sudo iptables -I DOCKER-USER -i wg0 -j ACCEPT':
    'as narrow rules of FORWARD in test/lab/scenarios/ifname.ts',
  'sudo iptables -I DOCKER-USER -o wg0 -j ACCEPT':
    'as narrow rules of FORWARD in test/lab/scenarios/ifname.ts',
  'docker network create -o': 'a part of a command',
  'docker network connect dwgd-net <container>': 'by the API in test/lab/scenarios/networks.ts',
  "docker inspect -f '{{json .Config.Labels}}' <container>": SHOWS,
  'docker plugin set dwgd:0.1.0 args="-v --no-labels"': HOST,
  'ip route get 1.1.1.1': SHOWS,
  'ip route show table 229': SHOWS,
  'ip route show table 230': SHOWS,
  'ip route show table all proto 229': SHOWS,
  'nft --stateless list table inet dwgd': 'test/kernel/plan.test.ts compares with it',
  'journalctl -u dwgd': SHOWS,
  'journalctl -u dwgd -p warning': SHOWS,
  'getent hosts <name>': HOST,
  'ssh -L 9586:127.0.0.1:9586 HOST': HOST,
  'sudo apt-get install libnftables1': HOST,
  'sudo wg set wg0 private-key <file>': HOST,
  'sudo wg show wg0': SHOWS,
  'sudo wg-quick up wg0': HOST,
};
const COMMAND =
  /^(sudo )?(docker|ip|ip6tables|iptables|nft|systemctl|journalctl|sysctl|wg|wg-quick|apt-get|npm|getent|curl|ssh) .*[-<.:=\d]/;

test('every command of other programs in the sentences is run or excused', () => {
  const pages = PAGES.filter(page => /^(README\.md|docs\/(?!rules|design|benchmarks).*)$/.test(page));
  const said = new Set(pages.flatMap(page => spansOf(page)).filter(span => COMMAND.test(span)));
  assert.deepEqual([...said].sort(), Object.keys(SAID).sort());
});

/** Names of blocks that are in none of three tables, and names in these that no page has. */
function strays(
  blocks: readonly string[],
  planned: ReadonlySet<string>,
  run: readonly string[],
  excused: readonly string[],
): { readonly new: readonly string[]; readonly gone: readonly string[] } {
  const known = new Set([...run, ...excused]);
  return {
    new: blocks.filter(name => !known.has(name) && !planned.has(name)),
    gone: [...known].filter(name => !blocks.includes(name)),
  };
}

test('every block of the pages is run or excused, and none is that no page has', () => {
  const blocks = PAGES.flatMap(page => blocksOf(page)).map(({ name }) => name);
  const planned = new Set(composeBlocks().keys());
  assert.deepEqual(strays(blocks, planned, Object.keys(RUN_BY), Object.keys(EXCUSED)), { new: [], gone: [] });
});

const isNamedIn = (source: string, name: string): boolean =>
  [`'${name}'`, `"${name}"`].some(literal => source.includes(literal));

test('a block that is new, and one that is gone, are found', () => {
  assert.deepEqual(strays(['a', 'b', 'c'], new Set(['c']), ['a', 'x'], ['y']), {
    new: ['b'],
    gone: ['x', 'y'],
  });
});

test('whoever is said to run a block takes it from the page by its name', () => {
  const claims = Object.entries(RUN_BY).flatMap(([name, files]) => files.map(file => ({ name, file })));
  assert.deepEqual(
    claims.filter(({ name, file }) => !isNamedIn(readFileSync(join(CHECKOUT, file), 'utf8'), name)),
    [],
  );
});

test('blocks are told apart by page, heading and number, whatever makes them a block', () => {
  const page = [
    '# One `x`\n',
    '```sh\n# no heading\na\n```\n',
    'Text\n    no block\n\n    indented\n    more\n',
    '- list\n\n  ```\n  b\n  ```\n',
    '## Two\n\n```yaml\nc: |\n\n  d\n```\n',
  ].join('\n');
  assert.deepEqual(blocksOf('p.md', page), [
    { name: 'p.md: One x', language: 'sh', text: '# no heading\na\n' },
    { name: 'p.md: One x (2)', language: 'indented', text: 'indented\nmore\n' },
    { name: 'p.md: One x (3)', language: '', text: 'b\n' },
    { name: 'p.md: Two', language: 'yaml', text: 'c: |\n\n  d\n' },
  ]);
  assert.throws(() => pageBlock('README.md: None'), /no page has a block "README\.md: None"/);
});

test('commands of a console are read with what they print', () => {
  assert.deepEqual(typedIn('$ a b\nc\n$ d\n'), [
    { command: 'a b', shown: 'c\n' },
    { command: 'd', shown: '' },
  ]);
});

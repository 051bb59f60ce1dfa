// Blocks of the pages that need neither a kernel nor Docker: commands of dwgd are run as they stand there and print what the
// page shows, files are taken. Not here: which other test runs which block (blocks.test.ts), what sentences name (words.test.ts).
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { parse } from 'yaml';
import { formatLine } from '../../../src/base/log.js';
import { givenBy } from '../../../src/cli/settings/flags.js';
import { HostTree } from '../../../src/doctor/probes/file-tree.js';
import { commandOfUnit } from '../../../src/doctor/probes/unit.js';
import { isExit, parseExitOptions } from '../../../src/driver/spec/exit-options.js';
import { parseOptions } from '../../../src/driver/spec/options.js';
import { composed } from '../../support/compose-containers.js';
import { pageBlock, typedIn } from '../../support/page-blocks.js';
import { pageShell } from '../../support/page-shell.js';
import { composeBlocks, preview } from '../../support/planned.js';

const folder = mkdtempSync(join(tmpdir(), 'dwgd-pages-'));
// Not after(): in a process with other test files that may come before the last of this one.
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** A file below the folder of this test. */
function write(path: string, text: string): string {
  const full = join(folder, path);
  mkdirSync(join(full, '..'), { recursive: true });
  writeFileSync(full, text, { mode: 0o644 });
  return full;
}

/** As the page's example has it: the mistake in line 14, of a project called media. */
const WRONG = `services:
  vpn:
    image: lscr.io/linuxserver/wireguard
    labels:
      - twine.nat.interfaces=wg+
  web:
    image: nginx
    ports: [80:80]
    environment:
      A: b
      C: d
    restart: always
    labels:
      - twine.route.0.0.0.0/0=vnp
`;
write('media/compose.yml', WRONG);
write('right/compose.yml', WRONG.replace('=vnp', '=vpn'));

for (const name of [
  'README.md: pubkey mode: the WireGuard peer is elsewhere',
  'README.md: What is wrong with a label (2)',
  'docs/reference.md: dwgd plan',
]) {
  test(`what is typed in "${name}" prints what stands there`, async () => {
    const typed = typedIn(pageBlock(name));
    assert.notEqual(typed.length, 0);
    for (const { command, shown } of typed) {
      const { printed } = await pageShell(command, { cwd: join(folder, 'media') });
      assert.equal(printed, shown, command);
    }
  });
}

test('the line of the log that the README shows is that of this mistake', () => {
  const { shown } = typedIn(pageBlock('README.md: What is wrong with a label'))[0]!;
  const { mistakes } = preview({
    'compose.yml':
      'services:\n  web:\n    container_name: web\n    labels: [twine.host.route=10.66.0.0/16]\n',
  });
  const { container, key, message } = mistakes[0]!;
  const line = formatLine(JSON.stringify({ level: 40, time: '', msg: message, container, label: key }), true);
  assert.equal(line.replace(/^<4>/, ''), shown);
});

test('the line of the log that the reference shows is as the log has it', () => {
  const shown = pageBlock('docs/reference.md: Log');
  const [, time, msg, endpoint, link] = /^(\S+) info (.+) endpoint=(\S+) link=(\S+)$/m.exec(shown)!;
  assert.equal(formatLine(JSON.stringify({ level: 30, time, msg, endpoint, link }), false), shown);
});

test('the ten sections for a remote peer have the key of each address', async () => {
  const { status, printed } = await pageShell(
    pageBlock('README.md: pubkey mode: the WireGuard peer is elsewhere (5)'),
  );
  assert.equal(status, 0);
  const sections = [
    ...printed.matchAll(/\[Peer\]\nPublicKey = ([A-Za-z0-9+/]{43}=)\nAllowedIPs = 10\.0\.1\.(\d+)\/32\n\n/g),
  ];
  assert.equal(sections.map(([text]) => text).join(''), printed);
  assert.deepEqual(
    sections.map(([, , host]) => Number(host)),
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  );
  const { shown } = typedIn(pageBlock('README.md: pubkey mode: the WireGuard peer is elsewhere'))[0]!;
  assert.equal(`${sections[0]![1]}\n`, shown);
});

test('the line for a CI says the mistake and ends with status 1, and is quiet where there is none', async () => {
  const workflow = parse(pageBlock('docs/reference.md: dwgd plan (2)')) as {
    labels: { steps: { run?: string }[] };
  };
  const line = workflow.labels.steps.find(({ run }) => run !== undefined)!.run!;
  const wrong = await pageShell(line, { cwd: join(folder, 'media') });
  assert.equal(wrong.status, 1);
  assert.match(wrong.printed, /^compose\.yml:14:9: /);
  const right = await pageShell(line, { cwd: join(folder, 'right') });
  assert.deepEqual(right, { status: 0, printed: '' });
});

test('dwgd config takes the file of the reference', async () => {
  // Users of the page's example may not be there.
  const text = pageBlock('docs/reference.md: Settings').replace('alice', 'daemon');
  const file = write('config.toml', text);
  const { status, printed } = await pageShell('dwgd config', { env: { DWGD_CONFIG: file } });
  assert.equal(status, 0);
  const given = text.split('\n').filter(line => line !== '');
  assert.equal(given.length, printed.split(`  # ${file}:`).length - 1, printed);
  assert.match(printed, /^look-interval = 10 +#/m);
  assert.match(printed, /^allow-host-routes = \["10\.0\.0\.0\/8"\] +#/m);
  assert.match(printed, /^rootless = \[1,1001\] +#/m);
});

test('the drop-in of the README gives the service these flags', () => {
  const unit = 'etc/systemd/system/dwgd.service';
  write(`unit/${unit}`, '[Service]\nExecStart=/usr/bin/dwgd -d /var/lib/dwgd.db\n');
  write(`unit/${unit}.d/override.conf`, pageBlock('README.md: Rootless Docker (2)'));
  const { words } = commandOfUnit(new HostTree(join(folder, 'unit')));
  const { flags } = givenBy(
    words.map(word => word.replace('alice,bob', 'daemon,1001')),
    new Command(),
  );
  assert.deepEqual(Object.fromEntries(flags), {
    database: '/var/lib/dwgd.db',
    rootless: [1, 1001],
    'rootless-ifname': ['wg0'],
  });
});

test('the first rule of docs/rules.md is translated', async () => {
  const [, line] = pageBlock('docs/rules.md: Rules').split('\n') as [string, string];
  assert.match(line, /^dwgd translate /);
  const { status, printed } = await pageShell(line);
  assert.equal(status, 0);
  assert.match(printed, /"flag":"syn"|"syn"/);
});

for (const [name, text] of composeBlocks()) {
  test(`the compose file of "${name}" is planned without a mistake, a warning or a note`, () => {
    const { mistakes, warnings, notes } = preview({ 'compose.yml': text });
    assert.deepEqual([mistakes, warnings, notes], [[], [], []]);
  });

  test(`the networks of driver dwgd in "${name}" have options that are right`, () => {
    for (const [network, { driver, options = {}, subnets = [] }] of composed('p', text).networks) {
      if (driver !== 'dwgd') continue;
      const given = new Map(Object.entries(options));
      if (isExit(given)) {
        assert.ok(parseExitOptions(given), network);
        continue;
      }
      assert.ok(parseOptions(given), network);
      assert.notEqual(subnets.length, 0, 'a subnet is needed');
    }
  });
}

test('the network of the README on which nothing leaves is that of the recipe', () => {
  const recipe = pageBlock('docs/recipes.md: Nothing leaves before the labels are there');
  assert.deepEqual(
    parse(pageBlock('README.md: A gateway for other containers (3)')),
    (({ networks }) => ({ networks }))(parse(recipe) as { networks: unknown }),
  );
});

test("the lines for gluetun's firewall are the same in the README and the recipe", () => {
  const { configs } = parse(pageBlock('docs/recipes.md: A container behind gluetun')) as {
    configs: { forwarding: { content: string } };
  };
  assert.equal(configs.forwarding.content, pageBlock('README.md: A gateway for other containers (2)'));
});

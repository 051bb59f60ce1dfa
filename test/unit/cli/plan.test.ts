// `dwgd plan` as a program: which files it finds, what it prints where, its exit status. No Docker, no root.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { runCommand, runProgram } from '../../support/program.js';

const folder = mkdtempSync(join(tmpdir(), 'dwgd-plan-'));
// After all: what is after() in one of several test files of a process may come too early.
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const KEY = Buffer.alloc(32, 0x5a).toString('base64');
const conf = (name: string): string => join(folder, `exits/${name}.conf`);
const tunnelFile = (line = ''): string =>
  `[Interface]\nPrivateKey = ${KEY}\nAddress = 10.66.0.2/32\n${line}\n[Peer]\nPublicKey = ${Buffer.alloc(32, 9).toString('base64')}\nEndpoint = 192.0.2.1:51820\nAllowedIPs = 0.0.0.0/0\n`;

/** A service on a network for each file. */
function exitNetworks(files: Readonly<Record<string, string>>): string {
  const names = Object.keys(files);
  const networks = names.map(
    name => `  ${name}:\n    driver: dwgd\n    driver_opts: { dwgd.conf: '${files[name]}' }\n`,
  );
  return `services:\n  app:\n    networks: [${names.join(', ')}]\nnetworks:\n${networks.join('')}`;
}

const service = (name: string, label: string): string =>
  `services:\n  ${name}:\n    labels:\n      - ${label}\n`;
for (const [path, text] of Object.entries({
  'found/compose.yaml': service('a', 'twine.nat.interfaces=wg+'),
  'found/compose.override.yaml': service('b', 'twine.nat.interfaces=wg+'),
  'found/below/empty': '',
  'named/.env': 'COMPOSE_FILE=x.yml',
  'named/x.yml': `name: Shop\n${service('a', 'twine.nat.interfaces=wg+')}    container_name: $COMPOSE_PROJECT_NAME-gw\n`,
  'found/wrong.yml': service('c', 'twine.nat.interface=wg+'),
  'exits.yml': exitNetworks({
    a: conf('right'),
    b: conf('wrong'),
    c: conf('open'),
    d: conf('none'),
    e: 'x.conf',
  }),
  'ports.yml': `services:
  one:
    networks: [a]
    labels: [dwgd.forward=auto]
  two:
    networks: [a]
    labels: ["dwgd.forward=80,auto"]
  three:
    networks: [b]
    labels: [dwgd.forward=auto]
  four:
    networks: [a, b]
    labels: [dwgd.forward=http]
  five:
    labels: [dwgd.forward=80]
networks:
  a: { driver: dwgd, driver_opts: { dwgd.conf: '${conf('right')}', dwgd.natpmp: 'on' } }
  b: { driver: dwgd, driver_opts: { dwgd.conf: '${conf('right')}' } }
  c: { driver: dwgd, driver_opts: { dwgd.conf: '${conf('right')}', dwgd.natpmp: 'yes' } }
`,
  'exits/right.conf': tunnelFile('PostUp = iptables -A FORWARD -j ACCEPT'),
  'exits/wrong.conf': tunnelFile('Address = 10.0.0.999/32'),
  'exits/open.conf': tunnelFile(),
  'direct.yml': exitNetworks({ a: conf('right'), b: `${conf('right')},${conf('open')}` }).replace(
    /(\n {4}driver_opts: .*)/g,
    '$1\n    ipam: { driver: "null" }',
  ),
  'found/broken.yml': 'services: [',
  'found/long.yml': `# ${'x'.repeat(1 << 20)}`,
  'found/escape.yml':
    'services:\n  "v\\e[2Jpn":\n    labels: {"twine.nat.interfaces": "wg+", "twine.x\\e[2Jy": ""}\n',
})) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

spawnSync('mkfifo', [join(folder, 'found/fifo.yml')]);

async function plan(
  cwd: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  run = runCommand,
) {
  const env = { PATH: process.env.PATH, ...environment };
  const { status, out, err } = await run(['plan', ...args], { cwd: join(folder, cwd), env });
  const planned = out.split('\n').flatMap(line => (line.startsWith('# ') ? [line.slice(2)] : []));
  return { status, planned: planned.join(', '), stdout: out, stderr: err };
}

for (const [what, cwd, args, environment, expected] of [
  ['a file and its override here', 'found', [], {}, 'found-a-1, found-b-1'],
  ['the same of a folder above', 'found/below', [], {}, 'found-a-1, found-b-1'],
  ['the same of a folder that is named', '.', ['found'], {}, 'found-a-1, found-b-1'],
  ['one file that is named, without its override', '.', ['found/compose.yaml'], {}, 'found-a-1'],
  [
    'several files',
    'found',
    ['-f', 'compose.override.yaml', '-f', 'compose.yaml', '-p', 'x'],
    {},
    'x-a-1, x-b-1',
  ],
  [
    'files of COMPOSE_FILE',
    'found',
    [],
    { COMPOSE_FILE: 'compose.yaml', COMPOSE_PROJECT_NAME: 'y' },
    'y-a-1',
  ],
  ['files of COMPOSE_FILE in .env, and the name of the project in them', 'named', [], {}, 'shop-gw'],
  ['the name of the project that is given', 'named', ['-p', 'p'], {}, 'p-gw'],
] as const) {
  test(`plan reads ${what}`, async () => {
    const { status, planned, stderr } = await plan(cwd, args, environment);
    assert.deepEqual([status, planned, stderr], [0, expected, '']);
  });
}

test('plan reads standard input, with the file of variables and the name of the folder that it is typed in', async () => {
  const input = `${service('c', 'twine.nat.interface=wg+')}    container_name: $COMPOSE_FILE-gw\n`;
  const typed = (args: Parameters<typeof runCommand>[0], options: Parameters<typeof runCommand>[1]) =>
    runProgram(args, { ...options, input });
  const { status, planned, stderr } = await plan('named', ['-f', '-', '-f', 'x.yml'], {}, typed);
  assert.deepEqual([status, planned], [1, 'shop-gw, x.yml-gw']);
  assert.match(stderr, /^-:4:9: x\.yml-gw: twine\.nat\.interface: /);
});

for (const [what, args, sentence] of [
  [
    'a mistake in a label',
    ['found/wrong.yml'],
    /^found\/wrong\.yml:4:9: found-c-1: twine\.nat\.interface: unknown label/,
  ],
  ['a file that is no YAML', ['found/broken.yml'], /^dwgd: found\/broken\.yml:1:\d+: /],
  ['a file that is too long', ['found/long.yml'], /^dwgd: ".*long\.yml" is longer than 1 MiB$/m],
  ['a FIFO', ['found/fifo.yml'], /^dwgd: ".*fifo\.yml" is no file$/m],
  ['a file that there is not', ['none.yml'], /^dwgd: there is no file "none\.yml"$/m],
  ['no file at all', [], /^dwgd: there is no compose\.yaml here, nor in a folder above: name a file$/m],
  ['a folder without one', ['found/below'], /^dwgd: there is no compose\.yaml in "found\/below"$/m],
] as const) {
  test(`${what} is one sentence, and the status is 1`, async () => {
    const { status, stderr } = await plan('.', args);
    assert.equal(status, 1);
    assert.match(stderr, sentence);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  });
}

test('as a program of its own, too, plan prints what it reads, and the status of a mistake is 1', async () => {
  const right = await plan('found', [], {}, runProgram);
  assert.deepEqual([right.status, right.planned, right.stderr], [0, 'found-a-1, found-b-1', '']);
  const wrong = await plan('.', ['none.yml'], {}, runProgram);
  assert.deepEqual([wrong.status, wrong.stderr], [1, 'dwgd: there is no file "none.yml"\n']);
});

test('--json has mistakes with their places, and says nothing else', async () => {
  const { status, stdout, stderr } = await plan('.', ['--json', 'found/wrong.yml']);
  const { mistakes, namespaces, hostRoutes } = JSON.parse(stdout) as Record<
    string,
    Record<string, unknown>[]
  >;
  const { file, line, column, key } = mistakes![0]!;
  assert.deepEqual([status, stderr], [1, '']);
  assert.deepEqual([file, line, column, key], ['found/wrong.yml', 4, 9, 'twine.nat.interface']);
  assert.deepEqual([namespaces!.length, hostRoutes], [1, []]);
});

test('plan tells what a network of a file lacks without a router (ipam: driver: "null")', async () => {
  chmodSync(conf('right'), 0o600);
  const { status, stderr } = await plan('.', ['direct.yml']);
  assert.equal(status, 1);
  const mistakes = stderr
    .trimEnd()
    .split('\n')
    .filter(line => !line.includes('warning: '));
  assert.equal(mistakes.length, 1, stderr);
  assert.match(mistakes[0]!, /^direct\.yml:11:\d+: network b: dwgd\.conf has 2 files, .* takes one/);
});

test('of exit networks plan tells the mistakes of their files and what is passed over, by line, and no key', async () => {
  for (const name of ['right', 'wrong']) chmodSync(conf(name), 0o600);
  chmodSync(conf('open'), 0o644);
  const { status, stdout, stderr } = await plan('.', ['exits.yml']);
  const isRoot = process.geteuid!() === 0;
  assert.equal(status, 1);
  const lines = stderr.trimEnd().replaceAll(folder, '').split('\n');
  assert.match(
    lines.find(line => line.startsWith('exits.yml:19:'))!,
    /: network e: dwgd\.conf is not valid: give the absolute path/,
  );
  assert.match(
    lines.find(line => line.includes('none.conf'))!,
    /^exits\.yml:16:\d+: warning: network d: not looked at: .* is not there/,
  );
  if (isRoot) {
    assert.match(lines.find(line => line.startsWith('/exits/wrong.conf:4:1: network b: '))!, /10\.0\.0\.999/);
    assert.match(
      lines.find(line => line.startsWith('/exits/right.conf:4:1: warning: network a: '))!,
      /PostUp is not run/,
    );
    assert.match(
      lines.find(line => line.includes('open.conf'))!,
      /^exits\.yml:13:\d+: network c: .*run chmod 600/,
    );
  }
  assert.equal(lines.length, 5, stderr);
  const { stdout: json } = await plan('.', ['--json', 'exits.yml']);
  const { mistakes } = JSON.parse(json) as { mistakes: Record<string, unknown>[] };
  assert.ok(mistakes.some(({ file, network }) => file === 'exits.yml' && network === 'e'));
  assert.ok(!(stdout + stderr + json).includes(KEY));
});

test('what a terminal would obey in a file is escaped, in the plan and in what is said of it', async () => {
  const { status, stdout, stderr } = await plan('.', ['found/escape.yml']);
  assert.equal(status, 1);
  assert.match(stdout, /^# found-v\\u\{1b\}\[2Jpn-1$/m);
  assert.match(stderr, /\\u\{1b\}\[2J/);
  assert.ok(!(stdout + stderr).includes('\u001b'));
});

test('labels that open ports are read: a second one that asks for the assigned port, one that nobody assigns, and others', async () => {
  const { status, stderr } = await plan('.', ['ports.yml']);
  assert.equal(status, 1);
  const lines = stderr.split('\n').filter(line => line.includes('dwgd.forward'));
  const ending = (text: string) => lines.find(line => line.includes(text))!;
  assert.match(
    ending('ports.yml:7:'),
    /warning: two: dwgd\.forward: of a one container of one alone gets the port that the provider assigns$/,
  );
  assert.match(
    ending('ports.yml:10:'),
    /: three: dwgd\.forward: dwgd\.forward=auto is for networks that ask their provider for a port: make the network with dwgd\.natpmp=on, or give a port$/,
  );
  assert.match(
    ending('ports.yml:13:'),
    /: four: dwgd\.forward: dwgd\.forward=http is not valid: give ports such as /,
  );
  assert.match(
    ending('ports.yml:15:'),
    /warning: five: dwgd\.forward: it is for exit networks \(dwgd\.conf\), and the service is on none: nothing is forwarded$/,
  );
  assert.equal(lines.length, 4, stderr);
});

test('an exit network whose gateway does not follow from its file is refused with its place', async () => {
  const networks = [
    ['a', conf('split'), 'on'],
    ['b', conf('right'), 'yes'],
    ['c', conf('split'), '10.66.0.9'],
  ] as const;
  const text = networks.map(
    ([name, file, natpmp]) =>
      `  ${name}:\n    driver: dwgd\n    driver_opts:\n      dwgd.conf: '${file}'\n      dwgd.natpmp: '${natpmp}'\n`,
  );
  writeFileSync(
    join(folder, 'gateways.yml'),
    `services:\n  app:\n    networks: [a, b, c]\nnetworks:\n${text.join('')}`,
  );
  mkdirSync(join(folder, 'exits'), { recursive: true });
  writeFileSync(conf('split'), tunnelFile().replace('0.0.0.0/0', '10.66.0.8/29'), { mode: 0o600 });
  const { status, stderr } = await plan('.', ['gateways.yml']);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /network b: dwgd\.natpmp=yes is not valid: give on, off, or the gateway's IPv4 address/,
  );
  if (process.getuid!() !== 0) return;
  assert.match(
    stderr,
    /^gateways\.yml:9:\d+: network a: no port can be asked for by dwgd\.conf=\S+: the gateway 10\.66\.0\.1 is not behind the tunnel \(AllowedIPs\): give dwgd\.natpmp=/m,
  );
  assert.doesNotMatch(stderr, /network c/);
});

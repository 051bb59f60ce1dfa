// The command line: flags as the original took them, and `dwgd pubkey` as a program.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsePrefix } from '../../../src/base/ip.js';
import { program } from '../../../src/cli/command-line.js';
import { fromGoFlags } from '../../../src/cli/settings/go-flags.js';
import type { DaemonOptions } from '../../../src/daemon.js';
import { runCommand, runProgram, startProgram } from '../../support/program.js';
import { VECTORS } from '../../support/vectors.js';

const PACKAGE = new URL('../../../../package.json', import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'dwgd-cli-'));
// After all: what is after() in one of several test files of a process may come too early.
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

for (const [given, read] of [
  [[], []],
  [
    ['-d', '/x.db'],
    ['-d', '/x.db'],
  ],
  [['-d=/x.db'], ['-d', '/x.db']],
  [['--d=/a=b'], ['-d', '/a=b']],
  [
    ['-d=', '-v'],
    ['-d', '', '-v'],
  ],
  [
    ['-d', ''],
    ['-d', ''],
  ],
  [['-v'], ['-v']],
  [['--v=true'], ['-v']],
  [['-v=false'], ['--no-v']],
  [['-v=maybe'], ['-v=maybe']],
  [['-r'], ['-rtrue']],
  [['-r=false'], ['-rfalse']],
  [['-r='], ['-r', '']],
  [['-r=alice,bob'], ['-ralice,bob']],
  [
    ['-r=0', '-d=/x'],
    ['-r0', '-d', '/x'],
  ],
  [['-version'], ['--version']],
  [['--help'], ['--help']],
  [
    ['pubkey', '-s', '-r', '-i', '10.0.0.2'],
    ['pubkey', '-s', '-r', '-i', '10.0.0.2'],
  ],
  [
    ['pubkey', '-s', '-d=x'],
    ['pubkey', '-s', '-d=x'],
  ],
  [
    ['pubkey', '-s=a=b', '--i=10.0.0.2'],
    ['pubkey', '-s', 'a=b', '-i', '10.0.0.2'],
  ],
  [
    ['pubkey', '-s', '-i=x', '-i', '10.0.0.2'],
    ['pubkey', '-s', '-i=x', '-i', '10.0.0.2'],
  ],
] as const) {
  test(`the flags ${JSON.stringify(given)} are ${JSON.stringify(read)}`, () => {
    assert.deepEqual(fromGoFlags(given), read);
  });
}

/** What the daemon is asked to do by a command line. */
async function daemonOptions(args: readonly string[]): Promise<DaemonOptions> {
  let asked: DaemonOptions | undefined;
  await program(async options => {
    asked = options;
  }).parseAsync(fromGoFlags(args), { from: 'user' });
  return asked!;
}

const BY_DEFAULT: DaemonOptions = {
  database: '/var/lib/dwgd.db',
  verbose: false,
  rootless: true,
  rootlessIfnames: [],
  driver: true,
  labels: {
    trustImageLabels: false,
    allowHostRoutes: [],
    strict: false,
    hold: true,
    resyncInterval: 300_000,
  },
};
const { labels: _, ...DRIVER_ALONE } = BY_DEFAULT;
for (const [args, asked] of [
  [[], BY_DEFAULT],
  [['-d=', '-v'], { ...BY_DEFAULT, database: '', verbose: true }],
  [['-r=false'], { ...BY_DEFAULT, rootless: false }],
  [['-r=1001,1002'], { ...BY_DEFAULT, rootless: [1001, 1002] }],
  [['--rootless-ifname', 'wg0,wg1'], { ...BY_DEFAULT, rootlessIfnames: ['wg0', 'wg1'] }],
  [['--rootless-ifname=wg0', '--rootless-ifname=wg1'], { ...BY_DEFAULT, rootlessIfnames: ['wg0', 'wg1'] }],
  [['--no-driver'], { ...BY_DEFAULT, driver: false }],
  [['--no-labels'], DRIVER_ALONE],
  [['--metrics', '9586'], { ...BY_DEFAULT, metrics: { host: '127.0.0.1', port: 9586 } }],
  [['--metrics', ':9586'], { ...BY_DEFAULT, metrics: { host: '127.0.0.1', port: 9586 } }],
  [['--metrics=192.0.2.1:9586'], { ...BY_DEFAULT, metrics: { host: '192.0.2.1', port: 9586 } }],
  [['--metrics=[::]:9586'], { ...BY_DEFAULT, metrics: { host: '::', port: 9586 } }],
  [['--metrics=1', '--page'], { ...BY_DEFAULT, metrics: { host: '127.0.0.1', port: 1 }, page: true }],
  [['--docker-host', 'unix:///x'], { ...BY_DEFAULT, dockerHost: 'unix:///x' }],
  [['--docker-host=tcp://proxy:2375'], { ...BY_DEFAULT, dockerHost: 'tcp://proxy:2375' }],
  [
    ['--trust-image-labels', '--strict', '--allow-host-routes=10.1.2.3/8', '--look-interval=0.5'],
    {
      ...BY_DEFAULT,
      labels: {
        trustImageLabels: true,
        allowHostRoutes: [parsePrefix('10.0.0.0/8')!],
        strict: true,
        hold: true,
        resyncInterval: 500,
      },
    },
  ],
] as const) {
  test(`dwgd ${args.join(' ')} asks the daemon for ${JSON.stringify(asked)}`, async () => {
    assert.deepEqual(await daemonOptions(args), asked);
  });
}

test('pubkey prints the key of every vector and a newline, nothing else', async () => {
  for (const [address, seed, key] of VECTORS) {
    const ending = await runCommand(['pubkey', '-s', seed, '-i', address]);
    assert.deepEqual(ending, { status: 0, out: `${key}\n`, err: '' });
  }
});

test('seed prints 32 random bytes in base64url and a newline, others each time', async () => {
  const endings = [await runCommand(['seed']), await runCommand(['seed'])];
  for (const { status, out, err } of endings) {
    assert.deepEqual([status, err], [0, '']);
    assert.match(out, /^[A-Za-z0-9_-]{43}\n$/);
    assert.equal(Buffer.from(out, 'base64url').length, 32);
  }
  assert.notEqual(endings[0]!.out, endings[1]!.out);
});

test('a seed that was printed is taken by pubkey', async () => {
  const { out } = await runCommand(['seed']);
  const [byFlag, byInput] = await Promise.all([
    // It may begin with a hyphen.
    runCommand(['pubkey', `-s=${out.trim()}`, '-i', address]),
    runProgram(['pubkey', '--seedfile', '-', '-i', address], { input: out }),
  ]);
  assert.equal(byFlag!.status, 0);
  assert.equal(byFlag!.out, byInput!.out);
});

test('seed takes no word', async () => {
  assert.equal((await runCommand(['seed', 'x'])).status, 2);
});

const [address, seed, key] = VECTORS[0];

test('pubkey takes the seed from a file or standard input, without the newline at its end', async () => {
  const file = join(folder, 'seed');
  const expected = { status: 0, out: `${key}\n`, err: '' };
  for (const text of [`${seed}\n`, `${seed}\r\n`, seed]) {
    writeFileSync(file, text);
    assert.deepEqual(await runCommand(['pubkey', '--seedfile', file, '-i', address]), expected);
  }
  const input = `${seed}\r\n`;
  assert.deepEqual(await runProgram(['pubkey', '--seedfile', '-', '-i', address], { input }), expected);
});

test('a seed that looks like a flag is a seed', async () => {
  const [one, two] = await Promise.all(
    ['-d=x', '-dx'].map(seed => runCommand(['pubkey', '-s', seed, '-i', address])),
  );
  assert.equal(one!.status, 0);
  assert.notEqual(one!.out, two!.out);
});

const IP = "error: option '-i <ip>' argument";
const GIVE = 'is invalid. Give an IPv4 or IPv6 address, without a prefix length.\n';
for (const [name, args, message] of [
  ['an address that is none', ['-s', seed, '-i', 'garbage'], `${IP} 'garbage' ${GIVE}`],
  ['an address with a prefix', ['-s', seed, '-i', '10.0.0.2/24'], `${IP} '10.0.0.2/24' ${GIVE}`],
  ['an address with an octal part', ['-s', seed, '-i', '010.0.0.2'], `${IP} '010.0.0.2' ${GIVE}`],
  ['an address with a zone', ['-s', seed, '-i', 'fe80::1%eth0'], `${IP} 'fe80::1%eth0' ${GIVE}`],
  ['no address', ['-s', seed], "error: required option '-i <ip>' not specified\n"],
  ['no seed', ['-i', address], 'error: give either -s <seed> or --seedfile <path>\n'],
  [
    'a seed and a seed file',
    ['-s', seed, '--seedfile', '/x', '-i', address],
    'error: give either -s <seed> or --seedfile <path>\n',
  ],
  ['an empty seed', ['-s', '', '-i', address], 'error: the seed is empty\n'],
  ['an empty standard input', ['--seedfile', '-', '-i', address], 'error: the seed is empty\n'],
  ['a flag that is none', ['-s', seed, '-i', address, '-x'], "error: unknown option '-x'\n"],
  ['a word too many', ['-s', seed, '-i', address, 'x'], /^error: too many arguments for 'pubkey'/],
] as const) {
  test(`pubkey refuses ${name} with status 2 and nothing on standard output`, async () => {
    // Standard input is that of a program of its own.
    const run = name.endsWith('standard input') ? runProgram : runCommand;
    const { status, out, err } = await run(['pubkey', ...args]);
    assert.deepEqual([status, out], [2, '']);
    if (typeof message === 'string') assert.equal(err, message);
    else assert.match(err, message);
    assert.ok(!err.includes(seed));
  });
}

test('pubkey says that a seed file is missing', async () => {
  const { status, out, err } = await runCommand([
    'pubkey',
    '--seedfile',
    join(folder, 'missing'),
    '-i',
    address,
  ]);
  assert.deepEqual([status, out], [2, '']);
  assert.match(err, /ENOENT/);
});

test('a command that is none is refused, not taken for the daemon', async () => {
  const { status, out } = await runProgram(['pubkeys', '-s', seed, '-i', address]);
  assert.deepEqual([status, out], [2, '']);
});

test('--version and -version print the version', async () => {
  const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as {
    version: string;
  };
  const expected = { status: 0, out: `${version}\n`, err: '' };
  assert.deepEqual([await runProgram(['--version']), await runCommand(['-version'])], [expected, expected]);
});

test('the process list shows no seed', async () => {
  const { child, ending } = startProgram(['pubkey', '--seedfile', '-', '-i', address]);
  for (let title = ''; !title.startsWith('dwgd'); ) {
    title = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8');
    assert.ok(!title.includes(seed));
    await sleep(5);
  }
  child.stdin.end(seed);
  assert.equal((await ending).out, `${key}\n`);
});

for (const [args, status, message] of [
  [['--no-driver', '--no-labels'], 2, 'error: give --no-driver or --no-labels, not both: nothing is left\n'],
  ...['0', '70000', 'x:1', '::1:9586', '[127.0.0.1]:9586', 'localhost:9586'].map(
    address =>
      [
        ['--no-driver', '--metrics', address],
        2,
        `error: option '--metrics <address>' argument '${address}' is invalid. Give a port such as 9586, or an address with it: 192.0.2.1:9586, [::1]:9586.\n`,
      ] as const,
  ),
  [
    ['--no-driver', '--look-interval', '0'],
    2,
    "error: option '--look-interval <seconds>' argument '0' is invalid. Give seconds, from 0.1 to 86400.\n",
  ],
  [
    ['--no-driver', '--allow-host-routes', '10.0.0.0/8,x'],
    2,
    "error: option '--allow-host-routes <networks>' argument '10.0.0.0/8,x' is invalid. Give networks such as 10.0.0.0/8, separated by commas.\n",
  ],
  [
    ['--no-driver', '--docker-host', 'tcp://127.0.0.1:2376'],
    2,
    "error: option '--docker-host <host>' argument 'tcp://127.0.0.1:2376' is invalid. It asks for TLS, which dwgd does not speak: give unix:///var/run/docker.sock, or tcp://127.0.0.1:2375 of a socket proxy on this host.\n",
  ],
  [
    ['-r=no-such-user'],
    2,
    `error: option '-r [users]' argument 'no-such-user' is invalid. There is no user "no-such-user" in /etc/passwd: give names or numbers of users.\n`,
  ],
  [
    ['-r=daemon,0'],
    2,
    "error: option '-r [users]' argument 'daemon,0' is invalid. Root's Docker is served anyway: leave root out.\n",
  ],
  ...[['-r='], ['-r=daemon', '-r=']].map(
    args =>
      [
        args,
        2,
        "error: option '-r [users]' argument '' is invalid. Give true, false, or users such as alice,1001.\n",
      ] as const,
  ),
  [
    ['--rootless-ifname=wg+'],
    2,
    "error: option '--rootless-ifname <names>' argument 'wg+' is invalid. Give names of interfaces such as wg0, separated by commas.\n",
  ],
  [
    ['--rootless-ifname=wg0,'],
    2,
    "error: option '--rootless-ifname <names>' argument 'wg0,' is invalid. Give names of interfaces such as wg0, separated by commas.\n",
  ],
  [
    ['cleanup', '--docker-host', 'x'],
    2,
    "error: option '--docker-host <host>' argument 'x' is invalid. It is neither a unix socket nor a host and a port: give unix:///path or tcp://host:port.\n",
  ],
] as const) {
  test(`dwgd ${args.join(' ')} is refused`, async () => {
    assert.deepEqual(await runCommand(args), { status, out: '', err: message });
  });
}

for (const [args, sentence] of [
  [['stauts', '--json'], 'there is no command "stauts": did you mean status?'],
  [['logs', '-f'], 'there is no command "logs": what the daemon logs is read by journalctl -u dwgd'],
  [
    ['help', 'plan'],
    'there is no command "help": dwgd --help lists all that there are, and dwgd <command> --help the flags of one',
  ],
  [['version'], 'there is no command "version": dwgd --version prints it'],
  [['frobnicate'], 'there is no command "frobnicate": dwgd --help lists them'],
] as const) {
  test(`dwgd ${args.join(' ')} is no command, and one sentence`, async () => {
    // A daemon would start otherwise.
    assert.deepEqual(await runProgram([...args]), { status: 2, out: '', err: `error: ${sentence}\n` });
  });
}

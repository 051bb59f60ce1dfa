// packaging/image/Dockerfile, its own lines, without a registry: what its first image has is a Debian of that name with Node.js
// of that version; each RUN is run there, and what the last stage copies is started by its ENTRYPOINT. Modules are compiled,
// which takes minutes. `make package-test`
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { CHECKOUT } from './machine.js';

const lines = readFileSync(join(CHECKOUT, 'packaging/image/Dockerfile'), 'utf8')
  .split('\n')
  .filter(line => /^[A-Z]+ /.test(line));
const [build = [], last = []] = lines.reduce<string[][]>((stages, line) => {
  if (line.startsWith('FROM ')) stages.push([]);
  stages.at(-1)!.push(line);
  return stages;
}, []);
const wordOf = (stage: readonly string[], instruction: string): string =>
  stage.find(line => line.startsWith(`${instruction} `))!.slice(instruction.length + 1);

/** In the checkout, which is all that a root of another Debian sees of this machine. */
const folder = mkdtempSync(join(CHECKOUT, '.lab/image-'));
after(() => rmSync(folder, { recursive: true }));

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Copies a file or folder of this machine to where the stage has it. */
function give(from: string, to: string): void {
  mkdirSync(dirname(join(folder, 'root', to)), { recursive: true });
  cpSync(from, join(folder, 'root', to), { recursive: true, dereference: true });
}

const output = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { cwd: CHECKOUT, encoding: 'utf8', maxBuffer: 2 ** 30 }).trim();

before(() => {
  const [, version, suite] = /^node:(\d+)-(\w+) AS build$/.exec(wordOf(build, 'FROM'))!;
  const node = join(CHECKOUT, `.lab/packages/modules-amd64/nodes/node_modules/x64-${version}`);
  assert.ok(existsSync(node), `no ${node}: make deb`);
  give(join(node, 'bin/node'), 'usr/local/bin/node');
  give(join(node, 'include'), 'usr/local/include');
  give(join(output('npm', 'root', '--global'), 'npm'), 'usr/local/lib/node_modules/npm');
  // How this machine reaches npm's registry.
  const settings = ['cafile', 'userconfig', 'globalconfig'].map(name => output('npm', 'config', 'get', name));
  for (const file of [...settings, process.env.NODE_EXTRA_CA_CERTS ?? ''])
    if (file.startsWith('/') && existsSync(file)) give(file, file);
  const script = [
    'set -e',
    `cp -r ${folder}/root/. /`,
    'for name in npm npx; do ln -s ../lib/node_modules/npm/bin/$name-cli.js /usr/local/bin/$name; done',
    'export PATH=/usr/local/bin:$PATH',
    ...build.slice(1).map(line => {
      const [instruction, rest] = [line.split(' ', 1)[0]!, line.slice(line.indexOf(' ') + 1)];
      switch (instruction) {
        case 'RUN':
          return `sh -ec ${quoted(rest)}`;
        case 'WORKDIR':
          return `mkdir -p ${rest}; cd ${rest}`;
        case 'COPY':
          assert.equal(rest, '. .');
          return `tar -xf ${folder}/context.tar`;
        default:
          throw new Error(`the test does not know ${instruction}`);
      }
    }),
    `cp -r ${copied()} ${folder}/image`,
  ];
  output('bash', '-c', `git ls-files -z | tar --null -T - -cf "${folder}/context.tar"`);
  writeFileSync(join(folder, 'script'), `${script.join('\n')}\n`);
  execFileSync('test/in-root', [output('test/package/root', suite!), 'bash', join(folder, 'script')], {
    cwd: CHECKOUT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
});

/** What of the first stage the last one has. */
function copied(): string {
  const [from, path, to] = wordOf(last, 'COPY').split(' ');
  assert.deepEqual([from, to], ['--from=build', '/']);
  return path!;
}

test('what it copies has the daemon, and what that needs, and no shell', () => {
  assert.equal(wordOf(last, 'FROM'), 'scratch');
  const [program] = JSON.parse(wordOf(last, 'ENTRYPOINT')) as [string];
  const image = join(folder, 'image');
  const { version } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string };
  assert.equal(output('chroot', image, program, '--version'), version);
  assert.match(output('chroot', image, program, 'pubkey', '-s', 'seed', '-i', '10.0.0.2'), /^\S{43}=$/);
  assert.throws(() => execFileSync('chroot', [image, '/bin/sh', '-c', 'true'], { stdio: 'ignore' }));
});

test('its daemon has libnftables and its native modules', () => {
  const image = join(folder, 'image');
  const flags = JSON.parse(wordOf(last, 'CMD')) as string[];
  assert.deepEqual(flags, ['--no-driver']);
  const [program] = JSON.parse(wordOf(last, 'ENTRYPOINT')) as [string];
  const said = output('chroot', image, program, 'translate', 'TWINE_INPUT -p tcp --dport 80 -j ACCEPT');
  assert.match(said, /"accept"/);
});

// Completion and manual pages: each has every command and flag, shells and man read them, and what `--help` shows as an
// example is a command line that is understood.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { Command } from 'commander';
import { bashCompletion } from '../../../packaging/pages/bash.js';
import { allCommands, readCommand, spellings } from '../../../packaging/pages/command-tree.js';
import { fishCompletion } from '../../../packaging/pages/fish.js';
import { manualPages } from '../../../packaging/pages/manual.js';
import { pagesOf } from '../../../packaging/pages/pages.js';
import { zshCompletion } from '../../../packaging/pages/zsh.js';
import { program } from '../../../src/cli/command-line.js';
import { fromGoFlags } from '../../../src/cli/settings/go-flags.js';
import { Starter } from '../../support/starter.js';

const folder = mkdtempSync(join(tmpdir(), 'dwgd-pages-'));
const starter = new Starter();
after(() => {
  starter.close();
  rmSync(folder, { recursive: true });
});

const pages = pagesOf();
const tree = readCommand(program(async () => {}));
const commands = allCommands(tree);
const bash = pages.get('bash-completion/completions/dwgd')!;
const zsh = pages.get('zsh/vendor-completions/_dwgd')!;
const fish = pages.get('fish/vendor_completions.d/dwgd.fish')!;

/** What of the commands and flags a page lacks. */
const lacking = (text: string, wanted: readonly string[]): string[] =>
  wanted.filter(part => !text.includes(part));

const quoted = (text: string): string => text.replaceAll('-', '\\-');

test('there is more than one command, and more than ten flags', () => {
  assert.ok(commands.length > 4);
  assert.ok(commands.flatMap(({ flags }) => flags).length > 10);
});

for (const command of commands) {
  const { path, flags } = command;
  const typed = flags.flatMap(spellings);

  test(`bash completes each flag of ${path}`, () => {
    const [words] = [...bash.matchAll(new RegExp(`^    '${path}'\\) .*$`, 'gm'))].map(([line]) => line);
    assert.deepEqual(lacking(words!, typed), []);
  });

  test(`zsh completes each flag of ${path}`, () => {
    const body = new RegExp(`^_${path.replaceAll(/\W/g, '_')}\\(\\) \\{\n(.*?)\n\\}`, 'ms').exec(zsh)![1]!;
    assert.deepEqual(
      lacking(body, [...typed.map(flag => `'${flag}`), ...command.commands.map(({ name }) => name)]),
      [],
    );
  });

  test(`fish completes each flag of ${path}`, () => {
    const lines = fish
      .split('\n')
      .filter(line => line.startsWith(`complete -c dwgd -n '__dwgd_is ${path}' `));
    const wanted = flags.flatMap(({ short, long }) => [
      ...(short ? [` -s ${short.slice(1)} `] : []),
      ...(long ? [` -l ${long.slice(2)} `] : []),
    ]);
    assert.deepEqual(
      lacking(lines.join('\n'), [...wanted, ...command.commands.map(({ name }) => ` -a ${name} `)]),
      [],
    );
  });

  test(`${path} has a manual page with each of its flags, arguments and commands`, () => {
    const page = pages.get(`man/man1/${path.replaceAll(' ', '-')}.1`)!;
    const wanted = [
      ...typed.map(flag => `\\fB${quoted(flag)}\\fR`),
      ...command.words.map(({ name }) => `\\fI${name}\\fR`),
      ...command.commands.map(child => `.BR ${quoted(child.path.replaceAll(' ', '-'))} (1)`),
    ];
    assert.deepEqual(lacking(page, wanted), []);
  });

  test(`the examples of ${path} --help are command lines of it that are understood`, async () => {
    const lines = command.examples.filter(line => !line.startsWith('#'));
    assert.ok(lines.length > 0);
    for (const line of lines) {
      let ran = '';
      const root = program(async () => {});
      for (const { path } of commands) {
        commandAt(root, path).action(() => {
          ran = path;
        });
      }
      await root.parseAsync(fromGoFlags(wordsOf(line).slice(1)), { from: 'user' });
      assert.equal(ran, path, line);
    }
  });
}

/** The command of commander's tree that is typed so. */
function commandAt(root: Command, path: string): Command {
  return path
    .split(' ')
    .slice(1)
    .reduce((at, name) => at.commands.find(child => child.name() === name)!, root);
}

/** The words of a line up to where its output goes; what is in quotes is one. */
function wordsOf(line: string): string[] {
  return [...line.replace(/ [>|] .*$/, '').matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain!,
  );
}

/** What bash offers at the end of a line; a word that ends there is being typed. */
function offered(script: string, words: readonly string[]): string[] {
  const file = join(folder, 'dwgd.bash');
  writeFileSync(file, script);
  const line = `cd '${folder}'; source '${file}'; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dwgd; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = starter.outcome('bash', '--norc', '-c', line, 'bash', ...words);
  assert.equal(stderr, '');
  return stdout
    .split('\n')
    .filter(word => word !== '')
    .sort();
}

writeFileSync(join(folder, 'seed file'), '');
for (const [name, words, expected] of [
  ['a command by its beginning', ['dwgd', 'tra'], ['translate']],
  ['a command after a flag with a value', ['dwgd', '-d', '/x', 'pub'], ['pubkey']],
  ['a flag by its beginning', ['dwgd', '--no-'], ['--no-driver', '--no-hold', '--no-labels']],
  ['flags of the command alone', ['dwgd', 'seed', '-'], ['--help', '-h']],
  ['flags where a command has nothing else', ['dwgd', 'seed', ''], ['--help', '-h']],
  ['a file for a flag that takes one', ['dwgd', 'pubkey', '--seedfile', 'se'], ['seed file']],
  ['a file behind an equals sign', ['dwgd', '-d', '=', 'se'], ['seed file']],
  ['an interface', ['dwgd', '--rootless-ifname', 'l'], ['lo']],
  ['a user behind an equals sign', ['dwgd', '-r', '=', 'roo'], ['root']],
  ['a command behind a flag whose value was left out', ['dwgd', '-r', 'clean'], ['cleanup']],
  ['nothing where a value is free', ['dwgd', 'pubkey', '-s', ''], []],
  ['no command where one is the value of a flag', ['dwgd', '-d', 'seed', '--str'], ['--strict']],
] as const) {
  test(`bash offers ${name}: ${words.join(' ')}`, () => {
    const found = offered(bash, words).filter(word => name !== 'an interface' || word === 'lo');
    assert.deepEqual(found, expected);
  });
}

/** Commands within commands, repeated words, choices, signs that shells and roff read: as others may come to be. */
function strange(): Command {
  const root = new Command('dwgd').description("it's [a]: \\test. Of all").version('1');
  const outer = root.command('outer').description('.TH of $(all)');
  outer
    .command('inner')
    .description("what's `in`")
    .argument('<file...>', "'quoted' $HOME")
    .option('--kind <kind>', '%s');
  outer.commands[0]!.options[0]!.choices(['one', 'two']);
  root.command('show').description('a').argument('[container|network]', 'b');
  return root;
}

test('a command within a command is completed, its choices and its files', () => {
  const script = bashCompletion(readCommand(strange()));
  assert.deepEqual(offered(script, ['dwgd', 'outer', 'in']), ['inner']);
  assert.deepEqual(offered(script, ['dwgd', 'outer', 'inner', '--kind', '']), ['one', 'two']);
  assert.deepEqual(offered(script, ['dwgd', 'outer', 'inner', 'se']), ['seed file']);
});

test('a manual page cannot be led astray by what a command says of itself', () => {
  const texts = manualPages(readCommand(strange()), '1');
  assert.match(texts.get('dwgd.1')!, /^dwgd \\- it's \[a\]: \\etest$/m);
  assert.match(texts.get('dwgd-outer.1')!, /^\\&\.TH of \$\(all\)\.$/m);
  assert.match(texts.get('dwgd-outer-inner.1')!, /^\\&'quoted' \$HOME$/m);
});

/** Whether a program is on this machine. */
const has = (name: string): boolean =>
  (process.env.PATH ?? '').split(':').some(place => existsSync(join(place, name)));

for (const [what, texts] of [
  ['of dwgd', [...pages].filter(([path]) => path.startsWith('man/'))],
  ['of strange commands', [...manualPages(readCommand(strange()), '1')]],
] as const) {
  for (const [path, text] of texts) {
    test(`man reads ${basename(path)} ${what} without a warning`, {
      skip: !has('man') && 'no man here',
    }, () => {
      const file = join(folder, basename(path));
      writeFileSync(file, text);
      const args = ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', file];
      const { status, stderr } = starter.outcome('env', 'MANROFFSEQ=', 'man', ...args);
      assert.deepEqual([status, stderr], [0, '']);
    });
  }
}

for (const [shell, text, text2] of [
  ['bash', bash, bashCompletion(readCommand(strange()))],
  ['zsh', zsh, zshCompletion(readCommand(strange()))],
  ['fish', fish, fishCompletion(readCommand(strange()))],
] as const) {
  test(`${shell} finds no mistake in its file`, { skip: !has(shell) && `no ${shell} here` }, () => {
    for (const script of [text, text2]) {
      const file = join(folder, `script.${shell}`);
      writeFileSync(file, script);
      const { status, stderr } = starter.outcome(shell, '-n', file);
      assert.deepEqual([status, stderr], [0, '']);
    }
  });
}

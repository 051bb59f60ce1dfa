// Settings: which source counts, and each mistake of a variable or the file with its place and its sentence.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { UsageError } from '../../../../src/cli/settings/flag-values.js';
import { givenBy } from '../../../../src/cli/settings/flags.js';
import {
  plainValue,
  SETTINGS,
  type SettingKey,
  variableOf,
} from '../../../../src/cli/settings/settings-table.js';
import { resolveSettings } from '../../../../src/cli/settings/sources.js';

const folder = mkdtempSync(join(tmpdir(), 'dwgd-settings-'));
// After all: what is after() in one of several test files of a process may come too early.
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'config.toml');

interface Given {
  readonly words?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly text?: string;
}

/** The settings of words, variables and a file's text. */
function resolve({ words = [], environment = {}, text }: Given) {
  rmSync(path, { force: true });
  if (text !== undefined) writeFileSync(path, text, { mode: 0o644 });
  const given = givenBy(words, new Command());
  return resolveSettings({ ...given, environment, ...(text !== undefined && { file: path }) });
}

test('without any source every setting is its default', async () => {
  const { settings, origins, file } = await resolve({});
  for (const { key, default: value } of SETTINGS)
    assert.deepEqual([settings[key], origins.get(key)], [value, 'default']);
  assert.equal(file, undefined);
});

/** For each setting: words, a variable and a line that give it, each another value, and what `dwgd config` shows of it. */
const WAYS: Readonly<
  Record<SettingKey, readonly [words: string, variable: string, line: string, shown: readonly unknown[]]>
> = {
  database: ['-d=/a', '/b', '"/c"', ['/a', '/b', '/c']],
  verbose: ['-v=false', 'true', 'true', [false, true, true]],
  rootless: ['-r=false', '1001', '[1002, "1003"]', [false, [1001], [1002, 1003]]],
  'rootless-ifname': ['--rootless-ifname=wg0', 'wg1,wg2', '["wg3"]', [['wg0'], ['wg1', 'wg2'], ['wg3']]],
  driver: ['--no-driver', 'true', 'false', [false, true, false]],
  labels: ['--labels', 'f', 'false', [true, false, false]],
  'docker-host': [
    '--docker-host=unix:///a',
    'unix:///b',
    "'unix:///c'",
    ['unix:///a', 'unix:///b', 'unix:///c'],
  ],
  'trust-image-labels': ['--no-trust-image-labels', '1', 'true', [false, true, true]],
  'allow-host-routes': [
    '--allow-host-routes=10.1.2.3/8',
    'fd00::/8',
    '["10.0.0.0/9", "fd01::/16"]',
    [['10.0.0.0/8'], ['fd00::/8'], ['10.0.0.0/9', 'fd01::/16']],
  ],
  strict: ['--strict', 'F', 'true', [true, false, true]],
  hold: ['--no-hold', 'true', 'false', [false, true, false]],
  'look-interval': ['--look-interval=1', '2.5', '3', [1, 2.5, 3]],
  metrics: ['--metrics=9586', '[::1]:1', '"10.0.0.1:2"', ['127.0.0.1:9586', '[::1]:1', '10.0.0.1:2']],
  page: ['--page', 'false', 'true', [true, false, true]],
};

for (const { key } of SETTINGS) {
  test(`of ${key} a flag counts before ${variableOf(key)}, and that before the file`, async () => {
    const [words, variable, line, shown] = WAYS[key];
    const environment = { [variableOf(key)]: variable };
    const text = `# a comment\n${key} = ${line}\n`;
    const all = await resolve({ words: [words], environment, text });
    const two = await resolve({ environment, text });
    const one = await resolve({ text });
    assert.deepEqual(
      [all, two, one].map(({ settings }) => plainValue(key, settings[key])),
      shown,
    );
    assert.deepEqual(
      [all, two, one].map(({ origins }) => origins.get(key)),
      ['flag', variableOf(key), `${path}:2`],
    );
    const other = SETTINGS.find(setting => setting.key !== key)!.key;
    assert.equal(all.origins.get(other), 'default');
  });
}

test('an empty variable counts as none', async () => {
  const { origins } = await resolve({ environment: { DWGD_STRICT: '', DWGD_DATABASE: '', DWGD_CONFIG: '' } });
  assert.deepEqual([origins.get('strict'), origins.get('database')], ['default', 'default']);
});

test('a variable names the file, and a flag another', async () => {
  const text = 'strict = true\n';
  await resolve({ text });
  const byVariable = await resolveSettings({ flags: new Map(), environment: { DWGD_CONFIG: path } });
  assert.equal(byVariable.file, path);
  const other = join(folder, 'other.toml');
  writeFileSync(other, '');
  const { flags, file } = givenBy([`--config=${other}`], new Command());
  assert.equal((await resolveSettings({ flags, file, environment: { DWGD_CONFIG: path } })).file, other);
});

/** The mistakes that are told, of all sources together. */
async function mistakes(given: Given): Promise<string[]> {
  const err = await resolve(given).then(
    () => assert.fail('it was taken'),
    (err: unknown) => err,
  );
  assert.ok(err instanceof UsageError, String(err));
  return err.message.replaceAll(path, 'FILE').split('\nerror: ');
}

for (const [text, ...told] of [
  ['strikt = true', 'FILE:1: unknown key strikt: did you mean strict?'],
  ['\n\n"strikt"=true', 'FILE:3: unknown key strikt: did you mean strict?'],
  ['strict = true\nxyzzy = 1', `FILE:2: unknown key xyzzy: the keys are ${Object.keys(WAYS).join(', ')}`],
  ['[strict]\na = 1', 'FILE:1: strict is neither true nor false, without quotes'],
  ['[labels]\nstrict = true', 'FILE:1: labels is neither true nor false, without quotes'],
  ['strict = "true"', 'FILE:1: strict is neither true nor false, without quotes'],
  ['database = 1', 'FILE:1: database is not a text: put it between quotes'],
  ['look-interval = "30"', 'FILE:1: look-interval is not a number, without quotes'],
  ['look-interval = 0', 'FILE:1: look-interval is invalid. Give seconds, from 0.1 to 86400.'],
  [
    'allow-host-routes = [1]',
    'FILE:1: allow-host-routes is neither a text nor a list of texts, such as ["a", "b"]',
  ],
  [
    'allow-host-routes = ["x"]',
    'FILE:1: allow-host-routes is invalid. Give networks such as 10.0.0.0/8, separated by commas.',
  ],
  ['rootless = 1', 'FILE:1: rootless is neither true, false nor a list of users, such as ["alice", 1001]'],
  ['rootless = []', 'FILE:1: rootless is invalid. Give true, false, or users such as alice,1001.'],
  [
    'docker-host = "x"',
    'FILE:1: docker-host is invalid. It is neither a unix socket nor a host and a port: give unix:///path or tcp://host:port.',
  ],
  ['a = 1\nb = 2', 'FILE:1: unknown key a: ', 'FILE:2: unknown key b: '],
  ['strict = true\nstrict = true', 'FILE:2: '],
  ['strict true', 'FILE:1: '],
  ['strict = "', 'FILE:1: '],
] as const) {
  test(`the file ${JSON.stringify(text)} is refused whole`, async () => {
    const found = await mistakes({ text });
    assert.equal(found.length, told.length, found.join('\n'));
    for (const [n, sentence] of told.entries()) {
      if (sentence.endsWith(': ')) assert.ok(found[n]!.startsWith(sentence), found[n]);
      else assert.equal(found[n], sentence);
    }
  });
}

for (const [environment, ...told] of [
  [{ DWGD_STRIKT: '1' }, 'unknown variable DWGD_STRIKT: did you mean DWGD_STRICT?'],
  [{ DWGD_STRICT: 'maybe' }, 'DWGD_STRICT: strict is invalid. Give true or false.'],
  [
    { DWGD_DATBASE: 'x', DWGD_LOOK_INTERVAL: '-1' },
    'unknown variable DWGD_DATBASE: did you mean DWGD_DATABASE?',
    'DWGD_LOOK_INTERVAL: look-interval is invalid. Give seconds, from 0.1 to 86400.',
  ],
] as const) {
  test(`the variables ${JSON.stringify(environment)} are refused`, async () => {
    assert.deepEqual(await mistakes({ environment }), told);
  });
}

for (const [what, make, told] of [
  [
    'that others can write',
    () => chmodSync(path, 0o646),
    'FILE can be written by others, and decides what root does: run chmod go-w FILE',
  ],
  [
    'that its group can write',
    () => chmodSync(path, 0o664),
    'FILE can be written by others, and decides what root does: run chmod go-w FILE',
  ],
  [
    'that is a FIFO',
    () => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
    'FILE is not a file',
  ],
  [
    'that is a folder',
    () => {
      rmSync(path);
      mkdirSync(path);
    },
    'FILE is not a file',
  ],
  [
    'that is a device',
    () => {
      rmSync(path);
      symlinkSync('/dev/zero', path);
    },
    'FILE is not a file',
  ],
  ['that is missing, but named', () => rmSync(path), /^FILE cannot be read: ENOENT/],
  ['that is too large', () => writeFileSync(path, '#'.repeat(65 * 1024)), 'FILE is larger than 64 KiB'],
  [
    'in a folder that others can write',
    () => chmodSync(folder, 0o777),
    "FILE is in a folder that others can write: make that root's (chown root, chmod go-w)",
  ],
] as const) {
  test(`a file ${what} is refused`, async () => {
    await resolve({ text: 'strict = true' });
    make();
    try {
      const sources = { flags: new Map<SettingKey, unknown>(), environment: {}, file: path };
      await assert.rejects(resolveSettings(sources), (err: Error) => {
        const said = err.message.replaceAll(path, 'FILE');
        if (typeof told === 'string') assert.equal(said, told);
        else assert.match(said, told);
        return err instanceof UsageError;
      });
    } finally {
      chmodSync(folder, 0o700);
      rmSync(path, { recursive: true, force: true });
    }
  });
}

test('a file of another user is refused', {
  skip: process.getuid!() !== 0 && 'only root can make one',
}, async () => {
  await resolve({ text: '' });
  chownSync(path, 1000, 1000);
  const sources = { flags: new Map<SettingKey, unknown>(), environment: {}, file: path };
  await assert.rejects(
    resolveSettings(sources),
    /belongs to user 1000, and decides what root does: make it root's/,
  );
});

/** Of settings without a default. */
const EXAMPLES: Readonly<Partial<Record<SettingKey, string>>> = {
  'docker-host': 'unix:///var/run/docker.sock',
  metrics: '127.0.0.1:9586',
};

test('the example has every setting with its default, and is taken with its signs away', async () => {
  const example = readFileSync(new URL('../../../../../contrib/config.toml', import.meta.url), 'utf8');
  assert.equal((await resolve({ text: example })).origins.get('strict'), 'default');
  const text = example.replaceAll(/^# (?=[a-z-]+ = )/gm, '');
  const { settings, origins } = await resolve({ text });
  for (const { key, default: value } of SETTINGS) {
    assert.ok(origins.get(key)!.startsWith(path), key);
    assert.deepEqual(
      plainValue(key, settings[key]),
      value === undefined ? EXAMPLES[key] : plainValue(key, value),
      key,
    );
  }
});

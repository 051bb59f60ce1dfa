// The files that tell of ports: their names, what is in them, and what stays out.
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PortFiles } from '../../../../src/driver/natpmp/port-files.js';

const [ONE, TWO] = ['1'.repeat(64), '2'.repeat(64)] as const;

function world(t: TestContext) {
  const base = mkdtempSync(join(tmpdir(), 'dwgd-ports-'));
  t.after(() => rmSync(base, { recursive: true }));
  const folder = join(base, 'ports');
  const files = new PortFiles(folder);
  const read = (name: string): string | undefined => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  };
  return { base, folder, files, read };
}

test('a file that somebody has taken away or changed is there again, whatever lies where it is written', t => {
  const { folder, files, read } = world(t);
  files.name(ONE, 'vpn');
  files.write(ONE, 51_413);
  for (const harm of [() => rmSync(join(folder, 'vpn')), () => writeFileSync(join(folder, 'vpn'), '80\n')]) {
    harm();
    mkdirSync(join(folder, '.new', 'deep'), { recursive: true });
    files.write(ONE, 51_413);
    assert.equal(read('vpn'), '51413\n');
  }
});

test('a file has the port and the end of its line, for everybody to read, and goes with the port', t => {
  const { folder, files, read } = world(t);
  files.name(ONE, 'mullvad');
  files.write(ONE, 51_413);
  assert.equal(read('mullvad'), '51413\n');
  assert.deepEqual(readdirSync(folder), ['mullvad']);
  assert.deepEqual(
    [statSync(folder).mode & 0o777, statSync(join(folder, 'mullvad')).mode & 0o777],
    [0o755, 0o644],
  );
  files.write(ONE, 80);
  assert.equal(read('mullvad'), '80\n');
  files.write(ONE, undefined);
  assert.equal(read('mullvad'), undefined);
  files.write(ONE, 80);
  files.remove(ONE);
  assert.deepEqual(readdirSync(folder), []);
  assert.equal(files.path(ONE), undefined);
});

test('who has it open reads on what it was: another one takes its place', t => {
  const { folder, files } = world(t);
  files.name(ONE, 'mullvad');
  files.write(ONE, 51_413);
  const { ino } = statSync(join(folder, 'mullvad'));
  files.write(ONE, 51_414);
  assert.notEqual(statSync(join(folder, 'mullvad')).ino, ino);
});

test('before the name is known there is no file', t => {
  const { folder, files } = world(t);
  files.write(ONE, 51_413);
  assert.equal(existsSync(folder), false);
  assert.equal(files.remembered(ONE), 0);
});

for (const name of [
  '../evil',
  'a/b',
  '/etc/passwd',
  '.',
  '..',
  '.new',
  '',
  'a\0b',
  'a\nb',
  'a b',
  '-a',
  'x'.repeat(129),
  'ünder',
]) {
  test(`a network called ${JSON.stringify(name)} has its id for the name of its file`, t => {
    const { base, folder, files } = world(t);
    files.name(ONE, name);
    files.write(ONE, 51_413);
    assert.deepEqual(readdirSync(folder), [ONE]);
    assert.deepEqual(readdirSync(base), ['ports']);
  });
}

test('of two networks of a name the second has its id', t => {
  const { folder, files } = world(t);
  files.name(ONE, 'mullvad');
  files.name(TWO, 'mullvad');
  files.write(ONE, 1);
  files.write(TWO, 2);
  assert.deepEqual(readdirSync(folder).sort(), [TWO, 'mullvad']);
});

test('a link in its place, or in that of the unfinished one, is not written through', t => {
  const { base, folder, files, read } = world(t);
  const other = join(base, 'other');
  writeFileSync(other, 'kept');
  mkdirSync(folder);
  for (const name of ['mullvad', '.new']) symlinkSync(other, join(folder, name));
  files.name(ONE, 'mullvad');
  files.write(ONE, 51_413);
  assert.equal(read('mullvad'), '51413\n');
  assert.equal(readFileSync(other, 'utf8'), 'kept');
});

test('a folder in its place is an error, as Docker makes one where a file is mounted that is not there', t => {
  const { folder, files } = world(t);
  mkdirSync(join(folder, 'mullvad'), { recursive: true });
  files.name(ONE, 'mullvad');
  assert.throws(() => files.write(ONE, 51_413), { code: 'EISDIR' });
});

for (const [text, port] of [
  ['51413\n', 51_413],
  ['1\n', 1],
  ['65535\n', 65_535],
  ['65536\n', 0],
  ['0\n', 0],
  ['051413\n', 0],
  ['51413', 0],
  ['51413\n\n', 0],
  ['port\n', 0],
  ['', 0],
] as const) {
  test(`an earlier daemon's ${JSON.stringify(text)} is ${port === 0 ? 'no port' : port}`, t => {
    const { folder, files } = world(t);
    mkdirSync(folder);
    writeFileSync(join(folder, 'mullvad'), text);
    files.name(ONE, 'mullvad');
    assert.equal(files.remembered(ONE), port);
  });
}

test('files of networks that are gone are taken away, and folders are not', t => {
  const { folder, files, read } = world(t);
  files.sweep();
  files.name(ONE, 'mullvad');
  files.write(ONE, 51_413);
  writeFileSync(join(folder, 'gone'), '1\n');
  mkdirSync(join(folder, 'mounted'));
  files.sweep();
  assert.deepEqual(readdirSync(folder).sort(), ['mounted', 'mullvad']);
  assert.equal(read('mullvad'), '51413\n');
});

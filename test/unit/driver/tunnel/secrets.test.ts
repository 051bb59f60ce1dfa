// Secret files: whose they are, who may read them, what of their content counts; and that no secret is ever said.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { readPresharedKey, readSeed } from '../../../../src/driver/tunnel/secrets.js';
import { SecretKey } from '../../../../src/netlink/wireguard/key.js';

const ME = process.getuid!();
const folder = mkdtempSync(join(tmpdir(), 'dwgd-secrets-'));
// After all: what is after() in one of several test files of a process may come too early.
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

function secretFile(name: string, content: string | Buffer, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

for (const [name, content, seed] of [
  ['without a newline', 'hunter2', 'hunter2'],
  ['with a newline', 'hunter2\n', 'hunter2'],
  ['with the newline of Windows', 'hunter2\r\n', 'hunter2'],
  ['with two newlines', 'hunter2\n\n', 'hunter2\n'],
  ['with spaces around', ' hunter2 ', ' hunter2 '],
  ['of bytes that are no text', Buffer.from([0, 0xff, 0x0d]), Buffer.from([0, 0xff, 0x0d])],
] as const) {
  test(`a seed file ${name} is read`, async () => {
    const file = secretFile('seed', content);
    assert.deepEqual(await readSeed({ seed: { file }, owner: ME }), Buffer.from(seed));
  });
}

test('a seed in the option is what it is', async () => {
  assert.deepEqual(await readSeed({ seed: { value: Buffer.from('x\n') }, owner: 0 }), Buffer.from('x\n'));
});

test('a file that its owner may only read is fine, and so is a link to it', async () => {
  const file = secretFile('readonly', 'x', 0o400);
  symlinkSync(file, join(folder, 'link'));
  const seed = await readSeed({ seed: { file: join(folder, 'link') }, owner: ME });
  assert.equal(seed.toString(), 'x');
});

/** What is said of a seed file, with PATH for its path. */
async function refusal(file: string, owner = ME): Promise<string> {
  try {
    await readSeed({ seed: { file }, owner });
  } catch (err) {
    assert.ok(err instanceof UserError);
    return err.message.replaceAll(file, 'PATH');
  }
  return 'accepted';
}

for (const mode of [0o640, 0o604, 0o620, 0o666, 0o601]) {
  test(`a seed file of mode ${mode.toString(8)} is refused`, async () => {
    assert.equal(
      await refusal(secretFile('open', 'x', mode)),
      "dwgd.seedfile=PATH can be read by others: make it its owner's alone (chmod 600 PATH)",
    );
  });
}

for (const [name, content] of [
  ['is empty', ''],
  ['holds a newline alone', '\n'],
  ['holds the newline of Windows alone', '\r\n'],
] as const) {
  test(`a seed file that ${name} is refused`, async () => {
    assert.equal(await refusal(secretFile('empty', content)), 'dwgd.seedfile=PATH is empty');
  });
}

test('a seed file that is missing, a folder, or too large is refused', async () => {
  const missing = join(folder, 'missing');
  assert.match(await refusal(missing), /^dwgd\.seedfile=PATH cannot be read: ENOENT/);
  const subfolder = join(folder, 'folder');
  mkdirSync(subfolder, { mode: 0o700 });
  assert.equal(await refusal(subfolder), 'dwgd.seedfile=PATH is not a file');
  assert.equal(
    await refusal(secretFile('large', Buffer.alloc(64 * 1024 + 1, 'x'))),
    'dwgd.seedfile=PATH is larger than 64 KiB',
  );
});

test('a seed file of another user is refused', { skip: ME !== 0 && 'only root can make one' }, async () => {
  chmodSync(folder, 0o711);
  const file = secretFile('theirs', 'x');
  chownSync(file, 1000, 1000);
  assert.equal(
    await refusal(file),
    'dwgd.seedfile=PATH belongs to user 1000: it must belong to user 0 (chown 0 PATH)',
  );
  assert.equal(await refusal(file, 1000), 'accepted');
});

const PSK = Buffer.alloc(32, 5);

test('a preshared key is read from its file, whatever white space surrounds it', async () => {
  const file = secretFile('psk', ` ${PSK.toString('base64')}\n\n`);
  assert.deepEqual(
    (await readPresharedKey({ seed: { value: PSK }, presharedKey: { file }, owner: ME }))?.reveal(),
    PSK,
  );
});

test('a network without a preshared key has none', async () => {
  assert.equal(await readPresharedKey({ seed: { value: PSK }, owner: ME }), undefined);
  const given = await readPresharedKey({
    seed: { value: PSK },
    presharedKey: { value: new SecretKey(PSK) },
    owner: ME,
  });
  assert.deepEqual(given?.reveal(), PSK);
});

for (const content of ['hunter2', Buffer.alloc(32).toString('base64'), `${PSK.toString('base64')} x`]) {
  test('a preshared key file that holds none is refused, and its content stays unsaid', async () => {
    const file = secretFile('badpsk', content);
    await assert.rejects(
      readPresharedKey({ seed: { value: PSK }, presharedKey: { file }, owner: ME }),
      new UserError(
        `the content of dwgd.pskfile=${file} is not a preshared key: give what "wg genpsk" prints, 44 characters of base64`,
      ),
    );
  });
}

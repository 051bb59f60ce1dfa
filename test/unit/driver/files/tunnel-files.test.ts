// Files of tunnels on the disk: whose they have to be, where they may be, and the command that puts each of them right.
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { formatRemark, openTunnelFile } from '../../../../src/driver/files/tunnel-files.js';
import { run } from '../../../support/namespace.js';

const ME = process.getuid!();
const OWN = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
const FILE = `[Interface]
PrivateKey = ${OWN}
Address = 10.64.0.2/32
PostUp = x
[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 0.0.0.0/0
Endpoint = 192.0.2.1:51820
`;

/** A folder of ours in which FOLDER/x.conf is a file that is taken; gone after the test. */
function folder(t: TestContext, content: string | Buffer = FILE): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'dwgd-conf-')));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  writeFileSync(join(path, 'x.conf'), content, { mode: 0o600 });
  return path;
}

/** Why a file is refused, with FOLDER for the folder of the test. */
function refusal(path: string, base: string): string {
  try {
    openTunnelFile(path);
  } catch (err) {
    assert.ok(err instanceof UserError, `${err}`);
    assert.ok(!err.message.includes(OWN.slice(0, 16)));
    return err.message.replaceAll(base, 'FOLDER');
  }
  return 'taken';
}

for (const [what, prepare, file = 'x.conf'] of [
  ['mode 0600', () => undefined],
  ['mode 0400', (path: string) => chmodSync(join(path, 'x.conf'), 0o400)],
  ['a path with dots and slashes', () => undefined, '..//./NAME/x.conf'],
  ['a folder that others may read', (path: string) => chmodSync(path, 0o755)],
  ['a folder like /tmp', (path: string) => chmodSync(path, 0o1777)],
  ['a second name', (path: string) => linkSync(join(path, 'x.conf'), join(path, 'y.conf')), 'y.conf'],
] as const) {
  test(`a file is opened: ${what}`, t => {
    const path = folder(t);
    prepare(path);
    const at = `${path}/${file.replace('NAME', path.split('/').at(-1)!)}`;
    assert.equal(openTunnelFile(at).peers.length, 1);
  });
}

const ROOT = ME === 0 ? 'root' : `${ME}`;
const CONF = 'dwgd.conf=FOLDER/x.conf';

for (const [what, prepare, message, file = 'x.conf'] of [
  ...([0o644, 0o640, 0o604, 0o610, 0o601] as const).map(
    mode =>
      [
        `mode ${mode.toString(8)}`,
        (path: string) => chmodSync(join(path, 'x.conf'), mode),
        `${CONF} can be read by others: run chmod 600 FOLDER/x.conf`,
      ] as const,
  ),
  ...([0o620, 0o602, 0o666] as const).map(
    mode =>
      [
        `mode ${mode.toString(8)}`,
        (path: string) => chmodSync(join(path, 'x.conf'), mode),
        `${CONF} can be written by others: run chmod 600 FOLDER/x.conf`,
      ] as const,
  ),
  [
    'nothing there',
    (path: string) => rmSync(join(path, 'x.conf')),
    `${CONF} is not there: put the file there that the provider hands out`,
  ],
  [
    'a file for a folder',
    () => undefined,
    'dwgd.conf=FOLDER/x.conf/y.conf cannot be read: ENOTDIR: not a directory, open',
    'x.conf/y.conf',
  ],
  ['a folder', () => undefined, 'dwgd.conf=FOLDER is not a file: give the path of a file', ''],
  [
    'a FIFO',
    (path: string) => {
      rmSync(join(path, 'x.conf'));
      run('mkfifo', '-m', '600', join(path, 'x.conf'));
    },
    `${CONF} is not a file: give the path of a file`,
  ],
  [
    'a symbolic link',
    (path: string) => symlinkSync('x.conf', join(path, 'y.conf')),
    'dwgd.conf=FOLDER/y.conf is a symbolic link: give the path of the file itself (readlink -f FOLDER/y.conf)',
    'y.conf',
  ],
  [
    'a symbolic link that leads nowhere',
    (path: string) => symlinkSync('nowhere', join(path, 'y.conf')),
    'dwgd.conf=FOLDER/y.conf is a symbolic link: give the path of the file itself (readlink -f FOLDER/y.conf)',
    'y.conf',
  ],
  [
    'a symbolic link on the way',
    (path: string) => symlinkSync('.', join(path, 'here')),
    'dwgd.conf=FOLDER/here/x.conf leads by the symbolic link FOLDER/here: give the path without it (readlink -f FOLDER/here/x.conf)',
    'here/x.conf',
  ],
  [
    'a folder where the group can write',
    (path: string) => chmodSync(path, 0o770),
    `${CONF} is below FOLDER, where others can write: run chmod go-w FOLDER`,
  ],
  [
    'a folder further up where everybody can write',
    (path: string) => {
      mkdirSync(join(path, 'a/b'), { recursive: true });
      chmodSync(join(path, 'a'), 0o777);
      writeFileSync(join(path, 'a/b/x.conf'), FILE, { mode: 0o600 });
    },
    'dwgd.conf=FOLDER/a/b/x.conf is below FOLDER/a, where others can write: run chmod go-w FOLDER/a',
    'a/b/x.conf',
  ],
  [
    '10 MiB',
    (path: string) => writeFileSync(join(path, 'x.conf'), Buffer.alloc(10 * 1024 * 1024, 'x')),
    `${CONF}, line 1: the file is larger than 64 KiB: give one of wg-quick(8)`,
  ],
  [
    'an empty file',
    (path: string) => writeFileSync(join(path, 'x.conf'), ''),
    `${CONF}, line 1: the file has no [Interface]: give a file of wg-quick(8), as the provider hands it out`,
  ],
  [
    'two mistakes',
    (path: string) => writeFileSync(join(path, 'x.conf'), `${FILE}Endpoint = x\n[Peers]\n`),
    `${CONF}, line 9: Endpoint stands in line 8 of the same section already, with another value: leave one of them; line 10: the section is unknown: the sections are [Interface] and [Peer]`,
  ],
  [
    'seven mistakes',
    (path: string) => writeFileSync(join(path, 'x.conf'), '[x]\n'.repeat(7)),
    `${CONF}, ${[1, 2, 3, 4, 5].map(n => `line ${n}: the section is unknown: the sections are [Interface] and [Peer]`).join('; ')}; and there are more`,
  ],
] as const) {
  test(`a file is refused: ${what}`, t => {
    const path = folder(t);
    prepare(path);
    // Node.js says which path of procfs it was.
    assert.equal(refusal(join(path, file), path).replace(/ '\/proc.*'$/, ''), message);
  });
}

test('a device and a socket are not opened', async t => {
  assert.match(refusal('/dev/null', '-'), /^dwgd\.conf=\/dev\/null is not a file/);
  const path = folder(t);
  const server = createServer().listen(join(path, 'socket'));
  t.after(() => server.close());
  await new Promise(resolve => server.once('listening', resolve));
  assert.match(refusal(join(path, 'socket'), path), /^dwgd\.conf=FOLDER\/socket is not a file/);
});

test("others' files and folders are refused", { skip: ME !== 0 && 'only root can give files away' }, t => {
  const path = folder(t);
  chownSync(join(path, 'x.conf'), 4242, 0);
  assert.equal(
    refusal(join(path, 'x.conf'), path),
    `${CONF} belongs to user 4242: run chown ${ROOT} FOLDER/x.conf`,
  );
  chownSync(join(path, 'x.conf'), 0, 0);
  chownSync(path, 4242, 0);
  assert.equal(
    refusal(join(path, 'x.conf'), path),
    `${CONF} is below FOLDER, which belongs to user 4242: run chown ${ROOT} FOLDER`,
  );
});

test('a text in UTF-16 says what to do', t => {
  const path = folder(t, Buffer.from(`\ufeff${FILE}`, 'utf16le'));
  assert.equal(
    refusal(join(path, 'x.conf'), path),
    `${CONF}, line 1: the line has a NUL: save the file as plain text in UTF-8`,
  );
});

test('a line that is passed over is told with its file', t => {
  const file = join(folder(t), 'x.conf');
  const [remark] = openTunnelFile(file).passedOver;
  assert.match(formatRemark(file, remark!), /^dwgd\.conf=\S+x\.conf, line 4: PostUp is not run: /);
});

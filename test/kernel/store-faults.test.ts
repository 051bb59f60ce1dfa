// What can become of the database: a disk that is full or only read, a lock of another program, a file that is cut off, changed
// or deleted. Each is told in one sentence that has the file and what to do, and what can go on goes on.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { UserError } from '../../src/base/errors.js';
import { parseAddress } from '../../src/base/ip.js';
import type { Endpoint, Network } from '../../src/driver/spec/model.js';
import { Store } from '../../src/driver/store/store.js';
import { Key } from '../../src/netlink/wireguard/key.js';
import { kernelTest } from '../support/namespace.js';
import { Random } from '../support/random.js';

const NETWORK: Network = {
  id: 'n1',
  mode: {
    kind: 'pubkey',
    publicKey: new Key(Buffer.alloc(32, 7)),
    endpoint: { host: '192.0.2.1', port: 51820 },
  },
  seed: { value: Buffer.from('hunter2') },
  ...{ routes: [], keepalive: 25, allowedIPs: [], prefix: 'wg', owner: 0 },
};
const endpoint = (n: number): Endpoint => ({
  id: `e${n}`,
  networkId: 'n1',
  ipv4: parseAddress('10.0.0.9')!,
  ifname: `wg-${n}`,
  state: 'created',
});

/** A small file system with a database of a network and endpoints on it. */
interface Place {
  readonly folder: string;
  readonly path: string;
}

function place(t: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-store-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'store', folder]);
  t.after(() => {
    execFileSync('umount', ['--lazy', '--recursive', folder]);
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'dwgd.db');
  const store = new Store(path);
  store.putNetwork(NETWORK);
  for (let n = 0; n < 40; n++) store.putEndpoint(endpoint(n));
  store.close();
  return { folder, path };
}

function fill({ folder }: Place): void {
  // What is written at once leaves some room where it does not fit as a whole.
  for (const bytes of [2 ** 20, 4096])
    assert.throws(() => {
      for (;;) appendFileSync(join(folder, 'filler'), Buffer.alloc(bytes));
    }, /ENOSPC/);
}

function mountReadOnly({ folder }: Place): void {
  execFileSync('mount', ['-o', 'remount,ro', folder]);
}

/** Has another connection hold the write lock while something is tried. */
function whileLocked({ path }: Place, attempt: () => void): void {
  const other = new Database(path);
  other.exec('BEGIN EXCLUSIVE');
  try {
    attempt();
  } finally {
    other.close();
  }
}

/** Calls that change much: the log has room for some. */
function write(store: Store): void {
  for (let n = 100; n < 2_000; n++) store.putEndpoint(endpoint(n));
}

const DAMAGED =
  /^the database PATH is damaged \(.+\): put back a copy of it, or move it away with PATH-wal and PATH-shm, start dwgd, which learns its networks from Docker, and restart their containers$/;

/** What somebody does, and what is said: to one who opens it then, or to one who has it open. */
const TOLD: readonly {
  readonly what: string;
  readonly open?: (place: Place, open: () => Store) => void;
  readonly used?: (place: Place, store: Store) => void;
  readonly said: RegExp;
}[] = [
  {
    what: 'the disk is full, and a Join is to be recorded',
    used: (place, store) => {
      fill(place);
      write(store);
    },
    said: /^cannot use the database PATH: database or disk is full: make room on its file system, and try again$/,
  },
  {
    what: 'the disk is full at the start, and there is no database yet',
    open: (place, open) => {
      rmSync(place.path);
      fill(place);
      open();
    },
    said: /^cannot use the database PATH: .+: make room on its file system, and try again$/,
  },
  {
    what: 'the file system is read-only at the start',
    open: (place, open) => {
      mountReadOnly(place);
      open();
    },
    said: /^cannot open the database PATH: EROFS: .+: have its file system mounted for writing, or give another file \(-d\)$/,
  },
  {
    what: 'another program has it locked at the start',
    open: (place, open) => whileLocked(place, open),
    said: /^cannot use the database PATH: database is locked: end the program that has it locked \(fuser tells which\), and try again$/,
  },
  {
    what: 'another program has it locked, and a Join is to be recorded',
    used: (place, store) => whileLocked(place, () => store.putEndpoint(endpoint(1))),
    said: /^cannot use the database PATH: database is locked: end the program that has it locked \(fuser tells which\), and try again$/,
  },
  {
    what: 'it is cut off in the middle of a page',
    open: ({ path }, open) => {
      truncateSync(path, 3 * 4096 + 100);
      open();
    },
    said: DAMAGED,
  },
  {
    what: 'it is cut off while it is open',
    used: ({ path }, store) => {
      // What is in the log is there all the same.
      truncateSync(path, 4096);
      rmSync(`${path}-wal`);
      store.endpoints();
      write(store);
      store.endpoints();
    },
    said: DAMAGED,
  },
  {
    what: 'a page of it is overwritten',
    open: ({ path }, open) => {
      const content = readFileSync(path);
      writeFileSync(path, content.fill(0x5a, 2 * 4096, 3 * 4096));
      open();
    },
    said: DAMAGED,
  },
  {
    what: 'its folder is not there',
    open: ({ folder }) => new Store(join(folder, 'gone/dwgd.db')),
    said: /^cannot open the database FOLDER\/gone\/dwgd\.db: ENOENT: .+: give a file in a folder that is there \(-d\)$/,
  },
  {
    what: 'it is a folder',
    open: ({ path }, open) => {
      rmSync(path);
      mkdirSync(path);
      open();
    },
    said: /^cannot open the database PATH: EISDIR: .+: give a file in a folder that is there \(-d\)$/,
  },
  {
    what: 'another file has taken its place while it is open',
    used: ({ path }, store) => {
      writeFileSync(`${path}.copy`, readFileSync(path));
      execFileSync('mv', [`${path}.copy`, path]);
      store.putEndpoint(endpoint(1));
    },
    said: /^another file has taken the place of the database PATH, and nothing is written to either: restart dwgd, which then goes by the new one$/,
  },
];

for (const { what, open, used, said } of TOLD)
  kernelTest(`${what}: one sentence says which file, why, and what to do`, t => {
    const where = place(t);
    const store = used && new Store(where.path);
    const attempt = (): void => {
      open?.(where, () => new Store(where.path));
      if (store) used(where, store);
    };
    assert.throws(attempt, (err: unknown) => {
      assert.ok(err instanceof UserError, String(err));
      const text = err.message.replaceAll(where.path, 'PATH').replaceAll(where.folder, 'FOLDER');
      assert.match(text, said);
      return true;
    });
    store?.close();
  });

kernelTest(
  'a full disk takes nothing away: what was recorded is there, and with room again it goes on',
  t => {
    const where = place(t);
    const store = new Store(where.path);
    fill(where);
    assert.throws(() => write(store), /disk is full/);
    assert.ok(store.endpoints().length >= 40);
    rmSync(join(where.folder, 'filler'));
    store.putEndpoint(endpoint(5_000));
    const before = store.endpoints().length;
    store.close();
    assert.equal(new Store(where.path).endpoints().length, before);
  },
);

kernelTest('deleted while it is open: noticed by a look, and made anew with all that was in it', t => {
  for (const [deleted, at] of [
    [['', '-wal', '-shm'], 'look'],
    [[''], 'look'],
    [['', '-wal', '-shm'], 'write'],
  ] as const) {
    const { path } = place(t);
    const said: string[] = [];
    const store = new Store(path, text => said.push(text));
    // In the log alone.
    store.putEndpoint(endpoint(77));
    for (const suffix of deleted) rmSync(`${path}${suffix}`);
    if (at === 'look') store.look();
    else store.putEndpoint(endpoint(78));
    assert.deepEqual(said, [`somebody has deleted the database ${path}: made anew with all that was in it`]);
    store.look();
    assert.equal(said.length, 1);
    store.putEndpoint(endpoint(79));
    for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(`${path}${suffix}`).mode & 0o777, 0o600);
    store.close();
    const after = new Store(path);
    assert.equal(after.endpoints().length, at === 'look' ? 42 : 43);
    assert.equal(after.networks().length, 1);
    after.close();
  }
});

kernelTest('a database behind a link is made anew where the link leads', t => {
  const { folder, path } = place(t);
  const link = join(folder, 'link.db');
  symlinkSync(path, link);
  const store = new Store(link);
  rmSync(path);
  store.look();
  assert.ok(existsSync(path) && existsSync(link));
  store.close();
  assert.equal(new Store(path).endpoints().length, 40);
});

kernelTest('deleted with its folder: said once, and made anew when the folder is back', t => {
  const { folder } = place(t);
  const path = join(folder, 'sub/dwgd.db');
  mkdirSync(join(folder, 'sub'));
  const said: string[] = [];
  const store = new Store(path, text => said.push(text));
  store.putNetwork(NETWORK);
  rmSync(join(folder, 'sub'), { recursive: true });
  store.look();
  store.look();
  assert.equal(said.length, 1);
  assert.match(
    said[0]!,
    /^cannot open the database .+: ENOENT: .+: give a file in a folder that is there \(-d\)$/,
  );
  mkdirSync(join(folder, 'sub'));
  store.look();
  assert.match(said[1]!, /made anew/);
  assert.equal(store.networks().length, 1);
  store.close();
});

for (const { what, hinder } of [
  {
    what: 'the old log cannot be removed',
    hinder: (path: string): (() => void) => {
      rmSync(`${path}-wal`);
      mkdirSync(`${path}-wal`);
      return () => rmdirSync(`${path}-wal`);
    },
  },
  {
    what: 'a folder is in the place of its copy',
    hinder: (path: string): (() => void) => {
      mkdirSync(`${path}-new`);
      return () => rmdirSync(`${path}-new`);
    },
  },
] as const)
  kernelTest(`deleted while it is open, and ${what}: nothing is lost, and it is made anew later`, t => {
    const { path } = place(t);
    const said: string[] = [];
    const store = new Store(path, text => said.push(text));
    store.putEndpoint(endpoint(77));
    rmSync(path);
    const release = hinder(path);
    for (let n = 0; n < 3; n++) store.look();
    assert.equal(said.length, 1, said.join());
    assert.equal(existsSync(path), false);
    assert.equal(store.endpoints().length, 41);
    assert.throws(() => store.putEndpoint(endpoint(78)), UserError);
    release();
    store.look();
    assert.match(said[1]!, /made anew/);
    store.putEndpoint(endpoint(79));
    store.close();
    const after = new Store(path);
    assert.deepEqual([after.endpoints().length, after.networks().length], [42, 1]);
    after.close();
  });

kernelTest('a daemon that ended before its copy was in place: the next one puts it there', t => {
  const { path } = place(t);
  const db = new Database(path);
  db.prepare('VACUUM INTO ?').run(`${path}-new`);
  db.close();
  const whole = readFileSync(`${path}-new`);
  rmSync(path);
  writeFileSync(`${path}-wal`, 'of before');
  const said: string[] = [];
  const store = new Store(path, text => said.push(text));
  assert.deepEqual([store.endpoints().length, existsSync(`${path}-new`)], [40, false]);
  assert.deepEqual(said, [`the database ${path} was missing: its copy ${path}-new has taken its place`]);
  store.close();
  // Cut off in the midst of its making: there is nothing to go by, and that is said.
  for (const left of [whole.subarray(0, 5_000), Buffer.alloc(0)]) {
    rmSync(path);
    writeFileSync(`${path}-new`, left);
    said.length = 0;
    const empty = new Store(path, text => said.push(text));
    assert.equal(empty.endpoints().length, 0);
    assert.match(said.join(), /^the database .+ has been deleted, and none of it is left that can be used: /);
    empty.close();
  }
});

const OPENED_TO_OTHERS: readonly {
  readonly what: string;
  readonly open: (place: Place) => string;
  readonly said: RegExp;
}[] = [
  {
    what: "its folder is another user's",
    open: ({ folder, path }) => {
      chownSync(folder, 1234, 0);
      return path;
    },
    said: /^cannot open the database PATH: FOLDER belongs to user 1234, .+: run chown root FOLDER, or give a file in another folder \(-d\)$/,
  },
  {
    what: 'a group may write in its folder',
    open: ({ folder, path }) => {
      chownSync(folder, 0, 1234);
      chmodSync(folder, 0o770);
      return path;
    },
    said: /^cannot open the database PATH: others than root can write to FOLDER, .+: run chmod go-w FOLDER, or give a file in another folder \(-d\)$/,
  },
  {
    what: "everybody may make files in its folder, if none is anybody else's to remove",
    open: ({ folder, path }) => {
      chmodSync(folder, 0o1777);
      return path;
    },
    said: /^cannot open the database PATH: others than root can make files in FOLDER, .+: run install -d -m 700 FOLDER\/dwgd, and give a file in there \(-d\)$/,
  },
  {
    what: 'a group may write in a folder above its own, as in /var/local',
    open: ({ folder }) => {
      mkdirSync(join(folder, 'local/dwgd'), { recursive: true });
      chownSync(join(folder, 'local'), 0, 50);
      chmodSync(join(folder, 'local'), 0o2775);
      return join(folder, 'local/dwgd/dwgd.db');
    },
    said: /^cannot open the database FOLDER\/local\/dwgd\/dwgd\.db: others than root can write to FOLDER\/local, .+: run chmod go-w FOLDER\/local, or give /,
  },
  {
    what: "a folder above its own is another user's",
    open: ({ folder }) => {
      mkdirSync(join(folder, 'user/dwgd'), { recursive: true });
      chownSync(join(folder, 'user'), 1234, 0);
      return join(folder, 'user/dwgd/dwgd.db');
    },
    said: /^cannot open the database FOLDER\/user\/dwgd\/dwgd\.db: FOLDER\/user belongs to user 1234, /,
  },
  {
    what: 'the file is',
    open: ({ path }) => {
      chownSync(path, 1234, 0);
      return path;
    },
    said: /^cannot open the database PATH: PATH belongs to user 1234, /,
  },
  {
    what: 'a link to it is',
    open: ({ folder, path }) => {
      symlinkSync(path, join(folder, 'link.db'));
      lchownSync(join(folder, 'link.db'), 1234, 0);
      return join(folder, 'link.db');
    },
    said: /^cannot open the database FOLDER\/link\.db: FOLDER\/link\.db belongs to user 1234, /,
  },
];

for (const { what, open, said } of OPENED_TO_OTHERS)
  kernelTest(`where ${what}, it is refused, and nothing changed`, t => {
    const where = place(t);
    const path = open(where);
    chmodSync(where.path, 0o640);
    const before = readdirSync(where.folder);
    assert.throws(
      () => new Store(path),
      (err: unknown) => {
        assert.ok(err instanceof UserError, String(err));
        assert.match(err.message.replaceAll(where.path, 'PATH').replaceAll(where.folder, 'FOLDER'), said);
        return true;
      },
    );
    assert.deepEqual([readdirSync(where.folder), statSync(where.path).mode & 0o777], [before, 0o640]);
  });

kernelTest('what it is told to do where everybody may make files in its folder is what helps', t => {
  const { folder } = place(t);
  chmodSync(folder, 0o1777);
  execFileSync('install', ['-d', '-m', '700', join(folder, 'dwgd')]);
  const store = new Store(join(folder, 'dwgd/dwgd.db'));
  store.putNetwork(NETWORK);
  store.close();
});

kernelTest(
  'in a user namespace, what belongs to somebody outside of it is refused as that, and what is known is not',
  t => {
    const { folder } = place(t);
    chmodSync(folder, 0o755);
    for (const name of ['theirs', 'own']) mkdirSync(join(folder, name));
    chownSync(join(folder, 'theirs'), 1234, 0);
    const program = `const { closedPath } = require(process.argv[1]);
      for (const path of process.argv.slice(2)) try { console.log(closedPath(path)) } catch (err) { console.log(err.message) }`;
    const module = join(import.meta.dirname, '../../src/driver/store/closed-path.js');
    const paths = ['theirs/x.db', 'own/x.db'].map(path => join(folder, path));
    const node = [process.execPath, '-e', program, module, ...paths];
    const inside = execFileSync('unshare', ['--user', '--map-root-user', ...node], { encoding: 'utf8' });
    const outside = execFileSync(node[0]!, node.slice(1), { encoding: 'utf8' });
    const said = (text: string): string[] => text.replaceAll(folder, 'FOLDER').trim().split('\n');
    const theirs =
      'FOLDER/theirs belongs to somebody outside of this user namespace (as user 65534), who could have other keys used: ' +
      "give a file in a folder that is root's in here, as all above it (-d)";
    assert.deepEqual(said(inside), [theirs, 'FOLDER/own/x.db']);
    assert.match(said(outside)[0]!, /belongs to user 1234, .+: run chown root FOLDER\/theirs, /);
  },
  'unshare',
);

kernelTest(
  "in a folder that has become another user's, nothing is made anew, whatever leads elsewhere there",
  t => {
    const { folder, path } = place(t);
    const said: string[] = [];
    const store = new Store(path, text => said.push(text));
    rmSync(path);
    chownSync(folder, 1234, 0);
    writeFileSync(join(folder, 'victim'), 'of root', { mode: 0o644 });
    symlinkSync(join(folder, 'victim'), `${path}-new`);
    store.look();
    assert.match(said.join(), /belongs to user 1234/);
    assert.equal(existsSync(path), false);
    assert.equal(readFileSync(join(folder, 'victim'), 'latin1'), 'of root');
    chownSync(folder, 0, 0);
    store.look();
    assert.match(said[1]!, /made anew/);
    assert.equal(store.endpoints().length, 40);
    store.close();
  },
);

kernelTest('with bytes changed anywhere it is refused or used, and nothing else is thrown', t => {
  const { path } = place(t);
  const whole = readFileSync(path);
  const random = new Random(7);
  let refused = 0;
  for (let n = 0; n < 300; n++) {
    const bytes = Buffer.from(whole);
    for (let m = random.int(1, 8); m > 0; m--) bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
    for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    writeFileSync(path, bytes);
    let store: Store | undefined;
    try {
      store = new Store(path);
      store.networks();
      store.endpoints();
      store.putNetwork(NETWORK);
      store.putEndpoint(endpoint(3));
      store.deleteEndpoint('e4');
      store.deleteNetwork('n1');
    } catch (err) {
      refused++;
      assert.ok(err instanceof UserError && err.message.includes(path), `${n}: ${String(err)}`);
    } finally {
      store?.close();
    }
  }
  assert.ok(refused > 30 && refused < 290, `${refused}`);
});

// libnftables in this process: all or nothing, its errors, what it holds open and for how long, and how it is missed.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readSysctl, writeSysctl } from '../../src/labels/sysctls/sysctl-files.js';
import { Nft, NftError } from '../../src/nft/client.js';
import { decodeStampedTable, type StampedTable } from '../../src/nft/messages.js';
import { createTable, deleteTable, type NftTable, replaceTable } from '../../src/nft/table.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';
import { eventually } from '../support/shell.js';

const TABLE = { family: 'inet', name: 'test' } as const;
const table = (...comments: string[]): NftTable => ({
  ...TABLE,
  sets: [],
  chains: [{ name: 'c', rules: comments.map(comment => ({ expr: [{ counter: null }], comment })) }],
});
const look = (nft: Nft, chain: string): StampedTable =>
  decodeStampedTable(nft.readStampChain(TABLE, chain), TABLE.name);
const fds = (): number => readdirSync('/proc/self/fd').length;

kernelTest(
  'a table is replaced whole, read and deleted; deleting it again is no error',
  async t => {
    const ns = await Namespace.create(t);
    const nft = new Nft();
    t.after(() => nft.close());
    ns.within(() => {
      assert.deepEqual(look(nft, 'c'), { hasTable: false, comments: [] });
      nft.apply(replaceTable(table('one', 'two')), 'a test');
      const { generation, ...rest } = look(nft, 'c');
      assert.deepEqual(rest, { hasTable: true, comments: ['one', 'two'] });
      assert.equal(look(nft, 'c').generation, generation);
      nft.apply(replaceTable(table('three')), 'a test');
      assert.deepEqual(look(nft, 'c').comments, ['three']);
      assert.equal(look(nft, 'c').generation, generation! + 1, 'a transaction is a generation');
      assert.deepEqual(look(nft, 'nosuch'), { hasTable: true, comments: [] });
      for (let n = 0; n < 2; n++) nft.apply(deleteTable(TABLE), 'a test');
      assert.equal(look(nft, 'c').hasTable, false);
    });
    assert.doesNotMatch(run('nft', 'list', 'tables'), /inet test/);
  },
  'nft',
);

kernelTest('a table is created only where there is none of its name', async t => {
  const ns = await Namespace.create(t);
  const nft = new Nft();
  t.after(() => nft.close());
  ns.within(() => {
    nft.apply(createTable(table('one')), 'a test');
    assert.throws(() => nft.apply(createTable(table('two')), 'a test'), /File exists/);
    assert.deepEqual(look(nft, 'c').comments, ['one']);
  });
});

kernelTest('comments of any length that fits come back as they were', async t => {
  const ns = await Namespace.create(t);
  const nft = new Nft();
  t.after(() => nft.close());
  const comments = ['x', 'ä'.repeat(63), 'y'.repeat(127), 'with "quotes" and \\'];
  ns.within(() => {
    nft.apply(replaceTable(table(...comments)), 'a test');
    assert.deepEqual(look(nft, 'c').comments, comments);
  });
});

kernelTest(
  'a refused transaction changes nothing and says what was wrong, for whom, and with what',
  async t => {
    const ns = await Namespace.create(t);
    const nft = new Nft();
    t.after(() => nft.close());
    const said: string[] = [];
    const bad = { nftables: [...replaceTable(table('two')).nftables, { add: { chain: { table: 'x' } } }] };
    ns.within(() => {
      nft.apply(replaceTable(table('one')), 'a test');
      assert.throws(
        () => nft.apply(bad, 'somebody', line => said.push(line)),
        (err: unknown) => {
          assert.ok(err instanceof NftError);
          assert.match(err.message, /^programming nftables of somebody: \S[^\n]*$/);
          assert.equal(err.transaction, bad);
          return true;
        },
      );
      assert.deepEqual(look(nft, 'c').comments, ['one']);
    });
    assert.match(said[0]!, /^nft -j '\{"nftables":/);
    assert.equal(said.at(-1), `${bad.nftables.length}: {"add":{"chain":{"table":"x"}}}`);
  },
);

kernelTest('what it holds open stays few, goes by itself, and at once when it is closed', async t => {
  const ns = await Namespace.create(t);
  const nft = new Nft();
  t.after(() => nft.close());
  const before = fds();
  for (let n = 0; n < 300; n++) {
    ns.within(() => {
      nft.apply(replaceTable(table('one')), 'a test');
      nft.readStampChain(TABLE, 'c');
    });
    assert.ok(fds() <= before + 34, `${fds() - before} more`);
  }
  await eventually(() => assert.ok(fds() <= before, `${fds() - before} are still open`));
  for (let n = 0; n < 10; n++) ns.within(() => nft.apply(replaceTable(table('one')), 'a test'));
  assert.ok(fds() > before);
  nft.close();
  assert.equal(fds(), before);
});

kernelTest('reading alone holds nothing open', async t => {
  const ns = await Namespace.create(t);
  const nft = new Nft();
  t.after(() => nft.close());
  const before = fds();
  for (let n = 0; n < 10; n++) ns.within(() => nft.readStampChain(TABLE, 'c').rules);
  assert.equal(fds(), before);
});

kernelTest(
  'without the library there is one sentence that names the package',
  () => {
    const script = `
    import('${new URL('../../src/nft/client.js', import.meta.url)}')
      .then(({ Nft }) => new Nft())
      .catch(err => console.log(err.name + ': ' + err.message));`;
    const hide =
      'for file in $(ldconfig -p | sed -n "s/.*libnftables.* => //p"); do mount --bind /dev/null "$file"; done';
    assert.equal(
      run('unshare', '--mount', 'sh', '-c', `${hide}; exec "$0" -e "$1"`, process.execPath, script),
      'UserError: libnftables.so.1 is missing, and container labels and exit networks need it: install the package libnftables1 (Debian, Ubuntu) or nftables\n',
    );
  },
  'unshare',
  'ldconfig',
);

kernelTest('a sysctl that is not there reads as nothing; a value that is not taken is an error', async t => {
  const ns = await Namespace.create(t);
  ns.within(() => {
    assert.equal(readSysctl('ipv4/ip_forward'), '0');
    assert.equal(writeSysctl('ipv4/ip_forward', '1'), true);
    assert.equal(readSysctl('ipv4/ip_forward'), '1');
    assert.equal(readSysctl('ipv4/conf/nosuch/route_localnet'), undefined);
    assert.equal(writeSysctl('ipv4/conf/nosuch/route_localnet', '1'), false);
    assert.throws(() => writeSysctl('ipv4/ip_forward', 'much'), {
      message: 'setting sysctl ipv4/ip_forward: EINVAL (invalid argument)',
    });
  });
});

for (const [what, hide] of [
  ['a symbolic link', 'ln -s'],
  ['a file of another file system', 'cp'],
] as const) {
  kernelTest(
    `a sysctl's file that is ${what} is neither read nor set`,
    t => {
      const secret = join(mkdtempSync(join(tmpdir(), 'dwgd-sysctl-')), 'secret');
      t.after(() => rmSync(dirname(secret), { recursive: true }));
      writeFileSync(secret, '1');
      const folder = new URL('../../src/labels/', import.meta.url).href;
      const script = `
        const tried = [];
        (async () => {
          const { readSysctl, writeSysctl } = await import('${folder}sysctls/sysctl-files.js');
          for (const fn of [() => readSysctl('ipv4/ip_forward'), () => writeSysctl('ipv4/ip_forward', '9')])
            try { tried.push(String(fn())) } catch (err) { tried.push(err.constructor.name) }
          console.log(tried.join(), require('node:fs').readFileSync('${secret}', 'utf8'));
        })();`;
      const hidden = `mount -t tmpfs none /proc/sys/net && mkdir /proc/sys/net/ipv4 &&
        ${hide} ${secret} /proc/sys/net/ipv4/ip_forward && exec "$@"`;
      const said = run('unshare', '--mount', 'sh', '-c', hidden, 'sh', process.execPath, '-e', script);
      assert.match(said, /^(Op)?Error,(Op)?Error 1\n$/);
    },
    'unshare',
  );
}

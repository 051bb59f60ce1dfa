// The database: rows there and back, the original's file taken over, and files that cannot be used.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { UserError } from '../../../../src/base/errors.js';
import { formatPrefix, parseAddress } from '../../../../src/base/ip.js';
import type { Endpoint, Network } from '../../../../src/driver/spec/model.js';
import { Store } from '../../../../src/driver/store/store.js';
import { Key } from '../../../../src/netlink/wireguard/key.js';
import * as arbitrary from '../../../support/arbitrary.js';

/** A folder that is gone after the test. */
function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'dwgd-store-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const KEY = Buffer.alloc(32, 7);

/** As the original's two migrations and its statements leave a file: some networks, clients, and orphans. */
function original(path: string, statements: (db: Database.Database) => void = () => undefined): void {
  const db = new Database(path);
  db.exec(`
    CREATE TABLE migrations (name TEXT PRIMARY KEY);
    CREATE TABLE network (id TEXT PRIMARY KEY, endpoint TEXT, seed BLOB, pubkey BLOB, route TEXT);
    CREATE TABLE client (id TEXT PRIMARY KEY, network_id TEXT, ip TEXT, ifname TEXT,
      FOREIGN KEY(network_id) REFERENCES network(id) ON DELETE CASCADE);
    ALTER TABLE network ADD COLUMN ifname TEXT DEFAULT '';
    INSERT INTO migrations VALUES ('migrations/0000.sql'), ('migrations/0001.sql');
  `);
  const network = db.prepare(
    'INSERT INTO network (id, endpoint, seed, pubkey, route, ifname) VALUES (?, ?, ?, ?, ?, ?)',
  );
  network.run('byname', '127.0.0.1:51820', Buffer.from('hunter2'), KEY, '', 'wg0');
  network.run('elsewhere', '192.0.2.1:51821', Buffer.from('hunter2'), KEY, '10.1.0.0/16', '');
  network.run('byname6', '[::1]:51820', Buffer.from('hunter2'), KEY, 'everything', 'wg1');
  // The original bound the seed as text where it came as one.
  network.run('astext', '198.51.100.1:0', 'hunter2', KEY, null, '');
  network.run('zone', '[fe80::1%eth0]:51820', Buffer.from('hunter2'), KEY, '', '');
  db.pragma('foreign_keys = OFF');
  const client = db.prepare('INSERT INTO client (id, network_id, ip, ifname) VALUES (?, ?, ?, ?)');
  client.run('c1', 'byname', '10.0.0.2', 'wg-aaaaaaaaaaaa');
  client.run('c2', 'elsewhere', 'fd00::2', 'wg-bbbbbbbbbbbb');
  client.run('orphan', 'gone', '10.0.0.3', 'wg-cccccccccccc');
  statements(db);
  db.close();
}

test("the original's networks are read as what their users gave", t => {
  const path = join(folder(t), 'dwgd.db');
  original(path);
  const store = new Store(path);
  const byname = store.network('byname')!;
  assert.deepEqual(byname.mode, { kind: 'ifname', ifname: 'wg0' }, 'no frozen key, no frozen port');
  assert.deepEqual(byname.seed, { value: Buffer.from('hunter2') });
  assert.deepEqual([byname.keepalive, byname.prefix, byname.mtu, byname.owner], [25, 'wg', undefined, 0]);
  assert.deepEqual(byname.allowedIPs.map(formatPrefix), ['0.0.0.0/0', '::/0']);
  assert.equal(byname.ipv4, undefined);
  const { mode, routes } = store.network('elsewhere')!;
  assert.ok(mode.kind === 'pubkey' && mode.publicKey.bytes.equals(KEY));
  assert.deepEqual(mode.endpoint, { host: '192.0.2.1', port: 51821 });
  assert.deepEqual(routes.map(formatPrefix), ['10.1.0.0/16']);
  store.close();
});

test('a route of the original that is no route is left out', t => {
  const path = join(folder(t), 'dwgd.db');
  original(path);
  const store = new Store(path);
  assert.deepEqual(store.network('byname6')!.routes, []);
  assert.deepEqual(store.network('byname6')!.mode, { kind: 'ifname', ifname: 'wg1' });
  store.close();
});

test('endpoints that the original accepted and we do not spoil neither start nor the others', t => {
  const path = join(folder(t), 'dwgd.db');
  original(path);
  for (let n = 0; n < 2; n++) {
    const store = new Store(path);
    assert.deepEqual(
      store
        .networks()
        .map(({ id }) => id)
        .sort(),
      ['astext', 'byname', 'byname6', 'elsewhere', 'zone'],
    );
    assert.deepEqual(store.network('astext')!.seed, { value: Buffer.from('hunter2') });
    for (const network of store.networks()) store.putNetwork(network);
    store.close();
  }
});

test("the original's clients count as joined, and its orphans are to be deleted", t => {
  const path = join(folder(t), 'dwgd.db');
  original(path);
  const store = new Store(path);
  const shown = store
    .endpoints()
    .map(({ id, ipv4, ipv6, ifname, state }) => [id, ipv4?.family ?? ipv6?.family, ifname, state]);
  assert.deepEqual(shown.sort(), [
    ['c1', 4, 'wg-aaaaaaaaaaaa', 'joined'],
    ['c2', 6, 'wg-bbbbbbbbbbbb', 'joined'],
    ['orphan', 4, 'wg-cccccccccccc', 'deleting'],
  ]);
  store.close();
});

test("the original's file of before its second migration is read too", t => {
  const path = join(folder(t), 'dwgd.db');
  const db = new Database(path);
  db.exec(`
    CREATE TABLE migrations (name TEXT PRIMARY KEY);
    CREATE TABLE network (id TEXT PRIMARY KEY, endpoint TEXT, seed BLOB, pubkey BLOB, route TEXT);
    CREATE TABLE client (id TEXT PRIMARY KEY, network_id TEXT, ip TEXT, ifname TEXT,
      FOREIGN KEY(network_id) REFERENCES network(id) ON DELETE CASCADE);
    INSERT INTO migrations VALUES ('migrations/0000.sql');
    INSERT INTO network VALUES ('old', '192.0.2.1:1', x'73', x'${KEY.toString('hex')}', '');`);
  db.close();
  const store = new Store(path);
  assert.equal(store.network('old')!.mode.kind, 'pubkey');
  store.close();
});

test('exit networks are beside the others: the paths of their files are kept, nothing of what is in those', t => {
  const path = join(folder(t), 'dwgd.db');
  original(path);
  const pool = {
    subnet: { address: parseAddress('10.9.0.0')!, length: 24 },
    gateway: parseAddress('10.9.0.1')!,
  };
  const exit = {
    id: 'exit',
    files: ['/etc/dwgd/a.conf', '/etc/dwgd/b.conf'],
    failback: 600,
    natpmp: parseAddress('10.2.0.1')!,
    dns: [parseAddress('10.64.0.1')!],
    prefix: 'wg',
    ipv4: pool,
    owner: 0,
  };
  for (let n = 0; n < 2; n++) {
    const store = new Store(path, assert.fail);
    if (n === 0) {
      store.putExit(exit);
      store.putEndpoint({ ...ENDPOINT('exit'), id: 'inside' });
    }
    assert.deepEqual(store.exits(), [exit]);
    assert.deepEqual(store.exit('exit'), exit);
    assert.equal(store.network('exit'), undefined, 'it has no peer and no seed');
    assert.equal(store.exit('byname'), undefined);
    assert.deepEqual(
      [...store.networks(), ...store.networksOf(0)].filter(({ id }) => id === 'exit'),
      [],
    );
    assert.deepEqual(
      store.networkEndpoints('exit').map(({ id }) => id),
      ['inside'],
    );
    assert.deepEqual(
      store.endpoints().map(({ id }) => id),
      ['c1', 'c2', 'orphan'],
      'those of tunnels, and what belongs to no network',
    );
    assert.deepEqual([store.ownerOf('exit'), store.count(0).networks], [0, 6]);
    store.close();
  }
  const store = new Store(path);
  store.deleteNetwork('exit');
  assert.deepEqual([store.exits(), store.exit('exit'), store.endpoint('inside')], [[], undefined, undefined]);
  store.close();
});

test('the file and its companions are 0600 afterwards, whatever they were', t => {
  const path = join(folder(t), 'dwgd.db');
  original(path);
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  assert.equal(statSync(path).mode & 0o777, 0o644 & ~umask);
  const store = new Store(path);
  store.putEndpoint(ENDPOINT('byname'));
  for (const file of [path, `${path}-wal`, `${path}-shm`])
    assert.equal(statSync(file).mode & 0o777, 0o600, file);
  store.close();
});

test('a migration that fails leaves the file as the original can read it', t => {
  const path = join(folder(t), 'dwgd.db');
  original(path, db => db.exec('CREATE TABLE x (y TEXT); CREATE INDEX client_network ON x(y)'));
  assert.throws(
    () => new Store(path),
    (err: unknown) => err instanceof UserError && err.message.startsWith(`cannot use the database ${path}: `),
  );
  const db = new Database(path, { readonly: true });
  const count = (table: string) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
  assert.deepEqual([count('network'), count('client'), count('migrations')], [5, 3, 2]);
  const pubkey = db.prepare("SELECT pubkey FROM network WHERE id = 'byname'").pluck().get();
  assert.deepEqual(pubkey, KEY);
  db.close();
});

test('the database of a newer dwgd is refused and left as it is', t => {
  const path = join(folder(t), 'dwgd.db');
  new Store(path).close();
  const db = new Database(path);
  db.exec("INSERT INTO migrations VALUES ('migrations/9999.sql')");
  db.close();
  assert.throws(
    () => new Store(path),
    new UserError(
      `cannot use the database ${path}: the database is of a newer dwgd (it has "migrations/9999.sql"): install that one`,
    ),
  );
});

test('a file that is no database is refused, and neither changed', t => {
  const path = join(folder(t), 'dwgd.db');
  writeFileSync(path, 'dear diary\n'.repeat(100));
  assert.throws(
    () => new Store(path),
    new UserError(
      `the database ${path} is damaged (file is not a database): put back a copy of it, or move it away with ${path}-wal and ${path}-shm, ` +
        'start dwgd, which learns its networks from Docker, and restart their containers',
      { code: 'EUCLEAN' },
    ),
  );
  assert.match(readFileSync(path, 'utf8'), /^dear diary\n/);
});

test('a file that is damaged within is found at start, says what to do, and is told from all other failures', t => {
  const path = join(folder(t), 'dwgd.db');
  const store = new Store(path);
  store.putNetwork(NETWORK('n1'));
  for (let n = 0; n < 300; n++) store.putEndpoint(ENDPOINT('n1', `e${n}`));
  store.close();
  const content = readFileSync(path);
  // All pages but the first, with the header and the schema, and the last.
  writeFileSync(path, content.fill(0x5a, 3 * 4096, content.length - 4096));
  assert.throws(
    () => new Store(path),
    (err: unknown) =>
      err instanceof UserError &&
      err.code === 'EUCLEAN' &&
      / is damaged \(.*: put back a copy/.test(err.message),
  );
  assert.deepEqual(readFileSync(path), content, 'the file is as it was');
});

for (const [what, column, value] of [
  ['what the peer was is no JSON', 'prior_peer', '{"psk":"SECRET'],
  ['what the peer was has no addresses', 'prior_peer', '{"psk":"SECRET"}'],
  ['the key is too short', 'pubkey', Buffer.from('SECRET')],
  ['the state is none of ours', 'state', 'SECRET'],
  ['the path is no text', 'sandbox_key', Buffer.from('SECRET')],
] as const) {
  test(`an endpoint of which ${what} is logged once and is as good as none; the others go on`, t => {
    const { store, said } = spoilt(t, `UPDATE client SET ${column} = ? WHERE id = 'e1'`, value);
    for (let n = 0; n < 2; n++) {
      assert.deepEqual(
        store.endpoints().map(({ id }) => id),
        ['e2'],
      );
      assert.deepEqual(
        store.networkEndpoints('n1').map(({ id }) => id),
        ['e2'],
      );
      assert.deepEqual(
        store.endpointsAt('n1', ENDPOINT('n1')).map(({ id }) => id),
        ['e2'],
      );
      assert.equal(store.endpoint('e1'), undefined);
    }
    assert.deepEqual(said, ['the endpoint e1 in the database is left out: it is damaged']);
    assert.ok(store.linkNames(0).has('wg-e1'), 'its link is not taken for one that nobody has');
    store.putEndpoint(ENDPOINT('n1'));
    assert.equal(store.endpoints().length, 2);
  });
}

for (const [what, column, value] of [
  ['the key is too short', 'pubkey', Buffer.from('SECRET')],
  ['the preshared key is too short', 'psk', Buffer.from('SECRET')],
  ['the address is no text', 'ipv4_pool', Buffer.from('SECRET')],
  ['the keepalive is a text', 'keepalive', 'SECRET'],
] as const) {
  test(`a network of which ${what} is logged once and is as good as none; the others go on`, t => {
    const { store, said } = spoilt(t, `UPDATE network SET ${column} = ? WHERE id = 'n1'`, value);
    for (let n = 0; n < 2; n++) {
      assert.deepEqual(
        store.networks().map(({ id }) => id),
        ['n2'],
      );
      assert.deepEqual(
        store.networksOf(0).map(({ id }) => id),
        ['n2'],
      );
      assert.equal(store.network('n1'), undefined);
    }
    assert.deepEqual(said, ['the network n1 in the database is left out: it is damaged']);
    assert.equal(store.ownerOf('n1'), 0, 'nobody else gets its id');
  });
}

/** A database of n1 with e1 and e2, and n2, one row of which somebody changed. */
function spoilt(t: TestContext, sql: string, value: unknown): { store: Store; said: string[] } {
  const path = join(folder(t), 'dwgd.db');
  const before = new Store(path);
  for (const id of ['n1', 'n2']) before.putNetwork(NETWORK(id));
  for (const id of ['e1', 'e2']) before.putEndpoint(ENDPOINT('n1', id));
  before.close();
  const db = new Database(path);
  db.prepare(sql).run(value);
  db.close();
  const said: string[] = [];
  const store = new Store(path, text => said.push(text));
  t.after(() => store.close());
  return { store, said };
}

test('a folder that is missing is reported', () => {
  assert.throws(
    () => new Store('/nonexistent/dwgd.db'),
    /^UserError: cannot open the database \/nonexistent\/dwgd\.db: ENOENT/,
  );
});

const NETWORK = (id: string): Network => ({
  id,
  mode: { kind: 'pubkey', publicKey: new Key(KEY), endpoint: { host: '192.0.2.1', port: 51820 } },
  seed: { value: Buffer.from('hunter2') },
  ...{ routes: [], keepalive: 25, allowedIPs: [], prefix: 'wg', owner: 0 },
});

const ENDPOINT = (networkId: string, id = 'e1'): Endpoint => ({
  id,
  networkId,
  ipv4: parseAddress('10.0.0.9')!,
  ifname: `wg-${id}`,
  state: 'created',
});

test('1,200 endpoints go with their network, over and over, and none is orphaned', t => {
  const path = join(folder(t), 'dwgd.db');
  original(path);
  for (let round = 0; round < 2; round++) {
    const store = new Store(path);
    for (let n = 0; n < 1200; n++) store.putEndpoint(ENDPOINT('elsewhere', `${round}-${n}`));
    const network = store.network('elsewhere')!;
    store.deleteNetwork('elsewhere');
    assert.equal(store.networkEndpoints('elsewhere').length, 0);
    store.putNetwork(network);
    store.close();
  }
  const db = new Database(path, { readonly: true });
  const orphans = 'SELECT count(*) FROM client WHERE network_id NOT IN (SELECT id FROM network)';
  assert.equal(db.prepare(orphans).pluck().get(), 1, "the original's own");
  db.close();
});

test('an endpoint of no network is refused', () => {
  const store = new Store('');
  assert.throws(() => store.putEndpoint(ENDPOINT('nowhere')), /FOREIGN KEY/);
  store.close();
});

test('replacing a network keeps its endpoints', t => {
  const path = join(folder(t), 'dwgd.db');
  original(path);
  const store = new Store(path);
  store.putNetwork(store.network('byname')!);
  assert.equal(store.networkEndpoints('byname').length, 1);
  store.close();
});

const port = fc.integer({ min: 1, max: 65535 });
const hostPort = fc.record(
  { host: fc.constantFrom('vpn.example.com', '192.0.2.1', '2001:db8::1'), port },
  { noNullPrototype: true },
);
const secret = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof(
    value.map(value => ({ value })),
    fc.constant({ file: '/etc/dwgd/secret' }),
  );
const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 }).map(array => Buffer.from(array));
const pool = (address: typeof arbitrary.ipv4) =>
  fc
    .tuple(address, address, fc.boolean())
    .map(([subnet, gateway, has]) => ({ subnet: { address: subnet, length: 24 }, ...(has && { gateway }) }));

const network: fc.Arbitrary<Network> = fc
  .tuple(
    fc.oneof(
      fc
        .tuple(arbitrary.linkName, fc.option(hostPort, { nil: undefined }))
        .map(([ifname, endpoint]) => ({ kind: 'ifname' as const, ifname, ...(endpoint && { endpoint }) })),
      fc
        .tuple(arbitrary.key, hostPort)
        .map(([publicKey, endpoint]) => ({ kind: 'pubkey' as const, publicKey, endpoint })),
    ),
    secret(bytes),
    fc.array(arbitrary.prefix, { maxLength: 3 }),
    fc.nat(65535),
    arbitrary.partial({
      presharedKey: secret(arbitrary.secretKey),
      mtu: fc.integer({ min: 576, max: 65535 }),
      ipv4: pool(arbitrary.ipv4),
      ipv6: pool(arbitrary.ipv6),
    }),
  )
  .map(([mode, seed, routes, keepalive, more]) => ({
    ...{ id: 'n1', mode, seed, routes, keepalive, allowedIPs: routes, prefix: 'wg', owner: keepalive % 3 },
    ...more,
  }));

test('a network and its endpoints come back as they went in', () => {
  const store = new Store('');
  const endpoint = fc.tuple(
    arbitrary.address,
    fc.option(arbitrary.ipv6, { nil: undefined }),
    fc.constantFrom('created', 'joining', 'joined', 'left', 'deleting'),
    arbitrary.partial({
      sandboxKey: fc.constant('/run/docker/netns/0123456789ab'),
      publicKey: arbitrary.key,
      priorPeer: fc
        .tuple(
          fc.array(arbitrary.prefix, { maxLength: 3 }),
          fc.nat(65535),
          fc.option(arbitrary.secretKey, { nil: undefined }),
        )
        .map(([allowedIPs, keepalive, presharedKey]) => ({
          ...{ allowedIPs, keepalive },
          ...(presharedKey && { presharedKey }),
        })),
    }),
  );
  fc.assert(
    fc.property(network, endpoint, (network, [address, second, state, more]) => {
      store.putNetwork(network);
      const read = store.network('n1')!;
      assert.deepEqual(read, network);
      for (const secret of ['presharedKey', 'seed'] as const) {
        const [a, b] = [read[secret], network[secret]].map(
          source => source && 'value' in source && source.value,
        );
        assert.deepEqual(reveal(a), reveal(b));
      }
      const addresses =
        address.family === 4 ? { ipv4: address, ...(second && { ipv6: second }) } : { ipv6: address };
      const given = { id: 'e1', networkId: 'n1', ...addresses, ifname: 'wg-e1', state, ...more } as Endpoint;
      store.putEndpoint(given);
      assert.deepEqual(store.endpoint('e1'), given);
      assert.deepEqual(
        reveal(store.endpoint('e1')!.priorPeer?.presharedKey),
        reveal(given.priorPeer?.presharedKey),
      );
    }),
    { numRuns: 200 },
  );
  store.close();
});

/** Secrets hide from assert too. */
function reveal(value: unknown): unknown {
  return value && typeof value === 'object' && 'reveal' in value
    ? (value.reveal as () => Buffer).call(value)
    : value;
}

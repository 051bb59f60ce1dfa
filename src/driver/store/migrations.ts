// The database's schema, migration by migration. The first two steps are the original program's, so that its file opens
// here; ours add columns and leave its own in place. Not here: queries.

import type { Database } from 'better-sqlite3';
import { UserError } from '../../base/errors.js';

interface Migration {
  /** The row it leaves in the table `migrations`. */
  readonly name: string;
  readonly sql: string;
}

const MIGRATIONS: readonly Migration[] = [
  {
    name: 'migrations/0000.sql',
    sql: `
      CREATE TABLE IF NOT EXISTS network (
        id TEXT PRIMARY KEY, endpoint TEXT, seed BLOB, pubkey BLOB, route TEXT
      );
      CREATE TABLE IF NOT EXISTS client (
        id TEXT PRIMARY KEY, network_id TEXT, ip TEXT, ifname TEXT,
        FOREIGN KEY(network_id) REFERENCES network(id) ON DELETE CASCADE
      );`,
  },
  {
    name: 'migrations/0001.sql',
    sql: `ALTER TABLE network ADD COLUMN ifname TEXT DEFAULT ''`,
  },
  {
    // The original froze an interface's key and its port on loopback when the network was made; both are read
    // anew now. Its clients may hold a link and a peer, so they start out as joined; those that it orphaned
    // (its foreign keys were off on most connections) are taken away at start.
    name: 'migrations/0002.sql',
    sql: `
      ALTER TABLE network ADD COLUMN seedfile TEXT;
      ALTER TABLE network ADD COLUMN psk BLOB;
      ALTER TABLE network ADD COLUMN pskfile TEXT;
      ALTER TABLE network ADD COLUMN mtu INTEGER;
      ALTER TABLE network ADD COLUMN keepalive INTEGER;
      ALTER TABLE network ADD COLUMN allowedips TEXT;
      ALTER TABLE network ADD COLUMN prefix TEXT;
      ALTER TABLE network ADD COLUMN ipv4_pool TEXT;
      ALTER TABLE network ADD COLUMN ipv4_gateway TEXT;
      ALTER TABLE network ADD COLUMN ipv6_pool TEXT;
      ALTER TABLE network ADD COLUMN ipv6_gateway TEXT;
      ALTER TABLE network ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;
      UPDATE network SET pubkey = NULL WHERE ifname <> '';
      UPDATE network SET endpoint = NULL
        WHERE ifname <> '' AND (endpoint LIKE '127.%' OR endpoint LIKE '[::1]:%');
      ALTER TABLE client ADD COLUMN ipv6 TEXT;
      ALTER TABLE client ADD COLUMN state TEXT NOT NULL DEFAULT 'joined';
      ALTER TABLE client ADD COLUMN sandbox_key TEXT;
      ALTER TABLE client ADD COLUMN pubkey BLOB;
      ALTER TABLE client ADD COLUMN prior_peer TEXT;
      UPDATE client SET state = 'deleting'
        WHERE network_id IS NULL OR network_id NOT IN (SELECT id FROM network);
      CREATE INDEX client_network ON client(network_id);`,
  },
  {
    name: 'migrations/0003.sql',
    sql: `
      ALTER TABLE client ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
      CREATE INDEX client_pending ON client(state) WHERE pending <> 0;`,
  },
  {
    name: 'migrations/0004.sql',
    sql: 'ALTER TABLE network ADD COLUMN conf TEXT;',
  },
  {
    name: 'migrations/0005.sql',
    sql: 'ALTER TABLE network ADD COLUMN dns TEXT;',
  },
  {
    name: 'migrations/0006.sql',
    sql: 'ALTER TABLE network ADD COLUMN failback INTEGER;',
  },
  {
    name: 'migrations/0007.sql',
    sql: `
      ALTER TABLE client ADD COLUMN forward TEXT;
      ALTER TABLE client ADD COLUMN published TEXT;`,
  },
  {
    name: 'migrations/0008.sql',
    sql: 'ALTER TABLE network ADD COLUMN natpmp TEXT;',
  },
];

/**
 * Brings a database to the present shape, all steps or none.
 * @throws UserError when a newer dwgd has written it, SqliteError when a step fails
 */
export function migrate(db: Database): void {
  db.transaction(() => {
    db.exec('CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)');
    const done = new Set(db.prepare('SELECT name FROM migrations').pluck().all() as string[]);
    const unknown = [...done].find(name => !MIGRATIONS.some(migration => migration.name === name));
    if (unknown)
      throw new UserError(`the database is of a newer dwgd (it has "${unknown}"): install that one`);
    for (const { name, sql } of MIGRATIONS) {
      if (done.has(name)) continue;
      db.exec(sql);
      db.prepare('INSERT INTO migrations (name) VALUES (?)').run(name);
    }
  }).immediate();
}

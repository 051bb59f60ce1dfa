// Ports of all networks: which tunnels are asked, what is kept for the next daemon, and what goes with a network. Nobody answers.
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../../../src/base/log.js';
import type { TunnelFile } from '../../../../src/driver/exit/tunnel-file.js';
import { AssignedPorts } from '../../../../src/driver/natpmp/assigned-ports.js';
import { PortFiles } from '../../../../src/driver/natpmp/port-files.js';
import type { ExitNetwork } from '../../../../src/driver/spec/model.js';
import { Store } from '../../../../src/driver/store/store.js';
import { EXIT, tunnelFile } from '../../../support/exit-world.js';

const ASKING: ExitNetwork = { ...EXIT, natpmp: 'on' };
const { id } = ASKING;

function world(t: TestContext) {
  const folder = join(mkdtempSync(join(tmpdir(), 'dwgd-assigned-')), 'ports');
  const store = new Store('');
  const names = new Map([[id, 'mullvad']]);
  const known = { file: tunnelFile() as TunnelFile | undefined, changes: 0 };
  const said: string[] = [];
  const assigned = new AssignedPorts({
    store,
    fileOf: () => known.file,
    router: () => ({
      within: () => {
        throw new Error('there is no router');
      },
    }),
    names: async () => names,
    changed: () => void known.changes++,
    files: new PortFiles(folder),
    log: createLog(false, true, line => said.push(line)),
  });
  t.after(() => {
    assigned.close();
    store.close();
    rmSync(join(folder, '..'), { recursive: true });
  });
  const remember = (text: string, name = 'mullvad'): void => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const told = (name = 'mullvad'): string | undefined =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : undefined;
  return { folder, store, names, known, said, assigned, remember, told };
}

test('the port that an earlier daemon has told is in force at once, and stays in its file', async t => {
  const { store, assigned, remember, told, known } = world(t);
  store.putExit(ASKING);
  remember('51413\n');
  await assigned.start();
  assert.equal(assigned.port(id), 51_413);
  assert.equal(told(), '51413\n');
  assert.equal(known.changes, 1);
  assert.equal(assigned.reading(ASKING)!.port, 51_413);
});

test('that is so before its file is read, and is not told otherwise', async t => {
  const { store, assigned, remember, told, known } = world(t);
  known.file = undefined;
  store.putExit(ASKING);
  remember('51413\n');
  await assigned.start();
  await sleep(700);
  assert.equal(assigned.port(id), 51_413);
  assert.equal(told(), '51413\n');
  known.file = tunnelFile();
  await sleep(700);
  assert.equal(assigned.port(id), 51_413);
});

test('a network that asks for no port has none, whatever a file says', async t => {
  const { store, assigned, remember, folder } = world(t);
  store.putExit(EXIT);
  remember('51413\n');
  await assigned.start();
  assert.equal(assigned.port(id), undefined);
  assert.equal(assigned.reading(EXIT), undefined);
  assigned.compared();
  await sleep(700);
  assert.deepEqual(readdirSync(folder), []);
});

test('before its file is read nobody is asked', async t => {
  const { store, assigned, known, said } = world(t);
  known.file = undefined;
  store.putExit(ASKING);
  await assigned.start();
  assert.deepEqual(assigned.reading(ASKING), {});
  known.file = tunnelFile();
  await sleep(700);
  assert.ok(assigned.reading(ASKING)!.gateway);
  assert.equal(said.filter(line => line.includes('asking the provider for a port')).length, 1);
});

test('the same file read again keeps the port; that of another tunnel does not, and it is closed at once', async t => {
  const { store, assigned, known, remember, told } = world(t);
  store.putExit(ASKING);
  remember('51413\n');
  await assigned.start();
  known.file = tunnelFile();
  await sleep(700);
  assert.equal(told(), '51413\n');
  known.file = tunnelFile('another');
  await sleep(700);
  assert.equal(assigned.port(id), undefined);
  assert.equal(told(), undefined);
});

for (const [what, go] of [
  ['is removed', (assigned: AssignedPorts) => assigned.release(id)],
  ['is not on record any more', async (_: AssignedPorts, store: Store) => store.deleteNetwork(id)],
] as const) {
  test(`the file goes with a network that ${what}, and nobody is asked again`, async t => {
    const { store, assigned, remember, folder, said } = world(t);
    store.putExit(ASKING);
    remember('51413\n');
    await assigned.start();
    const begun = Date.now();
    await go(assigned, store);
    assert.ok(Date.now() - begun < 2_000);
    await sleep(700);
    assert.deepEqual(readdirSync(folder), []);
    assert.equal(assigned.port(id), undefined);
    assert.equal(said.filter(line => line.includes('asking the provider for a port')).length, 1);
  });
}

test('while Docker does not tell the name, nothing is told or taken away; files of others go once it has', async t => {
  const { store, assigned, names, remember, told, folder } = world(t);
  names.clear();
  store.putExit(ASKING);
  remember('1\n', 'gone');
  remember('51413\n');
  assigned.compared();
  await assigned.start();
  await sleep(700);
  assert.deepEqual(readdirSync(folder).sort(), ['gone', 'mullvad']);
  names.set(id, 'mullvad');
  await sleep(1_300);
  assert.equal(told('gone'), undefined);
});

test('a port that cannot be told is in force all the same, and it is said why', async t => {
  const { store, assigned, remember, known, folder, said } = world(t);
  store.putExit(ASKING);
  remember('51413\n');
  await assigned.start();
  rmSync(join(folder, 'mullvad'));
  mkdirSync(join(folder, 'mullvad'));
  known.file = tunnelFile('another');
  await sleep(700);
  assert.match(assigned.reading(ASKING)!.problem!, /^the port cannot be told in .*ports\/mullvad: /);
  const told = said.filter(line => line.includes('cannot be told'));
  assert.ok(told.length > 0);
  assert.equal(new Set(told).size, told.length, 'each once');
});

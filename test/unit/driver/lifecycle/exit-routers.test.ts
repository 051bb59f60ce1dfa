// Routers of exit networks as a whole: what cannot be read ends nothing. Routers themselves are for the kernel's tests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitRouters } from '../../../../src/driver/lifecycle/exit-routers.js';
import { World } from '../../../support/driver-world.js';

test('a database that fails while files are read ends nothing, and is said', async () => {
  const { store, log, lines } = new World();
  store.close();
  const routers = new ExitRouters({ store, log, kept: { names: () => [] } } as never);
  routers.start();
  await routers.idle();
  routers.close();
  assert.equal(lines.filter(line => line.includes('cannot read the files of exit networks')).length, 1);
});

// The way to Docker's API.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { DockerApi } from '../../src/docker-api.js';

test('whoever prints the options of a call does not print the connections', async t => {
  const api = new DockerApi('/nonexistent.sock');
  t.after(() => api.close());
  const { modem } = await api.client();
  assert.equal(inspect((modem as { agent?: object }).agent, { showHidden: true, depth: null }), 'Agent');
});

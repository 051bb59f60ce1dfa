// Where Docker's API is, by a flag, the environment, or Docker's default.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../src/base/errors.js';
import { dockerSocket } from '../../../src/docker/docker-host.js';

for (const [flag, environment, path] of [
  ['unix:///a', 'unix:///b', '/a'],
  ['unix:///a', 'tcp://h:1', '/a'],
  [undefined, 'unix:///b', '/b'],
  [undefined, '', '/var/run/docker.sock'],
] as const) {
  test(`with the flag ${flag} and DOCKER_HOST=${environment} it is ${path}`, () => {
    assert.equal(dockerSocket(flag, environment), path);
  });
}

for (const [flag, environment, message] of [
  [undefined, 'tcp://h:1', 'DOCKER_HOST=tcp://h:1 is not a unix socket: give unix:///path'],
  [undefined, 'unix://relative', 'DOCKER_HOST=unix://relative is not a unix socket: give unix:///path'],
  ['x', 'unix:///b', '--docker-host=x is not a unix socket: give unix:///path'],
] as const) {
  test(`${message.split(' ')[0]} is refused`, () => {
    assert.throws(() => dockerSocket(flag, environment), new UserError(message));
  });
}

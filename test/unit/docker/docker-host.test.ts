// Where Docker's API is, by a flag, the environment, or Docker's default.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../src/base/errors.js';
import { type DockerHost, findDockerHost, formatDockerHost } from '../../../src/docker/docker-host.js';

const unix = (socketPath: string): DockerHost => ({ socketPath });
const tcp = (host: string, port: number): DockerHost => ({ host, port });

for (const [flag, environment, at] of [
  ['unix:///a', 'unix:///b', unix('/a')],
  ['unix:///a', 'tcp://h:1', unix('/a')],
  [undefined, 'unix:///b', unix('/b')],
  [undefined, '', unix('/var/run/docker.sock')],
  ['tcp://127.0.0.1:2375', '', tcp('127.0.0.1', 2375)],
  [undefined, 'tcp://socket-proxy:1234', tcp('socket-proxy', 1234)],
  [undefined, 'tcp://socket-proxy', tcp('socket-proxy', 2375)],
  [undefined, 'tcp://[::1]:65535/', tcp('::1', 65_535)],
] as const) {
  test(`with the flag ${flag} and DOCKER_HOST=${environment} it is ${formatDockerHost(at)}`, () => {
    assert.deepEqual(findDockerHost(flag, { DOCKER_HOST: environment }), at);
    assert.deepEqual(findDockerHost(formatDockerHost(at), {}), at);
  });
}

const NEITHER = 'is neither a unix socket nor a host and a port: give unix:///path or tcp://host:port';
const TLS =
  'asks for TLS, which dwgd does not speak: give unix:///var/run/docker.sock, or tcp://127.0.0.1:2375 of a socket proxy on this host';

for (const [flag, environment, message] of [
  [undefined, { DOCKER_HOST: 'unix://relative' }, `DOCKER_HOST=unix://relative ${NEITHER}`],
  ['x', { DOCKER_HOST: 'unix:///b' }, `--docker-host=x ${NEITHER}`],
  ...[
    'h:1',
    'tcp://',
    'tcp://:1',
    'tcp://h:0',
    'tcp://h:65536',
    'tcp://h:x',
    'tcp://h:1/path',
    'tcp://user@h:1',
    'tcp://h h:1',
    'tcp://::1:1',
    'http://h:1',
    'ssh://h',
    'fd://',
  ].map(text => [text, {}, `--docker-host=${text} ${NEITHER}`] as const),
  ['tcp://h:1\n', {}, `--docker-host=tcp://h:1\\u{a} ${NEITHER}`],
  [undefined, { DOCKER_HOST: 'tcp://h:2376' }, `DOCKER_HOST=tcp://h:2376 ${TLS}`],
  [undefined, { DOCKER_HOST: 'tcp://h:1', DOCKER_TLS_VERIFY: '1' }, `DOCKER_TLS_VERIFY=1 ${TLS}`],
  ['tcp://h:1', { DOCKER_TLS: '1' }, `DOCKER_TLS=1 ${TLS}`],
] as const) {
  test(`${JSON.stringify(message.split(' ')[0])} is refused`, () => {
    assert.throws(() => findDockerHost(flag, environment), new UserError(message));
  });
}

test('a socket is taken whatever the environment says of TLS', () =>
  assert.deepEqual(findDockerHost('unix:///a', { DOCKER_TLS_VERIFY: '1' }), unix('/a')));

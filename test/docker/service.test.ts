// The README's daemon as a container: a service of compose, privileged and with the host's processes, in a network of its own.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { parse } from 'yaml';
import { addressOf, createNetwork, remove, run, stop } from '../support/containers.js';
import { docker, sh } from '../support/lab.js';
import { pageBlock } from '../support/page-blocks.js';
import { ask, inside, serve } from '../support/talk.js';
import { follows, keeping } from './keeper.js';
import { assertSame, snapshot } from './snapshot.js';

/**
 * `privileged: true`, or, on a machine that lacks capabilities itself, what of it the daemon needs: Docker would give
 * a privileged container more than there is.
 */
function privileged(): object {
  const effective = /^CapBnd:\s+(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  if (BigInt(`0x${effective}`) === (1n << BigInt(last + 1)) - 1n) return { Privileged: true };
  return {
    CapAdd: ['NET_ADMIN', 'NET_BROADCAST', 'SYS_ADMIN', 'SYS_PTRACE'],
    SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
    ReadonlyPaths: [],
    MaskedPaths: [],
  };
}

const { dwgd: README } = (
  parse(pageBlock('README.md: As a container')) as {
    services: {
      dwgd: { command: string[]; volumes: string[]; privileged: boolean; pid: 'host' };
    };
  }
).services;

const TWINE = {
  image: 'dwgd:local',
  networks: { app_default: { aliases: ['twine'] } },
  binds: README.volumes,
  hostConfig: README.privileged ? privileged() : {},
  pid: README.pid,
  labels: { 'com.docker.compose.project': 'app', 'com.docker.compose.service': 'twine' },
} as const;

const logs = (name: string) => sh(`docker logs ${name} 2>&1`);

keeping('service', () => {
  before(async () => {
    await sh('test/docker/daemon-image');
    await createNetwork('app_default', { driver: 'bridge', subnets: ['172.30.0.0/24 172.30.0.1'] });
  });

  test('it keeps labels from in there', async () => {
    await run('app-twine-1', { ...TWINE, command: README.command });
    await follows(async () => assert.match(await logs('app-twine-1'), /listening for Docker events/));
    await run('gateway', { networks: { app_default: {} } });
    await run('user', {
      networks: { app_default: {} },
      labels: { 'twine.route.10.9.0.0/16': 'gateway', 'twine.nat.forward.8080': 'gateway:80' },
    });
    await serve('gateway', 'gateway', 'tcp', 80);
    const address = await addressOf('user', 'app_default');
    await follows(async () =>
      assert.match(await ask('gateway', 'tcp', address, 8080, { within: 0.5 }), /^gateway /),
    );
    assert.match(await inside('user', 'ip route'), /^10\.9\.0\.0\/16 via 172\.30\.0\./m);
  });

  test('host routes are those of the host, not of its own container', async () => {
    const own = await snapshot('app-twine-1');
    await run('router', { networks: { app_default: {} }, labels: { 'twine.host.routes': '10.66.0.0/16' } });
    await follows(async () => assert.match(await sh('ip route show proto 229'), /^10\.66\.0\.0\/16 via/));
    assertSame(await snapshot('app-twine-1'), own);
    await remove('router');
    await follows(async () => assert.equal(await sh('ip route show proto 229'), ''));
  });

  test('a container in the host network is refused', async () => {
    const before = await snapshot('host');
    await run('hosty', { mode: 'host', labels: { 'twine.nat.interfaces': '+' } });
    await follows(async () =>
      assert.match(await logs('app-twine-1'), /in the host's network.* container=hosty/),
    );
    assertSame(await snapshot('host'), before);
    await remove('hosty');
  });

  test('a daemon on the host and one in a container do not keep the same labels', async () => {
    assert.match(
      await sh.fails('node dist/src/cli/main.js --no-driver'),
      /another dwgd applies the labels of this host/,
    );
  });

  test('docker stop ends it with status 0, and the rules stay; cleanup in a container takes them away', async () => {
    await docker.call('POST', '/containers/app-twine-1/stop?t=10');
    const { State } = await docker.get<{ State: { ExitCode: number } }>('/containers/app-twine-1/json');
    assert.equal(State.ExitCode, 0);
    await inside('user', 'nft list table inet dwgd');
    await run('cleaner', { ...TWINE, command: ['cleanup'] });
    await follows(async () => assert.match(await logs('cleaner'), /^user: /m));
    await sh.fails(
      `nsenter --net=/proc/$(docker inspect -f '{{.State.Pid}}' user)/ns/net nft list table inet dwgd`,
    );
  });

  test("without the host's processes it says what is missing", async () => {
    const { pid, ...blind } = TWINE;
    assert.equal(pid, 'host');
    await run('blind', { ...blind, command: ['--no-driver', '--look-interval', '0.2'] });
    await follows(async () => assert.match(await logs('blind'), /give dwgd's own container `pid: host`/));
    await stop('blind');
  });

  test('without the rights it says what is missing', async () => {
    const { hostConfig: _, ...weak } = TWINE;
    await run('weak', { ...weak, command: ['--no-driver'] });
    await follows(async () =>
      assert.match(
        await logs('weak'),
        /^dwgd: .* its own container with `privileged: true` and `pid: host`$/m,
      ),
    );
    await run('read-only', {
      ...weak,
      command: ['--no-driver'],
      hostConfig: {
        CapAdd: ['NET_ADMIN', 'NET_BROADCAST', 'SYS_ADMIN', 'SYS_PTRACE'],
        SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
      },
    });
    await run('forwarder', { networks: { app_default: {} }, labels: { 'twine.nat.interfaces': '+' } });
    await follows(async () =>
      assert.match(
        await logs('read-only'),
        /error setting sysctl ipv4\/ip_forward: EROFS .*: give dwgd's own container `privileged: true` containers=forwarder/,
      ),
    );
    await stop('read-only');
  });
});

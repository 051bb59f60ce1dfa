// Which containers explain has inspected, by a Docker that a test plays. None of them has a namespace of its own.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { UserError } from '../../../src/base/errors.js';
import { DockerApi } from '../../../src/docker/api-client.js';
import type { Explanation } from '../../../src/explain/explain.js';
import { WayContainers } from '../../../src/explain/way-containers.js';
import { netnsAt } from '../../../src/labels/discovery/proc-netns.js';

const HOST = netnsAt('/proc/self/ns/net')!;
const NETWORK = 'f'.repeat(64);
const idOf = (n: number): string => n.toString(16).padStart(64, '0');

interface Played {
  readonly name: string;
  readonly mode?: string;
  readonly address?: string;
  readonly alias?: string;
}

const APP: Played = { name: 'app', address: '10.0.0.2', alias: 'web' };
const VPN: Played = { name: 'vpn', address: '10.0.0.3', alias: 'exit' };
/** In the namespace of the first. */
const SIDECAR: Played = { name: 'sidecar', mode: `container:${idOf(0)}` };

function answerOf({ name, mode = 'main', address, alias }: Played, n: number, isListed: boolean): object {
  const endpoint = { NetworkID: NETWORK, IPAddress: address, IPPrefixLen: 24 };
  const Networks = address ? { main: { ...endpoint, Aliases: isListed ? null : [alias] } } : {};
  const rest = { Id: idOf(n), HostConfig: { NetworkMode: mode }, NetworkSettings: { Networks } };
  return isListed
    ? { ...rest, Names: [`/${name}`], State: 'running' }
    : { ...rest, Name: `/${name}`, Image: 'i', State: { Running: true, Pid: process.pid }, Config: {} };
}

/** Those containers, and the names of those that Docker was asked for one by one since the last look. */
async function play(t: TestContext, played: readonly Played[], from: string) {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-way-'));
  let inspected: string[] = [];
  let rubbish: string | undefined;
  const server = createServer(({ url }, response) => {
    const [, , id] = url!.split(/[/?]/);
    const n = played.findIndex((_, n) => idOf(n) === id);
    if (n >= 0) inspected.push(played[n]!.name);
    const list = (): object[] => played.map((one, n) => answerOf(one, n, true));
    const networks = [{ Id: NETWORK, Driver: 'bridge' }];
    const answer = n >= 0 ? answerOf(played[n]!, n, false) : url === '/networks' ? networks : list();
    response.end(rubbish ?? JSON.stringify(answer));
  }).listen(join(folder, 'docker.sock'));
  const api = new DockerApi({ socketPath: join(folder, 'docker.sock') }, undefined, true);
  t.after(() => {
    api.close();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const log = pino({ level: 'silent' });
  const find = (all: readonly { id: string; name: string }[]) => {
    const found = all.find(({ name }) => name === from);
    if (!found) throw new UserError('there is none');
    return found;
  };
  const containers = new WayContainers({ api, log, host: HOST, findNetns: () => HOST }, find);
  const taken = (): string[] => {
    const names = inspected.sort();
    inspected = [];
    return names;
  };
  const answer = (text: string): void => {
    rubbish = text;
  };
  return { containers, taken, answer };
}

const endsBefore = (next: string): Explanation => ({
  ...{ steps: [], isSure: true, sentence: '' },
  outcome: { kind: 'link', container: 'app', next },
});

test('of hundreds of containers the one alone is inspected in which the way begins', async t => {
  const others = Array.from(
    { length: 300 },
    (_, n): Played => ({ name: `c${n}`, address: `10.0.1.${n % 250}` }),
  );
  const { containers, taken } = await play(t, [APP, ...others], 'app');
  const { all, from } = await containers.list();
  assert.deepEqual([all.length, from.name, taken()], [301, 'app', ['app']]);
});

test('with a container that has joined another, that other is inspected', async t => {
  const { containers, taken } = await play(t, [APP, VPN, SIDECAR], 'sidecar');
  assert.equal((await containers.list()).from.name, 'sidecar');
  assert.deepEqual(taken(), ['app', 'sidecar']);
});

test('a container that the way gets to is inspected then, and nothing is inspected twice', async t => {
  const { containers, taken } = await play(t, [APP, VPN, SIDECAR], 'app');
  const { all } = await containers.list();
  taken();
  assert.equal(containers.wantNext(endsBefore('10.0.0.3'), all), true);
  const again = await containers.list();
  assert.deepEqual(taken(), ['vpn']);
  assert.equal(again.all.find(({ name }) => name === 'vpn')?.netns?.key, HOST.key);
  assert.equal(containers.wantNext(endsBefore('10.0.0.3'), again.all), false);
  assert.equal(containers.wantNext(endsBefore('192.0.2.1'), again.all), false);
});

test('names of the DNS that a listing lacks come with the inspection of the neighbours', async t => {
  const { containers, taken } = await play(t, [APP, VPN, SIDECAR], 'app');
  const { all, from } = await containers.list();
  taken();
  assert.equal(containers.wantNeighbours(from, all), true);
  const again = await containers.list();
  assert.deepEqual(taken(), ['vpn']);
  const vpn = again.all.find(({ name }) => name === 'vpn');
  assert.deepEqual(vpn?.attachments[0]?.aliases, ['exit']);
  assert.equal(containers.wantNeighbours(again.from, again.all), false);
});

test('a container that goes while it is asked about is said to have gone', async t => {
  const played = [APP, VPN];
  const { containers } = await play(t, played, 'app');
  await containers.list();
  played.length = 0;
  await assert.rejects(containers.list(), /the container has gone meanwhile/);
});

test('a Docker that answers rubbish is told with where it is', async t => {
  const { containers, answer } = await play(t, [APP], 'app');
  for (const [rubbish, why] of [
    ['{"a":1}', "Docker's list of containers is not a list"],
    ['<html>', "Docker's answer is not JSON"],
  ] as const) {
    answer(rubbish);
    await assert.rejects(containers.list(), (err: Error) => {
      assert.ok(err instanceof UserError);
      assert.match(err.message, /^cannot ask Docker for its containers \(unix:\/\/\/\S+\/docker\.sock\): /);
      assert.ok(err.message.endsWith(why), err.message);
      return true;
    });
  }
});

test('where no container is meant, none is inspected', async t => {
  const { containers, taken } = await play(t, [APP, VPN], 'nobody');
  await assert.rejects(containers.list(), new UserError('there is none'));
  assert.deepEqual(taken(), []);
});

// Labels of containers of a rootless Docker: said once, whatever that Docker does.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Coalescer } from '../../../../src/base/coalescer.js';
import { createLog } from '../../../../src/base/log.js';
import { parseUserJson } from '../../../../src/docker/user-json.js';
import { DockerClient, findLabelled } from '../../../../src/driver/lifecycle/docker-networks.js';
import { UserLabels } from '../../../../src/driver/lifecycle/user-labels.js';

const LABELLED = { Names: ['/app'], Labels: { maintainer: 'me', 'twine.route.0.0.0.0/0': 'vpn' } };
const PLAIN = { Names: ['/db'], Labels: null };
const WARNING =
  "<4>labels have no effect in the rootless Docker of user 1000: dwgd applies those of root's Docker alone; run the container there, or give it a network of driver dwgd, or network_mode: service:<its gateway> user=1000 container=app label=twine.route.0.0.0.0/0\n";

/** A user's Docker, and the daemon beside it: as RootlessSockets has it. */
class Beside {
  containers: unknown = [];
  /** How often the containers were listed. */
  listed = 0;
  readonly lines: string[] = [];
  readonly #waiting: (() => void)[] = [];
  #now = 0;
  #events: ServerResponse[] = [];
  readonly #labels: UserLabels;
  filters: unknown;

  private constructor() {
    const wait = (ms: number): Promise<unknown> =>
      new Promise<void>(resolve =>
        this.#waiting.push(() => {
          this.#now += ms;
          resolve();
        }),
      );
    const log = createLog(true, true, line => this.lines.push(line));
    this.#labels = new UserLabels(log, { now: () => this.#now, wait });
  }

  static async start(t: TestContext, containers: unknown): Promise<Beside> {
    const folder = mkdtempSync(join(tmpdir(), 'user-labels-'));
    const path = join(folder, 'docker.sock');
    const beside = new Beside();
    beside.containers = containers;
    const server = createServer(({ url }, response) => {
      const { pathname, searchParams } = new URL(url!, 'http://docker');
      if (pathname === '/events') {
        beside.filters = JSON.parse(searchParams.get('filters')!);
        beside.#events.push(response);
        return void response.writeHead(200).flushHeaders();
      }
      assert.equal(pathname, '/containers/json');
      beside.listed++;
      response.end(JSON.stringify(beside.containers));
    }).listen(path);
    await once(server, 'listening');
    const docker = new DockerClient(
      { socketPath: path },
      { connect: async () => connect(path), read: async parse => parse() },
    );
    t.after(() => {
      docker.close();
      server.close().closeAllConnections();
      rmSync(folder, { recursive: true });
    });
    const looking = new Coalescer(() => beside.#labels.check(docker, 1000));
    beside.idle = () => looking.idle();
    await new Promise<void>(resolve => {
      const up = (): void => {
        looking.trigger();
        resolve();
      };
      void docker.watch({ up, started: () => looking.trigger() });
    });
    await beside.settled();
    return beside;
  }

  idle: () => Promise<void> = async () => undefined;

  /** Until nothing is under way but a rest. */
  async settled(): Promise<void> {
    let isIdle = false;
    void this.idle().then(() => {
      isIdle = true;
    });
    while (!isIdle && this.#waiting.length === 0) await turn();
  }

  /** Rests are over. */
  async passTime(ms = 0): Promise<void> {
    this.#now += ms;
    for (const go of this.#waiting.splice(0)) go();
    await this.settled();
  }

  /** Something starts, as Docker tells of it. */
  async starts(attributes: object, times = 1): Promise<void> {
    const line = JSON.stringify({
      Type: 'container',
      Action: 'start',
      Actor: { ID: 'a', Attributes: attributes },
    });
    const [events] = this.#events.slice(-1);
    await new Promise<void>(sent => events!.write(`${line}\n`.repeat(times), () => sent()));
    // Nothing tells when the other end has read it.
    for (let n = 0; n < 100; n++) await turn();
    await this.settled();
  }
}

const labelled = { image: 'i', name: 'app', 'twine.route.0.0.0.0/0': 'vpn' };

test('a labelled container that runs already is told of, with its user and what to do', async t => {
  const beside = await Beside.start(t, [PLAIN, LABELLED]);
  assert.deepEqual(beside.lines, [WARNING]);
  assert.deepEqual(beside.filters, { type: ['container'], event: ['start'] });
});

test('a labelled container that starts later is told of', async t => {
  const beside = await Beside.start(t, [PLAIN]);
  await beside.passTime(5_000);
  beside.containers = [PLAIN, LABELLED];
  await beside.starts(labelled);
  assert.deepEqual(beside.lines, [WARNING]);
});

test('one that starts within a rest is told of after it', async t => {
  const beside = await Beside.start(t, [PLAIN]);
  beside.containers = [LABELLED];
  await beside.starts(labelled);
  assert.deepEqual(beside.lines, []);
  await beside.passTime();
  assert.deepEqual(beside.lines, [WARNING]);
});

test('containers without labels are not asked about when they start', async t => {
  const beside = await Beside.start(t, [PLAIN]);
  await beside.passTime(5_000);
  await beside.starts({ image: 'i', name: 'db' }, 100);
  assert.equal(beside.listed, 1);
  assert.deepEqual(beside.lines, []);
});

test('a thousand labelled containers are one line, and one more an hour later', async t => {
  const beside = await Beside.start(t, [LABELLED]);
  await beside.starts(labelled, 1_000);
  await beside.passTime(60_000);
  await beside.starts(labelled, 1_000);
  assert.equal(beside.listed, 1);
  assert.equal(beside.lines.length, 1);
  await beside.passTime(3_600_000);
  await beside.starts(labelled);
  assert.equal(beside.lines.length, 2);
});

test('a user whose events claim labels that no container has is looked at once in each rest', async t => {
  const beside = await Beside.start(t, [PLAIN]);
  for (let n = 0; n < 20; n++) await beside.starts(labelled);
  assert.equal(beside.listed, 1);
  await beside.passTime();
  assert.equal(beside.listed, 2);
});

const odd: readonly unknown[] = [
  null,
  7,
  {},
  [null],
  [7],
  [{ Labels: 'twine.x' }],
  [{ Labels: ['twine.'] }],
  'x'.repeat(600_000),
];
for (const answer of odd)
  test(`of containers listed as ${JSON.stringify(answer).slice(0, 30)} nothing is said`, async t => {
    const beside = await Beside.start(t, answer);
    assert.equal(beside.listed, 1);
    assert.deepEqual(beside.lines, []);
  });

test('what a user calls a container and a label is one line, and not a long one', async t => {
  const name = `/${'x'.repeat(10_000)}`;
  const beside = await Beside.start(t, [{ Names: [name], Labels: { 'twine.\n<2>\u202e': '' } }]);
  assert.equal(beside.lines.length, 1);
  assert.match(beside.lines[0]!, /container=x{128}… label="?twine\.\\*u\{a\}<2>\\*u\{202e\}"?\n$/);
  assert.ok(beside.lines[0]!.length < 600);
});

for (const names of [undefined, null, [], [7], 'x'])
  test(`a labelled container with the names ${JSON.stringify(names)} is one all the same`, () => {
    const list = parseUserJson(JSON.stringify([{ Names: names, Labels: { 'twine.strict': 'true' } }]));
    assert.deepEqual(findLabelled(list), { name: '', label: 'twine.strict' });
  });

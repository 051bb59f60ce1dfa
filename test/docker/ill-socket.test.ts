// A way to Docker that is slow, silent, cut, refused or full of lies, for seconds while a container starts: what is in force stays
// so, and once Docker answers again all is as it would be without that. Not here: each lie by itself (unit/docker/hostile-docker).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNetwork, remove, run } from '../support/containers.js';
import { descriptors } from '../support/faults.js';
import { daemon, eventually, sh } from '../support/lab.js';
import { inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { assertSame, snapshot } from './snapshot.js';

const PATH = '/run/lab/ill.sock';
/** Seconds for which Docker is ill; ILL_SECONDS for longer. */
const ILL = Number(process.env.ILL_SECONDS ?? 1);
const LABELS = { 'twine.nat.interfaces': 'eth+', 'twine.route.10.9.0.0/16': 'gateway' };

/** What becomes of Docker's answer on its way to the daemon. */
type Illness = (answer: Buffer, socket: Socket) => void | Promise<void>;

const answers =
  (status: string, body: string): Illness =>
  (_, socket) =>
    void socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );

const ILLNESSES: Readonly<Record<string, Illness | 'refused' | 'missing'>> = {
  'answers in pieces that come slowly': async (answer, socket) => {
    for (let at = 0; at < answer.length; at += 256) {
      socket.write(answer.subarray(at, at + 256));
      await sleep(20);
    }
  },
  'takes what it is asked and says nothing': () => undefined,
  'ends in the middle of an answer': (answer, socket) => void socket.end(answer.subarray(0, 200)),
  'hangs up before it answers': (_, socket) => void socket.destroy(),
  'is not listened on': 'refused',
  'is missing': 'missing',
  'answers that it cannot': answers('500 Internal Server Error', '{"message":"the store is locked"}'),
  'answers with a page': answers('200 OK', '<html><body>Welcome</body></html>'),
  'answers with numbers': answers('200 OK', '[1,2,{"Id":3,"Names":4,"Labels":[5],"State":{}}]'),
  'answers with nothing': answers('200 OK', 'null'),
  'says that another container has everything': answers(
    '200 OK',
    '[{"Id":"../../../etc","Names":["/user"],"Labels":{"twine.route.0.0.0.0/0":"gateway"},"State":"running"}]',
  ),
};

/** A way to Docker that can be ill. */
class Way {
  #server: Server | undefined;
  readonly #open = new Set<Socket>();
  #illness: Illness | undefined;

  async open(): Promise<void> {
    this.#server = createServer(socket => this.#pass(socket)).listen(PATH);
    await once(this.#server, 'listening');
  }

  close(): void {
    this.#server?.close();
    this.#hangUp();
  }

  async fallIll(illness: Illness | 'refused' | 'missing'): Promise<void> {
    if (typeof illness === 'function') {
      this.#illness = illness;
      this.#hangUp();
      return;
    }
    this.close();
    // A socket that nobody listens on stays where its owner was killed.
    if (illness === 'refused')
      await sh(
        `node -e 'require("net").createServer().listen("${PATH}", () => process.kill(process.pid, "SIGKILL"))' || true`,
      );
  }

  async recover(): Promise<void> {
    this.#illness = undefined;
    this.close();
    rmSync(PATH, { force: true });
    await this.open();
  }

  #hangUp(): void {
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
  }

  #pass(socket: Socket): void {
    const illness = this.#illness;
    const docker = connect('/run/docker.sock');
    for (const one of [socket, docker]) {
      this.#open.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#open.delete(one);
        (one === socket ? docker : socket).destroy();
      });
    }
    socket.pipe(docker);
    if (!illness) return void docker.pipe(socket);
    docker.on('data', answer => void illness(answer, socket));
  }
}

async function isProgrammed(name: string): Promise<void> {
  await inside(name, 'nft list chain inet dwgd stamp | grep -q comment');
  assert.match(await inside(name, 'ip route show proto 229'), /10\.9\.0\.0\/16 via 172\.31\.7\.10 /);
}

keeping(
  'ill-socket',
  () => {
    const way = new Way();
    const expected: { user: string[]; late: string[]; open: string[] } = { user: [], late: [], open: [] };
    const runLate = () => run('late', { networks: { main: { ip: '172.31.7.21' } }, labels: LABELS });
    const nobodyIsHeld = async (): Promise<void> =>
      assert.doesNotMatch(await sh('nft list set inet dwgd held'), /elements/);
    /** It lets go of sockets of a namespace some moments after it has been there. */
    const settled = (): Promise<unknown> =>
      eventually(() => assertSame(descriptors(daemon.pid()), expected.open), { within: 20, every: 0.1 });

    before(async () => {
      await createNetwork('main', { driver: 'bridge', subnets: ['172.31.7.0/24 172.31.7.1'] });
      await run('gateway', { networks: { main: { ip: '172.31.7.10' } } });
      await way.open();
      await keeper.start({ env: { DOCKER_HOST: `unix://${PATH}` } });
      await run('user', { networks: { main: { ip: '172.31.7.20' } }, labels: LABELS });
      await follows(() => isProgrammed('user'));
      await runLate();
      await follows(() => isProgrammed('late'));
      await follows(nobodyIsHeld);
      expected.user = await snapshot('user');
      expected.late = await snapshot('late');
      await remove('late');
      await sleep(2000);
      expected.open = descriptors(daemon.pid());
    });
    after(() => {
      way.close();
      rmSync(PATH, { force: true });
    });

    for (const [what, illness] of Object.entries(ILLNESSES)) {
      test(`its socket ${what}: labels stay in force, and the next container's come once it is well`, async t => {
        const logged = daemon.logs().length;
        await way.fallIll(illness);
        await runLate();
        await sleep(ILL * 1000);
        assertSame(await snapshot('user'), expected.user);
        assert.ok(daemon.running());
        await way.recover();
        const since = performance.now();
        await follows(() => isProgrammed('late'));
        t.diagnostic(`in force ${Math.round(performance.now() - since)} ms after it is well`);
        await follows(nobodyIsHeld);
        assertSame(await snapshot('late'), expected.late);
        assertSame(await snapshot('user'), expected.user);
        await remove('late');
        await settled();
        const log = daemon.logs().slice(logged);
        assert.doesNotMatch(log, /\n\s+at /, 'no stack trace');
        const told = log.split('\n').filter(line => /\b(warn|error)/i.test(line));
        t.diagnostic(`${told.length} lines of trouble: ${told[0] ?? 'none'}`);
        assert.ok(told.length <= 12, told.join('\n'));
      });
    }
  },
  900,
);

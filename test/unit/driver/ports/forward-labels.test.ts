// The label `dwgd.forward`: asked for until Docker tells, put on record once, and less than an option.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyedQueue } from '../../../../src/base/keyed-queue.js';
import { createLog } from '../../../../src/base/log.js';
import { ForwardLabels } from '../../../../src/driver/ports/forward-labels.js';
import type { LabelledEndpoint } from '../../../../src/driver/ports/label-listing.js';
import type { Endpoint } from '../../../../src/driver/spec/model.js';
import { Store } from '../../../../src/driver/store/store.js';
import { EXIT } from '../../../support/exit-world.js';

function world(
  answers: readonly (Record<string, LabelledEndpoint> | Error)[],
  imageForward?: (image: string) => Promise<string | undefined>,
) {
  const store = new Store('');
  store.putExit(EXIT);
  const [changed, said]: [string[], string[]] = [[], []];
  let asked = 0;
  const labels = new ForwardLabels(
    {
      store,
      ask: async () => {
        const answer = answers[Math.min(asked++, answers.length - 1)]!;
        if (answer instanceof Error) throw answer;
        return new Map(Object.entries(answer));
      },
      imageForward,
      changed: ({ id }) => changed.push(id),
      queue: new KeyedQueue(),
      log: createLog(false, true, line => said.push(line)),
    },
    [1, 1, 1, 1],
  );
  const put = (id: string, more: Partial<Endpoint> = {}): void =>
    store.putEndpoint({ id, networkId: EXIT.id, ifname: `wg-${id}`, state: 'joined', ...more });
  const close = (): void => {
    labels.close();
    store.close();
  };
  return { store, labels, changed, said, put, close, asked: () => asked };
}

async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !isSo(); await sleep(2)) assert.ok(Date.now() < end);
}

test('Docker is asked again until it tells of the container, and the label is put on record', async () => {
  const { store, labels, changed, put, close, asked } = world([
    new Error('starting'),
    {},
    { one: { container: 'web', image: 'i1', forward: '80' } },
  ]);
  put('one');
  labels.joined('one');
  await until(() => changed.length > 0);
  assert.equal(store.endpoint('one')?.forward, '80');
  assert.deepEqual(changed, [EXIT.id]);
  assert.equal(labels.nameOf('one'), 'web');
  await sleep(20);
  assert.equal(asked(), 3);
  close();
});

test('an option of the endpoint counts, and a container without the label changes nothing', async () => {
  const told = {
    one: { container: 'web', image: 'i1', forward: '80' },
    two: { container: 'db', image: 'i2' },
  };
  const { store, labels, changed, put, close } = world([told]);
  put('one', { forward: '81' });
  put('two');
  labels.dockerUp();
  await until(() => labels.nameOf('two') === 'db');
  await sleep(5);
  assert.equal(store.endpoint('one')?.forward, '81');
  assert.equal(store.endpoint('two')?.forward, undefined);
  assert.deepEqual(changed, []);
  close();
});

test('where Docker never answers that is told once, and Docker coming up has it asked again', async () => {
  const { labels, said, put, close, asked } = world([new Error('no engine')]);
  put('one');
  labels.joined('one');
  await until(() => said.length > 0);
  await sleep(20);
  assert.equal(asked(), 4);
  assert.equal(said.length, 1);
  assert.match(said[0]!, /cannot ask Docker for the label dwgd\.forward: no engine/);
  labels.dockerUp();
  await until(() => asked() > 4);
  close();
});

test("a label that a container has unchanged from its image does not count, and one that is the container's own does", async () => {
  const answers = [
    {
      one: { container: 'web', image: 'i80', forward: '80' },
      two: { container: 'db', image: 'i80', forward: '81' },
    },
  ];
  const { store, labels, changed, said, put, close, asked } = world(answers, async image => image.slice(1));
  put('one');
  put('two');
  labels.dockerUp();
  await until(() => changed.length > 0);
  await sleep(20);
  assert.equal(store.endpoint('one')?.forward, undefined);
  assert.equal(store.endpoint('two')?.forward, '81');
  assert.equal(asked(), 1);
  assert.equal(said.filter(line => line.includes("came with the container's image")).length, 1);
  close();
});

test('as long as Docker does not tell of the image, the label does not count', async () => {
  let times = 0;
  const seen: unknown[] = [];
  const { store, labels, changed, said, put, close } = world(
    [{ one: { container: 'web', image: 'i', forward: '80' } }],
    async () => {
      seen.push(store.endpoint('one')?.forward);
      if (++times < 3) throw new Error('no such image');
      return undefined;
    },
  );
  put('one');
  labels.joined('one');
  await until(() => changed.length > 0);
  assert.deepEqual(seen, [undefined, undefined, undefined]);
  assert.equal(store.endpoint('one')?.forward, '80');
  times = -100;
  put('one');
  labels.joined('one');
  await until(() =>
    said.some(line => line.includes('cannot ask Docker for the label dwgd.forward: no such')),
  );
  close();
});

test('of a container that has the tunnel itself the log says that its ports are open by themselves', async () => {
  const { store, labels, changed, said, put, close } = world([
    { one: { container: 'web', image: 'i1', forward: '80' } },
  ]);
  const { ipv4: _ipv4, ipv6: _ipv6, ...direct } = EXIT;
  store.putExit(direct);
  put('one');
  labels.joined('one');
  await until(() =>
    said.some(line => line.includes('dwgd.forward changes nothing: the container has the tunnel')),
  );
  assert.deepEqual(changed, []);
  close();
});

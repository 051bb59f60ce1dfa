// SIGHUP: what a running daemon takes over of new options, what it says of the others, and that a mistake changes nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turnsEnd } from 'node:timers/promises';
import type { DaemonOptions } from '../../src/daemon.js';
import { LabelHalf } from '../../src/label-half.js';
import type { LabelOptions } from '../../src/labels/service.js';
import { changesOf, Reload } from '../../src/reload.js';

const LABELS: LabelOptions = {
  trustImageLabels: false,
  allowHostRoutes: [],
  strict: false,
  hold: true,
  resyncInterval: 30_000,
};
const NOW: DaemonOptions = {
  database: '/x',
  verbose: false,
  rootless: true,
  rootlessIfnames: [],
  driver: true,
  labels: LABELS,
};
const { labels: _, ...WITHOUT_LABELS } = NOW;
const strict = { ...LABELS, strict: true };

for (const [what, next, changes] of [
  ['nothing', NOW, { waiting: [] }],
  ['strict', { ...NOW, labels: strict }, { waiting: [], labels: strict }],
  ['the database', { ...NOW, database: '/y' }, { waiting: ['database'] }],
  ['users', { ...NOW, rootless: [1001] }, { waiting: ['rootless'] }],
  ['the page', { ...NOW, page: true }, { waiting: ['page'] }],
  ['labels as a whole', WITHOUT_LABELS, { waiting: ['labels'] }],
  [
    'some of both',
    { ...NOW, verbose: true, dockerHost: 'unix:///y', labels: strict },
    { waiting: ['verbose', 'docker-host'], labels: strict },
  ],
] as const satisfies readonly (readonly [string, DaemonOptions, object])[]) {
  test(`where ${what} differs it is known what can change now`, () => {
    assert.deepEqual(changesOf(NOW, next), changes);
  });
}

/** A reload whose next options a test gives, and all that it says and does. */
function stage(next: () => Promise<DaemonOptions>) {
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const log = { info: say, warn: say, error: say } as unknown as ConstructorParameters<
    typeof Reload
  >[1]['log'];
  const notifier = { send: (state: string) => say(state.replace(/USEC=\d+/, 'USEC=…').replace('\n', ' ')) };
  const reload = new Reload(NOW, { reread: next, log, notifier });
  const end = async (): Promise<void> => {
    await reload.close();
    process.removeAllListeners('SIGHUP');
  };
  /** As if the process got a SIGHUP; waits until it is done. */
  const hangUp = async (): Promise<void> => {
    process.emit('SIGHUP', 'SIGHUP');
    await turnsEnd();
  };
  return { reload, said, end, hangUp };
}

test('what can change does, the rest is told in one sentence, and the service manager is told of both ends', async () => {
  const applied: LabelOptions[] = [];
  const { reload, said, end, hangUp } = stage(async () => ({ ...NOW, database: '/y', labels: strict }));
  try {
    reload.begin({ labels: async labels => void applied.push(labels) });
    await hangUp();
    assert.deepEqual(applied, [strict]);
    assert.deepEqual(said, [
      'RELOADING=1 MONOTONIC_USEC=…',
      'of the settings, database will change at the next start of dwgd (systemctl restart dwgd)',
      'settings of labels were taken over',
      'READY=1',
    ]);
    await hangUp();
    assert.equal(applied.length, 1, 'what was taken over is not new any more');
  } finally {
    await end();
  }
});

test('with a mistake nothing changes, and it is told', async () => {
  const { reload, said, end, hangUp } = stage(() => Promise.reject(new Error('/etc/dwgd/config.toml:1: x')));
  try {
    let files = 0;
    reload.begin({ labels: () => assert.fail('nothing is to change'), files: () => void files++ });
    await hangUp();
    assert.equal(files, 1, 'files of networks are read again all the same');
    assert.deepEqual(said.slice(1), ['the settings stay as they are: /etc/dwgd/config.toml:1: x', 'READY=1']);
  } finally {
    await end();
  }
});

test('what fails as it is taken over is told, and the next SIGHUP is heeded', async () => {
  const { reload, said, end, hangUp } = stage(async () => ({ ...NOW, labels: strict }));
  try {
    reload.begin({ labels: () => Promise.reject(new Error('no')) });
    for (let n = 0; n < 2; n++) {
      await hangUp();
      assert.deepEqual(said.slice(-2), ['the settings could not be taken over: no', 'READY=1']);
      said.length = 0;
    }
  } finally {
    await end();
  }
});

test('a SIGHUP before the daemon is up is heeded when it is', async () => {
  const { reload, said, end, hangUp } = stage(async () => NOW);
  try {
    await hangUp();
    assert.deepEqual(said, []);
    reload.begin({});
    await turnsEnd();
    assert.deepEqual(said.at(-1), 'READY=1');
  } finally {
    await end();
  }
});

test('the labels half ends before it begins with other options', async () => {
  const order: string[] = [];
  const half = new LabelHalf({ error() {} } as never, async () => async ({ strict }) => {
    order.push(`begun ${strict}`);
    return { status: undefined as never, close: async () => void order.push(`ended ${strict}`) };
  });
  await half.start(LABELS);
  await half.replace(strict);
  await half.close();
  assert.deepEqual(order, ['begun false', 'ended false', 'begun true', 'ended true']);
});

test('the labels half that is asked to end while its code is loaded ends at once, and never begins', async () => {
  let loaded: () => void = () => undefined;
  const loading = new Promise<void>(resolve => {
    loaded = resolve;
  });
  const half = new LabelHalf({ error() {} } as never, async () => {
    await loading;
    return () => assert.fail('it began');
  });
  half.keepTrying(LABELS);
  await half.close();
  loaded();
  await turnsEnd();
  assert.deepEqual(half.status.containers(), []);
});

test('the labels half that cannot start is failing, with the reason and since when', async () => {
  const half = new LabelHalf({ error() {} } as never, () => Promise.reject(new Error('no nf_tables')));
  assert.deepEqual(half.status.containers(), []);
  half.keepTrying(LABELS);
  await turnsEnd();
  const { state, reason, since } = half.status.health();
  assert.deepEqual([state, reason], ['failing', 'container labels are left alone: no nf_tables']);
  assert.ok(Date.parse(since!) <= Date.now());
  await half.close();
});

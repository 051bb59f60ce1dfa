// That only revisions tell what is new: views may be copied in every pass, and nothing is looked into for that, and no
// change is lost.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Reconciler } from '../../../../src/labels/controller/reconciler.js';
import type { ContainerView } from '../../../../src/labels/discovery/container.js';
import { Planner } from '../../../../src/labels/planner/planner.js';
import { address, container } from '../../../support/label-world.js';

const COPIES: readonly [what: string, copy: (view: ContainerView) => ContainerView][] = [
  ['the very same', view => view],
  ['copied', view => ({ ...view })],
  [
    'copied with all their parts',
    view => ({
      ...view,
      ...(view.netns && { netns: { ...view.netns } }),
      labels: new Map(view.labels),
      attachments: view.attachments.map(attachment => ({ ...attachment, aliases: [...attachment.aliases] })),
    }),
  ],
];

const LABELS = {
  'twine.nat.interfaces': 'eth0',
  'twine.nat.forward.80': 'web',
  'twine.route.10.9.0.0/16': 'far.net',
};
const app = (name: string, labels: Record<string, string> = LABELS): ContainerView =>
  container(name, { labels, networks: { main: `10.0.0.${name.length}` } });
const web = (last: number): ContainerView =>
  container('web-server', { networks: { main: `10.0.0.${last} web` } });

for (const [what, copy] of COPIES) {
  test(`where all views are ${what} in each pass, only what has changed is read`, async t => {
    const [one, two] = [app('o'), app('tw')];
    let views: ContainerView[] = [one, two, web(9)];
    let dns = 9;
    const reconciled: string[] = [];
    const planner = new Planner([]);
    const plans = new Set<unknown>();
    const reconciler = new Reconciler({
      list: async () => views.map(copy),
      *plan(containers) {
        yield;
        const rest = { hostAddresses: [], nextHops: [], hostInterfaceAddresses: [], bridgeFiltered: [] };
        const external = new Map([['far.net', [address(`10.0.0.${dns}`)]]]);
        const plan = planner.plan({ containers, external, externalRevision: dns, ...rest });
        plans.add(plan);
        return plan;
      },
      reconcile: ({ containers, table }) => {
        reconciled.push(`${containers[0]}${table ? '' : ' nothing'}`);
        return { changes: [], failures: [] };
      },
      reconcileHost: () => ({ changes: [], failures: [] }),
      log: pino({ level: 'silent' }),
      resyncInterval: 1e6,
    });
    t.after(() => reconciler.close());
    const pass = async (): Promise<string[]> => {
      reconciler.trigger();
      await reconciler.idle();
      return reconciled.splice(0).sort();
    };
    assert.deepEqual(await pass(), ['o', 'tw', 'web-server nothing']);
    for (let n = 0; n < 3; n++) assert.deepEqual(await pass(), []);
    assert.equal(plans.size, 1, 'and no plan is made anew');
    views = [one, app('tw'), web(9)];
    assert.deepEqual(await pass(), ['tw'], 'inspected again');
    views = [one, views[1]!, web(8)];
    assert.deepEqual(await pass(), ['o', 'tw'], 'a forward leads elsewhere');
    dns = 8;
    assert.deepEqual(await pass(), ['o', 'tw'], 'a gateway is another');
    views = [app('o', { ...LABELS, 'twine.nat.forward.81': 'web' }), ...views.slice(1)];
    assert.deepEqual(await pass(), ['o'], 'made again with other labels');
    views = [app('o', {}), ...views.slice(1)];
    assert.deepEqual(await pass(), ['o nothing'], 'made again without labels');
    for (let n = 0; n < 3; n++) assert.deepEqual(await pass(), []);
    assert.equal(plans.size, 6);
  });
}

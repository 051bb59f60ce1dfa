// `dwgd inspect` of a container by which the host reaches networks (twine.host.routes): those routes beside what the host has.
import assert from 'node:assert/strict';
import { Overview } from '../../src/labels/controller/overview.js';
import { LabelsStatus } from '../../src/labels/status.js';
import { container, programmer } from '../support/label-namespace.js';
import { plan, container as played } from '../support/label-world.js';
import { kernelTest } from '../support/namespace.js';
import { partsOf } from '../support/overview.js';

kernelTest(
  'the routes of the host by a container are shown as they are to be, beside as they are',
  async t => {
    // The host of this test is a namespace of its own.
    const { inside: host } = await container(t);
    const { sandboxes } = await programmer(t);
    const containers = [
      played('gw', {
        networks: { lan: '10.9.0.5' },
        labels: { 'twine.host.routes': '10.40.0.0/16, 10.41.0.0/16' },
      }),
      played('other', { networks: { lan: '10.9.0.6' }, labels: { 'twine.host.routes': '10.42.0.0/16' } }),
      played('app', { networks: { lan: '10.9.0.7' }, labels: { 'twine.nat.interfaces': 'eth0' } }),
    ];
    const planned = plan(containers);
    assert.deepEqual(planned.diagnostics, []);
    const overview = new Overview({ item: () => undefined });
    overview.planned(planned, containers);
    const status = new LabelsStatus({
      ...partsOf(overview),
      hostRouteChanges: routes => host.within(() => sandboxes.hostRouteChanges(routes)),
    });
    const shown = async (name: string): Promise<readonly string[] | undefined> =>
      (await status.inspect(name))?.parts
        .find(({ title }) => title === `routes of the host by ${name}`)
        ?.comparisons.map(
          ({ desired = '-', observed = '-', isSame }) => `${desired} | ${observed} ${isSame}`,
        );

    assert.deepEqual(await shown('gw'), [
      '10.40.0.0/16 via 10.9.0.5 | - false',
      '10.41.0.0/16 via 10.9.0.5 | - false',
    ]);
    host.within(() => sandboxes.reconcileHostRoutes(planned.hostRoutes));
    const [first, second] = ['10.40.0.0/16 via 10.9.0.5', '10.41.0.0/16 via 10.9.0.5'];
    assert.deepEqual(await shown('gw'), [`${first} | ${first} true`, `${second} | ${second} true`]);
    assert.deepEqual(await shown('other'), ['10.42.0.0/16 via 10.9.0.6 | 10.42.0.0/16 via 10.9.0.6 true']);
    assert.equal(await shown('app'), undefined);

    host.ip('route', 'del', '10.41.0.0/16');
    // Of an earlier label.
    host.ip('route', 'add', '10.43.0.0/16', 'via', '10.9.0.5', 'proto', '229');
    assert.deepEqual(await shown('gw'), [
      `${first} | ${first} true`,
      `${second} | - false`,
      '- | 10.43.0.0/16 via 10.9.0.5 false',
    ]);
    assert.match(host.ip('route'), /10\.43\.0\.0\/16/);
  },
);

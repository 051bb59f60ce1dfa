// What a running daemon knows of labels is what `dwgd doctor` finds by itself, which asks Docker for each labelled container.
// Namespaces and firewalls are real.
import assert from 'node:assert/strict';
import { pino } from 'pino';
import { UserError } from '../../src/base/errors.js';
import { checkSurvey } from '../../src/control/answer-shapes.js';
import { DockerApi } from '../../src/docker/api-client.js';
import { examine } from '../../src/doctor/doctor.js';
import { Overview } from '../../src/labels/controller/overview.js';
import { Host } from '../../src/labels/discovery/host.js';
import { firewallNotices } from '../../src/labels/namespace/firewalls.js';
import { NetnsLookup } from '../../src/labels/namespace/netns-lookup.js';
import { observe } from '../../src/labels/observation.js';
import { LabelsStatus } from '../../src/labels/status.js';
import { NetnsSwitch } from '../../src/netlink/netns.js';
import { Nft } from '../../src/nft/client.js';
import { HealthyHost, type PlayedContainer } from '../support/healthy-host.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';
import { partsOf } from '../support/overview.js';

const NETWORK = 'd'.padStart(64, 'd');
const LABELS: readonly Readonly<Record<string, string>>[] = [
  { 'twine.nat.interfaces': 'wg+' },
  { 'twine.nat.interfaces': 'wg0,,', 'twine.route.10.77.0.0/16': 'c0' },
  { 'twine.route.0.0.0.0/0': 'c0' },
  { 'twine.host.routes': '198.18.77.0/24' },
  { 'twine.route.10.78.0.0/16': 'vpn.example.com' },
  {},
];

kernelTest('a running daemon answers what the doctor finds by itself', async t => {
  const host = await HealthyHost.start(t);
  const containers: PlayedContainer[] = [];
  for (const [n, labels] of LABELS.entries()) {
    const { name } = await Namespace.create(t);
    const endpoint = {
      ...{ NetworkID: NETWORK, EndpointID: `e${n}`, IPAddress: `10.99.1.${n + 2}`, IPPrefixLen: 24 },
      ...{ Gateway: '10.99.1.1', GlobalIPv6Address: `fd99::${n + 2}`, GlobalIPv6PrefixLen: 64 },
      IPv6Gateway: 'fd99::1',
    };
    containers.push({ name: `c${n}`, labels, networks: { main: endpoint }, netns: `/run/netns/${name}` });
    if (n === 0) run('nsenter', `--net=/run/netns/${name}`, 'iptables', '-P', 'FORWARD', 'DROP');
  }
  host.play(containers, [{ Name: 'main', Driver: 'bridge' }]);

  const api = new DockerApi(host.options.dockerHost);
  const netns = await NetnsSwitch.open();
  const nft = new Nft();
  const own = new Host(netns);
  t.after(() => {
    for (const each of [api, netns, nft, own]) each.close();
  });
  const { world, planner } = observe({
    ...host.options.labels!,
    api,
    host: own,
    log: pino({ level: 'silent' }),
    lookup: new NetnsLookup(netns, own.ref),
    forwarding: () => own.forwarding(nft),
    names: { answers: new Map(), revision: 0 },
  });
  const found = await world.list(true);
  const overview = new Overview({ item: () => undefined });
  overview.planned(planner.plan(world.snapshot(found)), found);
  const daemon = new LabelsStatus({
    ...partsOf(overview),
    notices: desired => firewallNotices(desired, netns, nft),
  });

  const alone = await host.examine();
  assert.ok(alone.length >= 4, JSON.stringify(alone));
  const inspected = (): number => host.asked.filter(path => path.startsWith('/containers/c')).length;
  const before = inspected();
  assert.ok(before > 0);
  const askDaemon = async () => {
    const answer: unknown = JSON.parse(JSON.stringify(await daemon.survey()));
    checkSurvey(answer);
    return answer;
  };
  assert.deepEqual(await examine({ ...host.options, askDaemon }, host.parts), alone);
  assert.equal(inspected(), before);
});

kernelTest('a daemon that gives no answer leaves the doctor to find it by itself', async t => {
  const host = await HealthyHost.start(t);
  const { name } = await Namespace.create(t);
  const labels = { 'twine.nat.interfaces': 'wg0,,' };
  host.play([{ name: 'app', labels, networks: {}, netns: `/run/netns/${name}` }], []);
  const askDaemon = (): Promise<never> => Promise.reject(new UserError('the daemon does not run'));
  const found = await examine({ ...host.options, askDaemon }, host.parts);
  assert.deepEqual(
    found.map(({ id }) => id),
    ['a-label-is-not-in-force'],
  );
});

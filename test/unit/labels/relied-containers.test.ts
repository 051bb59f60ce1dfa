// The plan for one container of which only those are inspected that it depends on is the plan of which all are, in random
// worlds, by a Docker that the test plays. Namespaces of other kinds stand in for those of networks: a path and an inode.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import { formatAddress } from '../../../src/base/ip.js';
import { DockerApi } from '../../../src/docker/api-client.js';
import { namespaceRoutes } from '../../../src/labels/diff/digest.js';
import type { ContainerView } from '../../../src/labels/discovery/container.js';
import { Containers } from '../../../src/labels/discovery/containers.js';
import type { ListedContainer } from '../../../src/labels/discovery/docker-view.js';
import { netnsAt } from '../../../src/labels/discovery/proc-netns.js';
import { findContainer, type Named } from '../../../src/labels/find-container.js';
import type { Plan } from '../../../src/labels/planner/plan.js';
import { Planner } from '../../../src/labels/planner/planner.js';
import type { Reliance } from '../../../src/labels/planner/steps.js';
import { ReliedContainers } from '../../../src/labels/relied-containers.js';

const HOST = netnsAt('/proc/self/ns/net')!;
const NAMES = ['vpn', 'app', 'db', 'web', 'gw', 'x1'];
const KINDS = ['mnt', 'uts', 'ipc', 'pid', 'user', 'cgroup'];
const NETWORKS = ['main', 'back'];
const ROUNDS = 4;

interface Played {
  readonly name: string;
  readonly isRunning: boolean;
  readonly isService: boolean;
  readonly networks: readonly string[];
  readonly alias: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: 'healthy' | 'unhealthy';
  /** Which one's namespace it uses. */
  readonly joined?: number;
}

const idOf = (n: number): string => n.toString(16).padStart(64, '0');
const addressOf = (network: string, n: number): string => `10.0.${NETWORKS.indexOf(network)}.${n + 2}`;

const target = fc.oneof(
  fc.constantFrom(...NAMES, ...NAMES, 'nobody'),
  fc.tuple(fc.constantFrom(...NETWORKS), fc.nat(5)).map(([network, n]) => addressOf(network, n)),
  fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES)).map(pair => pair.join(',')),
);
const labels = fc.record(
  {
    'twine.nat.interfaces': fc.constant('eth+'),
    'twine.route.10.77.0.0/16': target,
    'twine.route.0.0.0.0/0': target,
    'twine.nat.forward.8001': target.map(to => `${to}:80`),
    'twine.nat.forward.8002/udp': target.map(to => `${to}:81`),
    'twine.host.routes': fc.constantFrom('10.88.0.0/16', '10.89.0.0/16', '10.0.0.0/24'),
  },
  { requiredKeys: [] },
);
const one = fc.record({
  isRunning: fc.nat(3).map(n => n > 0),
  isService: fc.boolean(),
  networks: fc.subarray(NETWORKS, { minLength: 1 }),
  alias: fc.constantFrom(...NAMES, 'exit'),
  labels,
  health: fc.constantFrom<'healthy' | 'unhealthy'>('healthy', 'unhealthy'),
});
const worlds: fc.Arbitrary<Played[]> = fc
  .tuple(
    fc.array(one, { minLength: 2, maxLength: KINDS.length }),
    fc.array(fc.tuple(one, fc.nat(5)), { maxLength: 2 }),
  )
  .map(([owners, sidecars]) => [
    ...owners.map((each, n) => ({ ...each, name: NAMES[n]! })),
    ...sidecars.map(([each, n], k) => ({ ...each, name: `side${k}`, joined: n % owners.length })),
  ]);

function answerOf(played: Played, n: number, isListed: boolean): object {
  const { name, isRunning, joined, networks, alias, isService, health } = played;
  const endpoints = (joined === undefined ? networks : []).map(network => {
    const address = { IPAddress: addressOf(network, n), IPPrefixLen: 24, Gateway: '10.0.9.1' };
    const known = { NetworkID: `id-of-${network}`, ...(isRunning && address) };
    return [network, { ...known, Aliases: isListed ? null : [alias] }] as const;
  });
  const service = { 'com.docker.compose.project': 'p', 'com.docker.compose.service': name };
  const Labels = { ...played.labels, ...(isService && service) };
  const NetworkSettings = {
    Networks: Object.fromEntries(endpoints),
    SandboxKey: isRunning ? `/proc/self/ns/${KINDS[joined ?? n]}` : '',
  };
  const NetworkMode = joined === undefined ? 'main' : `container:${idOf(joined)}`;
  const rest = { Id: idOf(n), HostConfig: { NetworkMode }, NetworkSettings };
  if (isListed)
    return {
      ...rest,
      ...{ Names: [`/${name}`], State: isRunning ? 'running' : 'exited', Labels },
      Status: isRunning ? `Up 5 minutes (${health})` : 'Exited (0)',
    };
  const State = { Running: isRunning, Pid: isRunning ? process.pid : 0, Health: { Status: health } };
  return { ...rest, Name: `/${name}`, Image: 'i', State, Config: { Labels } };
}

const plainly = (name: string, labels: Played['labels']): Played => ({
  ...{
    name,
    labels,
    isRunning: true,
    isService: false,
    networks: ['main'],
    alias: 'exit',
    health: 'healthy',
  },
});
/** The first keeps the addresses of its clients, since the second's route leads back. */
const CLIENT_BY_ADDRESS = [
  plainly('vpn', { 'twine.nat.interfaces': 'eth+', 'twine.nat.forward.8001': '10.0.0.3:80' }),
  plainly('app', { 'twine.route.0.0.0.0/0': '10.0.0.2' }),
];
const LOOP_BY_ADDRESS = [
  plainly('vpn', { 'twine.route.10.77.0.0/16': '10.0.0.3' }),
  plainly('app', { 'twine.route.10.77.0.0/16': '10.0.0.4' }),
  plainly('db', { 'twine.route.10.77.0.0/16': '10.0.0.2' }),
];

/** What the plan says of one container. */
function saidOf(name: string, plan: Plan, all: readonly ContainerView[]): object {
  const own = all.find(one => one.name === name)!;
  const members = all.filter(
    ({ id, netns }) => id === own.id || (netns !== undefined && netns.key === own.netns?.key),
  );
  const names = members.map(one => one.name);
  const addresses = members.flatMap(({ attachments }) => attachments.flatMap(one => one.addresses));
  return {
    names: names.sort(),
    sandboxes: plan.sandboxes.filter(({ netns }) => netns.key === own.netns?.key),
    told: plan.diagnostics
      .filter(({ container }) => names.includes(container))
      .map(told => ({ ...told, isWarning: plan.warnings.has(told) })),
    hostRoutes: plan.hostRoutes.filter(({ gateway }) =>
      addresses.some(address => gateway && formatAddress(address) === formatAddress(gateway)),
    ),
  };
}

/** What it says of all that have labels. */
const saidOfAll = ({ sandboxes, diagnostics, warnings, hostRoutes }: Plan): object => ({
  ...{ sandboxes, hostRoutes },
  told: diagnostics.map(told => ({ ...told, isWarning: warnings.has(told) })),
});

test('the plan for a container, and for all, depends on no container that was not inspected', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-relied-'));
  const socketPath = join(folder, 'docker.sock');
  let played: readonly Played[] = [];
  const server = createServer(({ url }, response) => {
    const [, what, id] = url!.split(/[/?]/);
    const n = played.findIndex((_, n) => idOf(n) === id);
    const networks = NETWORKS.map(name => ({ Id: `id-of-${name}`, Driver: 'bridge' }));
    const list = (): object[] => played.map((one, n) => answerOf(one, n, true));
    const all = what === 'networks' ? networks : what === 'images' ? {} : list();
    response.end(JSON.stringify(n >= 0 ? answerOf(played[n]!, n, false) : all));
  }).listen(socketPath);
  t.after(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  const log = pino({ level: 'silent' });
  let inspected: string[] = [];
  const planOf = async (name: string | undefined, isPartial: boolean): Promise<object> => {
    const api = new DockerApi({ socketPath }, undefined, true);
    const find = name === undefined ? undefined : (all: readonly Named[]) => findContainer(name, all);
    const relied = new ReliedContainers(find);
    const select: ConstructorParameters<typeof Containers>[0]['select'] = listed => {
      const ids = relied.select(listed);
      inspected = played.flatMap(({ name }, n) => (ids.has(idOf(n)) ? [name] : []));
      return ids;
    };
    const parts = { api, log, host: HOST, findNetns: () => undefined, trustImageLabels: false };
    const containers = new Containers({ ...parts, ...(isPartial && { select }) });
    const planner = new Planner([], false, undefined, isPartial);
    try {
      for (;;) {
        const all = await containers.list(false);
        const rest = { external: new Map([['nobody', []]]), externalRevision: 0, nextHops: [] };
        const none = { hostAddresses: [], hostInterfaceAddresses: [], bridgeFiltered: [] };
        const world = { containers: all, ...rest, ...none };
        let plan = planner.plan(world);
        for (let round = 0; round < ROUNDS; round++)
          plan = planner.plan(world, new Set(plan.sandboxes.map(namespaceRoutes)));
        if (isPartial && relied.want(plan, all)) continue;
        return name === undefined ? saidOfAll(plan) : saidOf(name, plan, all);
      }
    } finally {
      api.close();
    }
  };
  await fc.assert(
    fc.asyncProperty(worlds, async world => {
      played = world;
      for (const name of [...world.map(({ name }) => name), undefined])
        assert.deepEqual(await planOf(name, true), await planOf(name, false));
    }),
    { numRuns: 40, examples: [[CLIENT_BY_ADDRESS], [LOOP_BY_ADDRESS]] },
  );
  played = [
    plainly('vpn', {}),
    plainly('app', { 'twine.route.10.77.0.0/16': 'vpn' }),
    plainly('db', { 'twine.route.10.77.0.0/16': 'gw' }),
    ...['web', 'gw', 'x1'].map(name => plainly(name, {})),
  ];
  await planOf('app', true);
  assert.deepEqual(inspected, ['vpn', 'app']);
  await planOf(undefined, true);
  assert.deepEqual(inspected, ['vpn', 'app', 'db', 'gw']);
});

test('a Docker that lists others each time that it is asked is not asked without end', () => {
  const relied = new ReliedContainers();
  relied.select([{ Id: 'a', Labels: { 'twine.route.0.0.0.0/0': 'b' } } as unknown as ListedContainer]);
  let asked = 0;
  const of = (_key: string, what: string): Reliance => ({
    containers: new Set(what === 'forwards' ? [`other-${asked++}`] : []),
    networks: new Set(),
  });
  const plan = { relied: { of } } as unknown as Plan;
  const containers = [{ id: 'a', attachments: [] } as unknown as ContainerView];
  assert.throws(() => {
    while (relied.want(plan, containers)) assert.ok(asked < 10_000);
  }, /^UserError: Docker lists other containers each time/);
});

for (const { what, joins, wanted } of [
  { what: 'a chain of containers that use each other’s namespaces', joins: [1, 2, undefined], wanted: 3 },
  { what: 'a circle of them, as no Docker has it', joins: [1, 2, 0], wanted: 3 },
  { what: 'one that uses the namespace of a container which is gone', joins: [9, undefined], wanted: 1 },
] as const) {
  test(`all that share a namespace are inspected: ${what}`, () => {
    const listed = joins.map((joined, n) => ({
      Id: idOf(n),
      Names: [`/c${n}`],
      State: 'running',
      HostConfig: { NetworkMode: joined === undefined ? 'main' : `container:${idOf(joined)}` },
    }));
    const relied = new ReliedContainers(all => findContainer('c0', all));
    assert.equal(relied.select(listed as unknown as Parameters<typeof relied.select>[0]).size, wanted);
  });
}

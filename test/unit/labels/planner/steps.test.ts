// A plan that takes over steps of the one before is the plan that is made anew, whatever happens in between.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Address, parsePrefix } from '../../../../src/base/ip.js';
import { namespaceRoutes } from '../../../../src/labels/diff/digest.js';
import type { ContainerView } from '../../../../src/labels/discovery/container.js';
import type { WorldSnapshot } from '../../../../src/labels/discovery/world.js';
import type { Plan } from '../../../../src/labels/planner/plan.js';
import { Planner } from '../../../../src/labels/planner/planner.js';
import { ParseCache } from '../../../../src/labels/spec/parse-cache.js';
import { finish } from '../../../../src/netlink/work.js';
import { address, type ContainerOptions, container } from '../../../support/label-world.js';
import { Random } from '../../../support/random.js';

const [SEQUENCES, EVENTS] = [60, 40] as const;
const NAMES = ['a', 'b', 'gw', 'gw2', 'web', 'web-2', 'job'] as const;
const NETWORKS = ['main', 'other'] as const;
const SERVICES = [undefined, undefined, 'shop/web', 'shop/gw', 'vpn/gw'] as const;
/** What labels name: containers, services, aliases, addresses, hosts, and what nobody is called. */
const PLACES = [
  'a',
  'gw',
  'gw2',
  'web',
  'alias',
  'gw.main',
  '10.1.0.3',
  '10.2.0.4',
  'gw,gw2',
  'example.net',
  'gwx',
];
const LABELS: readonly ((to: string) => readonly [string, string])[] = [
  to => ['twine.route.0.0.0.0/0', to],
  to => ['twine.route.10.9.0.0/16', to],
  to => ['twine.route.10.1.0.0/16', to],
  to => ['twine.nat.forward.80', `${to}:8080`],
  to => ['twine.nat.forward.81', `${to}:81 keep`],
  to => ['twine.nat.forward.5353/udp', `${to}:53`],
  () => ['twine.nat.interfaces', 'eth+'],
  () => ['twine.strict', 'true'],
  () => ['twine.host.routes', '172.30.0.0/16'],
  () => ['twine.iptables.rule.one', 'TWINE_INPUT -p tcp --dport 22 -j DROP'],
];

/** A container as it might be at any moment. */
function any(random: Random, name: string): ContainerView {
  const n = 2 + random.int(0, 3);
  const on = NETWORKS.filter(() => random.int(0, 2) > 0);
  const isRunning = random.int(0, 4) > 0;
  const networks = Object.fromEntries(
    on.map(network => {
      const own = isRunning ? `10.${NETWORKS.indexOf(network) + 1}.0.${n}` : '';
      return [network, `${own} ${random.int(0, 3) === 0 ? 'alias' : ''}`];
    }),
  );
  const of = (text: (k: number) => string) => Object.fromEntries(on.map((one, k) => [one, text(k + 1)]));
  const picked = LABELS.filter(() => random.int(0, 3) === 0);
  const labels = Object.fromEntries(picked.map(label => label(random.pick(PLACES))));
  const service = random.pick(SERVICES);
  const health = random.pick([undefined, undefined, 'unhealthy', 'starting'] as const);
  const options: ContainerOptions = {
    networks,
    labels: isRunning ? labels : {},
    netns: isRunning ? random.pick([`4:${name}`, `4:${name}`, `4:${name}-again`, '4:shared']) : null,
    subnets: of(k => `10.${k}.0.0/24`),
    gateways: of(k => `10.${k}.0.1`),
    ...(service && { service }),
    ...(health && { health }),
    ...(random.int(0, 7) === 0 && { isOneOff: true as const }),
    ...(random.int(0, 7) === 0 && { links: { gw: 'gw2' } }),
    ...(random.int(0, 9) === 0 && { hostNetwork: true }),
    ...(random.int(0, 9) === 0 && { ignoring: ['other'] }),
    ...(random.int(0, 11) === 0 && isRunning && { unverified: { 'twine.nat.interfaces': 'eth+' } }),
  };
  return container(name, options);
}

/** Of the DNS, which does not know the one name that is nearly a container's. */
function answers(...found: readonly Address[]): ReadonlyMap<string, readonly Address[]> {
  return new Map([
    ['example.net', found],
    ['gwx', []],
  ]);
}

/** What is planned, without what tells nothing of it. */
function told({ relied: _, ...plan }: Plan): unknown {
  return plan;
}

for (let seed = 1; seed <= SEQUENCES; seed++)
  test(`a plan that goes by the one before is the one that is made anew, sequence ${seed}`, () => {
    const random = new Random(seed);
    const isStrict = random.int(0, 3) === 0;
    const intents = new ParseCache();
    const planner = new Planner([], isStrict, intents);
    const world = new Map<string, ContainerView>();
    let inForce: ReadonlySet<string> = new Set();
    let surroundings = { externalRevision: 1, external: answers(address('192.0.2.7')) };
    for (let event = 0; event < EVENTS; event++) {
      const name = random.pick(NAMES);
      if (random.int(0, 5) === 0) world.delete(name);
      else world.set(name, any(random, name));
      if (random.int(0, 9) === 0) {
        const answer = random.pick([[], [address('192.0.2.8')], [address('10.1.0.1')]]);
        const { externalRevision } = surroundings;
        surroundings = {
          externalRevision: externalRevision + 1,
          external: answers(...answer),
        };
      }
      const snapshot: WorldSnapshot = {
        containers: [...world.values()],
        ...surroundings,
        hostAddresses: [parsePrefix('10.1.0.1/24')!],
        nextHops: [],
        hostInterfaceAddresses: [{ prefix: parsePrefix('10.1.0.1/24')!, mac: '02:00:00:00:00:01' }],
        bridgeFiltered: [],
      };
      const pieces = planner.planning(snapshot, inForce);
      const begun = pieces.next();
      // Others may be made while this one is made in pieces.
      if (random.int(0, 3) === 0)
        planner.plan({ ...snapshot, containers: snapshot.containers.toReversed() }, new Set());
      const found = begun.done ? begun.value : finish(pieces);
      const anew = new Planner([], isStrict, intents).plan(snapshot, inForce);
      assert.deepEqual(told(found), told(anew), `event ${event}`);
      inForce = new Set(found.sandboxes.map(namespaceRoutes).filter(() => random.int(0, 1) === 0));
    }
  });

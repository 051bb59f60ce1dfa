// The daemon's status as a graph, and where it is drawn.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelledStatus, NetworkStatus } from '../../../src/control/answers.js';
import { edgeWords, type Graph, graphOf, problemsOf } from '../../../src/page/browser/graph.js';
import { type Box, place } from '../../../src/page/browser/layout.js';
import { count, cutOff, formatAge, shortBytes } from '../../../src/page/browser/words.js';
import { networkOf, PageWorld, threeContainers, threeHundred } from '../../support/page-world.js';

const NOW = Date.parse('2026-01-01T00:01:00Z');
const PROBLEM = { label: 'twine.route.10.0.0.0/8', reason: 'it is wrong', since: '2026-01-01T00:00:00Z' };

function labelled(name: string, rest: Partial<LabelledStatus> = {}): LabelledStatus {
  const state = {
    state: 'applied',
    labels: 1,
    inForce: 1,
    notInForce: [],
    warnings: [],
    isClosed: false,
  } as const;
  return { name, id: name, ...state, ...rest };
}

function drawn(containers: readonly LabelledStatus[], networks: readonly NetworkStatus[] = []): Graph {
  return graphOf({ containers, networks }, NOW);
}

const route = (gateway?: string): Partial<LabelledStatus> => ({
  routes: [
    { network: '0.0.0.0/0', ...(gateway !== undefined && { gateway: '10.0.0.9', container: gateway }) },
  ],
});
const cellsOf = ({ blocks }: Graph) => blocks.flatMap(({ cells }) => cells);
const names = ({ blocks }: Graph) => blocks.map(({ cells }) => cells.map(({ name }) => name).join(' '));

test('containers that are linked alike are one block, in the natural order of their names', () => {
  const graph = drawn([
    ...['c10', 'c2', 'c1'].map(name => labelled(name, route('gw'))),
    labelled('other', route('gw2')),
  ]);
  assert.deepEqual(names(graph).sort(), ['c1 c2 c10', 'gw', 'gw2', 'other']);
  assert.deepEqual(graph.edges.map(({ links }) => links.length).sort(), [1, 3]);
});

test('a gateway without labels is there, and so is an address of nobody', () => {
  const graph = drawn([
    labelled('app', { routes: [{ network: '::/0', gateway: 'fd00::9' }] }),
    labelled('b', route('gw')),
  ]);
  assert.deepEqual(
    cellsOf(graph)
      .map(({ kind, name }) => `${kind} ${name}`)
      .sort(),
    ['address fd00::9', 'container app', 'container b', 'container gw'],
  );
});

test('a route and a port that comes back are one edge, laid out as the route leads', () => {
  const gw = labelled('gw', {
    forwards: [{ interface: '+', protocol: 'tcp', ports: '80', to: ['10.0.0.2:80'], container: 'app' }],
  });
  const { edges, blocks } = drawn([gw, labelled('app', route('gw'))]);
  assert.equal(edges.length, 1);
  const from = blocks.find(({ id }) => id === edges[0]!.from);
  assert.deepEqual(
    [from?.cells[0]?.name, edgeWords(edges[0]!)],
    [
      'app',
      [
        { kind: 'route', text: '0.0.0.0/0' },
        { kind: 'forward', text: 'port 80/tcp' },
      ],
    ],
  );
});

for (const [what, rest, state, detail] of [
  ['in force', {}, 'well', '1 label'],
  ['not in force', { notInForce: [PROBLEM] }, 'broken', 'it is wrong'],
  ['closed', { isClosed: true }, 'broken', 'closed'],
  ['failing', { state: 'failing' }, 'broken', 'closed'],
  ['pending', { state: 'pending', notInForce: [PROBLEM] }, 'waiting', 'is being applied'],
  ['not running', { state: 'stopped' }, 'stopped', 'not running'],
  ['in force with a warning', { warnings: [PROBLEM] }, 'warned', '1 label'],
] as const) {
  test(`a container whose labels are ${what} is ${state}: ${detail}`, () => {
    const [cell] = cellsOf(drawn([labelled('app', rest as Partial<LabelledStatus>)]));
    assert.deepEqual([cell?.state, cell?.detail], [state, detail]);
  });
}

test('a route whose label is not in force is broken, and no other', () => {
  const routes = [{ network: '10.0.0.0/8' }, { network: '::/0' }];
  const { links } = drawn([labelled('app', { routes, notInForce: [PROBLEM] })]);
  assert.deepEqual(
    links.map(({ text, isBroken }) => [text, isBroken]),
    [
      ['10.0.0.0/8', true],
      ['::/0', undefined],
    ],
  );
});

test('a tunnel without its peer is broken, with the reason', () => {
  const [endpoint] = networkOf('lan', ['app']).endpoints;
  const { peer: _, ...rest } = endpoint!;
  const graph = drawn(
    [],
    [{ ...networkOf('lan', []), endpoints: [{ ...rest, problem: 'the interface is gone' }] }],
  );
  assert.deepEqual(
    problemsOf(graph).map(({ cell, problem }) => [cell.name, problem.label, problem.reason]),
    [['app', 'tunnel on lan', 'the interface is gone']],
  );
  assert.equal(graph.links[0]?.isBroken, true);
});

test('a tunnel has the age of its handshake and its traffic; a container that Docker did not name its endpoint', () => {
  const lan = networkOf('lan', ['app']);
  const [{ container: _, ...endpoint }] = [lan.endpoints[0]!];
  const peer = {
    ...endpoint.peer!,
    lastHandshake: '2026-01-01T00:00:48Z',
    receivedBytes: 1_250_000,
    sentBytes: 999,
  };
  const cells = cellsOf(drawn([], [{ ...lan, endpoints: [{ ...endpoint, peer }] }]));
  assert.deepEqual(
    cells.map(({ name, detail }) => [name, detail]),
    [
      [`endpoint ${endpoint.id.slice(0, 12)}`, '12 s ago · ↓1.3 MB ↑999 B'],
      ['lan', 'by wg0 · ↓1.3 MB ↑999 B'],
    ],
  );
});

test('a way out is drawn for a gateway without a tunnel of this driver alone', () => {
  const nat = { natInterfaces: ['wg+'] };
  const graph = drawn([labelled('a', nat), labelled('b', nat)], [networkOf('lan', ['b'])]);
  assert.deepEqual(
    cellsOf(graph)
      .filter(({ kind }) => kind === 'exit')
      .map(({ detail }) => detail),
    ['way out of a'],
  );
});

for (const [what, containers] of [
  ['three', threeContainers()],
  ['three hundred', threeHundred()],
] as const) {
  for (const width of [1360, 360]) {
    test(`of ${what} containers, no two cells overlap at ${width} pixels, and all are within the picture`, () => {
      const { networks, daemon } = new PageWorld(containers, [networkOf('lan', ['a', 'b', 'vpn-oslo'])]);
      const graph = graphOf({ networks, containers: daemon.labels!.containers() }, NOW);
      const placed = place(graph, width);
      const boxes = [...placed.cells.values()];
      assert.equal(boxes.length, cellsOf(graph).length);
      assert.ok(
        boxes.every(
          box => box.x >= 0 && box.y >= 0 && right(box) <= placed.width && below(box) <= placed.height,
        ),
      );
      const pairs = boxes.flatMap((a, n) => boxes.slice(n + 1).filter(b => overlap(a, b)));
      assert.deepEqual(pairs, []);
      assert.equal(placed.edges.size, graph.edges.length);
    });
  }
}

test('of sixty gateways with ten routes each, no two cells overlap, and it is laid out at once', () => {
  const gateways = Array.from({ length: 60 }, (_, n) => `gateway-${n}`);
  const containers = gateways.map((name, n) =>
    labelled(name, {
      routes: Array.from({ length: 10 }, (_, k) => {
        const container = gateways[(n * 7 + k * 11 + 1) % gateways.length]!;
        return { network: `10.${n}.${k}.0/24`, gateway: `172.17.0.${n + 2}`, container };
      }),
    }),
  );
  const graph = drawn(containers, []);
  assert.ok(graph.edges.length > 120);
  const { cells, edges } = place(graph, 1360);
  const boxes = [...cells.values()];
  assert.deepEqual(
    boxes.flatMap((a, n) => boxes.slice(n + 1).filter(b => overlap(a, b))),
    [],
  );
  assert.equal(edges.size, graph.edges.length);
});

const right = ({ x, width }: Box): number => x + width;
const below = ({ y, height }: Box): number => y + height;
const overlap = (a: Box, b: Box): boolean =>
  a.x < right(b) && b.x < right(a) && a.y < below(b) && b.y < below(a);

for (const [given, text] of [
  [shortBytes(0), '0 B'],
  [shortBytes(999), '999 B'],
  [shortBytes(999.6), '1.0 kB'],
  [shortBytes(1_250_000), '1.3 MB'],
  [shortBytes(99_950_000), '100 MB'],
  [shortBytes(2 ** 60), '1153 PB'],
  [formatAge(-5_000), '0 s'],
  [formatAge(59_000), '59 s'],
  [formatAge(60_000), '1 min'],
  [formatAge(7_200_000), '2 h'],
  [formatAge(200_000_000), '2 d'],
  [cutOff('abcdef', 6), 'abcdef'],
  [cutOff('abcdefg', 6), 'abcde…'],
  [cutOff('🐳🐳🐳', 2), '🐳…'],
  [count(1, 'label'), '1 label'],
  [count(0, 'label'), '0 labels'],
] as const) {
  test(`${text} is how it is written`, () => assert.equal(given, text));
}

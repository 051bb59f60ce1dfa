// Which routers answers go by, and the changes for that, in an order in which no mark leads to what is not there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../../../src/base/ip.js';
import { FIRST_PRIORITY_BEFORE_TUNNEL, ROUTERS, RTPROT_DWGD } from '../../../../src/base/ownership.js';
import { diffAll, diffLabels, diffRouters } from '../../../../src/labels/answers/diff-routers.js';
import { findRouters } from '../../../../src/labels/answers/routers.js';
import { compareState } from '../../../../src/labels/diff/compare.js';
import { readStamp } from '../../../../src/labels/diff/stamp.js';
import type {
  Change,
  DesiredState,
  KnownNeighbour,
  RoutersObserved,
  SandboxObserved,
  Sender,
} from '../../../../src/labels/diff/state.js';
import type { Rule } from '../../../../src/netlink/route/policy-rule.js';
import type { Route } from '../../../../src/netlink/route/route.js';
import { observed, show } from '../../../support/label-states.js';
import { address, prefix } from '../../../support/label-world.js';

const sender = (n: number, index = 2): Sender => ({ index, mac: `02:00:00:00:00:0${n}` });
const neighbour = (text: string, n: number, index = 2): KnownNeighbour => ({
  address: parseAddress(text)!,
  ...sender(n, index),
});
const DESIRED: DesiredState = {
  netns: { key: '4:app', path: '/proc/app/ns/net' },
  containers: ['app'],
  routes: [{ network: prefix('0.0.0.0/0'), gateway: address('10.0.0.3') }, { network: prefix('0.0.0.0/0') }],
  sysctls: [],
  routersOn: [{ network: prefix('10.0.0.0/24'), gateway: address('10.0.0.1') }],
};
const found = (senders: readonly Sender[], neighbours: readonly KnownNeighbour[] = []): RoutersObserved => ({
  senders,
  neighbours,
});
const HOPS = ['192.0.0.65', '192.0.0.66', '192.0.0.67'];
const macs = (seen: RoutersObserved): string[] =>
  findRouters(seen, DESIRED).map(({ mark, mac }) => `${mark >>> 27} ${mac.at(-1)}`);

for (const [what, senders, neighbours, expected] of [
  ['nobody where nobody has sent anything', [], [], []],
  ['each that has sent something', [sender(5), sender(4)], [], ['1 4', '2 5']],
  [
    'not the gateway of a label, which answers go by anyway',
    [sender(3), sender(4)],
    [neighbour('10.0.0.3', 3)],
    ['1 4'],
  ],
  [
    'the same link-layer address on another link as another one',
    [sender(4), sender(4, 3)],
    [],
    ['1 4', '2 4'],
  ],
  [
    'one that was found before by its mark still, whether it has sent anything lately or not',
    [sender(4)],
    [neighbour(HOPS[1]!, 7)],
    ['1 4', '2 7'],
  ],
  [
    'no more than there are marks, and those that were first',
    [sender(4), sender(5), sender(6), sender(7)],
    [neighbour(HOPS[0]!, 7)],
    ['1 7', '2 4', '3 5'],
  ],
  [
    'in place of one that has sent nothing for long, where there is no room',
    [sender(4), sender(6), sender(7)],
    [neighbour(HOPS[0]!, 5), neighbour(HOPS[1]!, 6), neighbour(HOPS[2]!, 7)],
    ['1 4', '2 6', '3 7'],
  ],
  [
    'not one that has become the gateway of a label',
    [sender(4)],
    [neighbour(HOPS[0]!, 4), neighbour('10.0.0.3', 4)],
    [],
  ],
] as const) {
  test(`answers go by ${what}`, () => {
    assert.deepEqual(macs(found(senders, neighbours)), expected);
  });
}

const shown = (changes: readonly Change[]): string[] => changes.map(show);

/** The namespace when the changes have been made. */
function after(before: SandboxObserved, changes: readonly Change[]): SandboxObserved {
  const { senders = [], neighbours = [], stamp } = before.routers ?? {};
  const add = <T>(kind: Change['kind'], of: (change: never) => T): T[] =>
    changes.filter(change => change.kind === kind).map(change => of(change as never));
  const put = changes.find(({ kind }) => kind === 'putRouters') as
    | Extract<Change, { kind: 'putRouters' }>
    | undefined;
  const comments = put?.table.chains
    .find(({ name }) => name === 'stamp')
    ?.rules.map(({ comment }) => comment);
  const now = comments ? readStamp(comments).stamp : stamp;
  return {
    ...before,
    routes: [...before.routes, ...add('addRoute', ({ route }: { route: Route }) => ({ ...route }))],
    rules: [...before.rules, ...add('addRule', ({ rule }: { rule: Rule }) => rule)],
    routers: {
      senders,
      neighbours: [
        ...neighbours,
        ...add('addNeighbour', ({ neighbour }: { neighbour: KnownNeighbour }) => neighbour),
      ],
      ...(now !== undefined && { stamp: now }),
    },
  };
}

test('what a mark leads to is there before the table that sets it, and then nothing is to be done', () => {
  const before = observed({ routers: found([sender(4)]) });
  const changes = diffRouters(DESIRED, before);
  assert.deepEqual(shown(changes), [
    'addRule 4 32759',
    'addRule 4 32760',
    'addNeighbour 192.0.0.65',
    'add 0.0.0.0/0 192.0.0.65',
    'routers',
  ]);
  assert.deepEqual(diffRouters(DESIRED, after(before, changes)), []);
});

test('of the changes of labels none touches what leads answers by routers', () => {
  const before = observed({ routers: found([sender(4)]) });
  const now = after(before, diffRouters(DESIRED, before));
  assert.deepEqual(diffLabels(DESIRED, now), diffLabels(DESIRED, before));
});

for (const [what, change] of [
  ['where the labels go', { routes: [], routersOn: undefined }],
  ['where the networks are not known any more', { routersOn: undefined }],
] as const) {
  test(`all of it goes ${what}, the table first`, () => {
    const before = observed({ routers: found([sender(4)]) });
    const now = after(before, diffRouters(DESIRED, before));
    const { routersOn: _, ...rest } = { ...DESIRED, ...change };
    const { routers: __, ...unread } = now;
    const changes = shown(diffAll(rest, unread)).filter(one => !/^(add|table)/.test(one));
    assert.deepEqual(
      changes.filter(one => one !== 'addRoute'),
      [
        'no routers',
        'deleteRule 4 32759',
        'deleteRule 4 32760',
        'delete 0.0.0.0/0 192.0.0.65',
        'deleteNeighbour 192.0.0.65',
      ],
    );
  });
}

test('a table alone that a killed daemon left is taken away', () => {
  const { routersOn: _, ...rest } = { ...DESIRED, routes: [] };
  assert.deepEqual(shown(diffAll(rest, observed({ hasRouterTable: true }))), ['no routers']);
});

test('while it is not known which labels count, and where nothing was read, nothing of it changes', () => {
  const before = observed({ routers: found([sender(4)]) });
  assert.deepEqual(diffRouters({ ...DESIRED, isFrozen: true }, before), []);
  assert.deepEqual(diffRouters(DESIRED, observed({})), []);
});

test('beside a full tunnel the rules come before its own, and each family has its own where both are routed', () => {
  const routes = [...DESIRED.routes, { network: prefix('::/1') }];
  const both = { ...DESIRED, routes, firstPriority: FIRST_PRIORITY_BEFORE_TUNNEL };
  const changes = diffRouters(both, observed({ routers: found([sender(4)]) }));
  const rules = changes.flatMap(change => (change.kind === 'addRule' ? change.rule : []));
  assert.deepEqual(
    rules.map(({ family, priority, table, suppressPrefixLength, protocol }) => [
      family,
      priority,
      table,
      suppressPrefixLength,
      protocol === RTPROT_DWGD,
    ]),
    [
      [4, 32756, 254, 1, true],
      [4, 32757, ROUTERS[0]!.table, undefined, true],
      [6, 32756, 254, 1, true],
      [6, 32757, ROUTERS[0]!.table, undefined, true],
    ],
  );
  assert.equal(changes.filter(({ kind }) => kind === 'addNeighbour').length, 2);
});

test('inspect says which routers answers go by, and before that what is missing', () => {
  const before = observed({ routers: found([sender(4)]) });
  const changes = diffRouters(DESIRED, before);
  const lines = (all: SandboxObserved, of: readonly Change[]): string[] =>
    compareState(DESIRED, all, of)
      .filter(({ what }) => /router|neighbour/.test(what))
      .map(
        ({ what, desired = '-', observed = '-', isSame }) => `${what}: ${desired} | ${observed} ${isSame}`,
      );
  assert.deepEqual(lines(before, changes), [
    'neighbour: 192.0.0.65 is 02:00:00:00:00:04 on link 2 | - false',
    'table inet dwgd-routers: answers by routers | - false',
  ]);
  const line = '02:00:00:00:00:04 on link 2';
  assert.deepEqual(lines(after(before, changes), []), [`answers by router: ${line} | ${line} true`]);
});

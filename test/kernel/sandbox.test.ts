// A namespace reconciled with what labels ask for: each kind of change, what is observed of it, and what is refused.
import assert from 'node:assert/strict';
import { OpError } from '../../src/base/errors.js';
import { stampedTable, stampOf } from '../../src/labels/diff/stamp.js';
import type { Change } from '../../src/labels/diff/state.js';
import { IP_FORWARD, IPV6_FORWARDING, routeLocalnet } from '../../src/labels/diff/sysctls.js';
import { NftError } from '../../src/nft/client.js';
import { accepting, container, desire, programmer, withFallback } from '../support/label-namespace.js';
import { address } from '../support/label-world.js';
import { kernelTest, type Namespace } from '../support/namespace.js';

const kinds = (changes: readonly Change[]): string[] => [...new Set(changes.map(({ kind }) => kind))];
const ruleset = (ns: Namespace): string => ns.exec('nft', 'list', 'ruleset');
const routes = (ns: Namespace): string =>
  [4, 6].map(n => ns.ip(`-${n}`, 'route', 'show', 'table', 'all')).join('');
const rules = (ns: Namespace): string => ns.ip('rule') + ns.ip('-6', 'rule');
const sysctl = (ns: Namespace, name: string): string => ns.exec('cat', `/proc/sys/net/${name}`).trim();

kernelTest(
  'everything at once is brought about, is found the next time, and goes without a trace',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const was = [ruleset(inside), routes(inside), rules(inside)];
    const desired = desire(inside, {
      table: accepting(80),
      routes: [
        ...withFallback('0.0.0.0/0', '10.9.0.3'),
        ...withFallback('10.20.0.0/16', '10.9.0.3'),
        ...withFallback('::/0', 'fd09::3'),
        ...withFallback('fd20::/64', 'fd09::3'),
      ],
      sysctls: [IP_FORWARD, IPV6_FORWARDING, routeLocalnet(address('10.9.0.3'))],
    });
    const first = sandboxes.reconcile(desired)!;
    assert.deepEqual(first.failures, []);
    assert.deepEqual(kinds(first.changes).sort(), ['addRoute', 'addRule', 'createTable', 'setSysctl']);
    assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });

    assert.match(ruleset(inside), /table inet dwgd/);
    assert.match(
      inside.ip('route', 'show', 'table', '229'),
      /^default via 10\.9\.0\.3 .*\nunreachable default/,
    );
    assert.match(
      inside.ip('route'),
      /10\.20\.0\.0\/16 via 10\.9\.0\.3 dev eth0 proto 229 \nunreachable 10\.20/,
    );
    assert.match(inside.ip('route', 'get', '192.0.2.1'), / via 10\.9\.0\.3 /);
    assert.match(inside.ip('route', 'get', '2001:db8::1'), / via fd09::3 /);
    assert.match(inside.ip('route', 'get', '10.9.0.77'), /^10\.9\.0\.77 dev eth0 /);
    assert.equal(inside.ip('rule').match(/proto 229/g)?.length, 5);
    assert.equal(inside.ip('-6', 'rule').match(/proto 229/g)?.length, 5);
    for (const name of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding', 'ipv4/conf/eth0/route_localnet'])
      assert.equal(sysctl(inside, name), '1', name);
    assert.equal(sysctl(inside, 'ipv4/conf/lo/route_localnet'), '0');

    assert.deepEqual(sandboxes.clear(inside.ref)?.failures, []);
    assert.deepEqual([ruleset(inside), routes(inside), rules(inside)], was);
    for (const name of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding', 'ipv4/conf/eth0/route_localnet'])
      assert.equal(sysctl(inside, name), '0', name);
    assert.deepEqual(sandboxes.clear(inside.ref), { changes: [], failures: [] });
  },
  'nft',
);

kernelTest('a sysctl that was on before stays on when labels go', async t => {
  const { inside } = await container(t);
  const { sandboxes } = await programmer(t);
  inside.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  const desired = desire(inside, { table: accepting(80), sysctls: [IP_FORWARD, IPV6_FORWARDING] });
  sandboxes.reconcile(desired);
  sandboxes.clear(inside.ref);
  assert.deepEqual(
    [sysctl(inside, 'ipv4/ip_forward'), sysctl(inside, 'ipv6/conf/all/forwarding')],
    ['1', '0'],
  );
});

kernelTest('what is observed of nothing is nothing', async t => {
  const { inside } = await container(t);
  const { sandboxes } = await programmer(t);
  assert.deepEqual(sandboxes.observe(inside.ref), {
    before: [],
    hasTable: false,
    routes: [],
    rules: [],
    sysctls: [],
  });
});

kernelTest(
  'a table without its stamp is seen to be there, and not to be whole',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    inside.exec('nft', 'add', 'table', 'inet', 'dwgd');
    const observed = sandboxes.observe(inside.ref)!;
    assert.deepEqual([observed.hasTable, observed.stamp], [true, undefined]);
    sandboxes.clear(inside.ref);
    assert.equal(ruleset(inside), '');
  },
  'nft',
);

for (const [what, command, kind] of [
  ['the ruleset flushed', ['flush', 'ruleset'], 'createTable'],
  ['the table deleted', ['delete', 'table', 'inet', 'dwgd'], 'createTable'],
  ['the table emptied of its rules', ['flush', 'table', 'inet', 'dwgd'], 'replaceTable'],
] as const) {
  kernelTest(
    `${what} by hand is noticed and put right`,
    async t => {
      const { inside } = await container(t);
      const { sandboxes } = await programmer(t);
      const desired = desire(inside, { table: accepting(80) });
      sandboxes.reconcile(desired);
      const whole = ruleset(inside);
      inside.exec('nft', ...command);
      assert.deepEqual(kinds(sandboxes.reconcile(desired)!.changes), [kind]);
      assert.equal(ruleset(inside), whole);
    },
    'nft',
  );
}

kernelTest(
  'a table that the kernel refuses leaves the old one whole, is reported, and holds up no route',
  async t => {
    const { inside } = await container(t);
    const { sandboxes, said } = await programmer(t);
    sandboxes.reconcile(desire(inside, { table: accepting(80) }));
    const whole = ruleset(inside);
    const bad = {
      ...accepting(81),
      chains: [...accepting(81).chains, { name: 'bad', rules: [{ expr: [{ jump: { target: 'nosuch' } }] }] }],
    };
    said.length = 0;
    const { failures } = sandboxes.reconcile(
      desire(inside, { table: bad, routes: withFallback('10.20.0.0/16', '10.9.0.3'), sysctls: [IP_FORWARD] }),
    )!;
    assert.equal(failures.length, 1);
    assert.ok(failures[0] instanceof NftError);
    assert.match(
      failures[0].message,
      /^programming nftables of \/run\/netns\/\S+: .*No such file or directory/,
    );
    assert.equal(ruleset(inside), whole);
    assert.match(inside.ip('route', 'get', '10.20.0.1'), / via 10\.9\.0\.3 /);
    assert.equal(sysctl(inside, 'ipv4/ip_forward'), '0', 'what the table makes safe is not opened');
    assert.ok(
      said.some(line => / \d+: \{"add":\{"rule":.*nosuch/.test(line)),
      said.join('\n'),
    );
  },
  'nft',
);

kernelTest(
  'a gateway that is not on the link is reported, the fallback stands, and other routes come',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const { failures } = sandboxes.reconcile(
      desire(inside, {
        routes: [...withFallback('10.20.0.0/16', '192.0.2.1'), ...withFallback('10.21.0.0/16', '10.9.0.3')],
      }),
    )!;
    assert.deepEqual(
      failures.map(({ message }) => message),
      [
        'adding route 10.20.0.0/16 via 192.0.2.1: ENETUNREACH (network is unreachable): give a gateway on a network of the container, to which no policy rule of its own leads by another way',
      ],
    );
    assert.ok(failures[0] instanceof OpError);
    assert.throws(() => inside.ip('route', 'get', '10.20.0.1'), /No route to host/);
    assert.match(inside.ip('route', 'get', '10.21.0.1'), / via 10\.9\.0\.3 /);
  },
);

kernelTest(
  'changes are traced as commands that would do the same',
  async t => {
    const { inside } = await container(t);
    const { sandboxes, said } = await programmer(t);
    const table = accepting(80);
    sandboxes.reconcile(
      desire(inside, { table, routes: withFallback('0.0.0.0/0', '10.9.0.3'), sysctls: [IP_FORWARD] }),
    );
    const prefix = `nsenter --net=${inside.ref.path} `;
    assert.ok(said.every(line => line.startsWith(prefix)));
    const commands = said.map(line => line.slice(prefix.length));
    assert.deepEqual(
      commands.filter(command => !command.startsWith('nft ')),
      [
        'ip route prepend unreachable 0.0.0.0/0 proto 229 table 229',
        'ip rule add priority 32761 fwmark 0x20000000/0x20000000 lookup 254 protocol 229',
        'ip rule add priority 32762 lookup 254 suppress_prefixlength 1 protocol 229',
        'ip rule add priority 32763 lookup 229 suppress_prefixlength 0 protocol 229',
        'ip rule add priority 32764 lookup 254 suppress_prefixlength 0 protocol 229',
        'ip rule add priority 32765 lookup 229 protocol 229',
        'sysctl -w net/ipv4/ip_forward=1',
        'ip route prepend 0.0.0.0/0 via 10.9.0.3 proto 229 table 229',
      ],
    );
    const nft = commands.find(command => command.startsWith('nft -j '))!;
    assert.ok(nft.includes(stampOf(table)));
    // They do the same: from nothing, they bring what is then found right.
    sandboxes.clear(inside.ref);
    for (const command of commands) inside.exec('sh', '-c', command);
    assert.deepEqual(
      sandboxes.reconcile(
        desire(inside, { table, routes: withFallback('0.0.0.0/0', '10.9.0.3'), sysctls: [IP_FORWARD] }),
      ),
      { changes: [], failures: [] },
    );
  },
  'nft',
  'sysctl',
);

kernelTest('single changes are made as they are given, and what is done already is no failure', async t => {
  const { inside } = await container(t);
  const { sandboxes } = await programmer(t);
  const desired = desire(inside, { table: accepting(80), routes: withFallback('0.0.0.0/0', '10.9.0.3') });
  const { changes } = sandboxes.reconcile(desired)!;
  const again = changes.flatMap((change): Change[] => {
    if (change.kind === 'createTable') return [{ ...change, kind: 'replaceTable' }];
    return change.kind === 'addRule' ? [change] : [];
  });
  assert.deepEqual(sandboxes.apply(inside.ref, again)?.failures, []);
  const observed = sandboxes.observe(inside.ref)!;
  const removals: Change[] = [
    { kind: 'deleteTable' },
    ...observed.rules.map((rule): Change => ({ kind: 'deleteRule', rule })),
    ...observed.routes.map((route): Change => ({ kind: 'deleteRoute', route })),
    { kind: 'setSysctl', sysctl: { name: 'ipv4/conf/gone0/route_localnet', value: '0' } },
  ];
  for (let n = 0; n < 2; n++) assert.deepEqual(sandboxes.apply(inside.ref, removals)?.failures, []);
  assert.deepEqual(sandboxes.observe(inside.ref)?.routes, []);
  const table = stampedTable(accepting(81), [{ name: 'ipv4/ip_forward', value: '0' }]);
  sandboxes.apply(inside.ref, [{ kind: 'replaceTable', table }]);
  const { stamp, before } = sandboxes.observe(inside.ref)!;
  assert.deepEqual(
    { stamp, before },
    { stamp: stampOf(accepting(81)), before: [{ name: 'ipv4/ip_forward', value: '0' }] },
  );
});

kernelTest('the interface towards a forward is found again when a route moves it', async t => {
  const { inside, outside } = await container(t);
  const { sandboxes } = await programmer(t);
  inside.veth('eth1', outside, 'eth1');
  inside.ip('address', 'add', '10.10.0.2/24', 'dev', 'eth1');
  const desired = desire(inside, {
    table: accepting(80),
    sysctls: [routeLocalnet(address('10.30.0.1'))],
    routes: withFallback('10.30.0.0/16', '10.10.0.1'),
  });
  assert.deepEqual(sandboxes.reconcile(desired)?.failures, []);
  const localnet = (link: string): string => sysctl(inside, `ipv4/conf/${link}/route_localnet`);
  assert.deepEqual([localnet('eth0'), localnet('eth1')], ['0', '1']);
  assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
  sandboxes.clear(inside.ref);
  assert.deepEqual([localnet('eth0'), localnet('eth1')], ['0', '0']);
});

kernelTest('the host gets routes in its main table and nothing else', async t => {
  const { inside } = await container(t);
  const { sandboxes } = await programmer(t);
  // The host of this test is a namespace of its own: all is done from within.
  const was = [routes(inside), rules(inside)];
  const host = (...wanted: [string, string][]) =>
    inside.within(() =>
      sandboxes.reconcileHostRoutes(
        wanted.flatMap(([network, gateway]) => withFallback(network, gateway).slice(1)),
      ),
    );
  assert.deepEqual(host(['10.40.0.0/16', '10.9.0.5'], ['0.0.0.0/0', '10.9.0.6']).failures, []);
  assert.match(inside.ip('route'), /^default via 10\.9\.0\.6 dev eth0 proto 229 \ndefault via 10\.9\.0\.1 /);
  assert.match(inside.ip('route', 'get', '10.40.0.1'), / via 10\.9\.0\.5 /);
  assert.equal(rules(inside), was[1]);
  assert.deepEqual(host(['10.40.0.0/16', '10.9.0.5'], ['0.0.0.0/0', '10.9.0.6']).changes, []);
  host(['10.40.0.0/16', '10.9.0.7']);
  assert.match(inside.ip('route', 'get', '10.40.0.1'), / via 10\.9\.0\.7 /);
  host();
  assert.deepEqual([routes(inside), rules(inside)], was);
});

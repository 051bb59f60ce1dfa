// ip(8)'s verbs on the real kernel: links, addresses, routes, and the errors it gives.
import assert from 'node:assert/strict';
import { OpError } from '../../src/base/errors.js';
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../src/base/ip.js';
import { RtNetlink } from '../../src/netlink/route/client.js';
import type { RouteConfig } from '../../src/netlink/route/route.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';

const code = (expected: string) => (err: unknown) => err instanceof OpError && err.code === expected;
const to = (text: string): Pick<RouteConfig, 'destination'> => ({ destination: parsePrefix(text)! });

kernelTest('a link is made, read, changed and deleted', async t => {
  const { rt } = await Namespace.create(t);
  await rt.createLink({ name: 'br-test', kind: 'bridge', mtu: 1400, group: 7 });
  const link = await rt.link('br-test');
  assert.match(link!.mac!, /^([\da-f]{2}:){5}[\da-f]{2}$/);
  assert.deepEqual(
    { ...link, index: 0, mac: '' },
    { index: 0, name: 'br-test', kind: 'bridge', mac: '', up: false, mtu: 1400, group: 7 },
  );
  assert.deepEqual(await rt.link(link!.index), link);
  await rt.setLink('br-test', { up: true, mtu: 1300 });
  assert.deepEqual([(await rt.link('br-test'))?.up, (await rt.link('br-test'))?.mtu], [true, 1300]);
  await rt.setLink('br-test', { up: false });
  assert.equal((await rt.link('br-test'))?.up, false);
  await rt.deleteLink('br-test');
  assert.equal(await rt.link('br-test'), undefined);
});

kernelTest('a bridge that we made is one that ip(8) sees', async t => {
  const ns = await Namespace.create(t);
  await ns.rt.createLink({ name: 'br-test', kind: 'bridge', mtu: 1400, group: 7 });
  const [seen] = JSON.parse(ns.ip('-json', '-details', 'link', 'show', 'br-test')) as [
    Record<string, unknown>,
  ];
  assert.deepEqual(
    [seen.mtu, seen.group, (seen.linkinfo as { info_kind: string }).info_kind],
    [1400, '7', 'bridge'],
  );
});

kernelTest('refusals have their codes and say what was being done', async t => {
  const { rt } = await Namespace.create(t);
  await rt.createLink({ name: 'br-test', kind: 'bridge' });
  await assert.rejects(rt.createLink({ name: 'br-test', kind: 'bridge' }), code('EEXIST'));
  await assert.rejects(rt.createLink({ name: 'x', kind: 'nosuchkind' }), code('EOPNOTSUPP'));
  await assert.rejects(rt.deleteLink('nosuch'), code('ENODEV'));
  await assert.rejects(rt.setLink('nosuch', { up: true }), code('ENODEV'));
  await assert.rejects(rt.setLink('br-test', { mtu: 1 }), code('EINVAL'));
  await assert.rejects(rt.createLink({ name: 'br-test', kind: 'bridge' }), {
    message: 'creating link br-test: EEXIST (file already exists)',
  });
  await assert.rejects(rt.setLink('nosuch', { netnsFd: 0 }), { message: /^moving link nosuch: / });
});

kernelTest('addresses of both families are added, listed and deleted', async t => {
  const { rt, index } = await bridge(t);
  for (const text of ['10.0.0.2/24', 'fd00::2/64'])
    await rt.addAddress({ index, prefix: parsePrefix(text)! });
  const list = async () =>
    (await rt.addresses()).filter(a => a.index === index).map(a => formatPrefix(a.prefix));
  assert.deepEqual(
    (await list()).filter(text => !text.startsWith('fe80')),
    ['10.0.0.2/24', 'fd00::2/64'],
  );
  await assert.rejects(rt.addAddress({ index, prefix: parsePrefix('10.0.0.2/24')! }), code('EEXIST'));
  await rt.deleteAddress({ index, prefix: parsePrefix('10.0.0.2/24')! });
  assert.ok(!(await list()).includes('10.0.0.2/24'));
  await assert.rejects(
    rt.deleteAddress({ index, prefix: parsePrefix('10.0.0.2/24')! }),
    code('EADDRNOTAVAIL'),
  );
});

kernelTest('routes of every kind are added, found and deleted', async t => {
  const { rt, index } = await bridge(t);
  await rt.addAddress({ index, prefix: parsePrefix('10.0.0.2/24')! });
  await rt.addAddress({ index, prefix: parsePrefix('fd00::2/64')! });
  const routes: RouteConfig[] = [
    { ...to('10.1.0.0/16'), index },
    { ...to('10.2.0.0/16'), gateway: parseAddress('10.0.0.1')!, metric: 50, protocol: 199 },
    { ...to('10.3.0.0/16'), index, table: 1000 },
    { ...to('10.4.0.0/16'), type: 7 },
    { ...to('10.5.0.0/16'), index, type: 2, table: 255 },
    { ...to('fd01::/64'), index },
    { ...to('::/0'), gateway: parseAddress('fd00::1')!, metric: 1 },
  ];
  for (const route of routes) await rt.addRoute(route);
  const list = await rt.routes();
  for (const { destination, ...wanted } of routes) {
    const found = list.find(route => formatPrefix(route.destination) === formatPrefix(destination));
    assert.ok(found, formatPrefix(destination));
    for (const [name, value] of Object.entries(wanted))
      assert.deepEqual(found[name as keyof typeof found], value);
  }
  const path = await rt.routeTo(parseAddress('10.2.3.4')!);
  assert.deepEqual([formatAddress(path!.gateway!), path!.index], ['10.0.0.1', index]);
  await assert.rejects(rt.addRoute(routes[0]!), code('EEXIST'));
  await assert.rejects(
    rt.addRoute({ ...to('10.6.0.0/16'), gateway: parseAddress('192.0.2.1')! }),
    code('ENETUNREACH'),
  );
  for (const route of routes) await rt.deleteRoute(route);
  await assert.rejects(rt.deleteRoute(routes[0]!), code('ESRCH'));
  await assert.rejects(rt.routeTo(parseAddress('192.0.2.1')!), code('ENETUNREACH'));
});

kernelTest(
  'the gateways of a route are read, also where it has several or one of the other family',
  async t => {
    const ns = await Namespace.create(t);
    const { rt } = ns;
    ns.ip('link', 'add', 'd0', 'type', 'bridge');
    ns.ip('link', 'set', 'd0', 'up');
    ns.ip('address', 'add', '10.0.0.2/24', 'dev', 'd0');
    ns.ip('address', 'add', 'fd00::2/64', 'dev', 'd0', 'nodad');
    const several = (one: string, other: string) => ['nexthop', 'via', one, 'nexthop', 'via', other];
    ns.ip('route', 'add', '10.1.0.0/16', ...several('10.0.0.1', '10.0.0.9'));
    ns.ip('-6', 'route', 'add', 'fd01::/64', ...several('fd00::1', 'fd00::9'));
    ns.ip('route', 'add', '10.2.0.0/16', 'via', 'inet6', 'fd00::1');
    const found = (await rt.routes()).flatMap(({ destination, gateways = [] }) =>
      gateways.map(gateway => `${formatPrefix(destination)} ${formatAddress(gateway)}`),
    );
    assert.deepEqual(found.sort(), [
      '10.1.0.0/16 10.0.0.1',
      '10.1.0.0/16 10.0.0.9',
      '10.2.0.0/16 fd00::1',
      'fd01::/64 fd00::1',
      'fd01::/64 fd00::9',
    ]);
  },
);

kernelTest('a route is deleted by its destination alone, whoever made it', async t => {
  const { rt, index } = await bridge(t);
  await rt.addAddress({ index, prefix: parsePrefix('10.0.0.2/24')! });
  await rt.addRoute({ ...to('10.2.0.0/16'), gateway: parseAddress('10.0.0.1')!, protocol: 199 });
  await rt.addRoute({ ...to('10.4.0.0/16'), type: 7 });
  await rt.deleteRoute(to('10.2.0.0/16'));
  await rt.deleteRoute(to('10.4.0.0/16'));
  const left = (await rt.routes()).map(({ destination }) => formatPrefix(destination));
  assert.ok(!left.includes('10.2.0.0/16') && !left.includes('10.4.0.0/16'));
});

kernelTest('a prepended route wins, and deleting it brings the other back', async t => {
  const { rt, index } = await bridge(t);
  await rt.addAddress({ index, prefix: parsePrefix('10.0.0.2/24')! });
  const hop = async () => formatAddress((await rt.routeTo(parseAddress('192.0.2.1')!))!.gateway!);
  const old = { ...to('0.0.0.0/0'), gateway: parseAddress('10.0.0.1')! };
  const ours = { ...to('0.0.0.0/0'), gateway: parseAddress('10.0.0.9')!, protocol: 199 };
  await rt.addRoute(old);
  await rt.addRoute(ours, 'prepend');
  assert.equal(await hop(), '10.0.0.9');
  await rt.deleteRoute(ours);
  assert.equal(await hop(), '10.0.0.1');
  await rt.addRoute(ours, 'replace');
  assert.equal((await rt.routes()).filter(r => r.destination.length === 0 && r.protocol === 3).length, 0);
});

/** A kind of link that the kernel makes and frees quickly: a thousand bridges take it ten seconds. */
const CHEAP = 'ifb';

kernelTest('a thousand links are listed whole, while others list too', async t => {
  const ns = await Namespace.create(t);
  await Promise.all(Array.from({ length: 1000 }, (_, n) => ns.rt.createLink({ name: `l${n}`, kind: CHEAP })));
  const lists = await Promise.all([ns.rt.links(), ns.rt.links(), ns.rt.links()]);
  for (const links of lists) {
    const names = new Set(links.map(({ name }) => name));
    assert.equal(links.length, names.size);
    for (let n = 0; n < 1000; n++) assert.ok(names.has(`l${n}`));
  }
});

kernelTest('a list that changed while it was read is read again', async t => {
  const ns = await Namespace.create(t);
  const names = Array.from({ length: 200 }, (_, n) => `s${n}`);
  await Promise.all(names.map(name => ns.rt.createLink({ name, kind: CHEAP })));
  const other = ns.within(() => new RtNetlink());
  t.after(() => other.close());
  const listing = ns.rt.links();
  // The kernel has written the beginning of the list by then, which fits one datagram and has s0 in it.
  await new Promise(resolve => queueMicrotask(() => queueMicrotask(() => resolve(undefined))));
  await Promise.all([other.deleteLink('s0'), other.createLink({ name: 'late', kind: CHEAP })]);
  const listed = (await listing).map(({ name }) => name);
  assert.deepEqual(listed.sort(), ['lo', 'late', ...names.slice(1)].sort());
});

kernelTest('none of this is in the namespace of the tests', () => {
  assert.doesNotMatch(run('ip', '-oneline', 'link', 'show'), /br-test|\bl999\b/);
});

/** A namespace with a bridge that is up. */
async function bridge(t: Parameters<typeof Namespace.create>[0]) {
  const { rt } = await Namespace.create(t);
  await rt.createLink({ name: 'br-test', kind: 'bridge' });
  await rt.setLink('br-test', { up: true });
  return { rt, index: (await rt.link('br-test'))!.index };
}

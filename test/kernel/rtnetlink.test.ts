// ip(8)'s verbs on the real kernel: links, addresses, routes, and the errors it gives.
import assert from 'node:assert/strict';
import { OpError } from '../../src/base/errors.js';
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../src/base/ip.js';
import { DUMP_BUFFER_BYTES, openConnection } from '../../src/netlink/connection.js';
import { NETLINK_ROUTE } from '../../src/netlink/message.js';
import { RtNetlink } from '../../src/netlink/route/client.js';
import type { RouteConfig } from '../../src/netlink/route/route.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';

const code = (expected: string) => (err: unknown) => err instanceof OpError && err.code === expected;
const to = (text: string): Pick<RouteConfig, 'destination'> => ({ destination: parsePrefix(text)! });

kernelTest('a link is made, read, changed and deleted', async t => {
  const { rt } = await Namespace.create(t);
  rt.createLink({ name: 'br-test', kind: 'bridge', mtu: 1400, group: 7 });
  const link = rt.link('br-test');
  assert.match(link!.mac!, /^([\da-f]{2}:){5}[\da-f]{2}$/);
  assert.deepEqual(
    { ...link, index: 0, mac: '' },
    { index: 0, name: 'br-test', kind: 'bridge', mac: '', up: false, mtu: 1400, group: 7 },
  );
  assert.deepEqual(rt.link(link!.index), link);
  rt.setLink('br-test', { up: true, mtu: 1300 });
  assert.deepEqual([rt.link('br-test')?.up, rt.link('br-test')?.mtu], [true, 1300]);
  rt.setLink('br-test', { up: false });
  assert.equal(rt.link('br-test')?.up, false);
  rt.deleteLink('br-test');
  assert.equal(rt.link('br-test'), undefined);
});

kernelTest('a link gets another name, unless that is taken', async t => {
  const { rt } = await Namespace.create(t);
  rt.createLink({ name: 'br-test', kind: 'bridge' });
  rt.createLink({ name: 'br-taken', kind: 'bridge' });
  const link = rt.link('br-test')!;
  assert.throws(() => rt.renameLink(link, 'br-taken'), code('EEXIST'));
  rt.renameLink(link, 'br-named');
  assert.equal(rt.link('br-test'), undefined);
  assert.equal(rt.link('br-named')?.index, link.index);
});

kernelTest('a bridge that we made is one that ip(8) sees', async t => {
  const ns = await Namespace.create(t);
  ns.rt.createLink({ name: 'br-test', kind: 'bridge', mtu: 1400, group: 7 });
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
  rt.createLink({ name: 'br-test', kind: 'bridge' });
  assert.throws(() => rt.createLink({ name: 'br-test', kind: 'bridge' }), code('EEXIST'));
  assert.throws(() => rt.createLink({ name: 'x', kind: 'nosuchkind' }), code('EOPNOTSUPP'));
  assert.throws(() => rt.deleteLink('nosuch'), code('ENODEV'));
  assert.throws(() => rt.setLink('nosuch', { up: true }), code('ENODEV'));
  assert.throws(() => rt.setLink('br-test', { mtu: 1 }), code('EINVAL'));
  assert.throws(() => rt.createLink({ name: 'br-test', kind: 'bridge' }), {
    message: 'creating link br-test: EEXIST (file already exists)',
  });
  assert.throws(() => rt.setLink('nosuch', { netnsFd: 0 }), { message: /^moving link nosuch: / });
});

kernelTest('addresses of both families are added, listed and deleted', async t => {
  const { rt, index } = await bridge(t);
  for (const text of ['10.0.0.2/24', 'fd00::2/64']) rt.addAddress({ index, prefix: parsePrefix(text)! });
  const list = async () =>
    rt
      .addresses()
      .filter(a => a.index === index)
      .map(a => formatPrefix(a.prefix));
  assert.deepEqual(
    (await list()).filter(text => !text.startsWith('fe80')),
    ['10.0.0.2/24', 'fd00::2/64'],
  );
  assert.throws(() => rt.addAddress({ index, prefix: parsePrefix('10.0.0.2/24')! }), code('EEXIST'));
  rt.deleteAddress({ index, prefix: parsePrefix('10.0.0.2/24')! });
  assert.ok(!(await list()).includes('10.0.0.2/24'));
  assert.throws(
    () => rt.deleteAddress({ index, prefix: parsePrefix('10.0.0.2/24')! }),
    code('EADDRNOTAVAIL'),
  );
});

kernelTest('routes of every kind are added, found and deleted', async t => {
  const { rt, index } = await bridge(t);
  rt.addAddress({ index, prefix: parsePrefix('10.0.0.2/24')! });
  rt.addAddress({ index, prefix: parsePrefix('fd00::2/64')! });
  const routes: RouteConfig[] = [
    { ...to('10.1.0.0/16'), index },
    { ...to('10.2.0.0/16'), gateway: parseAddress('10.0.0.1')!, metric: 50, protocol: 199 },
    { ...to('10.3.0.0/16'), index, table: 1000 },
    { ...to('10.4.0.0/16'), type: 7 },
    { ...to('10.5.0.0/16'), index, type: 2, table: 255 },
    { ...to('fd01::/64'), index },
    { ...to('::/0'), gateway: parseAddress('fd00::1')!, metric: 1 },
  ];
  for (const route of routes) rt.addRoute(route);
  const list = rt.routes();
  for (const { destination, ...wanted } of routes) {
    const found = list.find(route => formatPrefix(route.destination) === formatPrefix(destination));
    assert.ok(found, formatPrefix(destination));
    for (const [name, value] of Object.entries(wanted))
      assert.deepEqual(found[name as keyof typeof found], value);
  }
  const path = rt.routeTo(parseAddress('10.2.3.4')!);
  assert.deepEqual([formatAddress(path!.gateway!), path!.index], ['10.0.0.1', index]);
  assert.throws(() => rt.addRoute(routes[0]!), code('EEXIST'));
  assert.throws(
    () => rt.addRoute({ ...to('10.6.0.0/16'), gateway: parseAddress('192.0.2.1')! }),
    code('ENETUNREACH'),
  );
  for (const route of routes) rt.deleteRoute(route);
  assert.throws(() => rt.deleteRoute(routes[0]!), code('ESRCH'));
  assert.throws(() => rt.routeTo(parseAddress('192.0.2.1')!), code('ENETUNREACH'));
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
    const found = rt
      .routes()
      .flatMap(({ destination, gateways = [] }) =>
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
  rt.addAddress({ index, prefix: parsePrefix('10.0.0.2/24')! });
  rt.addRoute({ ...to('10.2.0.0/16'), gateway: parseAddress('10.0.0.1')!, protocol: 199 });
  rt.addRoute({ ...to('10.4.0.0/16'), type: 7 });
  rt.deleteRoute(to('10.2.0.0/16'));
  rt.deleteRoute(to('10.4.0.0/16'));
  const left = rt.routes().map(({ destination }) => formatPrefix(destination));
  assert.ok(!left.includes('10.2.0.0/16') && !left.includes('10.4.0.0/16'));
});

kernelTest('a prepended route wins, and deleting it brings the other back', async t => {
  const { rt, index } = await bridge(t);
  rt.addAddress({ index, prefix: parsePrefix('10.0.0.2/24')! });
  const hop = async () => formatAddress(rt.routeTo(parseAddress('192.0.2.1')!)!.gateway!);
  const old = { ...to('0.0.0.0/0'), gateway: parseAddress('10.0.0.1')! };
  const ours = { ...to('0.0.0.0/0'), gateway: parseAddress('10.0.0.9')!, protocol: 199 };
  rt.addRoute(old);
  rt.addRoute(ours, 'prepend');
  assert.equal(await hop(), '10.0.0.9');
  rt.deleteRoute(ours);
  assert.equal(await hop(), '10.0.0.1');
  rt.addRoute(ours, 'replace');
  assert.equal(rt.routes().filter(r => r.destination.length === 0 && r.protocol === 3).length, 0);
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
  for (const name of names) ns.rt.createLink({ name, kind: CHEAP });
  const buffer = Buffer.alloc(DUMP_BUFFER_BYTES);
  let reads = 0;
  // What happens between two reads: the view of the first, which has s0 in it, is taken.
  buffer.subarray = (...range) => {
    if (++reads === 1) {
      ns.rt.deleteLink('s0');
      ns.rt.createLink({ name: 'late', kind: CHEAP });
    }
    return Uint8Array.prototype.subarray.apply(buffer, range) as Buffer<ArrayBuffer>;
  };
  const rt = ns.within(() => new RtNetlink(openConnection(NETLINK_ROUTE, { buffer })));
  t.after(() => rt.close());
  const listed = rt.links().map(({ name }) => name);
  assert.deepEqual(listed.sort(), ['lo', 'late', ...names.slice(1)].sort());
});

kernelTest('none of this is in the namespace of the tests', () => {
  assert.doesNotMatch(run('ip', '-oneline', 'link', 'show'), /br-test|\bl999\b/);
});

/** A namespace with a bridge that is up. */
async function bridge(t: Parameters<typeof Namespace.create>[0]) {
  const { rt } = await Namespace.create(t);
  rt.createLink({ name: 'br-test', kind: 'bridge' });
  rt.setLink('br-test', { up: true });
  return { rt, index: rt.link('br-test')!.index };
}

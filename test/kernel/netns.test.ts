// The window into another namespace: what sees it, what does not, and that it closes.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { OpError } from '../../src/base/errors.js';
import { formatPrefix, parsePrefix } from '../../src/base/ip.js';
import { Netns, NetnsSwitch } from '../../src/netlink/netns.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';
import { eventually } from '../support/shell.js';

const here = (): string => readlinkSync('/proc/thread-self/ns/net');

kernelTest('in the window we are in the other namespace, and behind it back in ours', async t => {
  const ns = await Namespace.create(t);
  const before = here();
  const inside = ns.within(here);
  assert.notEqual(inside, before);
  assert.equal(here(), before);
});

kernelTest('the window closes when what is done in it throws', async t => {
  const ns = await Namespace.create(t);
  const before = here();
  const failing = (): void => {
    throw new Error('inside');
  };
  assert.throws(() => ns.within(failing), /inside/);
  assert.equal(here(), before);
});

kernelTest(
  "/proc/sys/net is the other namespace's, to read and to write, for synchronous calls alone",
  async t => {
    const ns = await Namespace.create(t);
    ns.rt.createLink({ name: 'br-sys', kind: 'bridge' });
    const conf = '/proc/sys/net/ipv4/conf';
    assert.ok(ns.within(() => readdirSync(conf)).includes('br-sys'));
    assert.ok(!readdirSync(conf).includes('br-sys'));
    const file = `${conf}/br-sys/rp_filter`;
    ns.within(() => writeFileSync(file, '2'));
    assert.equal(
      ns.within(() => readFileSync(file, 'utf8')),
      '2\n',
    );
    let late: Promise<string> | undefined;
    ns.within(() => {
      late = readFile(file, 'utf8');
    });
    await assert.rejects(late!, /ENOENT/, 'what runs on a thread is in the host namespace');
  },
);

kernelTest('the threads of the pool stay where they belong, whatever they were first used for', async t => {
  const ns = await Namespace.create(t);
  const links = (): Promise<string> => readFile('/proc/thread-self/net/dev', 'utf8');
  ns.rt.createLink({ name: 'br-pool', kind: 'bridge' });
  const lists: Promise<string>[] = [];
  ns.within(() => {
    for (let n = 0; n < 16; n++) lists.push(links());
  });
  for (const list of await Promise.all(lists)) assert.ok(!list.includes('br-pool'));
});

kernelTest(
  'a link is moved by the descriptor of its new namespace, and loses its addresses there',
  async t => {
    const [from, to] = [await Namespace.create(t), await Namespace.create(t)];
    from.rt.createLink({ name: 'br-move', kind: 'bridge' });
    from.ip('link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
    const index = await from.index('v0');
    from.rt.addAddress({ index, prefix: parsePrefix('10.0.0.1/24')! });
    from.rt.setLink('v0', { netnsFd: to.netns.fd });
    assert.equal(from.rt.link('v0'), undefined);
    assert.equal(to.rt.link('v0')?.kind, 'veth');
    assert.ok(!to.rt.addresses().some(({ prefix }) => formatPrefix(prefix) === '10.0.0.1/24'));
    assert.throws(() => from.rt.setLink('nosuch', { netnsFd: to.netns.fd }), { code: 'ENODEV' });
    assert.match(to.ip('link', 'show', 'v0'), /v0@/);
  },
);

kernelTest('a descriptor that is no namespace cannot be entered', async () => {
  const entry = await NetnsSwitch.open();
  const file = new Netns('/proc/self/status');
  assert.throws(
    () => entry.within(file, () => undefined),
    (err: unknown) => err instanceof OpError && err.code === 'EINVAL',
  );
  file.close();
  entry.close();
});

kernelTest('a namespace that is gone is ENOENT', () => {
  assert.throws(() => new Netns('/run/netns/dwgd-nosuch'), { code: 'ENOENT' });
});

kernelTest('a namespace is freed once its handle and sockets are closed', async t => {
  const ns = await Namespace.create(t);
  ns.ip(
    'link',
    'add',
    'v-in',
    'type',
    'veth',
    'peer',
    'name',
    `o${ns.name.slice(-8)}`,
    'netns',
    String(process.pid),
  );
  const outer = `o${ns.name.slice(-8)}`;
  assert.match(run('ip', 'link', 'show', outer), new RegExp(outer));
  ns.free();
  await eventually(() => !run('ip', '-oneline', 'link').includes(outer));
});

/** What does not compile: a function that goes on after the window has closed. */
export function compileTimeOnly(entry: NetnsSwitch, netns: Netns): void {
  // @ts-expect-error a function that returns a promise
  entry.within(netns, async () => 1);
  // @ts-expect-error the same, by another name
  entry.within(netns, () => readFile('/proc/sys/net/ipv4/ip_forward'));
  // @ts-expect-error it may be a promise
  entry.within(netns, (): number | Promise<number> => 1);
  entry.within(netns, () => readFileSync('/proc/sys/net/ipv4/ip_forward'));
}

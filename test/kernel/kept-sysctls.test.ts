// Sysctls of several namespaces, read again and again from the kernel: by netlink, and by files that stay open.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeptSysctls } from '../../src/labels/sysctls/kept-sysctls.js';
import type { SysctlTeller } from '../../src/labels/sysctls/sysctl-files.js';
import { Nft } from '../../src/nft/client.js';
import { kernelTest, Namespace } from '../support/namespace.js';

const MARK = 'ipv4/conf/all/src_valid_mark';
const ACCEPT = 'ipv4/tcp_fwmark_accept';
const FLOWS = 'netfilter/nf_conntrack_count';

interface Read {
  readonly ns: Namespace;
  readonly read: (name: string) => string | undefined;
  readonly set: (name: string, value: string) => void;
  readonly write: (name: string, value: string) => boolean;
}

const opened = (): number => readdirSync('/proc/self/fd').length;

async function reader(t: TestContext, sysctls: KeptSysctls, netns?: string): Promise<Read> {
  const ns = await Namespace.create(t);
  const nft = new Nft();
  t.after(() => nft.close());
  const teller: SysctlTeller = {
    netns: netns ?? ns.netns.key,
    forwarding: family => ns.rt.forwarding(family),
    flows: () => nft.conntrack.count(),
  };
  return {
    ns,
    read: name => ns.within(() => sysctls.read(name, teller)),
    write: (name, value) => ns.within(() => sysctls.write(name, value, teller)),
    set: (name, value) => ns.exec('sh', '-c', `echo ${value} > /proc/sys/net/${name}`),
  };
}

for (const name of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding', MARK, ACCEPT])
  kernelTest(`${name} is that of each namespace as it is now, in turns`, async t => {
    const sysctls = new KeptSysctls();
    t.after(() => sysctls.close());
    const [one, other] = [await reader(t, sysctls), await reader(t, sysctls)];
    for (const [first, second] of ['01', '10', '11', '00', '10']) {
      one.set(name, first!);
      other.set(name, second!);
      assert.deepEqual([one.read(name), other.read(name)], [first, second]);
    }
  });

kernelTest('what is written is that of its own namespace', async t => {
  const sysctls = new KeptSysctls();
  t.after(() => sysctls.close());
  const [one, other] = [await reader(t, sysctls), await reader(t, sysctls)];
  for (const it of [one, other]) for (const name of [MARK, ACCEPT]) it.read(name);
  assert.deepEqual([one.write(MARK, '1'), other.write(ACCEPT, '1')], [true, true]);
  const shown = ({ ns }: Read) =>
    ns.exec('sysctl', '-n', 'net.ipv4.conf.all.src_valid_mark', 'net.ipv4.tcp_fwmark_accept');
  assert.deepEqual([shown(one), shown(other)], ['1\n0\n', '0\n1\n']);
});

kernelTest(
  'of a link that is not there nothing is read or written, and the others are as before',
  async t => {
    const sysctls = new KeptSysctls();
    t.after(() => sysctls.close());
    const { read, write } = await reader(t, sysctls);
    assert.equal(read(MARK), '0');
    const name = 'ipv4/conf/nosuch/route_localnet';
    assert.deepEqual([read(name), write(name, '1'), read(MARK)], [undefined, false, '0']);
  },
);

kernelTest('forwarding that netlink tells is what sysctl(8) shows, whatever the number', async t => {
  const { ns, set } = await reader(t, new KeptSysctls());
  for (const value of ['0', '1', '2', '-7']) {
    set('ipv4/ip_forward', value);
    assert.equal(ns.rt.forwarding(4), Number(ns.exec('sysctl', '-n', 'net.ipv4.ip_forward')));
    set('ipv6/conf/all/forwarding', value);
    assert.equal(ns.rt.forwarding(6), Number(ns.exec('sysctl', '-n', 'net.ipv6.conf.all.forwarding')));
  }
});

kernelTest('the number of flows is that of the namespace', async t => {
  const { ns, read } = await reader(t, new KeptSysctls());
  ns.rt.setLink('lo', { up: true });
  assert.equal(read(FLOWS), '0');
  ns.exec(
    'nft',
    'add table inet t { chain c { type filter hook output priority 0; ct state new accept; }; }',
  );
  ns.exec('sh', '-c', 'echo > /dev/udp/127.0.0.1/9 || true');
  ns.exec('ping', '-c', '1', '127.0.0.1');
  assert.equal(read(FLOWS), ns.exec('sysctl', '-n', 'net.netfilter.nf_conntrack_count').trim());
  assert.notEqual(read(FLOWS), '0');
});

kernelTest('a folder stays open for each namespace that is kept, and no longer', async t => {
  const sysctls = new KeptSysctls();
  const [one, other] = [await reader(t, sysctls), await reader(t, sysctls)];
  const before = opened();
  for (let time = 0; time < 3; time++)
    for (const it of [one, other]) for (const name of [MARK, ACCEPT]) it.read(name);
  assert.equal(opened() - before, 2);
  sysctls.retainOnly(new Set([other.ns.netns.key]));
  assert.equal(opened() - before, 1);
  sysctls.close();
  assert.equal(opened() - before, 0);
});

kernelTest('a namespace that has the key of one that is gone is not told by its files', async t => {
  const sysctls = new KeptSysctls();
  t.after(() => sysctls.close());
  const gone = await reader(t, sysctls, 'the same');
  gone.set(MARK, '1');
  assert.equal(gone.read(MARK), '1');
  gone.ns.free();
  const next = await reader(t, sysctls, 'the same');
  // The kernel takes it down a moment later: until then the two are there at once, as no two with one key can be.
  for (let time = 0; time < 500 && next.read(MARK) === '1'; time++) await sleep(20);
  assert.equal(next.read(MARK), '0');
  next.set(MARK, '1');
  assert.equal(next.read(MARK), '1');
});

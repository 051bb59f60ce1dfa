// What a pass over a namespace leaves alone: rules and routes of others, namespaces that are not meant, and itself no
// trace in file descriptors or namespaces that live on.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { UserError } from '../../src/base/errors.js';
import type { SandboxDesired } from '../../src/labels/diff/state.js';
import { IP_FORWARD, IPV6_FORWARDING } from '../../src/labels/diff/sysctls.js';
import { MAX_DUMP_MESSAGES } from '../../src/netlink/connection.js';
import { Netns } from '../../src/netlink/netns.js';
import { accepting, container, desire, programmer, withFallback } from '../support/label-namespace.js';
import { kernelTest, type Namespace, run } from '../support/namespace.js';
import { eventually } from '../support/shell.js';

const full = (ns: Namespace): SandboxDesired =>
  desire(ns, {
    table: accepting(80),
    routes: [...withFallback('0.0.0.0/0', '10.9.0.3'), ...withFallback('fd20::/64', 'fd09::3')],
    sysctls: [IP_FORWARD, IPV6_FORWARDING],
  });

kernelTest(
  "rules made with iptables and nft, and others' routes and policy rules, stay byte for byte",
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    inside.exec('iptables', '-A', 'INPUT', '-p', 'tcp', '--dport', '81', '-j', 'DROP');
    inside.exec('iptables', '-t', 'nat', '-A', 'POSTROUTING', '-o', 'eth0', '-j', 'MASQUERADE');
    inside.exec('ip6tables', '-A', 'FORWARD', '-j', 'REJECT');
    inside.exec(
      'nft',
      'add table inet theirs; add chain inet theirs stamp; add rule inet theirs stamp accept',
    );
    inside.exec('nft', 'add table ip dwgd; add chain ip dwgd stamp; add rule ip dwgd stamp drop');
    inside.ip('route', 'add', '10.20.0.0/16', 'via', '10.9.0.1', 'proto', '99');
    inside.ip('route', 'add', '10.21.0.0/16', 'via', '10.9.0.1', 'table', '229', 'proto', '99');
    inside.ip('rule', 'add', 'priority', '32761', 'lookup', '100');
    const theirs = () => ({
      iptables: inside.exec('iptables-save').replace(/^#.*\n/gm, ''),
      ip6tables: inside.exec('ip6tables-save').replace(/^#.*\n/gm, ''),
      nft: ['inet theirs', 'ip dwgd', 'ip filter', 'ip nat', 'ip6 filter'].map(table =>
        inside.exec('nft', '--handle', 'list', 'table', ...table.split(' ')),
      ),
      // Where IPv6 is forwarded, the kernel itself adds anycast addresses.
      routes: [4, 6].map(n =>
        inside.ip(`-${n}`, 'route', 'show', 'table', 'all').replace(/(anycast |.* proto 229 ).*\n/g, ''),
      ),
      rules: inside.ip('rule').replace(/.* proto 229\n/g, ''),
    });
    const before = theirs();
    assert.deepEqual(sandboxes.reconcile(full(inside))?.failures, []);
    assert.deepEqual(theirs(), before);
    sandboxes.reconcile(
      desire(inside, { table: accepting(82), routes: withFallback('10.20.0.0/16', '10.9.0.4') }),
    );
    assert.deepEqual(theirs(), before);
    sandboxes.clear(inside.ref);
    assert.deepEqual(theirs(), before);
    assert.doesNotMatch(inside.ip('route', 'show', 'table', 'all'), / proto 229 /);
  },
  'nft',
  'iptables',
);

kernelTest('a namespace that vanished, and one in the place of another, are left alone quietly', async t => {
  const { inside, outside } = await container(t);
  const { sandboxes, said } = await programmer(t);
  const gone = { ...inside.ref, path: '/run/netns/dwgd-nosuch' };
  const ended = { ...inside.ref, path: '/proc/4194305/ns/net' };
  const replaced = { ...inside.ref, path: outside.ref.path };
  for (const netns of [gone, ended, replaced]) {
    assert.equal(sandboxes.reconcile({ ...full(inside), netns }), undefined);
    assert.equal(sandboxes.clear(netns), undefined);
    assert.equal(sandboxes.observe(netns), undefined);
    assert.equal(sandboxes.apply(netns, [{ kind: 'deleteTable' }]), undefined);
  }
  assert.deepEqual(said, []);
});

kernelTest("the host's own namespace is refused, whatever its key is said to be", async t => {
  const { sandboxes, said } = await programmer(t);
  const { inside } = await container(t);
  const host = new Netns('/proc/self/ns/net');
  t.after(() => host.close());
  for (const key of [host.key, inside.ref.key]) {
    const netns = { key, path: '/proc/self/ns/net' };
    assert.throws(() => sandboxes.reconcile({ ...full(inside), netns }), UserError);
    assert.throws(() => sandboxes.clear(netns), /is the host's own network namespace/);
  }
  assert.deepEqual(said, []);
});

kernelTest(
  'the host is refused, too, where it is not the namespace that the process is in',
  async t => {
    const { inside, outside } = await container(t);
    const { sandboxes } = await programmer(t, inside.ref);
    const netns = { key: outside.ref.key, path: inside.ref.path };
    assert.throws(() => sandboxes.reconcile(full(inside)), UserError);
    assert.throws(() => sandboxes.clear(netns), UserError);
    assert.equal(inside.exec('nft', 'list', 'ruleset'), '');
    assert.deepEqual(sandboxes.reconcile(desire(outside, { table: accepting(80) }))?.failures, []);
  },
  'nft',
);

kernelTest('what is no namespace is an error that says so', async t => {
  const { inside } = await container(t);
  const { sandboxes } = await programmer(t);
  const file = new Netns('/proc/self/status');
  t.after(() => file.close());
  const netns = { key: file.key, path: '/proc/self/status' };
  assert.throws(() => sandboxes.reconcile({ ...full(inside), netns }), { code: 'EINVAL' });
});

kernelTest(
  'two hundred passes leave no file descriptor, whether there was something to do or not',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let n = 0; n < 200; n++) {
      if (n % 3 === 0) sandboxes.clear(inside.ref);
      else assert.deepEqual(sandboxes.reconcile(full(inside))?.failures, []);
      assert.ok(open() < before + 80, 'what is let go later does not pile up');
    }
    // A folder of sysctls is kept as long as the namespace is.
    sandboxes.retainOnly(new Set());
    // What holds a socket is let go a moment later.
    await eventually(() => assert.ok(open() <= before, `${open()} open, ${before} before`));
  },
);

kernelTest('a namespace that was programmed is gone when it is deleted', async t => {
  const { inside, outside } = await container(t);
  const { sandboxes } = await programmer(t);
  sandboxes.reconcile(full(inside));
  sandboxes.reconcile(full(inside));
  sandboxes.clear(inside.ref);
  assert.match(outside.ip('link'), /eth0/);
  inside.free();
  await eventually(() => assert.doesNotMatch(outside.ip('link'), /eth0/, 'its other end is gone with it'));
});

kernelTest(
  'a namespace without IPv6 addresses, and one with IPv6 switched off, take what they can',
  async t => {
    const { sandboxes } = await programmer(t);
    const { inside } = await container(t);
    inside.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6');
    const desired = desire(inside, {
      table: accepting(80),
      routes: [
        ...withFallback('0.0.0.0/0', '10.9.0.3'),
        ...withFallback('::/0'),
        ...withFallback('fd20::/64'),
      ],
      sysctls: [IP_FORWARD, IPV6_FORWARDING],
    });
    assert.deepEqual(sandboxes.reconcile(desired)?.failures, []);
    assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
    inside.exec('sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6');
    assert.deepEqual(sandboxes.reconcile(desired)?.failures, []);
    inside.ip('address', 'add', 'fd09::2/64', 'dev', 'eth0', 'nodad');
    inside.ip('route', 'replace', 'default', 'via', 'fd09::1');
    assert.throws(() => inside.ip('route', 'get', '2001:db8::1'), /No route to host|unreachable/);
  },
);

kernelTest(
  'where the kernel has no IPv6, the routes of IPv4 come, and nothing is reported of the others',
  async t => {
    const { inside } = await container(t);
    const desired = desire(inside, {
      routes: [...withFallback('10.20.0.0/16'), ...withFallback('fd20::/64')],
    });
    // A process of its own, from which the sysctls are hidden.
    const script = `
      const [folder, text] = process.argv.slice(1);
      const load = name => import(folder + name);
      (async () => {
        const { Sandboxes } = await load('labels/namespace/sandbox.js');
        const { NetnsSwitch } = await load('netlink/netns.js');
        const { Nft } = await load('nft/client.js');
        const { parsePrefix } = await load('base/ip.js');
        const { networks, ...desired } = JSON.parse(text);
        const sandboxes = new Sandboxes({ netnsSwitch: await NetnsSwitch.open(), nft: new Nft() });
        const routes = networks.map(network => ({ network: parsePrefix(network) }));
        const { changes, failures } = sandboxes.reconcile({ ...desired, routes });
        console.log(changes.length, failures.length);
      })();`;
    const text = JSON.stringify({ ...desired, networks: ['10.20.0.0/16', 'fd20::/64'] });
    const folder = new URL('../../src/', import.meta.url).href;
    const hidden = 'mount -t tmpfs none /proc/sys/net && exec "$@"';
    const node = [process.execPath, '-e', script, folder, text];
    assert.equal(run('unshare', '--mount', 'sh', '-c', hidden, 'sh', ...node), '1 0\n');
    assert.match(inside.ip('route', 'show', 'proto', '229'), /^unreachable 10\.20\.0\.0\/16 /);
    assert.equal(inside.ip('-6', 'route', 'show', 'proto', '229'), '');
  },
  'unshare',
);

for (const [what, line] of [
  ['routes', (n: number) => `route add unreachable 11.${n >> 8}.${n & 255}.0/24 protocol 229`],
  ['policy rules', (n: number) => `rule add priority ${n + 1} lookup 100 protocol 229`],
] as const) {
  kernelTest(
    `a namespace that is full of ${what} of our protocol is refused before it takes long`,
    async t => {
      const { inside } = await container(t);
      const { sandboxes, said } = await programmer(t);
      const lines = Array.from({ length: MAX_DUMP_MESSAGES + 1 }, (_, n) => line(n)).join('\n');
      execFileSync('ip', ['-n', inside.name, '-batch', '-'], { input: lines });
      assert.throws(() => sandboxes.reconcile(full(inside)), {
        name: 'ChannelError',
        message: `listing ${what}: there are more than ${MAX_DUMP_MESSAGES}`,
      });
      assert.deepEqual(said, []);
    },
  );
}

for (const [what, networks, first, later, ours] of [
  ['one half', ['0.0.0.0/1'], /come after .* or set labels for both halves/, /come before/, 5],
  ['the halves', ['0.0.0.0/1', '128.0.0.0/1'], /come before/, /come before/, 3],
  ['the whole', ['0.0.0.0/0'], /come before/, /come before/, 5],
] as const) {
  kernelTest(
    `a tunnel as wg-quick makes it, before labels for ${what} and after them: told once, and its rules stay`,
    async t => {
      const { inside } = await container(t);
      const { sandboxes } = await programmer(t);
      const routes = networks.flatMap(network => withFallback(network, '10.9.0.3'));
      const desired = desire(inside, { table: accepting(80), routes });
      const quick = (verb: string): void => {
        inside.ip('rule', verb, 'not', 'fwmark', '51820', 'table', '51820');
        inside.ip('rule', verb, 'table', 'main', 'suppress_prefixlength', '0');
      };
      const theirs = (): string => inside.ip('rule').replace(/.* proto 229\n/g, '');
      for (const expected of [first, later]) {
        quick('add');
        const before = theirs();
        for (let look = 0; look < 2; look++) {
          const { changes, failures, warnings = [] } = sandboxes.reconcile(desired)!;
          assert.equal(warnings.length, 1);
          assert.match(warnings[0]!, expected);
          assert.deepEqual([failures, look > 0 ? changes : []], [[], []]);
        }
        assert.equal(theirs(), before);
        // One of theirs is the same as one of ours, and both are there.
        assert.equal(inside.ip('rule').match(/ proto 229\n/g)?.length, ours);
        quick('del');
        const { warnings, failures } = sandboxes.reconcile(desired)!;
        assert.deepEqual([warnings, failures], [undefined, []]);
      }
    },
  );
}

kernelTest('the process itself stays where it is', async t => {
  const { inside } = await container(t);
  const { sandboxes } = await programmer(t);
  const was = [run('ip', 'link'), run('ip', 'rule')];
  sandboxes.reconcile(full(inside));
  sandboxes.clear(inside.ref);
  assert.deepEqual([run('ip', 'link'), run('ip', 'rule')], was);
});

// What leaves a container while its labels have mistakes, or the kernel refuses something of them: packets counted at
// the host's end of its link. Control packets to another port prove each time that the counter sees them.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { close, SOCK_DGRAM, sendto, socket } from '../../native/libc-sockets.js';
import { LibNftables } from '../../native/libnftables.js';
import { OpError } from '../../src/base/errors.js';
import { parseAddress } from '../../src/base/ip.js';
import { withDigest } from '../../src/labels/diff/digest.js';
import { stampOf } from '../../src/labels/diff/stamp.js';
import type { LabelledRules, SandboxDesired } from '../../src/labels/diff/state.js';
import type { Sandboxes } from '../../src/labels/namespace/sandbox.js';
import type { RuleIntent } from '../../src/labels/spec/intent.js';
import { buildTable } from '../../src/labels/table/nft-table.js';
import { addressFamily } from '../../src/netlink/route/address.js';
import type { Statement } from '../../src/nft/expression.js';
import type { TwineChain } from '../../src/nft/iptables/syntax/rule.js';
import { BROKEN_ROUTES } from '../support/broken-routes.js';
import { container, desire, programmer, withFallback } from '../support/label-namespace.js';
import { plan, container as view } from '../support/label-world.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { eventually } from '../support/shell.js';

type Labels = Readonly<Record<string, string>>;

/** An address in each network, beyond Docker's gateway. */
const WORLD: Readonly<Record<string, string>> = {
  '0.0.0.0/0': '203.0.113.9',
  '::/0': '2001:db8::9',
  '10.0.0.0/8': '10.200.0.9',
  '10.0.0.0/7': '11.200.0.9',
  '192.168.0.0/16': '192.168.200.9',
  '198.51.100.0/24': '198.51.100.9',
  '2000::/3': '2001:db8::9',
  '8000::/1': 'a000::9',
  'fd00::/8': 'fd77::9',
};
/** One in the network; that of a host is its own. */
const within = (network: string): string => WORLD[network] ?? network.replace(/\/(?:32|128)$/, '');
const [FORBIDDEN, CONTROL, FORWARDED, LOOPBACK] = [9, 10, 11, 12] as const;

const NEIGHBOURS = [
  view('vpn', { networks: { main: '10.9.0.3 fd09::3' } }),
  view('stopped', { networks: { main: '' }, netns: null }),
  view('elsewhere', { networks: { other: '10.10.0.3' } }),
  view('x', { networks: { main: '10.9.0.4' }, service: 'theirs/foreign' }),
];

interface Place {
  readonly inside: Namespace;
  readonly outside: Namespace;
  readonly client: Namespace;
  readonly sandboxes: Sandboxes;
}

/** The container, Docker's gateway outside, and a client that has the container as its router. */
async function place(t: TestContext): Promise<Place> {
  const { inside, outside } = await container(t);
  const client = await Namespace.create(t);
  inside.veth('eth1', client, 'eth0');
  inside.ip('address', 'add', '10.8.0.2/24', 'dev', 'eth1');
  client.ip('address', 'add', '10.8.0.9/24', 'dev', 'eth0');
  client.ip('route', 'add', 'default', 'via', '10.8.0.2');
  inside.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  const chain = (hook: string, ports: readonly number[]): string =>
    [
      'add table inet seen',
      `add chain inet seen c { type filter hook ${hook} priority -300 ; }`,
      ...ports.map(port => `add rule inet seen c udp dport ${port} counter comment "port ${port}"`),
    ].join('; ');
  outside.exec('nft', chain('prerouting', [FORBIDDEN, CONTROL, FORWARDED]));
  inside.exec('nft', chain('input', [LOOPBACK]));
  return { inside, outside, client, ...(await programmer(t)) };
}

/** Sends datagrams; those that the kernel refuses are not sent. */
function send(from: Namespace, port: number, addresses: readonly string[]): void {
  from.within(() => {
    for (const text of addresses) {
      const address = parseAddress(text)!;
      const [size, at] = address.family === 4 ? [16, 4] : [28, 8];
      // struct sockaddr_in, struct sockaddr_in6.
      const to = Buffer.alloc(size);
      to.writeUInt16LE(addressFamily(address), 0);
      to.writeUInt16BE(port, 2);
      to.set(address.bytes, at);
      const fd = socket(addressFamily(address), SOCK_DGRAM, 0);
      try {
        sendto(fd, Buffer.from('x'), to, text);
      } catch (err) {
        assert.ok(err instanceof OpError);
      } finally {
        close(fd);
      }
    }
  });
}

const libNftables = new LibNftables();

function seen(ns: Namespace, port: number): number {
  const list = ns.within(() => {
    const nft = libNftables.context(0);
    try {
      assert.ok(nft.run('list table inet seen'), nft.error);
      return nft.output;
    } finally {
      nft.free();
    }
  });
  const packets = new RegExp(`packets (\\d+) bytes \\d+ comment "port ${port}"`).exec(list)?.[1];
  assert.ok(packets !== undefined, `nothing counts port ${port}`);
  return Number(packets);
}

/** Sends until one has come: what was sent before has come too, then. */
async function untilSeen(from: Namespace, at: Namespace, port: number, address: string): Promise<void> {
  const before = seen(at, port);
  await eventually(
    () => {
      send(from, port, [address]);
      assert.ok(seen(at, port) > before, `nothing comes to port ${port} of ${address}`);
    },
    { every: 0.01 },
  );
}

/** What `app` shall hold; the DNS knows nothing of any name. */
function planned(inside: Namespace, labels: Labels, answered = true): SandboxDesired {
  const app = view('app', { networks: { main: '10.9.0.2 fd09::2' }, labels, service: 'ours/app' });
  const names = answered ? plan([app, ...NEIGHBOURS]).externalNames : [];
  const { sandboxes } = plan([app, ...NEIGHBOURS], { external: new Map(names.map(name => [name, []])) });
  return { ...sandboxes[0]!, netns: inside.ref };
}

kernelTest(
  `${BROKEN_ROUTES.length} route labels with a mistake: no packet leaves by Docker's way`,
  async t => {
    const { inside, outside, sandboxes } = await place(t);
    for (const { what, labels, closed } of BROKEN_ROUTES) {
      const addresses = closed.map(within);
      assert.deepEqual(sandboxes.reconcile(planned(inside, labels))?.failures, [], what);
      send(inside, FORBIDDEN, addresses);
      sandboxes.clear(inside.ref);
      for (const address of addresses.slice(0, 2)) await untilSeen(inside, outside, CONTROL, address);
      assert.equal(seen(outside, FORBIDDEN), 0, what);
    }
  },
  'nft',
);

const MASQUERADE: Statement = { masquerade: null };
const DROP: Statement = { drop: null };
const rule = (name: string, chain: TwineChain, ...expr: Statement[]): RuleIntent => ({
  key: `twine.iptables.rule.${name}`,
  name,
  rule: { chain, targets: [], rules: [{ expr }] },
});

/** A strict namespace with rules; source NAT is refused in a chain of type filter. */
function withRules(inside: Namespace, rules: readonly RuleIntent[]): SandboxDesired {
  const table = buildTable({ natInterfaces: [], forwards: [], rules, hasRoutes: false })!;
  const labelled = rules.map(
    ({ key, rule }): LabelledRules => ({ container: 'app', key, chain: rule.chain, count: 1 }),
  );
  return desire(inside, { table, stamp: stampOf(table), labelled, isStrict: true });
}

const GOOD = rule('good', 'TWINE_NAT_POSTROUTING', MASQUERADE);
const STRICT = { 'twine.strict': 'true' };

const KILL = { 'twine.iptables.rule.kill': 'TWINE_OUTPUT -o eth0 -j DROP' };

/** What `app` shall hold while it is not known which of its labels count. */
function frozen(labels: Labels, isStrict = false): SandboxDesired {
  const app = view('app', { networks: { main: '10.9.0.2 fd09::2' }, unverified: labels });
  return plan([app, ...NEIGHBOURS], { isStrict }).sandboxes[0]!;
}

/** What is not in force, and the same when it is. */
const NOT_IN_FORCE: readonly (readonly [
  what: string,
  wrong: (ns: Namespace) => SandboxDesired,
  right: (ns: Namespace) => SandboxDesired,
])[] = [
  ...(['TWINE_INPUT', 'TWINE_OUTPUT', 'TWINE_FORWARD'] as const).map(
    chain =>
      [
        `the kernel refuses a rule of ${chain}`,
        (ns: Namespace) => withRules(ns, [GOOD, rule('kill', chain, MASQUERADE, DROP)]),
        (ns: Namespace) => withRules(ns, [GOOD]),
      ] as const,
  ),
  [
    'the kernel refuses the only rule',
    ns => withRules(ns, [rule('kill', 'TWINE_OUTPUT', MASQUERADE)]),
    ns => withRules(ns, [GOOD]),
  ],
  [
    'the kernel refuses the whole table',
    ns => {
      const { table, ...rest } = withRules(ns, [GOOD]);
      const bad = {
        name: 'bad',
        hook: { type: 'filter', hook: 'forward', priority: 0 },
        rules: [{ expr: [MASQUERADE] }],
      } as const;
      const broken = { ...table!, chains: [...table!.chains, bad] };
      return { ...rest, table: broken, stamp: stampOf(broken) };
    },
    ns => withRules(ns, [GOOD]),
  ],
  [
    'the kernel refuses the route of a gateway',
    ns => ({ ...withRules(ns, [GOOD]), routes: withFallback('192.0.2.0/24', '172.31.0.9') }),
    ns => ({ ...withRules(ns, [GOOD]), routes: withFallback('192.0.2.0/24', '10.9.0.1') }),
  ],
  ...(
    [
      ['a rule cannot be read', { 'twine.iptables.rule.kill': 'TWINE_OUTPUT ! -o wg0 -j DORP' }],
      ['a name is nobody’s', { 'twine.route.192.0.2.0/24': 'wiregard' }],
      ['a gateway is stopped', { 'twine.route.192.0.2.0/24': 'stopped' }],
      ['a forward leads nowhere', { 'twine.nat.forward.80': 'stopped' }],
      ['a label is unknown', { 'twine.firewall': 'on' }],
      ['no network can be read', { 'twine.route.nonsense': 'vpn' }],
      ['its own key is too long', { [`twine.strict${' '.repeat(300)}`]: 'true', 'twine.strict': 'false' }],
      ['the label itself cannot be read', { 'twine.strict': 'ture' }],
      ['a forward of lo is beside a mistake', { 'twine.nat.forward.lo.9/udp': '10.9.0.1', 'twine.x': '' }],
    ] as const
  ).map(
    ([what, labels]) =>
      [
        what,
        (ns: Namespace) => planned(ns, { ...STRICT, ...labels }),
        (ns: Namespace) => planned(ns, { ...STRICT, 'twine.route.192.0.2.0/24': 'vpn' }),
      ] as const,
  ),
  ...(
    [
      ['a policy rule was there before ours', 'lookup 200'],
      ['a policy rule comes before ours', 'pref 100 lookup 200'],
      ['a policy rule goes past ours', 'pref 100 goto 32766'],
    ] as const
  ).map(
    ([what, words]) =>
      [
        what,
        (ns: Namespace) => {
          for (const [family, gateway] of [
            ['-4', '10.9.0.1'],
            ['-6', 'fd09::1'],
          ] as const) {
            // Refused where it is there already.
            ns.exec('sh', '-c', `ip ${family} route add default via ${gateway} table 200 2>/dev/null; true`);
            ns.ip(family, 'rule', 'flush');
            ns.ip(family, 'rule', 'add', 'pref', '32766', 'lookup', 'main');
            ns.ip(family, 'rule', 'add', ...words.split(' '));
          }
          return planned(ns, { ...STRICT, 'twine.route.0.0.0.0/0': 'vpn', 'twine.route.::/0': 'vpn' });
        },
        (ns: Namespace) => {
          ns.exec('sh', '-c', `ip rule del ${words} 2>/dev/null; ip -6 rule del ${words} 2>/dev/null; true`);
          return planned(ns, { ...STRICT, 'twine.route.192.0.2.0/24': 'vpn' });
        },
      ] as const,
  ),
  [
    'the kernel ignores gateways by the link of this one',
    ns => {
      ns.exec(
        'sh',
        '-c',
        'ip link add p0 type veth peer name p1 && ip address add 10.11.0.2/24 dev p0; ip link set p1 up; ip link set p0 up arp off',
      );
      return planned(ns, { ...STRICT, 'twine.route.192.0.2.0/24': '10.11.0.9' });
    },
    ns => planned(ns, { ...STRICT, 'twine.route.192.0.2.0/24': 'vpn' }),
  ],
  [
    'the DNS has not answered yet',
    ns => planned(ns, { ...STRICT, 'twine.route.192.0.2.0/24': 'example.net' }, false),
    ns => planned(ns, { ...STRICT, 'twine.route.192.0.2.0/24': 'vpn' }),
  ],
  [
    'Docker does not tell which labels came with the image',
    ns => ({ ...frozen({ ...STRICT, ...KILL }), netns: ns.ref }),
    ns => planned(ns, { ...STRICT, 'twine.route.192.0.2.0/24': 'vpn' }),
  ],
  [
    'the same, of a daemon that is strict',
    ns => ({ ...frozen(KILL, true), netns: ns.ref }),
    ns => planned(ns, { ...STRICT, 'twine.route.192.0.2.0/24': 'vpn' }),
  ],
];

kernelTest(
  'under twine.strict nothing but loopback passes while a label is not in force, and all of it when it is',
  async t => {
    const { inside, outside, client, sandboxes } = await place(t);
    const addresses = ['203.0.113.9', '2001:db8::9', '10.9.0.1', 'fd09::1'];
    for (const [what, wrong, right] of NOT_IN_FORCE) {
      for (let n = 0; n < 2; n++) {
        sandboxes.reconcile(wrong(inside));
        send(inside, FORBIDDEN, [...addresses, '127.0.0.1']);
        send(client, FORWARDED, ['203.0.113.9']);
        await untilSeen(inside, inside, LOOPBACK, '127.0.0.11');
      }
      const forwarded = seen(outside, FORWARDED);
      const { failures, changes } = sandboxes.reconcile(right(inside))!;
      assert.deepEqual(failures, [], what);
      // It is opened by one transaction, when all else is there.
      assert.deepEqual(
        changes.filter(({ kind }) => kind.endsWith('Table')).map(({ kind }) => kind),
        ['replaceTable'],
        what,
      );
      for (const address of addresses) await untilSeen(inside, outside, CONTROL, address);
      assert.equal(seen(outside, FORBIDDEN), 0, what);
      assert.equal(seen(outside, FORWARDED), forwarded, what);
      await untilSeen(client, outside, FORWARDED, '203.0.113.9');
      assert.deepEqual(sandboxes.reconcile(right(inside))?.changes, [], what);
      sandboxes.clear(inside.ref);
    }
  },
  'nft',
);

kernelTest(
  'a strict container of which it is not known which labels count is told to be closed, in each pass',
  async t => {
    const { inside, sandboxes } = await place(t);
    const desired = { ...frozen({ ...STRICT, ...KILL }), netns: inside.ref };
    for (let n = 0; n < 3; n++) {
      const { isClosed, warnings, failures } = sandboxes.reconcile(desired)!;
      assert.deepEqual([isClosed, failures], [true, []]);
      assert.match(String(warnings), /nothing but loopback and Docker's DNS until it is known which/);
    }
  },
  'nft',
);

kernelTest(
  'a strict container keeps the table that is in force when it is not known any more which labels count',
  async t => {
    const { inside, outside, sandboxes } = await place(t);
    sandboxes.reconcile(withRules(inside, [GOOD]));
    const before = inside.exec('nft', 'list', 'ruleset');
    const desired = { ...frozen({ ...STRICT, ...KILL }), netns: inside.ref };
    assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
    assert.equal(inside.exec('nft', 'list', 'ruleset'), before);
    await untilSeen(inside, outside, CONTROL, '203.0.113.9');
    // What took the table away left the container open.
    inside.exec('nft', 'flush', 'ruleset');
    assert.equal(sandboxes.reconcile(desired)?.isClosed, true);
    assert.match(inside.exec('nft', 'list', 'ruleset'), /strict-output/);
  },
  'nft',
  'bash',
);

kernelTest(
  'a strict container whose rule is refused stays closed in each pass, and is told once',
  async t => {
    const { inside, sandboxes } = await place(t);
    const desired = withRules(inside, [GOOD, rule('kill', 'TWINE_OUTPUT', MASQUERADE, DROP)]);
    const { refused, isClosed, failures } = sandboxes.reconcile(desired)!;
    assert.deepEqual(failures, []);
    assert.equal(isClosed, true);
    assert.match(refused![0]!.message, /until then the container sends and forwards nothing but loopback/);
    sandboxes.recordBaselines();
    assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
    assert.match(inside.exec('nft', 'list', 'ruleset'), /strict-output/);
  },
  'nft',
);

kernelTest(
  'a strict container that joins where a rule was left out before closes the namespace, and opens it when it goes',
  async t => {
    const { inside, outside, sandboxes } = await place(t);
    const {
      stamp: _,
      digest: _digest,
      isStrict: _isStrict,
      ...lenient
    } = withRules(inside, [GOOD, rule('kill', 'TWINE_OUTPUT', MASQUERADE, DROP)]);
    assert.equal(sandboxes.reconcile(withDigest(lenient))?.refused?.length, 1);
    sandboxes.recordBaselines();
    await untilSeen(inside, outside, CONTROL, '203.0.113.9');
    const joined = withDigest({ ...lenient, isStrict: true });
    assert.equal(sandboxes.reconcile(joined)?.isClosed, true);
    sandboxes.recordBaselines();
    send(inside, FORBIDDEN, ['203.0.113.9', '2001:db8::9', '10.9.0.1']);
    await untilSeen(inside, inside, LOOPBACK, '127.0.0.11');
    assert.deepEqual(sandboxes.reconcile(joined)?.changes, []);
    const { failures, isClosed } = sandboxes.reconcile(withDigest(lenient))!;
    assert.deepEqual([failures, isClosed], [[], undefined]);
    await untilSeen(inside, outside, CONTROL, '203.0.113.9');
    assert.equal(seen(outside, FORBIDDEN), 0);
  },
  'nft',
);

kernelTest(
  'a container that forwards, but whose table the kernel refuses, forwards nothing; what a sysctl was is put back',
  async t => {
    const { inside, outside, client, sandboxes } = await place(t);
    const table = buildTable({
      natInterfaces: [{ name: 'tun', prefix: true }],
      forwards: [],
      rules: [],
      hasRoutes: false,
    })!;
    const bad = {
      name: 'bad',
      hook: { type: 'filter', hook: 'input', priority: 0 },
      rules: [{ expr: [MASQUERADE] }],
    } as const;
    const broken = { ...table, chains: [...table.chains, bad] };
    const sysctls = [{ name: 'ipv4/ip_forward', value: '1' }];
    await untilSeen(client, outside, FORWARDED, '203.0.113.9');
    const before = seen(outside, FORWARDED);
    const { failures } = sandboxes.reconcile(
      desire(inside, { table: broken, stamp: stampOf(broken), sysctls }),
    )!;
    assert.equal(failures.length, 1);
    send(client, FORWARDED, ['203.0.113.9']);
    await untilSeen(inside, outside, CONTROL, '203.0.113.9');
    assert.equal(seen(outside, FORWARDED), before);
    assert.deepEqual(
      sandboxes.reconcile(desire(inside, { table, stamp: stampOf(table), sysctls }))?.failures,
      [],
    );
    assert.doesNotMatch(inside.exec('nft', 'list', 'ruleset'), /strict-forward/);
  },
  'nft',
);

kernelTest(
  'a table that the kernel refuses switches no forwarding on',
  async t => {
    const { inside, sandboxes } = await place(t);
    inside.exec('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward');
    const chain = { name: 'bad', hook: { type: 'filter', hook: 'input', priority: 0 } } as const;
    const table = {
      family: 'inet',
      name: 'dwgd',
      sets: [],
      chains: [{ ...chain, rules: [{ expr: [MASQUERADE] }] }],
    } as const;
    const sysctls = [{ name: 'ipv4/ip_forward', value: '1' }];
    for (const isStrict of [{}, { isStrict: true } as const]) {
      const { failures } = sandboxes.reconcile(
        desire(inside, { table, stamp: stampOf(table), sysctls, ...isStrict }),
      )!;
      assert.equal(failures.length, 1);
      assert.equal(inside.exec('cat', '/proc/sys/net/ipv4/ip_forward'), '0\n');
    }
  },
  'nft',
);

for (const isStrict of [false, true]) {
  kernelTest(
    `a fallback that the kernel refuses is told as such${isStrict ? ', and closes a strict container' : ''}`,
    async t => {
      const { inside, sandboxes } = await place(t);
      // The kernel takes no route to a network with host bits.
      const routes = withFallback('192.0.2.1/24', '10.9.0.1');
      const outcome = sandboxes.reconcile(desire(inside, { routes, ...(isStrict && { isStrict }) }))!;
      assert.equal(outcome.mayLeak, true);
      assert.equal(outcome.isClosed, isStrict ? true : undefined);
      assert.equal(inside.exec('nft', 'list', 'ruleset').includes('strict-output'), isStrict);
    },
    'nft',
  );
}

// `dwgd explain` agrees with real packets: random routes and rules in a client and its gateway, random destinations, while the
// gateway runs and after it has stopped. EXPLAIN_CASES says how many, EXPLAIN_SEED which.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Explanation, explainPacket } from '../../src/explain/explain.js';
import { ALONE } from '../../src/explain/looking.js';
import { formatQuestion } from '../../src/explain/question.js';
import { Explainer } from '../../src/explainer.js';
import type { ContainerView } from '../../src/labels/discovery/container.js';
import { ExplainWorld, type Sent, type Sink } from '../support/explain-world.js';
import { address, container } from '../support/label-world.js';
import { kernelTest } from '../support/namespace.js';
import { Random } from '../support/random.js';

const CASES = Number(process.env.EXPLAIN_CASES ?? 40);
const SEED = Number(process.env.EXPLAIN_SEED ?? 5);
const IN_ONE_WORLD = 10;
/** What arrives later than that has not been sent by then. */
const [PATIENCE_MS, LATE_MS] = [5_000, 60] as const;

const PORTS = [53, 80, 443, 8080] as const;
const TARGETS = [
  ...[
    '10.50.0.9',
    '10.50.3.4',
    '10.60.0.1',
    '10.70.0.1',
    '203.0.113.5',
    '198.51.100.7',
    '10.77.0.1',
    '10.77.0.3',
  ],
  ...[
    '10.77.0.2',
    '127.0.0.1',
    '10.88.0.1',
    '192.0.2.1',
    '2001:db8::5',
    '2001:db8:1::9',
    'fd77::3',
    'fd88::1',
    '::1',
  ],
] as const;

/** Where most ways lead through the gateway. */
const BEHIND_GATEWAY = ['10.50.0.9', '10.50.3.4', '203.0.113.5', '2001:db8::5'] as const;

/** Without it nobody of IPv6 finds the other. */
const DISCOVERY = 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept';

/** Conditions as nft(8) has them. */
function condition(random: Random): string {
  const port = random.pick(PORTS);
  return random.pick([
    ...[
      'ip daddr 10.50.0.0/16',
      'ip daddr { 10.50.0.9, 10.60.0.1 }',
      'ip daddr != 203.0.113.0/24',
      'ip saddr 10.77.0.2',
    ],
    ...[
      'ip daddr @nets',
      'ip6 daddr 2001:db8::/32',
      'meta nfproto ipv4',
      'meta l4proto udp',
      'meta l4proto != tcp',
    ],
    ...[
      `tcp dport ${port}`,
      `udp dport { 53, ${port} }`,
      `th dport ${port}-9000`,
      `tcp dport != ${port}`,
      'ct state new',
    ],
    ...[
      'ct state established,related',
      'tcp flags syn / syn,ack',
      'icmp type echo-request',
      'ip ttl > 0',
      'meta mark 7',
    ],
    ...[
      'meta mark and 0xf == 2',
      'ct status dnat',
      'fib daddr type local',
      'ip daddr . th dport { 10.50.0.9 . 80, 10.50.3.4 . 53 }',
    ],
    ...['meta l4proto . th dport { tcp . 1-100, udp . 443-500 }', 'ip protocol icmp', 'ip6 nexthdr tcp', ''],
  ]);
}

function verdict(random: Random): string {
  return random.pick([
    'drop',
    'accept',
    'reject',
    'jump other',
    'goto other',
    'return',
    'counter',
    'drop',
    'accept',
  ]);
}

function filter(random: Random, names: readonly string[]): string {
  const by = (): string => (names.length > 0 && random.chance(35) ? `${random.pick(names)} ` : '');
  const rules = Array.from(
    { length: random.int(0, 3) },
    () => `${by()}${condition(random)} ${verdict(random)}`,
  );
  if (random.chance(20)) rules.push('ip daddr vmap { 10.50.0.0-10.50.2.255 : drop, 203.0.113.5 : accept }');
  if (random.chance(15)) rules.push('tcp dport vmap { 80 : jump other, 443 : drop }');
  return rules.join('\n');
}

function dnat(random: Random): string {
  return random.pick([
    ...[
      'ip daddr 10.70.0.1 dnat ip to 10.50.0.9',
      'tcp dport 8080 dnat ip to 10.50.3.4:80',
      'udp dport 53 redirect to :443',
    ],
    ...[
      'dnat ip to tcp dport map { 80 : 10.50.0.9, 443 : 203.0.113.5 }',
      'ip6 daddr 2001:db8::5 dnat ip6 to fd88::1',
      '',
    ],
  ]);
}

function rulesOf(random: Random, who: 'client' | 'gateway'): string {
  const isClient = who === 'client';
  const names = isClient
    ? ['oifname "eth0"', 'oifname "lo"']
    : ['iifname "eth0"', 'oifname "wg0"', 'oifname "w*"', 'oifname "up0"'];
  const mark = random.chance(50) ? `${condition(random)} meta mark set ${random.pick([2, 7])}` : '';
  const hook = isClient ? 'output' : 'forward';
  const policy = random.chance(8) ? 'drop' : 'accept';
  return `table inet own {
    set nets { type ipv4_addr; flags interval; elements = { 10.50.3.0/24, 10.60.0.0-10.60.0.9, 198.51.100.7 } }
    chain other { ${filter(random, []).replaceAll(/jump other|goto other|reject/g, 'drop')}\n }
    chain marks { type ${isClient ? 'route hook output' : 'filter hook prerouting'} priority -150; ${mark}\n }
    chain nat { type nat hook ${isClient ? 'output' : 'prerouting'} priority -100; ${random.chance(40) ? dnat(random) : ''}\n }
    chain filter { type filter hook ${hook} priority 0; policy ${policy}; ${DISCOVERY}\n ${filter(random, names)}\n }
    chain late { type filter hook ${isClient ? 'postrouting' : 'input'} priority 50; ${DISCOVERY}\n ${random.chance(30) ? filter(random, []).replaceAll('reject', 'drop') : ''}\n }
    chain source { type nat hook postrouting priority 100; ${isClient ? '' : 'oifname "wg0" masquerade'}\n }
  }`;
}

function routesOf(random: Random, who: 'client' | 'gateway'): string[] {
  const some = (lines: readonly string[]): string[] => lines.filter(() => random.chance(70));
  if (who === 'gateway')
    return [
      `route add default ${random.pick(['via 10.77.0.1', 'dev wg0', 'dev wg0', 'via 192.0.2.1'])} proto static`,
      `route add ::/0 ${random.pick(['via fd77::1', 'dev wg0'])} proto static`,
      ...some(['route add 10.50.0.0/16 dev wg0 proto static', 'rule add priority 500 fwmark 2 lookup 100']),
      'route add default dev wg0 table 100 proto static',
    ];
  return [
    `route add default via ${random.pick(['10.77.0.1', '10.77.0.3', '10.77.0.3'])} proto static`,
    `route add ::/0 via ${random.pick(['fd77::1', 'fd77::3'])} proto static`,
    ...some([
      'route add 10.50.0.0/16 via 10.77.0.3 proto static',
      'route add unreachable 10.60.0.0/16 proto static',
    ]),
    ...some([
      'route add 10.70.0.0/16 via 10.77.0.9 proto static',
      'route add 10.88.0.0/24 via 10.77.0.3 proto static',
    ]),
    ...some([
      'rule add priority 500 fwmark 7 lookup 100',
      'rule add priority 500 ipproto udp dport 443 lookup 100',
    ]),
    ...some([
      'route add 2001:db8::/32 via fd77::3 proto static',
      'route add fd88::/64 via fd77::3 proto static',
    ]),
    ...some([
      'route add unreachable 2001:db8:1::/48 proto static',
      'rule add priority 500 to 192.0.2.0/24 prohibit',
    ]),
    `route add ${random.pick(['default via 10.77.0.3', 'blackhole default', '203.0.113.0/24 via 10.77.0.3'])} table 100 proto static`,
  ];
}

function packetsOf(random: Random, firstId: number): Sent[] {
  return Array.from({ length: IN_ONE_WORLD }, (_, n): Sent => {
    const protocol = random.pick(['tcp', 'udp', 'icmp'] as const);
    const port = protocol === 'icmp' ? {} : { port: random.pick(PORTS) };
    return {
      to: random.chance(40) ? random.pick(BEHIND_GATEWAY) : random.pick(TARGETS),
      protocol,
      ...port,
      id: firstId + n,
    };
  });
}

/** Who should see it; undefined where explain does not say for sure. */
function expected({ outcome, isSure }: Explanation): Sink | 'nobody' | undefined {
  if (!isSure) return undefined;
  const { kind, container, link, next } = outcome;
  if (kind === 'delivered') return container as Sink;
  if (kind === 'tunnel' && link === 'up0') return next === '192.0.2.1' ? 'uplink' : 'nobody';
  if (kind === 'tunnel') return 'tunnel';
  if (kind !== 'default route' && kind !== 'link') return 'nobody';
  return next === '10.77.0.1' || next === 'fd77::1' ? 'router' : 'nobody';
}

for (const [link, what] of [
  ['side', 'what leaves by the link that it had at first is dropped'],
  ['eth0', 'what leaves by the link that the mark leads to is not'],
] as const) {
  kernelTest(
    `of a packet that a mark in hook output leads elsewhere, ${what}, as the kernel has it`,
    async t => {
      const world = await ExplainWorld.create(t);
      world.client.ip('link', 'add', 'side', 'type', 'veth', 'peer', 'name', 'edge');
      for (const name of ['side', 'edge']) world.client.ip('link', 'set', name, 'up');
      const rules = `table inet own {
      chain marks { type route hook output priority -150; udp dport 53 meta mark set 7\n }
      chain filter { type filter hook output priority 0; udp dport 53 oifname "${link}" drop\n }
    }`;
      world.program('client', rules, [
        'route add default dev side proto static',
        'rule add priority 500 fwmark 7 lookup 100',
        'route add default via 10.77.0.3 table 100 proto static',
      ]);
      world.program('gateway', 'table inet own { }', ['route add default dev wg0 proto static']);
      const places = world.places(true);
      const looking = { entry: world.client.entry, pause: async () => undefined, effort: ALONE };
      const question = { to: address('203.0.113.5'), protocol: 'udp', port: 53 } as const;
      const said = expected(await explainPacket(looking, places, places[0]!, question));
      world.send([{ to: '203.0.113.5', protocol: 'udp', port: 53, id: 20_000 }]);
      const isSeen = world.seen().get('tunnel')!.has('udp 20000');
      assert.deepEqual([said, isSeen], link === 'side' ? ['nobody', false] : ['tunnel', true]);
    },
  );
}

kernelTest(
  `explain agrees with ${CASES} real packets`,
  async t => {
    const random = new Random(SEED);
    const world = await ExplainWorld.create(t);
    let views: readonly ContainerView[] = [];
    const dockerHost = { socketPath: '/nonexistent/docker.sock' };
    const explainer = new Explainer({ dockerHost, known: () => views, exits: async () => [] });
    const counts = new Map<string, number>();
    const wrong: string[] = [];
    for (let n = 0; n < CASES; n += IN_ONE_WORLD) {
      const setUp = (['client', 'gateway'] as const).map(
        who => [who, rulesOf(random, who), routesOf(random, who)] as const,
      );
      for (const [who, rules, routes] of setUp) world.program(who, rules, routes);
      const hasGateway = random.chance(75);
      world.plugGateway(hasGateway);
      const packets = packetsOf(random, 20_000 + n);
      const places = world.places(hasGateway);
      const looking = { entry: world.client.entry, pause: async () => undefined, effort: ALONE };
      const said: Explanation[] = [];
      for (const { to, protocol, port } of packets) {
        const question = { to: address(to), protocol, ...(port !== undefined && { port }) };
        said.push(await explainPacket(looking, places, places[0]!, question));
      }
      // A running daemon, which reads in parts, says the same.
      const { to, protocol, port } = packets[0]!;
      const text = formatQuestion({ to: address(to), protocol, ...(port !== undefined && { port }) });
      views = places.map(place => ({ ...container(place.name), ...place }));
      const { steps, sentence } = await explainer.explain('client', text);
      assert.deepEqual([steps, sentence], [said[0]!.steps, said[0]!.sentence]);
      world.send(packets);
      const saw = await observe(world, packets, said.map(expected));
      for (const [k, packet] of packets.entries()) {
        const should = expected(said[k]!);
        counts.set(should ?? 'unsure', (counts.get(should ?? 'unsure') ?? 0) + 1);
        if (should === undefined || should === saw[k]) continue;
        const lines = [
          ...said[k]!.steps.map(({ container, text }) => `  ${container}: ${text}`),
          `  ${said[k]!.sentence}`,
        ];
        wrong.push(
          [
            `${JSON.stringify(packet)}, gateway ${hasGateway}: said ${should}, seen by ${saw[k]}`,
            ...lines,
          ].join('\n') +
            `\n${setUp.map(([who, rules, routes]) => `${who}:\n${rules}\n${routes.join('\n')}`).join('\n')}`,
        );
      }
    }
    t.diagnostic(`${CASES} cases: ${[...counts].map(([what, count]) => `${what} ${count}`).join(', ')}`);
    assert.deepEqual(wrong, []);
    // One rule that cannot be judged may make all ways of a world unsure.
    const most = Math.max(CASES / 5, 2 * IN_ONE_WORLD);
    assert.ok((counts.get('unsure') ?? 0) <= most, 'too many are not told');
    for (const kind of ['tunnel', 'router', 'nobody']) assert.ok((counts.get(kind) ?? 0) > 0, kind);
  },
  ...['nft', 'wg', 'ping', 'node'],
);

/** Who has seen each, once those that are expected have arrived. */
async function observe(
  world: ExplainWorld,
  packets: readonly Sent[],
  wanted: readonly (Sink | 'nobody' | undefined)[],
): Promise<(Sink | 'nobody')[]> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = world.seen();
    const saw = packets.map(({ protocol, id }): Sink | 'nobody' => {
      // What ends at the gateway passes no one else; what the router sees first does not.
      return [...seen].find(([, ids]) => ids.has(`${protocol} ${id}`))?.[0] ?? 'nobody';
    });
    if (wanted.every((one, n) => one === undefined || one === 'nobody' || saw[n] === one)) {
      await sleep(LATE_MS);
      const again = world.seen();
      return packets.map(
        ({ protocol, id }) => [...again].find(([, ids]) => ids.has(`${protocol} ${id}`))?.[0] ?? 'nobody',
      );
    }
    if (Date.now() > end) return saw;
    await sleep(20);
  }
}

// Labels beside a tunnel that a container brings up itself, as wg-quick(8), OpenVPN and Tailscale do: where its packets go,
// and that this does not depend on which was there first. Not here: rules of others told one by one (sandbox-others.test.ts).
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Sandboxes } from '../../src/labels/namespace/sandbox.js';
import { container, desire, programmer, withFallback } from '../support/label-namespace.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { ask } from '../support/peer.js';
import { answerOn } from '../support/sockets.js';

const FAR = ['198.51.100.1', '2001:db8::1'] as const;
/** What stands for the tunnel's own packets to its other end. */
const ENDPOINT_PORT = 51_821;

interface World {
  readonly inside: Namespace;
  readonly sandboxes: Sandboxes;
}

/** The far addresses are behind Docker's gateway, the label's and the tunnel, and each answers with who it is. */
async function world(t: TestContext): Promise<World> {
  const { inside, outside } = await container(t);
  const { sandboxes } = await programmer(t);
  const ends = { docker: outside, label: await Namespace.create(t), tunnel: await Namespace.create(t) };
  for (const [name, link, net] of [
    ['label', 'eth1', 8],
    ['tunnel', 'wg0', 7],
  ] as const) {
    inside.veth(link, ends[name], 'eth0');
    for (const [ns, host] of [
      [inside, 2],
      [ends[name], 3],
    ] as const) {
      const own = ns === inside ? link : 'eth0';
      ns.ip('link', 'set', 'lo', 'up');
      ns.ip('address', 'add', `10.${net}.0.${host}/24`, 'dev', own);
      ns.ip('address', 'add', `fd0${net}::${host}/64`, 'dev', own, 'nodad');
    }
  }
  for (const [name, ns] of Object.entries(ends)) {
    // The tunnel's own packets have the address that their program chose before they were marked.
    if (name !== 'tunnel') {
      const net = name === 'label' ? 8 : 9;
      ns.ip('route', 'add', '10.7.0.0/24', 'via', `10.${net}.0.2`);
      ns.ip('-6', 'route', 'add', 'fd07::/64', 'via', `fd0${net}::2`);
    }
    ns.ip('address', 'add', `${FAR[0]}/32`, 'dev', 'lo');
    ns.ip('address', 'add', `${FAR[1]}/128`, 'dev', 'lo', 'nodad');
    const servers = [
      answerOn(ns, 'tcp', 80, () => name),
      ...FAR.flatMap(far => [53, ENDPOINT_PORT].map(port => answerOn(ns, 'udp', port, () => name, far))),
    ];
    for (const server of await Promise.all(servers)) t.after(() => server.close());
  }
  // As WireGuard's socket marks them.
  const marks = `add table inet own
    add chain inet own out { type route hook output priority -200; }
    add rule inet own out udp dport ${ENDPOINT_PORT} meta mark set 51820`;
  for (const line of marks.split('\n')) inside.exec('nft', line.trim());
  return { inside, sandboxes };
}

/** Who answers: TCP, UDP and the tunnel's own packets, of IPv4 and of IPv6. */
async function answers({ inside }: World): Promise<string> {
  const said = await Promise.all(
    FAR.flatMap(far => {
      const host = far.includes(':') ? `[${far}]` : far;
      return [
        ask(inside, `${host}:80`),
        ask(inside, `${host}:53`, 'udp'),
        ask(inside, `${host}:${ENDPOINT_PORT}`, 'udp'),
      ];
    }),
  );
  return said.join(' ');
}

/** The routes by which a tunnel has packets of what is behind it. */
const routesBy = (inside: Namespace, networks: readonly string[], ...more: string[]): void => {
  for (const network of networks) {
    const gateway = network.includes(':') ? 'fd07::3' : '10.7.0.3';
    inside.ip(network.includes(':') ? '-6' : '-4', 'route', 'add', network, 'via', gateway, ...more);
  }
};

const HALVES = ['0.0.0.0/1', '128.0.0.0/1', '::/1', '8000::/1'];
const WHOLE = ['0.0.0.0/0', '::/0'];

interface Tunnel {
  readonly up: (inside: Namespace) => void;
  readonly down: (inside: Namespace) => void;
}

const WG_QUICK: Tunnel = {
  up: inside => {
    routesBy(inside, WHOLE, 'table', '51820');
    for (const family of ['-4', '-6']) {
      inside.ip(family, 'rule', 'add', 'not', 'fwmark', '51820', 'table', '51820');
      inside.ip(family, 'rule', 'add', 'table', 'main', 'suppress_prefixlength', '0');
    }
  },
  down: inside => {
    for (const family of ['-4', '-6']) {
      inside.ip(family, 'rule', 'del', 'table', '51820');
      inside.ip(family, 'rule', 'del', 'table', 'main', 'suppress_prefixlength', '0');
      inside.ip(family, 'route', 'flush', 'table', '51820');
    }
  },
};
const OPENVPN: Tunnel = {
  up: inside => routesBy(inside, HALVES),
  down: inside => {
    for (const half of HALVES)
      inside.ip(half.includes(':') ? '-6' : '-4', 'route', 'del', half, 'dev', 'wg0');
  },
};
/** Of IPv4: with its rules before all others, IPv6 takes no route of ours by a gateway that they lead away from. */
const TAILSCALE: Tunnel = {
  up: inside => {
    routesBy(inside, ['0.0.0.0/0'], 'table', '52');
    inside.ip('rule', 'add', 'pref', '5210', 'fwmark', '51820', 'table', 'main');
    inside.ip('rule', 'add', 'pref', '5270', 'table', '52');
  },
  down: inside => {
    for (const pref of ['5210', '5270']) inside.ip('rule', 'del', 'pref', pref);
    inside.ip('route', 'flush', 'table', '52');
  },
};

/** Of one family: tcp, udp, the tunnel's own. */
const both = (answer: string): string => `${answer} ${answer}`;
const PACKETS_BY_TUNNEL = both('tunnel tunnel label');
const LABEL = 'label label label';
const ALL_BY_LABEL = both(LABEL);

for (const [what, tunnel, networks, expected, told] of [
  ['of wg-quick beside a label for the whole', WG_QUICK, WHOLE, PACKETS_BY_TUNNEL, /come before.*51820/],
  ['of wg-quick beside labels for the halves', WG_QUICK, HALVES, PACKETS_BY_TUNNEL, /come before.*51820/],
  [
    'of wg-quick beside labels for the whole and the halves',
    WG_QUICK,
    [...WHOLE, ...HALVES],
    PACKETS_BY_TUNNEL,
    /come before.*51820/,
  ],
  [
    'of wg-quick beside labels for longer networks',
    WG_QUICK,
    ['198.51.100.0/24', '2001:db8::/32'],
    ALL_BY_LABEL,
    undefined,
  ],
  ['of halves in main beside a label for the whole', OPENVPN, WHOLE, both('tunnel tunnel tunnel'), undefined],
  ['of halves in main beside labels for the halves', OPENVPN, HALVES, ALL_BY_LABEL, undefined],
  ['of Tailscale beside a label for the whole', TAILSCALE, WHOLE, `tunnel tunnel docker ${LABEL}`, /5270/],
  ['of Tailscale beside labels for the halves', TAILSCALE, HALVES, `tunnel tunnel docker ${LABEL}`, /5270/],
] as const) {
  kernelTest(
    `a tunnel ${what} has one result, whichever came first, and after it comes again`,
    async t => {
      for (const first of ['tunnel', 'label'] as const) {
        const made = await world(t);
        const { inside, sandboxes } = made;
        assert.equal(await answers(made), both('docker docker docker'));
        const routes = networks.flatMap(network =>
          withFallback(network, network.includes(':') ? 'fd08::3' : '10.8.0.3'),
        );
        const look = (): readonly string[] => {
          const { failures, warnings = [] } = sandboxes.reconcile(desire(inside, { routes }))!;
          assert.deepEqual(failures, []);
          return warnings;
        };
        const steps = [() => tunnel.up(inside), look];
        for (const step of first === 'tunnel' ? steps : steps.reverse()) step();
        const check = async (when: string): Promise<void> => {
          const warnings = look();
          assert.equal(warnings.length, told ? 1 : 0, `${first} first, ${when}: ${warnings.join()}`);
          if (told) assert.match(warnings[0]!, told, when);
          assert.equal(await answers(made), expected, `${first} first, ${when}`);
        };
        await check('at once');
        tunnel.down(inside);
        assert.equal(await answers(made), ALL_BY_LABEL, `${first} first, without the tunnel`);
        assert.deepEqual(look(), []);
        tunnel.up(inside);
        await check('made anew');
      }
    },
    'nft',
  );
}

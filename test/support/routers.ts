// A world as in published.ts, with servers in it, and with a router beside the container that has a network of its own.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { parseAddress } from '../../src/base/ip.js';
import { routersAmong } from '../../src/labels/discovery/host.js';
import { Namespace } from './namespace.js';
import { ask, askInVain, serve } from './peer.js';
import { address, by, stage as emptyStage, WORLD } from './published.js';
import type { Protocol } from './sockets.js';

/** The same with servers in the container and in the world. */
export async function stage(t: TestContext, options?: Parameters<typeof emptyStage>[1]) {
  const all = await emptyStage(t, options);
  await serve(t, all.inside);
  await serve(t, all.world);
  return all;
}

type Stage = Awaited<ReturnType<typeof stage>>;

/** What the world gets from the published ports. */
export const tcp = ({ world }: Stage): Promise<string[]> =>
  Promise.all([ask(world, '198.51.100.1:8080'), ask(world, '[fd51::1]:8080')]);
export const published = async (all: Stage): Promise<string[]> => [
  ...(await tcp(all)),
  await ask(all.world, '198.51.100.1:5353', 'udp'),
  await ask(all.world, '[fd51::1]:5353', 'udp'),
];

/** Nothing that the container opens reaches the world; whatever it gets, it comes not from there. */
export async function assertNoLeak({ inside, leaked }: Stage): Promise<void> {
  for (const [how, port] of [['tcp', 80] as const, ['udp', 53] as const]) {
    for (const host of [WORLD[0], `[${WORLD[1]}]`]) {
      assert.doesNotMatch(await askInVain(inside, `${host}:${port}`, how), /^(198|fd51|203|2001)/);
    }
  }
  assert.equal(leaked(), 0);
}

/** Sends as a name server does, from 203.0.113.53, to every port that a program may get. */
const FORGERY = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_IP, 19, 1)
s.bind(('203.0.113.53', 5300))
for port in range(32768, 61000): s.sendto(b'x', ('10.9.0.2', port))
`;
const QUESTION =
  "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'?', ('203.0.113.53', 5300))";

/** The container asks a name server five times, as which somebody has sent to its ports before: who has got how many questions. */
export function askAfterForgery(
  { inside, host }: Pick<Stage, 'inside' | 'host'>,
  forger: Namespace,
  by: readonly Namespace[],
): number[] {
  for (const one of by) {
    const [, mac] = /link\/ether (\S+)/.exec(one.ip('link', 'show', one === host ? 'br0' : 'eth0'))!;
    one.exec(
      'nft',
      `add table inet got; add counter inet got asked; add chain inet got c { type filter hook prerouting priority -300 ; }; add rule inet got c ether daddr ${mac} ip saddr 10.9.0.2 udp dport 5300 counter name asked`,
    );
  }
  forger.exec('python3', '-c', FORGERY);
  for (let n = 0; n < 5; n++) inside.exec('python3', '-c', QUESTION);
  return by.map(one => {
    const [, packets] = /packets (\d+)/.exec(one.exec('nft', 'list counter inet got asked'))!;
    return Number(packets);
  });
}

/** A router on the network, at .N and ::N, with a client behind it: of 10.20.0.0/24 and fd20:: where N is 4. */
export async function addRouter(t: TestContext, { host }: Pick<Stage, 'host'>, n: number) {
  const [router, house] = [await Namespace.create(t), await Namespace.create(t)];
  router.veth('eth0', host, `router${n}`);
  host.ip('link', 'set', `router${n}`, 'master', 'br0');
  address(router, 'eth0', `10.9.0.${n}/24`, `fd09::${n}/64`);
  router.veth('eth1', house, 'eth0');
  const [four, six] = [`10.${16 + n}.0`, `fd${16 + n}:`];
  address(router, 'eth1', `${four}.1/24`, `${six}:1/64`);
  address(house, 'eth0', `${four}.9/24`, `${six}:9/64`);
  by(house, 'default', `${four}.1`, `${six}:1`);
  router.within(() => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  });
  router.exec(
    'nft',
    'add table inet seen; add counter inet seen opened; add chain inet seen c { type filter hook forward priority 0 ; }; add rule inet seen c iifname eth0 ct direction original counter name opened',
  );
  await serve(t, house);
  return {
    router,
    house,
    /** What the client gets from the container: TCP and UDP of both families. */
    asked: (how: readonly Protocol[] = ['tcp', 'udp']): Promise<string[]> =>
      Promise.all(
        how.flatMap(one =>
          ['10.9.0.2', '[fd09::2]'].map(to => ask(house, `${to}:${one === 'tcp' ? 80 : 53}`, one)),
        ),
      ),
    /** The client asks once, and gets no answer of the container. */
    async askedInVain(): Promise<void> {
      for (const [to, how] of [
        ['10.9.0.2:80', 'tcp'],
        ['[fd09::2]:80', 'tcp'],
        ['10.9.0.2:53', 'udp'],
        ['[fd09::2]:53', 'udp'],
      ] as const)
        assert.doesNotMatch(await askInVain(house, to, how), /^(10|f[de])/);
    },
  };
}

/** What the container opens reaches neither a house nor the world. */
export async function assertOpensNothing(all: Stage & Pick<Routed, 'router'>): Promise<void> {
  await assertNoLeak(all);
  for (const [to, how] of [
    ['10.20.0.9:80', 'tcp'],
    ['[fd20::9]:80', 'tcp'],
    ['10.20.0.9:53', 'udp'],
  ] as const)
    assert.doesNotMatch(await askInVain(all.inside, to, how), /^(10|fd)/);
  assert.match(all.router.exec('nft', 'list counter inet seen opened'), /packets 0 /);
}

type Routed = Awaited<ReturnType<typeof addRouter>>;

/** A router on the network with a client of another one behind it. @param isDocker whether it is Docker's gateway */
export async function withRouter(t: TestContext, { isDocker = false, isMacvlan = false, side = false } = {}) {
  const all = await stage(t, { isMacvlan, side });
  const routed = await addRouter(t, all, 4);
  for (const [family, gateway] of [
    ['-4', '10.9.0.4'],
    ['-6', 'fd09::4'],
  ] as const)
    if (isDocker) all.inside.ip(family, 'route', 'replace', 'default', 'via', gateway);
  // The host knows the router's link-layer address as soon as it has talked to it.
  for (const place of ['10.9.0.4', '[fd09::4]'])
    assert.equal(await ask(all.host, `${place}:80`), 'ECONNREFUSED');
  if (isDocker) all.hostInterfaceAddresses.push(...routersAmong(all.host.rt, [parseAddress('10.9.0.4')!]));
  return { ...all, ...routed, gateways: { gateways: { main: '10.9.0.4 fd09::4' } } };
}

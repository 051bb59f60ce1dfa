// Whose address the destination of a forward sees: its client's where its answers come back by the gateway, and the gateway's
// where they would not. The tunnel's client asks the gateway, and the host counts answers that go astray.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { kernelTest, type Namespace } from '../support/namespace.js';
import { ask, askInVain, serve } from '../support/peer.js';
import { ROUTES, stage } from '../support/published.js';

const forwards = (word = ''): Record<string, string> => ({
  'twine.nat.forward.9080': `app:80${word}`,
  'twine.nat.forward.9053/udp': `app:53${word}`,
});
const BY_TUNNEL = { 'twine.nat.interfaces': 'tun+' };
const CLIENT = ['10.8.0.9', 'fd08::9', '10.8.0.9', 'fd08::9'];
const GATEWAY = ['10.9.0.3', 'fd09::3', '10.9.0.3', 'fd09::3'];

/** The world, and what the container says of whom it sees behind the gateway. */
async function line(t: TestContext) {
  const all = await stage(t);
  await serve(t, all.inside);
  const from = (ns: typeof all.tunnel, four = '10.8.0.1', six = 'fd08::1'): Promise<string[]> =>
    Promise.all([
      ask(ns, `${four}:9080`),
      ask(ns, `[${six}]:9080`),
      ask(ns, `${four}:9053`, 'udp'),
      ask(ns, `[${six}]:9053`, 'udp'),
    ]);
  return { ...all, from };
}

kernelTest(
  'a destination that a label leads back by the gateway sees its clients, once its routes are in force, and never answers past it',
  async t => {
    const { tunnel, gateway, host, from, labelBoth, astray, inside } = await line(t);
    for (const link of ['all', 'eth0'])
      inside.within(() => writeFileSync(`/proc/sys/net/ipv4/conf/${link}/rp_filter`, '1'));
    const routes = labelBoth(ROUTES, forwards());
    assert.deepEqual(await from(tunnel), GATEWAY);
    assert.deepEqual(labelBoth(ROUTES, forwards(), routes), routes);
    assert.deepEqual(await from(tunnel), CLIENT);
    // Those whom it answers without the gateway, and the gateway itself.
    assert.deepEqual(await from(host, '10.9.0.3', 'fd09::3'), GATEWAY);
    assert.deepEqual(await from(gateway), GATEWAY);
    labelBoth(ROUTES, { ...BY_TUNNEL, ...forwards() }, routes);
    assert.deepEqual(await from(tunnel), CLIENT);
    labelBoth(ROUTES, forwards(',masquerade'), routes);
    assert.deepEqual(await from(tunnel), GATEWAY);
    assert.equal(astray(), 0);
  },
  'nft',
);

kernelTest(
  'a destination without a route back is masqueraded, part by part, unless the label keeps the address',
  async t => {
    const { tunnel, host, gateway, inside, from, labelBoth, astray } = await line(t);
    labelBoth({}, forwards());
    assert.deepEqual(await from(tunnel), GATEWAY);
    const four = { 'twine.route.10.8.0.0/16': 'gw', 'twine.route.::/0': 'unreachable' };
    labelBoth(four, forwards(), labelBoth(four, forwards()));
    assert.deepEqual(await from(tunnel), ['10.8.0.9', 'fd09::3', '10.8.0.9', 'fd09::3']);
    const elsewhere = {
      ...ROUTES,
      'twine.route.10.8.0.0/16': '10.9.0.1',
      'twine.route.fd08::/32': 'fd09::1',
    };
    labelBoth(elsewhere, forwards(), labelBoth(elsewhere, forwards()));
    assert.deepEqual(await from(tunnel), GATEWAY);
    assert.equal(astray(), 0);
    labelBoth({}, forwards(',keep'));
    inside.ip('route', 'add', '10.8.0.0/24', 'via', '10.9.0.3');
    inside.ip('-6', 'route', 'add', 'fd08::/64', 'via', 'fd09::3');
    assert.deepEqual(await from(tunnel), CLIENT);
    assert.deepEqual(await from(host, '10.9.0.3', 'fd09::3'), GATEWAY);
    assert.deepEqual(await from(gateway), GATEWAY);
    assert.equal(astray(), 0);
    inside.ip('route', 'del', '10.8.0.0/24');
    await askInVain(tunnel, '10.8.0.1:9053', 'udp');
    assert.notEqual(astray(), 0, 'the counter counts');
  },
  'nft',
);

/** Docker's rules for an internal network, and whether the host's firewall sees what passes its bridge. */
function enclose(host: Namespace, isFiltered: boolean): void {
  host.within(() => {
    for (const program of ['iptables', 'ip6tables'])
      writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${program}`, String(Number(isFiltered)));
  });
  host.exec(
    'nft',
    `table inet isolation { chain forward { type filter hook forward priority 0;
      ip saddr != 10.9.0.0/24 oifname br0 counter drop; ip daddr != 10.9.0.0/24 iifname br0 counter drop;
      ip6 saddr != fd09::/64 ip6 nexthdr { tcp, udp } oifname br0 counter drop;
      ip6 daddr != fd09::/64 ip6 nexthdr { tcp, udp } iifname br0 counter drop; }; }`,
  );
}

for (const isFiltered of [false, true]) {
  kernelTest(
    `a destination on an internal network sees ${isFiltered ? "the gateway where the host's firewall sees what passes the bridge, and keeping its clients costs the answer" : 'its clients where nothing filters what passes the bridge'}`,
    async t => {
      const { tunnel, host, inside, from, labelBoth, astray } = await line(t);
      for (const family of ['-4', '-6'] as const) inside.ip(family, 'route', 'del', 'default');
      enclose(host, isFiltered);
      const filtered = isFiltered ? ([4, 6] as const) : [];
      const routes = labelBoth(ROUTES, forwards(), new Set(), filtered);
      assert.deepEqual(await from(tunnel), GATEWAY);
      labelBoth(ROUTES, forwards(), routes, filtered);
      assert.deepEqual(await from(tunnel), isFiltered ? GATEWAY : CLIENT);
      labelBoth(ROUTES, forwards(',keep'), labelBoth(ROUTES, forwards(',keep'), routes, filtered), filtered);
      if (isFiltered) {
        assert.doesNotMatch(await askInVain(tunnel, '10.8.0.1:9053', 'udp'), /^10/);
        assert.doesNotMatch(await askInVain(tunnel, '[fd08::1]:9053', 'udp'), /^fd/);
      } else assert.deepEqual(await from(tunnel), CLIENT);
      assert.equal(astray(), 0);
    },
    'nft',
  );
}

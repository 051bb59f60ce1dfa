// Interfaces by which only forwards come in: packets of a gateway's client while the gateway's tunnel is up, and down.
import assert from 'node:assert/strict';
import { lineTest } from '../support/label-line.js';
import { ask, askInVain, serve, serveOn } from '../support/peer.js';

const [WORLD, WORLD_6] = ['203.0.113.9', '2001:db8::9'] as const;

for (const [nat, inward] of [
  ['wg+', 'eth0'],
  ['wg+,eth0', 'eth0'],
  ['+', 'eth0,lo'],
] as const) {
  // The server is the gateway's client, too; both are on eth0 beside each other, and Docker's gateway as well.
  lineTest(
    `nat.interfaces=${nat} with in-interfaces=${inward}: the port answers on eth0, and no client leaves by it`,
    {
      'twine.nat.interfaces': nat,
      'twine.nat.in-interfaces': inward,
      'twine.nat.forward.9080': 'web:80',
    },
    async ({ client, middle, server }, t) => {
      await serve(t, server);
      await serveOn(t, client, [9090]);
      const counted = (): number => {
        const rules = middle.exec('nft', 'list', 'chain', 'inet', 'seen', 'out');
        return [...rules.matchAll(/packets (\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
      };
      middle.exec(
        'nft',
        [
          'add table inet seen',
          'add chain inet seen out { type filter hook postrouting priority 300 ; }',
          `add rule inet seen out oifname eth0 ip daddr ${WORLD} counter`,
          `add rule inet seen out oifname eth0 ip6 daddr ${WORLD_6} counter`,
        ].join('; '),
      );
      middle.ip('route', 'add', 'default', 'via', '10.9.0.3');
      middle.ip('-6', 'route', 'add', 'default', 'via', 'fd09::3');
      server.ip('route', 'add', `${WORLD}/32`, 'via', '10.9.0.2');
      server.ip('-6', 'route', 'add', `${WORLD_6}/128`, 'via', 'fd09::2');

      const far = [`${WORLD}:9`, `[${WORLD_6}]:9`];
      // By the tunnel out, and in by either.
      assert.equal(await ask(server, '10.8.0.9:9090'), '9090 10.8.0.2');
      assert.equal(await ask(client, '10.8.0.2:9080'), '10.9.0.2');
      for (const to of ['10.9.0.2:9080', '[fd09::2]:9080'])
        assert.equal(await ask(server, to), to.startsWith('[') ? 'fd09::2' : '10.9.0.2', to);
      middle.ip('link', 'del', 'wg0');
      await Promise.all(far.map(to => askInVain(server, to)));
      assert.equal(counted(), 0);
      assert.equal(await ask(server, '10.9.0.2:9080'), '10.9.0.2');
      // The counter sees what leaves.
      middle.exec('nft', 'flush chain inet dwgd forward');
      await Promise.all(far.map(to => askInVain(server, to)));
      assert.ok(counted() >= 2, String(counted()));
    },
  );
}

for (const [nat, inward] of [
  ['+', '%i'],
  ['+', '$LAN'],
  ['+', 'true'],
  ['wg+,eth0', '"eth0"'],
  ['wg+,eth0', 'eth0 eth1'],
  ['wg+', 'eth0;eth1'],
] as const) {
  lineTest(
    `nat.interfaces=${nat} with in-interfaces=${inward}, which is refused: no client leaves by any interface, and forwards come in`,
    {
      'twine.nat.interfaces': nat,
      'twine.nat.in-interfaces': inward,
      'twine.nat.forward.9080': 'web:80',
    },
    async ({ client, middle, server }, t) => {
      await serve(t, server);
      await serveOn(t, client, [9090]);
      assert.equal(await ask(client, '10.8.0.2:9080'), '10.9.0.2');
      assert.equal(await ask(client, '[fd08::2]:9080'), 'fd09::2');
      const across = [
        [client, '10.9.0.3:80'],
        [client, '[fd09::3]:80'],
        [server, '10.8.0.9:9090'],
        [server, '[fd08::9]:9090'],
      ] as const;
      for (const [from, to] of across) assert.equal(await askInVain(from, to), 'nothing', to);
      // What the container itself opens is not forwarded.
      assert.match(await ask(middle, '10.8.0.9:9090'), /^9090 /);
    },
    [
      /^middle twine\.nat\.in-interfaces: .* [Uu]ntil then the container forwards nothing but what its labels translate$/,
    ],
  );
}

lineTest(
  'in-interfaces that is refused in one of two containers of a namespace closes what the other forwards',
  { 'twine.nat.interfaces': '+', 'twine.nat.forward.9080': 'web:80' },
  async ({ client, server }, t) => {
    await serve(t, server);
    assert.equal(await ask(client, '10.8.0.2:9080'), '10.9.0.2');
    assert.equal(await askInVain(client, '10.9.0.3:80'), 'nothing');
  },
  [/^beside twine\.nat\.in-interfaces: .* [Uu]ntil then the container forwards nothing but what its labels/],
  { 'twine.nat.in-interfaces': 'eth0;eth1' },
);

// Every kind of table that labels come to, as the kernel and libnftables take it.
import assert from 'node:assert/strict';
import { STAMP_CHAIN, TABLE } from '../../src/base/ownership.js';
import { readStamp, stampedTable, stampOf } from '../../src/labels/diff/stamp.js';
import { Nft } from '../../src/nft/client.js';
import { decodeStampedTable } from '../../src/nft/messages.js';
import { deleteTable, type NftTable, replaceTable } from '../../src/nft/table.js';
import { container, plan } from '../support/label-world.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';

/** The table of a container `middle` with the labels; beside it are `web` and `gw`. */
function tableOf(labels: Record<string, string>): NftTable {
  const { sandboxes, diagnostics } = plan([
    container('middle', { networks: { main: '10.9.0.2 fd09::2' }, labels }),
    container('web', { networks: { main: '10.9.0.3 fd09::3' } }),
    container('gw', { networks: { main: '10.9.0.4' } }),
  ]);
  assert.deepEqual(diagnostics, []);
  return sandboxes[0]!.table!;
}

/** Labels that between them bring every kind of rule. */
const KINDS: readonly [what: string, labels: Record<string, string>][] = [
  ['interfaces that are forwarded', { 'twine.nat.interfaces': 'wg+,tun0.100,lo' }],
  [
    'interfaces by which only forwards come in',
    { 'twine.nat.interfaces': '+', 'twine.nat.in-interfaces': 'eth+,lo', 'twine.nat.forward.80': 'web' },
  ],
  ['every interface', { 'twine.nat.interfaces': '+' }],
  ['a forward by every interface', { 'twine.nat.forward.9080': 'web' }],
  [
    'forwards of both protocols and families',
    { 'twine.nat.forward.53/udp': 'gw', 'twine.nat.forward.53': 'web' },
  ],
  [
    'forwards by some interfaces',
    { 'twine.nat.forward.eth0.80': 'web:8080', 'twine.nat.forward.wg+.80': 'gw' },
  ],
  ['a forward of localhost', { 'twine.nat.forward.lo.5353/udp': 'web', 'twine.nat.interfaces': 'lo' }],
  [
    'forwards to addresses',
    { 'twine.nat.forward.80': '192.0.2.1', 'twine.nat.forward.+.81': '[2001:db8::1]:80' },
  ],
  [
    'rules of chains of all four tables of iptables, with meters and lists of addresses',
    {
      'twine.iptables.rule.a': 'TWINE_INPUT -p tcp --dport 22 -m connlimit --connlimit-above 3 -j DROP',
      'twine.iptables.rule.a-b':
        'TWINE_INPUT -p udp -m hashlimit --hashlimit-name x --hashlimit-above 3/s --hashlimit-mode srcip -j DROP',
      'twine.iptables.rule.a_b':
        'TWINE_INPUT -p tcp -m hashlimit --hashlimit-name x --hashlimit-above 3/s --hashlimit-mode srcip -j DROP',
      'twine.iptables.rule.c': 'TWINE_OUTPUT -d 192.0.2.0/24 -j REJECT',
      'twine.iptables.rule.d': 'TWINE_FORWARD -m conntrack --ctstate INVALID -j DROP',
      'twine.iptables.rule.e': 'TWINE_NAT_PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.9.0.3:81',
      'twine.iptables.rule.f': 'TWINE_NAT_OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 81',
      'twine.iptables.rule.g': 'TWINE_NAT_POSTROUTING -o wg+ -j MASQUERADE',
      'twine.iptables.rule.h': 'TWINE_RAW_PREROUTING -m rpfilter -j DROP',
      'twine.iptables.rule.i': 'TWINE_RAW_OUTPUT -p udp -j NOTRACK',
      'twine.iptables.rule.j': 'TWINE_MANGLE_OUTPUT -p tcp -j MARK --set-mark 5',
      'twine.iptables.rule.k': 'TWINE_MANGLE_POSTROUTING -j TTL --ttl-set 64',
      'twine.iptables.rule.l': 'TWINE_INPUT -p udp --dport 99 -m recent --set --name knock',
      'twine.iptables.rule.m': 'TWINE_FORWARD -m recent --update --seconds 30 --name knock -j ACCEPT',
      'twine.iptables.rule.n': 'TWINE_FORWARD -m recent --remove --rdest --name knock -j DROP',
      'twine.nat.forward.80': 'web',
      'twine.nat.interfaces': 'eth+',
    },
  ],
  [
    'very many forwards',
    Object.fromEntries(
      Array.from({ length: 1000 }, (_, i) => [`twine.nat.forward.${i + 1}`, `web:${i + 1000}`]),
    ),
  ],
];

for (const [what, labels] of KINDS) {
  kernelTest(
    `the kernel takes the table of ${what}`,
    async t => {
      const ns = await Namespace.create(t);
      const nft = new Nft();
      t.after(() => nft.close());
      const table = tableOf(labels);
      const before = [{ name: 'ipv4/ip_forward', value: '0' }];
      for (let again = 0; again < 2; again++)
        ns.within(() => nft.apply(replaceTable(stampedTable(table, before)), 'a test'));
      const comments = ns.within(
        () => decodeStampedTable(nft.readStampChain(TABLE, STAMP_CHAIN), TABLE.name).comments,
      );
      assert.deepEqual(readStamp(comments), { stamp: stampOf(table), before });
      ns.within(() => nft.apply(deleteTable(TABLE), 'a test'));
      assert.equal(run('ip', 'netns', 'exec', ns.name, 'nft', 'list', 'ruleset'), '');
    },
    'nft',
  );
}

// Firewalls of a gateway's own, as VPN images set them up: whoever drops what the labels forward is told, with the lines
// that let it pass, and nobody else is. Packets are the judge each time.
import assert from 'node:assert/strict';
import { both, gluetunFirewall } from '../support/gluetun.js';
import { type Line, lineTest } from '../support/label-line.js';
import { pageBlock } from '../support/page-blocks.js';
import { ask, askInVain, serve, serveOn } from '../support/peer.js';

const LABELS = { 'twine.nat.interfaces': 'wg+', 'twine.nat.forward.9080': 'web:80' };
/** Those of the README, for the interfaces of these labels. */
const lines = (iptables: string): string[] =>
  pageBlock('README.md: A gateway for other containers (2)')
    .trimEnd()
    .split('\n')
    .map(line => line.replace('iptables', iptables).replace(' tun0 ', ' wg+ '));
const NFT =
  'add table inet fw; add chain inet fw passing { type filter hook forward priority 0 ; policy drop ; }';

for (const { what, firewall, told } of [
  ...['tables-nft', 'tables-legacy'].map(backend => ({
    what: `of gluetun by ip${backend}`,
    firewall: both(backend).flatMap(gluetunFirewall),
    told: both(backend === 'tables-nft' ? 'tables' : backend).flatMap(lines),
  })),
  {
    what: 'of nftables with a policy',
    firewall: [`nft '${NFT}; add rule inet fw passing ct state established,related accept'`],
    told: [
      'nft insert rule inet fw passing oifname "wg*" accept',
      'nft insert rule inet fw passing ct state established,related accept',
      'nft insert rule inet fw passing ct status dnat accept',
    ],
  },
  {
    what: 'that ends with REJECT',
    firewall: [
      'iptables -A FORWARD -m state --state ESTABLISHED,RELATED -j ACCEPT',
      'iptables -A FORWARD -i eth0 -o tun0 -j ACCEPT',
      'iptables -N FW',
      'iptables -A FW -o eth1 -j RETURN',
      'iptables -A FORWARD -j FW',
      'iptables -A FORWARD -j REJECT',
    ],
    told: lines('iptables'),
  },
  {
    what: 'of the old iptables that opens another tunnel',
    firewall: [
      'iptables-legacy -P FORWARD DROP',
      'iptables-legacy -A FORWARD -i eth+ -o tun+ -j ACCEPT',
      'iptables-legacy -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -m comment --comment back -j ACCEPT',
    ],
    told: lines('iptables-legacy'),
  },
  {
    what: 'that lets it pass in a chain of its own',
    firewall: ['iptables', 'iptables-legacy'].flatMap(iptables => [
      `${iptables} -P FORWARD DROP`,
      `${iptables} -N FW`,
      `${iptables} -A FORWARD -i tun0 -j DROP`,
      `${iptables} -A FORWARD -j FW`,
      `${iptables} -A FW -m conntrack --ctstate ESTABLISHED,RELATED,DNAT -j ACCEPT`,
      `${iptables} -A FW -s 10.9.0.0/24 -o wg0 -j ACCEPT`,
    ]),
    told: [],
  },
  {
    what: 'of nftables by a map of states',
    firewall: [
      `nft '${NFT}; add rule inet fw passing ct state vmap { established : accept, related : accept }; add rule inet fw passing oifname "wg0" accept; add rule inet fw passing ct status dnat accept'`,
    ],
    told: [],
  },
  {
    what: 'with tables that are empty',
    firewall: ['iptables -S', 'iptables-legacy -S', 'iptables -P INPUT DROP', 'nft add table inet fw'],
    told: [],
  },
] as const) {
  lineTest(
    `a firewall ${what}: ${told.length > 0 ? 'told, and the lines open what the labels ask for alone' : 'not told'}`,
    LABELS,
    async (line, t) => {
      await serve(t, line.server);
      await serveOn(t, line.client, [9090]);
      const shell = (commands: readonly string[]) => line.middle.exec('sh', '-ec', commands.join('\n'));
      assert.deepEqual(line.warnings(), []);
      // A change of an old iptables' rules alone shows nowhere; a tunnel that comes up has policy rules, too.
      shell([...firewall, 'ip rule add to 10.9.0.0/24 lookup main pref 98']);
      const warnings = line.warnings();
      assert.deepEqual(line.warnings(), warnings, 'a look that finds nothing new');
      if (told.length > 0) {
        assert.equal(warnings.length, 1);
        assert.deepEqual(warnings[0]!.split('firewall is up: ')[1]!.split('; '), told);
        assert.deepEqual(
          (await answers(line, true)).filter(pass => pass),
          [],
        );
        shell([...told, 'ip rule del pref 98']);
        // Not translated, and not an answer.
        assert.match(await askInVain(line.client, '10.9.0.3:80'), /^(nothing|ECONNREFUSED)$/);
      }
      assert.deepEqual(line.warnings(), []);
      assert.deepEqual(await answers(line, false), [true, true]);
    },
  );
}

/** Whether a client reaches the other side by the tunnel, and a forwarded port answers. */
async function answers({ client, server }: Line, inVain: boolean): Promise<boolean[]> {
  const how = inVain ? askInVain : ask;
  return Promise.all([
    how(server, '10.8.0.9:9090').then(answer => answer === '9090 10.8.0.2'),
    how(client, '10.8.0.2:9080').then(answer => answer === '10.9.0.2'),
  ]);
}

for (const iptables of ['iptables', 'iptables-legacy']) {
  lineTest(
    `a gateway with gluetun's firewall by ${iptables}, its policy rules and the lines that were told, whose tunnel restarts`,
    { ...LABELS, 'twine.nat.in-interfaces': 'eth0' },
    async ({ client, middle, server, warnings }, t) => {
      const world = '203.0.113.9';
      await serve(t, server);
      await serveOn(t, client, [9090]);
      client.ip('address', 'add', `${world}/32`, 'dev', 'lo');
      server.ip('route', 'add', `${world}/32`, 'via', '10.9.0.2');
      const up = [
        'ip link set wg0 up',
        'ip route replace default via 10.8.0.9 dev wg0 table 51820',
        'ip rule add not fwmark 51820 lookup 51820 pref 101',
      ];
      const shell = (commands: readonly string[]) => middle.exec('sh', '-ec', commands.join('\n'));
      shell([
        ...gluetunFirewall(iptables),
        ...lines(iptables),
        'ip route add default via 10.9.0.3',
        'ip route add default via 10.9.0.3 dev eth0 table 200',
        'ip rule add to 10.9.0.0/24 lookup main pref 98',
        'ip rule add from 10.9.0.2 lookup 200 pref 100',
        ...up,
        "nft 'add table ip seen; add chain ip seen out { type filter hook postrouting priority 300 ; }'",
        `nft add rule ip seen out oifname eth0 ip daddr ${world} counter`,
      ]);
      assert.deepEqual(warnings(), []);
      const reaches = async (): Promise<string[]> =>
        Promise.all([
          ask(server, `${world}:9090`),
          ...[client, server].map((from, n) => ask(from, `10.${8 + n}.0.2:9080`)),
        ]);
      assert.deepEqual(await reaches(), ['9090 10.8.0.2', '10.9.0.2', '10.9.0.2']);
      shell(['ip link set wg0 down', 'ip rule del pref 101']);
      assert.equal(await askInVain(server, `${world}:9090`), 'nothing');
      assert.match(middle.exec('nft', 'list', 'chain', 'ip', 'seen', 'out'), /counter packets 0 /);
      assert.equal(await ask(server, '10.9.0.2:9080'), '10.9.0.2');
      shell(up);
      assert.deepEqual(await reaches(), ['9090 10.8.0.2', '10.9.0.2', '10.9.0.2']);
    },
  );
}

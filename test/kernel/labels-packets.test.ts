// What the tables of labels do to packets: a client, the labelled container in the middle, a server behind it. The
// server answers with the address that it sees.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Labels, type Line, lineTest } from '../support/label-line.js';
import { run } from '../support/namespace.js';
import { ask, askInVain, serve, serveOn } from '../support/peer.js';

/** The server of the line listens before the test. */
function packetTest(name: string, labels: Labels, check: (line: Line) => Promise<void>): void {
  lineTest(name, labels, async (line, t) => {
    await serve(t, line.server);
    await check(line);
  });
}

packetTest(
  'a forward works without nat.interfaces, and its answers come back',
  { 'twine.nat.forward.9080': 'web:80', 'twine.nat.forward.9053/udp': 'web:53' },
  async ({ client, middle }) => {
    assert.equal(await ask(client, '10.8.0.2:9080'), '10.9.0.2');
    assert.equal(await ask(client, '[fd08::2]:9080'), 'fd09::2');
    assert.equal(await ask(client, '10.8.0.2:9053', 'udp'), '10.9.0.2');
    assert.equal(await ask(client, '[fd08::2]:9053', 'udp'), 'fd09::2');
    // The address of another interface is not that of the one it comes in by.
    assert.equal(await ask(client, '10.9.0.2:9080'), 'ECONNREFUSED');
    assert.equal(await ask(middle, '10.9.0.2:9080'), '10.9.0.2');
    assert.equal(await ask(middle, '[fd08::2]:9080'), 'fd09::2');
    for (const lo of ['127.0.0.1', '127.0.0.11', '[::1]'])
      assert.equal(await ask(middle, `${lo}:9080`), 'ECONNREFUSED', lo);
  },
);

packetTest(
  'an interface that comes up later is covered, and a pattern is anchored',
  {
    'twine.nat.forward.wg+.9080': 'web:80',
    'twine.nat.forward.g+.9081': 'web:80',
    'twine.nat.forward.wg.9082': 'web:80',
    'twine.nat.forward.eth+.9083': 'web:80',
    'twine.nat.forward.+.9084': 'web:80',
  },
  async ({ client }) => {
    assert.equal(await ask(client, '10.8.0.2:9080'), '10.9.0.2');
    assert.equal(await ask(client, '10.8.0.2:9084'), '10.9.0.2');
    for (const port of [9081, 9082, 9083])
      assert.equal(await ask(client, `10.8.0.2:${port}`), 'ECONNREFUSED');
  },
);

packetTest(
  'a forward of lo is of localhost alone, and not of the DNS of Docker',
  {
    'twine.nat.interfaces': 'lo',
    'twine.nat.forward.lo.9080': 'web:80',
    'twine.nat.forward.lo.5353/udp': 'web:53',
  },
  async ({ client, middle }) => {
    assert.equal(await ask(middle, '127.0.0.1:9080'), '10.9.0.2');
    assert.equal(await ask(middle, '127.0.0.2:5353', 'udp'), '10.9.0.2');
    assert.equal(await ask(middle, '127.0.0.11:9080'), 'ECONNREFUSED');
    assert.equal(await ask(middle, '10.9.0.2:9080'), 'ECONNREFUSED');
    assert.equal(await ask(client, '10.8.0.2:9080'), 'ECONNREFUSED');
    assert.equal(await ask(middle, '[::1]:9080'), 'fd09::2');
    assert.equal(await ask(middle, '[::1]:9081'), 'ECONNREFUSED');
  },
);

packetTest(
  'with nat.interfaces=lo nothing is forwarded, even where the container has switched forwarding on itself',
  { 'twine.nat.interfaces': 'lo' },
  async ({ client, middle }) => {
    assert.equal(await askInVain(client, '10.9.0.3:80'), 'nothing');
    assert.equal(await askInVain(client, '[fd09::3]:80'), 'nothing');
    for (const sysctl of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'])
      middle.within(() => writeFileSync(`/proc/sys/net/${sysctl}`, '1'));
    assert.equal(await askInVain(client, '10.9.0.3:80'), 'nothing');
    assert.equal(await askInVain(client, '[fd09::3]:80'), 'nothing');
    assert.equal(await ask(middle, '10.9.0.3:80'), '10.9.0.2');
  },
);

packetTest(
  'what leaves by an interface of nat.interfaces is masqueraded, and by no other',
  { 'twine.nat.interfaces': 'eth+' },
  async ({ client }) => {
    assert.equal(await ask(client, '10.9.0.3:80'), '10.9.0.2');
    assert.equal(await ask(client, '[fd09::3]:80'), 'fd09::2');
  },
);

packetTest(
  'what leaves by another interface than those of nat.interfaces keeps its source',
  { 'twine.nat.interfaces': 'wg+', 'twine.nat.forward.9080': 'web:80' },
  async ({ client, middle }) => {
    assert.equal(await ask(client, '10.9.0.3:80'), '10.8.0.9');
    assert.equal(await ask(client, '10.8.0.2:9080'), '10.9.0.2');
    // A destination NAT of the container's own is not masqueraded by us.
    const own = [
      'add table ip own',
      'add chain ip own pre { type nat hook prerouting priority -90 ; }',
      'add rule ip own pre tcp dport 7000 dnat to 10.9.0.3:80',
    ];
    run('ip', 'netns', 'exec', middle.name, 'nft', own.join('; '));
    assert.equal(await ask(client, '10.8.0.2:7000'), '10.8.0.9');
  },
);

packetTest(
  'what neither comes nor leaves by an interface of nat.interfaces is not forwarded, unless it was translated',
  { 'twine.nat.interfaces': 'tun+,tap0' },
  async ({ client, middle }) => {
    assert.equal(await askInVain(client, '10.9.0.3:80'), 'nothing');
    assert.equal(await askInVain(client, '[fd09::3]:80'), 'nothing');
    const own = [
      'add table ip own',
      'add chain ip own pre { type nat hook prerouting priority -90 ; }',
      'add rule ip own pre tcp dport 7000 dnat to 10.9.0.3:80',
    ];
    run('ip', 'netns', 'exec', middle.name, 'nft', own.join('; '));
    assert.equal(await ask(client, '10.8.0.2:7000'), '10.8.0.9');
    assert.equal(await ask(middle, '10.9.0.3:80'), '10.9.0.2');
  },
);

packetTest(
  'a rule of TWINE_FORWARD lets through what nat.interfaces does not',
  { 'twine.nat.interfaces': 'tun+', 'twine.iptables.rule.all': 'TWINE_FORWARD -j ACCEPT' },
  async ({ client }) => assert.equal(await ask(client, '10.9.0.3:80'), '10.8.0.9'),
);

packetTest(
  'an address on loopback is out of reach from outside, although loopback is open to forwards',
  { 'twine.nat.forward.lo.80': 'web' },
  async ({ client, middle }) => {
    client.ip('route', 'add', '127.9.0.0/16', 'via', '10.8.0.2', 'table', '7');
    client.ip('rule', 'add', 'pref', '5', 'to', '127.9.0.0/16', 'lookup', '7');
    client.ip('rule', 'add', 'pref', '10', 'lookup', 'local');
    client.ip('rule', 'del', 'pref', '0');
    client.within(() => writeFileSync('/proc/sys/net/ipv4/conf/eth0/route_localnet', '1'));
    middle.within(() => writeFileSync('/proc/sys/net/ipv4/conf/wg0/route_localnet', '1'));
    assert.equal(await askInVain(client, '127.9.0.1:9999'), 'nothing');
    // Without the table they do arrive.
    run('ip', 'netns', 'exec', middle.name, 'nft', 'delete table inet dwgd');
    assert.equal(await ask(client, '127.9.0.1:9999'), 'ECONNREFUSED');
  },
);

packetTest(
  'a client that always asks from one port is forwarded to where the destination is now',
  { 'twine.nat.forward.9053/udp': 'web:53', 'twine.nat.forward.lo.9054/udp': 'web:53' },
  async ({ client, middle, moveServer }) => {
    const asked = (by: typeof ask, port: number): Promise<string[]> =>
      Promise.all([
        by(client, '10.8.0.2:9053', 'udp', port),
        by(client, '[fd08::2]:9053', 'udp', port),
        by(middle, '127.0.0.1:9054', 'udp', port),
      ]);
    moveServer('10.9.0.99 fd09::99');
    assert.deepEqual(await asked(askInVain, 5000), ['nothing', 'nothing', 'nothing']);
    moveServer('10.9.0.3 fd09::3');
    assert.deepEqual(await asked(ask, 5000), ['10.9.0.2', 'fd09::2', '10.9.0.2']);
  },
);

const MARK = '0x80000051';
/** The mark of the listening socket is none of the connection's. */
const RESTORED = 'TWINE_INPUT -p tcp ! --syn -m socket --nowildcard --restore-skmark -m mark';

for (const isMarked of [true, false]) {
  lineTest(
    `a packet gets the mark of its socket, which ${isMarked ? 'is that of the connection' : 'has none'}, before the next match asks for it`,
    {
      'twine.iptables.rule.a': `TWINE_MANGLE_PREROUTING -p tcp --syn -j MARK --set-mark ${MARK}`,
      'twine.iptables.rule.b': `${RESTORED} --mark ${MARK}`,
      'twine.iptables.rule.c': `${RESTORED} --mark 0`,
    },
    async ({ client, middle }, t) => {
      middle.exec('sysctl', '-qw', `net.ipv4.tcp_fwmark_accept=${Number(isMarked)}`);
      await serveOn(t, middle, [9090]);
      assert.match(await ask(client, '10.8.0.2:9090'), /^9090 /);
      const counted = (): boolean[] =>
        ['b', 'c'].map(label => {
          const rules = middle.exec('nft', 'list', 'chain', 'inet', 'dwgd', 'TWINE_INPUT');
          const [, packets] = new RegExp(`packets (\\d+) bytes \\d+ comment "${label}"`).exec(rules) ?? [];
          return Number(packets) > 0;
        });
      // The client's last acknowledgement may come a little later.
      for (let tries = 0; tries < 50 && !counted().includes(true); tries++) await sleep(20);
      assert.deepEqual(counted(), [isMarked, !isMarked]);
    },
  );
}

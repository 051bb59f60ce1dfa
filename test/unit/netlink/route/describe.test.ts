// What the log says at -v: requests as the ip(8), sysctl(8) and wg(8) lines that do the same, without secrets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import {
  ipLinkAdd,
  ipLinkDel,
  ipLinkRename,
  ipLinkSet,
  ipRouteAdd,
  ipRouteDel,
  ipRule,
} from '../../../../src/netlink/route/describe.js';
import { sysctlWrite } from '../../../../src/netlink/trace.js';
import { wgSet } from '../../../../src/netlink/wireguard/describe.js';
import { Key, SecretKey } from '../../../../src/netlink/wireguard/key.js';

const publicKey = new Key(Buffer.alloc(32, 1));
const secret = new SecretKey(Buffer.alloc(32, 2));
const KEY = publicKey.toString();
const far = { destination: parsePrefix('10.1.0.0/16')!, gateway: parseAddress('10.0.0.1')! };
const guard = { destination: parsePrefix('::/0')!, type: 7, protocol: 229, metric: 3, table: 229 };

for (const [line, expected] of [
  [
    ipLinkAdd({ name: 'wg-1', kind: 'wireguard', mtu: 1420, group: 7 }),
    'ip link add wg-1 mtu 1420 group 7 type wireguard',
  ],
  [ipLinkAdd({ name: 'x', kind: 'veth' }), 'ip link add x type veth'],
  [ipLinkAdd({ name: 'x', kind: 'veth', netnsFd: 9 }), 'ip link add x netns /proc/self/fd/9 type veth'],
  [ipLinkSet('x', { up: true, mtu: 1280 }), 'ip link set x up mtu 1280'],
  [ipLinkSet('x', { netnsFd: 9 }), 'ip link set x netns /proc/self/fd/9'],
  [ipLinkDel('x'), 'ip link del x'],
  [ipLinkRename('x', 'y'), 'ip link set x name y'],
  [ipRouteAdd(far), 'ip route add 10.1.0.0/16 via 10.0.0.1'],
  [
    ipRouteAdd({ ...far, protocol: 229, table: 254, metric: 0 }, 'prepend'),
    'ip route prepend 10.1.0.0/16 via 10.0.0.1 proto 229',
  ],
  [ipRouteAdd({ destination: far.destination, index: 7 }, 'replace'), 'ip route replace 10.1.0.0/16 dev if7'],
  [ipRouteDel(guard), 'ip -6 route del unreachable ::/0 metric 3 proto 229 table 229'],
  [
    ipRule('add', { family: 4, priority: 32762, table: 254, suppressPrefixLength: 0, protocol: 229 }),
    'ip rule add priority 32762 lookup 254 suppress_prefixlength 0 protocol 229',
  ],
  [
    ipRule('add', { family: 6, priority: 32765, table: 0, unreachable: true, protocol: 230 }),
    'ip -6 rule add priority 32765 unreachable protocol 230',
  ],
  [
    ipRule('add', {
      family: 4,
      priority: 32761,
      fwmark: { value: 0x2000_0000, mask: 0x3000_0000 },
      table: 254,
      protocol: 229,
    }),
    'ip rule add priority 32761 fwmark 0x20000000/0x30000000 lookup 254 protocol 229',
  ],
  [
    ipRule('del', { family: 6, priority: 1, table: 229, protocol: 229 }),
    'ip -6 rule del priority 1 lookup 229 protocol 229',
  ],
  [sysctlWrite('ipv4/conf/eth0.1/route_localnet', '1'), 'sysctl -w net/ipv4/conf/eth0.1/route_localnet=1'],
  [wgSet('wg0', { peers: [{ publicKey, remove: true }] }), `wg set wg0 peer ${KEY} remove`],
  [
    wgSet('wg0', {
      privateKey: secret,
      listenPort: 51820,
      fwmark: 1,
      peers: [
        {
          publicKey,
          presharedKey: secret,
          endpoint: { address: parseAddress('2001:db8::1')!, port: 51820 },
          keepalive: 25,
          allowedIPs: [parsePrefix('10.0.0.2/32')!, parsePrefix('::/0')!],
        },
      ],
    }),
    `wg set wg0 private-key (secret) listen-port 51820 fwmark 1 peer ${KEY} preshared-key (secret) endpoint [2001:db8::1]:51820 persistent-keepalive 25 allowed-ips 10.0.0.2/32,::/0`,
  ],
] as const) {
  test(`a request reads: ${expected.slice(0, 60)}`, () => {
    assert.equal(line, expected);
  });
}

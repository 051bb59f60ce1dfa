// What is said of packets that the host has to forward for the routes that labels give it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostForwarding } from '../../../../src/labels/discovery/container.js';
import { container, plan, showMistake } from '../../../support/label-world.js';

const router = (routes: string, name = 'router', main = '10.0.0.2 fd00::2') =>
  container(name, { networks: { main }, labels: { 'twine.host.routes': routes } });

const forwarding = (isNftables: boolean, four = true, six = true): HostForwarding => ({
  isOn: { 4: four, 6: six },
  isNftables,
});

const reach = (networks: string, rest = ''): string =>
  `router twine.host.routes: the host itself and containers on the same network reach ${networks}; Docker's firewall keeps others out (machines behind the host, containers on other networks): to let them in${rest}, `;
const MARK = 'start dockerd with --bridge-accept-fwmark=0x2000/0x2000, and ';
const CHAIN =
  "nft 'add table inet host-routes' && nft 'add chain inet host-routes forward { type filter hook forward priority filter - 1; }'";

for (const [what, host, routes, expected] of [
  [
    "Docker's chains of iptables",
    forwarding(false),
    '10.66.0.1/16,10.67.0.0/16',
    [
      `${reach('10.66.0.0/16, 10.67.0.0/16')}run: iptables -I DOCKER-USER -d 10.66.0.0/16,10.67.0.0/16 -j ACCEPT && iptables -I DOCKER-USER -s 10.66.0.0/16,10.67.0.0/16 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    ],
  ],
  [
    "Docker's tables of nftables",
    forwarding(true),
    '10.66.0.0/16',
    [
      `${reach('10.66.0.0/16')}${MARK}run: ${CHAIN} && nft 'add rule inet host-routes forward ip daddr { 10.66.0.0/16 } meta mark set meta mark or 0x2000'`,
    ],
  ],
  [
    'iptables on a host that forwards nothing',
    forwarding(false, false, false),
    'fd66::/64',
    [
      `${reach('fd66::/64')}run: sysctl -w net.ipv6.conf.all.forwarding=1 && ip6tables -I DOCKER-USER -d fd66::/64 -j ACCEPT && ip6tables -I DOCKER-USER -s fd66::/64 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    ],
  ],
  [
    'nftables on a host that forwards only IPv6',
    forwarding(true, false),
    '10.66.0.0/16,fd66::/64',
    [
      `${reach('10.66.0.0/16')}${MARK}run: sysctl -w net.ipv4.ip_forward=1 && ${CHAIN} && nft 'add rule inet host-routes forward ip daddr { 10.66.0.0/16 } meta mark set meta mark or 0x2000'`,
      `${reach('fd66::/64')}${MARK}run: ${CHAIN} && nft 'add rule inet host-routes forward ip6 daddr { fd66::/64 } meta mark set meta mark or 0x2000'`,
    ],
  ],
  ['routes that are refused', forwarding(false), '0.0.0.0/0', []],
] as const) {
  test(`beside ${what}, ${routes} of a label come with the commands for those behind the host`, () => {
    const notices = plan([router(routes)], { forwarding: host }).diagnostics.filter(({ once }) => once);
    assert.deepEqual(notices.map(showMistake), expected);
  });
}

test('of fifty networks the commands name sixteen', () => {
  const routes = Array.from({ length: 50 }, (_, n) => `10.66.${n}.0/24`).join(',');
  const [notice, ...others] = plan([router(routes)], { forwarding: forwarding(false) }).diagnostics;
  assert.deepEqual(others, []);
  assert.match(
    notice!.message,
    /10\.66\.15\.0\/24.* to let them in, here and likewise for 34 more networks, run: /,
  );
  assert.doesNotMatch(notice!.message, /10\.66\.16\./);
});

test('of two containers for one network only the one that has it is told of', () => {
  const two = [router('10.66.0.0/16'), router('10.66.0.0/16', 'spare', '10.0.0.3')];
  const { diagnostics } = plan(two, { forwarding: forwarding(false) });
  assert.deepEqual(
    diagnostics.filter(({ once }) => once).map(({ container }) => container),
    ['router'],
  );
});

test('a strict container is not closed by what is only told', () => {
  const strict = container('router', {
    networks: { main: '10.0.0.2' },
    labels: { 'twine.host.routes': '10.66.0.0/16', 'twine.strict': 'true' },
  });
  const { sandboxes, diagnostics } = plan([strict], { forwarding: forwarding(false) });
  assert.equal(diagnostics.length, 1);
  assert.doesNotMatch(JSON.stringify(sandboxes), /"drop"/);
});

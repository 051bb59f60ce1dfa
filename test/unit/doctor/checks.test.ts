// What follows from facts: nothing from those of a healthy host, and of each fault the kind that the page has a heading for.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CHECKS } from '../../../src/doctor/checks/checks.js';
import type { Facts, LabelTold, ManagerFacts } from '../../../src/doctor/checks/facts.js';
import { anchorOf, type Finding, findAll } from '../../../src/doctor/checks/finding.js';

const HEALTHY: Facts = {
  kernel: { hasWireGuard: true, hasNftables: true, missingModules: [] },
  docker: { host: 'unix:///x', refused: [], version: '29.4.0', gateways: new Map(), networks: [] },
  service: { isSystemd: false, active: [], isEnabled: false, isMasked: false },
  daemon: { driver: true, labels: true },
  managers: { hasForeignRules: false },
  labels: { told: [], firewalls: [], hasHostRoutes: false },
  permissions: { database: [], secrets: [], sockets: [] },
  rootless: [],
  exits: [],
  hostDns: [],
  links: new Map(),
  rootlessIfnames: [],
};
const judge = (facts: Partial<Facts>): Finding[] => findAll(CHECKS, { ...HEALTHY, ...facts });

test('nothing is said of a healthy host', () => {
  assert.deepEqual(judge({}), []);
});

const { kernel, docker, labels, managers } = HEALTHY;
const told = (risk: NonNullable<LabelTold['risk']>): Partial<Facts> => ({
  labels: { ...labels, told: [{ container: 'app', key: 'twine.x', message: 'it leaks: do that', risk }] },
});
const conf = (text: string) => ({ path: '/etc/x', text });
const networkd = (settings: string, more: Partial<ManagerFacts> = {}): ManagerFacts => ({
  ...managers,
  networkd: { networks: [], settings: [conf(settings)] },
  ...more,
});

for (const [what, facts, ids] of [
  ['no namespaces', { kernel: { ...kernel, namespaces: 'EPERM' } }, ['network-namespaces-cannot-be-made']],
  ['no nf_tables', { kernel: { ...kernel, hasNftables: false } }, ['nf_tables-is-missing']],
  [
    'two modules that are missing',
    { kernel: { ...kernel, missingModules: ['nft_ct', 'nft_masq'] } },
    ['a-module-of-nf_tables-is-missing', 'a-module-of-nf_tables-is-missing'],
  ],
  [
    'policy rules that networkd removes',
    { managers: networkd('', { hasForeignRules: true }) },
    ['networkd-removes-policy-rules'],
  ],
  [
    'policy rules that networkd is told to leave',
    { managers: networkd('[Network]\nManageForeignRoutingPolicyRules=no', { hasForeignRules: true }) },
    [],
  ],
  ['policy rules without networkd', { managers: { hasForeignRules: true } }, []],
  [
    'a daemon that hears nothing',
    { labels: { ...labels, deafBecause: 'EPERM' } },
    ['changes-by-others-are-not-heard'],
  ],
  ['IPv6 that leaks', told('ipv6'), ['ipv6-goes-past-a-labels-route']],
  ['a resolver of the LAN', told('lan-dns'), ['a-resolver-of-the-lan-is-out-of-reach']],
  ['an internal network', told('internal'), ['an-internal-network-keeps-a-gateway-out']],
  [
    'answers that go elsewhere',
    told('answers'),
    ['answers-do-not-go-back-by-the-router-that-clients-come-by'],
  ],
  ['labels that cannot be read', { labels: { ...labels, unread: 'x' } }, ['labels-cannot-be-read']],
  ['a configuration with a mistake', { configuration: 'x' }, ['the-configuration-is-refused']],
  [
    "a rootless Docker in the host's network",
    { rootless: [{ uid: 1000, sharesHostNetwork: true, findsDriver: false }] },
    ['a-rootless-docker-is-in-the-hosts-network'],
  ],
  [
    'a rootless Docker that does not find dwgd',
    { rootless: [{ uid: 1000, sharesHostNetwork: false, findsDriver: false }] },
    ['a-rootless-docker-does-not-find-dwgd'],
  ],
  ['Docker 29.0.1 without a network of dwgd', { docker: { ...docker, version: '29.0.1' } }, []],
  ['a version that is none', { docker: { ...docker, version: 'v?' } }, []],
  ['the version of a release of Debian', { docker: { ...docker, version: '20.10.24+dfsg1' } }, []],
] as const satisfies readonly (readonly [string, Partial<Facts>, readonly string[]])[]) {
  test(`of ${what} ${ids.length === 0 ? 'nothing' : ids.join(', ')} is found`, () => {
    assert.deepEqual(
      judge(facts).map(({ id }) => id),
      ids,
    );
  });
}

const MIXED = (priority: number, other: number) =>
  new Map([
    [
      'app',
      [
        { network: 'one', priority, hasIPv4: true, hasIPv6: false },
        { network: 'both', priority: other, hasIPv4: true, hasIPv6: true },
      ],
    ],
  ]);
for (const [version, gateways, isFound] of [
  ['27.5.1', MIXED(1, 0), false],
  ['28.0.0', MIXED(1, 0), true],
  ['29.3.9', MIXED(1, 0), true],
  ['29.4.0', MIXED(1, 0), false],
  ['28.5.1', MIXED(0, 0), false],
  ['28.5.1', MIXED(1, 2), false],
] as const) {
  const [one, both] = gateways.get('app')!.map(({ priority }) => priority);
  test(`Docker ${version} ${isFound ? 'ignores' : 'heeds'} a priority of ${one} beside ${both}`, () => {
    const found = judge({ docker: { ...docker, version, gateways } });
    assert.deepEqual(
      found.map(({ id }) => id),
      isFound ? ['docker-ignores-a-gateway-priority'] : [],
    );
  });
}

for (const [what, text, isTaken] of [
  ['every name', '[Match]\nName=*', true],
  ['names by a pattern', '[Match]\nName=eth* w?-*', true],
  ['names by a set', '[Match]\nName=[vw]g-*', true],
  ['all names but Ethernet', '[Match]\nName=!eth* en*', true],
  ['all names but containers', '[Match]\nName=!wg-* en*', false],
  ['another name', '[Match]\nName=wg0', false],
  ['a name and another kind', '[Match]\nName=wg-*\nType=ether', false],
  ['an address', '[Match]\nMACAddress=02:00:00:00:00:01', false],
  ['a name and an address', '[Match]\nName=*\nMACAddress=02:00:00:00:00:01', false],
  ['a name, to leave it alone', '[Match]\nName=wg-*\n[Link]\nUnmanaged=yes', false],
  ['nothing', '[Network]\nDHCP=yes', false],
  ['a comment', '[Match]\n# Name=*\n;Name=*', false],
] as const) {
  test(`a .network file for ${what} ${isTaken ? 'takes' : 'leaves'} links of containers`, () => {
    const found = judge({ managers: { ...managers, networkd: { networks: [conf(text)], settings: [] } } });
    assert.equal(found.length, isTaken ? 1 : 0);
  });
}

test('the first .network file that matches counts', () => {
  const networks = ['[Match]\nName=wg-*\n[Link]\nUnmanaged=yes', '[Match]\nName=*'].map(conf);
  assert.deepEqual(judge({ managers: { ...managers, networkd: { networks, settings: [] } } }), []);
  const turned = { networks: networks.toReversed(), settings: [] };
  assert.equal(judge({ managers: { ...managers, networkd: turned } }).length, 1);
});

for (const [what, text, isLeft] of [
  ['no setting', '', false],
  ['a pattern', '[keyfile]\nunmanaged-devices=interface-name:docker*;interface-name:wg-*', true],
  ['the type', '[keyfile]\nunmanaged-devices=type:wireguard', true],
  ['everything', '[keyfile]\nunmanaged-devices=*', true],
  ['everything but these', '[keyfile]\nunmanaged-devices=*,except:interface-name:wg-*', false],
  ['a name of its own', '[keyfile]\nunmanaged-devices=interface-name:=wg-*', false],
  [
    'what is taken back',
    '[keyfile]\nunmanaged-devices=type:wireguard\nunmanaged-devices-=type:wireguard',
    false,
  ],
  ['a section of devices', '[device-wg]\nmatch-device=type:wireguard\nmanaged=0', true],
  ['a section of other devices', '[device-wg]\nmatch-device=type:ethernet\nmanaged=0', false],
  [
    'two sections',
    '[device-a]\nmatch-device=type:wireguard\n[device-b]\nmatch-device=type:ethernet\nmanaged=0',
    false,
  ],
] as const) {
  test(`NetworkManager with ${what} ${isLeft ? 'leaves links of containers alone' : 'takes links of containers'}`, () => {
    const found = judge({ managers: { ...managers, networkManager: [conf(text)] } });
    assert.equal(found.length, isLeft ? 0 : 1);
  });
}

test('a pattern that would take long to compare does not', () => {
  const name = `[Match]\nName=${'*a'.repeat(5_000)}`;
  const found = judge({ managers: { ...managers, networkd: { networks: [conf(name)], settings: [] } } });
  assert.deepEqual(found, []);
});

test('each kind of finding has its heading on the page that it names', () => {
  const page = readFileSync(new URL('../../../../docs/troubleshooting.md', import.meta.url), 'utf8');
  const anchors = [...page.matchAll(/^### (.+)$/gm)].map(([, heading]) => anchorOf(heading!));
  assert.deepEqual(
    anchors,
    CHECKS.map(({ heading }) => anchorOf(heading)),
  );
});

test('each finding leads to the page, and no kind is there twice', () => {
  const [found] = judge({ kernel: { ...kernel, hasWireGuard: false } });
  assert.equal(found!.page, 'docs/troubleshooting.md#wireguard-is-missing');
  const ids = CHECKS.map(({ heading }) => anchorOf(heading));
  assert.equal(new Set(ids).size, ids.length);
});

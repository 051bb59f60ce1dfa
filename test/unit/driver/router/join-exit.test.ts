// Exit networks as Docker meets them: what is refused at create, and what Join answers for files of each shape.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import { planRouter } from '../../../../src/driver/router/desired-router.js';
import { checkExit, planExitResponse } from '../../../../src/driver/router/join-exit.js';
import type { Endpoint, ExitNetwork } from '../../../../src/driver/spec/model.js';
import { EXIT, exitTunnel, tunnelFile } from '../../../support/exit-world.js';

const ENDPOINT: Endpoint = {
  ...{ id: 'f'.repeat(64), networkId: EXIT.id, ifname: 'wg-ffffffffffff', state: 'created' },
  ...{ ipv4: parseAddress('10.66.0.2')!, ipv6: parseAddress('fd66::2')! },
};
const { ipv6: _ipv6, ...ONLY_IPV4 } = EXIT;
const { ipv4: _ipv4, ...ONLY_IPV6 } = EXIT;

const REFUSED: readonly (readonly [
  what: string,
  network: ExitNetwork,
  file: Parameters<typeof tunnelFile>[1],
  text: RegExp,
])[] = [
  [
    'a subnet without a gateway',
    { ...ONLY_IPV4, ipv4: { subnet: parsePrefix('10.66.0.0/24')! } },
    {},
    /^the subnet 10\.66\.0\.0\/24 has no gateway: leave out --ipam-driver, or give --gateway$/,
  ],
  [
    "the tunnel's address in the subnet",
    EXIT,
    { addresses: '10.66.0.9/32' },
    /the tunnel the address 10\.66\.0\.9, which is in the network's subnet 10\.66\.0\.0\/24: give another --subnet$/,
  ],
  ['a file of IPv4 for a network of IPv6', ONLY_IPV6, { addresses: '10.64.0.2/32' }, /no way out for IPv6/],
  ['a file of IPv6 for a network of IPv4', ONLY_IPV4, { addresses: 'fd64::2/128' }, /no way out for IPv4/],
  [
    'an MTU too small for IPv6',
    EXIT,
    { addresses: '10.64.0.2/32', more: 'MTU = 1000' },
    /the MTU 1000 is too small/,
  ],
];

for (const [what, network, shape, text] of REFUSED) {
  test(`refused: ${what}`, () => {
    assert.throws(() => checkExit(network, tunnelFile('far', shape)), { name: 'UserError', message: text });
  });
}

test('files that fit are taken', () => {
  for (const network of [EXIT, ONLY_IPV4, ONLY_IPV6]) checkExit(network, tunnelFile());
  checkExit(EXIT, tunnelFile('far', { addresses: '10.64.0.2/32' }));
});

const answered = (file: ReturnType<typeof tunnelFile> | undefined, network: ExitNetwork = EXIT) => {
  const { InterfaceName, DisableGatewayService, ...rest } = planExitResponse(network, ENDPOINT, file);
  assert.deepEqual(InterfaceName, { SrcName: 'wg-ffffffffffff', DstPrefix: 'wg' });
  assert.equal(DisableGatewayService, true);
  return rest;
};

test('a full tunnel is the default route by the gateway, of families that the file has', () => {
  const both = { Gateway: '10.66.0.1', GatewayIPv6: 'fd66::1', StaticRoutes: [] };
  assert.deepEqual(answered(tunnelFile()), both);
  assert.deepEqual(answered(tunnelFile('far', { allowedIPs: '0.0.0.0/1, 128.0.0.0/1, ::/0' })), both);
  assert.deepEqual(answered(tunnelFile('far', { addresses: '10.64.0.2/32' })), {
    Gateway: '10.66.0.1',
    StaticRoutes: [],
  });
});

test('as long as the file is not known, all goes to the router', () => {
  assert.deepEqual(answered(undefined), { Gateway: '10.66.0.1', GatewayIPv6: 'fd66::1', StaticRoutes: [] });
});

test('a split tunnel is its networks by the gateway and no default, the own subnet left out', () => {
  const file = tunnelFile('far', { allowedIPs: '10.1.0.0/16, 10.66.0.0/25, fd01::/64' });
  assert.deepEqual(answered(file), {
    StaticRoutes: [
      { Destination: '10.1.0.0/16', RouteType: 0, NextHop: '10.66.0.1' },
      { Destination: 'fd01::/64', RouteType: 0, NextHop: 'fd66::1' },
    ],
  });
  const { tunnel } = planRouter(EXIT, exitTunnel(file), []);
  assert.equal(tunnel?.routes.length, 2);
});

test('a family that the file has not is not forwarded, and the tunnel has no address of it', () => {
  const { tunnel, sysctls } = planRouter(
    EXIT,
    exitTunnel(tunnelFile('far', { addresses: '10.64.0.2/24' })),
    [],
  );
  assert.deepEqual(tunnel?.addresses, [parsePrefix('10.64.0.2/32')]);
  assert.deepEqual(tunnel?.routes, [parsePrefix('0.0.0.0/0')]);
  const value = (name: string): string | undefined => sysctls.find(one => one.name === name)?.value;
  assert.equal(value('ipv6/conf/all/forwarding'), '0');
  assert.equal(value('ipv6/conf/wg0/disable_ipv6'), '1');
  assert.equal(value('ipv4/conf/all/forwarding'), '1');
});

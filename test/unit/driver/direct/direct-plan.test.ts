// A file as its one container has it: what Docker is told for files of each shape.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix } from '../../../../src/base/ip.js';
import {
  containerAddresses,
  furtherAddresses,
  planDirectResponse,
  planInterface,
  remarkDirectDns,
} from '../../../../src/driver/direct/direct-plan.js';
import { DIRECT } from '../../../support/direct-world.js';
import { tunnelFile } from '../../../support/exit-world.js';

const answered = (shape: Parameters<typeof tunnelFile>[1]) => {
  const file = tunnelFile('far', shape);
  const addresses = containerAddresses(DIRECT, file);
  const { InterfaceName, DisableGatewayService, StaticRoutes, ...gateways } = planDirectResponse(
    DIRECT,
    { ...addresses, ifname: 'wg-1' },
    file,
  );
  assert.deepEqual([InterfaceName, DisableGatewayService], [{ SrcName: 'wg-1', DstPrefix: 'wg' }, true]);
  assert.ok(StaticRoutes.every(({ RouteType }) => RouteType === 1));
  const further = furtherAddresses(addresses, file).map(formatPrefix);
  const routes = StaticRoutes.map(({ Destination }) => Destination);
  return { ...planInterface(addresses), ...gateways, routes, ...(further.length > 0 && { further }) };
};

const SHAPES: readonly (readonly [what: string, shape: Parameters<typeof tunnelFile>[1], answer: object])[] =
  [
    [
      'both families whole',
      {},
      {
        ...{
          Address: '10.64.0.2/32',
          AddressIPv6: 'fd64::2/128',
          Gateway: '10.64.0.3',
          GatewayIPv6: 'fd64::3',
        },
        routes: ['10.64.0.3/32', 'fd64::3/128'],
      },
    ],
    [
      'an address with a length: it is a /32 all the same',
      { addresses: '10.64.0.7/24', allowedIPs: '0.0.0.0/0' },
      { Address: '10.64.0.7/32', Gateway: '10.64.0.6', routes: ['10.64.0.6/32'] },
    ],
    [
      'halves are the whole',
      { addresses: '10.64.0.2/32', allowedIPs: '0.0.0.0/1, 128.0.0.0/1' },
      { Address: '10.64.0.2/32', Gateway: '10.64.0.3', routes: ['10.64.0.3/32'] },
    ],
    [
      'a part: routes and no default',
      { allowedIPs: '192.0.2.0/24, 2001:db8::/32, 10.64.0.2/32' },
      { Address: '10.64.0.2/32', AddressIPv6: 'fd64::2/128', routes: ['192.0.2.0/24', '2001:db8::/32'] },
    ],
    [
      'IPv6 in AllowedIPs alone: no address and no route of it',
      { addresses: '10.64.0.2/32' },
      { Address: '10.64.0.2/32', Gateway: '10.64.0.3', routes: ['10.64.0.3/32'] },
    ],
    [
      'IPv6 alone',
      { addresses: 'fd64::2/128', allowedIPs: '::/0' },
      { AddressIPv6: 'fd64::2/128', GatewayIPv6: 'fd64::3', routes: ['fd64::3/128'] },
    ],
    [
      'an address of IPv6 that nothing is allowed for is not given',
      { allowedIPs: '0.0.0.0/0' },
      { Address: '10.64.0.2/32', Gateway: '10.64.0.3', routes: ['10.64.0.3/32'] },
    ],
    [
      'several addresses: Docker has a place for the first of each family',
      { addresses: '10.64.0.2/32, 10.65.0.2/24', allowedIPs: '0.0.0.0/0' },
      {
        ...{ Address: '10.64.0.2/32', Gateway: '10.64.0.3' },
        ...{ routes: ['10.64.0.3/32'], further: ['10.65.0.2/32'] },
      },
    ],
  ];

for (const [what, shape, answer] of SHAPES)
  test(`a file of ${what}`, () => {
    assert.deepEqual(answered(shape), answer);
  });

test('servers of the DNS are told with the remedy, and none are told where there are none', () => {
  const file = tunnelFile('far', { more: 'DNS = 10.64.0.1, fd64::1' });
  assert.equal(
    remarkDirectDns(file, '/a'),
    'the DNS servers of dwgd.conf=/a (10.64.0.1, fd64::1) are asked by no container by itself, since no router is between: give the container --dns=10.64.0.1 (dns: in Compose)',
  );
  assert.equal(remarkDirectDns(tunnelFile(), '/a'), undefined);
});
